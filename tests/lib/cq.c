// SPDX-License-Identifier: MIT
/* The consumer of the completion queue, against a producer made here. */
#include "test.h"

#include <pthread.h>
#include <stdlib.h>

#include "odgram.h"

#define ENTRIES	8

/* The kernel's half: RESERVE, WRITE, SUBMIT. */
struct producer {
	uint32_t prod;
	uint32_t cons;
	uint32_t loud;
	uint32_t arm;
	uint8_t entries[ENTRIES * sizeof(struct odg_cqe_wide)];
	uint32_t stride;
	uint32_t submitted;
	uint64_t total;
};

static void init(struct producer *p, struct odg_cq *cq, uint32_t stride,
		 uint32_t first)
{
	memset(p, 0xa5, sizeof(*p));
	p->stride = stride;
	p->submitted = first;
	p->prod = first;
	p->cons = first;
	p->loud = first;
	p->arm = 0;
	*cq = (struct odg_cq){
		.__prod = &p->prod,
		.__cons = &p->cons,
		.__loud = &p->loud,
		.__arm = &p->arm,
		.__entries = p->entries,
		.__mask = ENTRIES - 1,
		.__stride = stride,
	};
}

static void submit(struct producer *p, uint64_t user_data)
{
	struct odg_cqe cqe = { .user_data = user_data, .len = 1 };

	memcpy(p->entries + (p->submitted % ENTRIES) * p->stride, &cqe,
	       sizeof(cqe));
	p->submitted++;
	__atomic_store_n(&p->prod, p->submitted, __ATOMIC_RELEASE);
}

/* ... of a completion that notifies; what the kernel's half of arming would do. */
static int submit_loud(struct producer *p, uint64_t user_data)
{
	submit(p, user_data);
	__atomic_store_n(&p->loud, p->submitted, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&p->arm, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&p->arm, 0, __ATOMIC_SEQ_CST);
}

static void empty_queue_shows_nothing(void **state)
{
	struct producer p;
	struct odg_cq cq;
	uint32_t idx = POISON;

	(void)state;
	init(&p, &cq, 64, 0);
	assert_int_equal(odg_cq_peek(&cq, &idx), 0);
	assert_int_equal(idx, 0);
}

static void peek_read_release(void **state)
{
	struct producer p;
	struct odg_cq cq;
	uint32_t idx;

	(void)state;
	init(&p, &cq, 64, 0);
	submit(&p, 11);
	submit(&p, 12);
	assert_int_equal(odg_cq_peek(&cq, &idx), 2);
	assert_int_equal(odg_cq_read(&cq, idx)->user_data, 11);
	assert_int_equal(odg_cq_read(&cq, idx + 1)->user_data, 12);
	/* Looking takes nothing away. */
	assert_int_equal(odg_cq_peek(&cq, &idx), 2);
	odg_cq_release(&cq, 1);
	assert_int_equal(odg_cq_peek(&cq, &idx), 1);
	assert_int_equal(odg_cq_read(&cq, idx)->user_data, 12);
	odg_cq_release(&cq, 1);
	assert_int_equal(odg_cq_peek(&cq, &idx), 0);
	assert_int_equal(p.cons, 2);
}

static void indices_wrap_at_2_to_the_32(void **state)
{
	struct producer p;
	struct odg_cq cq;
	uint32_t idx, i;

	(void)state;
	init(&p, &cq, 128, UINT32_MAX - 2);
	for (i = 0; i < ENTRIES; i++)
		submit(&p, i);
	assert_int_equal(odg_cq_peek(&cq, &idx), ENTRIES);
	for (i = 0; i < ENTRIES; i++)
		assert_int_equal(odg_cq_read_wide(&cq, idx + i)->cqe.user_data,
				 i);
	odg_cq_release(&cq, ENTRIES);
	assert_int_equal(odg_cq_peek(&cq, &idx), 0);
	assert_int_equal(p.cons, (uint32_t)(UINT32_MAX - 2 + ENTRIES));
}

static void b_r17_armed_is_told_once(void **state)
{
	struct producer p;
	struct odg_cq cq;

	(void)state;
	init(&p, &cq, 64, UINT32_MAX - 1);
	assert_false(submit_loud(&p, 1));
	odg_cq_release(&cq, 1);
	assert_int_equal(odg_cq_arm(&cq), 0);
	assert_true(submit_loud(&p, 2));
	assert_false(submit_loud(&p, 3));
	odg_cq_release(&cq, 2);
	assert_int_equal(odg_cq_arm(&cq), 0);
	assert_int_equal(odg_cq_disarm(&cq), 1);
	assert_int_equal(odg_cq_disarm(&cq), 0);
	assert_false(submit_loud(&p, 4));
}

static void b_r17_arming_with_unread_completions_tells_at_once(void **state)
{
	struct producer p;
	struct odg_cq cq;

	(void)state;
	init(&p, &cq, 64, UINT32_MAX - 1);
	for (uint32_t i = 1; i <= 3; i++) {
		submit_loud(&p, i);
		assert_int_equal(odg_cq_arm(&cq), i);
		assert_int_equal(p.arm, 0);
	}
}

static void b_r12_arming_looks_through_quiet_completions(void **state)
{
	struct producer p;
	struct odg_cq cq;

	(void)state;
	init(&p, &cq, 64, UINT32_MAX - 3);
	submit(&p, 1);
	assert_int_equal(odg_cq_arm(&cq), 0);
	assert_int_equal(odg_cq_disarm(&cq), 1);
	submit_loud(&p, 2);
	submit(&p, 3);
	assert_int_equal(odg_cq_arm(&cq), 3);
	odg_cq_release(&cq, 2);
	assert_int_equal(odg_cq_arm(&cq), 0);
	/* loud fell behind by more than half the range: still not unread */
	p.loud = p.cons + 0x80000001U;
	assert_int_equal(odg_cq_arm(&cq), 0);
}

#define TOTAL	200000

static void *produce(void *arg)
{
	struct producer *p = arg;
	uint64_t i;

	for (i = 0; i < TOTAL; i++) {
		while (p->submitted - __atomic_load_n(&p->cons, __ATOMIC_ACQUIRE) ==
		       ENTRIES)
			sched_yield();
		submit(p, i);
	}
	return NULL;
}

static void a_producer_on_another_cpu(void **state)
{
	struct producer *p = malloc(sizeof(*p));
	pthread_t thread;
	struct odg_cq cq;
	uint64_t seen = 0;

	(void)state;
	init(p, &cq, 64, UINT32_MAX - TOTAL / 2);
	assert_int_equal(pthread_create(&thread, NULL, produce, p), 0);
	while (seen < TOTAL) {
		uint32_t idx, i, n = odg_cq_peek(&cq, &idx);

		assert_true(n <= ENTRIES);
		for (i = 0; i < n; i++)
			assert_int_equal(odg_cq_read(&cq, idx + i)->user_data,
					 seen++);
		if (n)
			odg_cq_release(&cq, n);
		else
			sched_yield();
	}
	pthread_join(thread, NULL);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_queue_shows_nothing),
		cmocka_unit_test(peek_read_release),
		cmocka_unit_test(indices_wrap_at_2_to_the_32),
		cmocka_unit_test(b_r17_armed_is_told_once),
		cmocka_unit_test(b_r17_arming_with_unread_completions_tells_at_once),
		cmocka_unit_test(b_r12_arming_looks_through_quiet_completions),
		cmocka_unit_test(a_producer_on_another_cpu),
	};

	return cmocka_run_group_tests_name("lib cq", tests, NULL, NULL);
}
