// SPDX-License-Identifier: MIT
/*
 * Registered I/O against a kernel made here: handles, the way of a receive without
 * system calls, and completion queues that somebody has scribbled on.
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "rio.h"

#define ENTRIES	8

/* What the kernel would share, and the objects on top of it. */
struct fake {
	uint32_t cq_prod, cq_cons;
	struct odg_cqe_wide cqes[ENTRIES];
	uint32_t rq_prod, rq_cons, rq_flags;
	struct odg_rqe rqes[ENTRIES];
	char memory[1024];
	struct odgw_rio_cq *cq;
	struct odgw_rio_rq *rq;
	struct odgw_rio_buffer *buf;
	RIO_CQ cq_handle;
	RIO_RQ rq_handle;
	RIO_BUFFERID id;
};

static void make_side(struct odgw_rio_side *side, struct odgw_rio_cq *cq)
{
	side->cq = cq;
	side->contexts = calloc(ENTRIES, sizeof(*side->contexts));
	side->mask = ENTRIES - 1;
	side->room = ENTRIES - 2;
}

static struct fake *make(void)
{
	struct fake *f = calloc(1, sizeof(*f));

	f->cq = odgw_slot_take(&odgw_rio_cqs);
	f->cq->ring = (struct odg_cq){
		.__prod = &f->cq_prod,
		.__cons = &f->cq_cons,
		.__entries = (uint8_t *)f->cqes,
		.__mask = ENTRIES - 1,
		.__stride = sizeof(f->cqes[0]),
	};
	f->rq = odgw_slot_take(&odgw_rio_rqs);
	f->rq->ring = (struct odg_rq){
		.__entries = f->rqes,
		.__prod = &f->rq_prod,
		.__cons = &f->rq_cons,
		.__flags = &f->rq_flags,
		.__mask = ENTRIES - 1,
	};
	f->rq->ring_open = true;
	f->rq->socket_context = 0x50c;
	make_side(&f->rq->side[0], f->cq);
	make_side(&f->rq->side[1], f->cq);
	f->buf = odgw_slot_take(&odgw_rio_buffers);
	f->buf->base = f->memory;
	f->buf->len = sizeof(f->memory);
	f->buf->cq = f->cq;
	f->buf->region = 3;
	f->buf->shelf = -1;
	f->cq_handle = odgw_slot_publish(f->cq);
	f->rq_handle = odgw_slot_publish(f->rq);
	f->id = odgw_slot_publish(f->buf);
	return f;
}

static void unmake(struct fake *f)
{
	free(f->rq->side[0].contexts);
	free(f->rq->side[1].contexts);
	odgw_slot_retire(f->cq);
	odgw_slot_retire(f->rq);
	odgw_slot_retire(f->buf);
	odgw_slot_free(&odgw_rio_cqs, f->cq);
	odgw_slot_free(&odgw_rio_rqs, f->rq);
	odgw_slot_free(&odgw_rio_buffers, f->buf);
	free(f);
}

static BOOL post(struct fake *f, ULONG offset, ULONG len, DWORD flags, int context)
{
	RIO_BUF piece = { f->id, offset, len };

	return odgw_rio_receive(f->rq_handle, &piece, 1, flags,
				(PVOID)(ULONG_PTR)context);
}

/* complete - as the kernel would, what stands in the ring at @entry */
static void complete(struct fake *f, uint32_t entry, uint16_t len, int16_t status)
{
	struct odg_cqe_wide *wide = &f->cqes[f->cq_prod % ENTRIES];

	memset(wide, 0, sizeof(*wide));
	wide->cqe.user_data = f->rqes[entry % ENTRIES].user_data;
	wide->cqe.len = len;
	wide->cqe.status = status;
	f->cq_prod++;
}

/* Handles */

static void a_handle_names_its_object_only(void **state)
{
	static struct odgw_slots slots;
	uintptr_t first, second;
	void *a, *b;

	(void)state;
	assert_null(odgw_slot_get(&slots, NULL));
	assert_null(odgw_slot_get(&slots, &slots));
	a = odgw_slot_take(&slots);
	b = odgw_slot_take(&slots);
	first = (uintptr_t)odgw_slot_publish(a);
	second = (uintptr_t)odgw_slot_publish(b);
	assert_ptr_equal(odgw_slot_get(&slots, (void *)first), a);
	assert_ptr_equal(odgw_slot_get(&slots, (void *)second), b);
	assert_null(odgw_slot_get(&slots, NULL));
	assert_null(odgw_slot_get(&slots, (void *)(first + 1)));
	assert_null(odgw_slot_get(&slots, (void *)(first - 1)));
	assert_null(odgw_slot_get(&slots, (void *)(second + ODGW_SLOT_SIZE)));
	assert_null(odgw_slot_get(&slots, (void *)~(uintptr_t)0));
	assert_null(odgw_slot_get(&slots, RIO_INVALID_BUFFERID));
}

static void a_handle_is_not_used_again(void **state)
{
	static struct odgw_slots slots;
	void *old, *obj = odgw_slot_take(&slots);
	int i;

	(void)state;
	old = odgw_slot_publish(obj);
	for (i = 0; i < 255; i++) {
		void *handle;

		odgw_slot_retire(obj);
		assert_null(odgw_slot_get(&slots, old));
		odgw_slot_free(&slots, obj);
		assert_ptr_equal(odgw_slot_take(&slots), obj);
		assert_null(odgw_slot_get(&slots, old));
		handle = odgw_slot_publish(obj);
		assert_ptr_not_equal(handle, old);
		assert_ptr_equal(odgw_slot_get(&slots, handle), obj);
	}
}

static void slots_never_move(void **state)
{
	static struct odgw_slots slots;
	void *first = odgw_slot_take(&slots), *handle, *obj;
	int i, n = 0;

	(void)state;
	handle = odgw_slot_publish(first);
	for (i = 0; i < 10000; i++)
		assert_non_null(odgw_slot_take(&slots));
	assert_ptr_equal(odgw_slot_get(&slots, handle), first);
	odgw_slot_for_each(&slots, obj)
		n++;
	assert_int_equal(n, 10001);
}

/* Calls that do not get far */

static void nothing_before_startup(void **state)
{
	char byte;

	(void)state;
	fails(odgw_rio_create_cq(10, NULL), RIO_INVALID_CQ, WSANOTINITIALISED);
	fails(odgw_rio_register(&byte, 1), RIO_INVALID_BUFFERID,
	      WSANOTINITIALISED);
	fails(odgw_rio_create_rq(0, 1, 1, 1, 1, NULL, NULL, NULL),
	      RIO_INVALID_RQ, WSANOTINITIALISED);
	fails(odgw_rio_receive(NULL, NULL, 0, 0, NULL), FALSE,
	      WSANOTINITIALISED);
	odgw_rio_close_cq(RIO_INVALID_CQ);
	odgw_rio_deregister(RIO_INVALID_BUFFERID);
}

/* Receives */

static void a_receive_is_an_entry(void **state)
{
	struct fake *f = make();

	(void)state;
	assert_true(post(f, 100, 200, 0, 1));
	assert_int_equal(f->rq_prod, 1);
	assert_int_equal(f->rqes[0].offset, 100);
	assert_int_equal(f->rqes[0].len, 200);
	assert_int_equal(f->rqes[0].region, 3);
	assert_int_equal(f->rqes[0].flags, 0);
	assert_int_equal(f->rqes[0].least, 0);
	unmake(f);
}

static void a_deferred_receive_waits_for_the_next(void **state)
{
	struct fake *f = make();

	(void)state;
	assert_true(post(f, 0, 10, RIO_MSG_DEFER, 1));
	assert_true(post(f, 0, 10, RIO_MSG_DEFER, 2));
	assert_int_equal(f->rq_prod, 0);
	assert_true(post(f, 0, 10, 0, 3));
	assert_int_equal(f->rq_prod, 3);
	assert_true(post(f, 0, 10, RIO_MSG_DEFER, 4));
	assert_int_equal(f->rq_prod, 3);
	odgw_rio_commit(f->rq);
	assert_int_equal(f->rq_prod, 4);
	odgw_rio_commit(f->rq);
	assert_int_equal(f->rq_prod, 4);
	unmake(f);
}

static void results_over_many_rounds(void **state)
{
	struct fake *f = make();
	RIORESULT res[ENTRIES];
	uint32_t i, j, next = 0, seen = 0;

	(void)state;
	/* Indices wrap on the way. */
	f->cq_prod = f->cq_cons = UINT32_MAX - 20;
	f->rq->side[0].posted = f->rq->side[0].done = UINT32_MAX - 10;
	for (i = 0; i < 50; i++) {
		for (j = 0; j < ENTRIES - 2; j++)
			assert_true(post(f, 0, 100, 0, (int)(1000 + next++)));
		assert_false(post(f, 0, 100, 0, -1));
		for (j = 0; j < ENTRIES - 2; j++)
			complete(f, (ENTRIES - 2) * i + j, (uint16_t)(10 + j), 0);
		memset(res, 0xa5, sizeof(res));
		assert_int_equal(odgw_rio_dequeue(f->cq_handle, res, ENTRIES),
				 ENTRIES - 2);
		for (j = 0; j < ENTRIES - 2; j++) {
			assert_int_equal(res[j].Status, 0);
			assert_int_equal(res[j].BytesTransferred, 10 + j);
			assert_int_equal(res[j].SocketContext, 0x50c);
			assert_int_equal(res[j].RequestContext, 1000 + seen++);
		}
		assert_int_equal(odgw_rio_dequeue(f->cq_handle, res, ENTRIES), 0);
	}
	unmake(f);
}

static void statuses(void **state)
{
	static const struct {
		int16_t status;
		LONG code;
	} rows[] = {
		{ 0, 0 },
		{ -EMSGSIZE, WSAEMSGSIZE },
		{ -ECONNREFUSED, WSAECONNRESET },
		{ -EFAULT, WSAEFAULT },
		{ -EINVAL, WSAEINVAL },
		{ -ECANCELED, WSA_OPERATION_ABORTED },
	};
	struct fake *f = make();
	RIORESULT res;
	uint32_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_true(post(f, 0, 100, 0, 1));
		complete(f, i, 0, rows[i].status);
		assert_int_equal(odgw_rio_dequeue(f->cq_handle, &res, 1), 1);
		assert_int_equal(res.Status, rows[i].code);
	}
	unmake(f);
}

/* Queues somebody has scribbled on: the program's own harm, and no more */

static void scribbled(uint64_t (*user_data)(struct fake *f))
{
	struct fake *f = make();
	RIORESULT res[2];

	assert_true(post(f, 0, 100, 0, 1));
	complete(f, 0, 5, 0);
	complete(f, 0, 5, 0);
	f->cqes[1].cqe.user_data = user_data(f);
	assert_int_equal(odgw_rio_dequeue(f->cq_handle, res, 2), RIO_CORRUPT_CQ);
	/* It stays so. */
	f->cqes[1].cqe.user_data = f->cqes[0].cqe.user_data;
	assert_int_equal(odgw_rio_dequeue(f->cq_handle, res, 2), RIO_CORRUPT_CQ);
	unmake(f);
}

static uint64_t all_zero(struct fake *f)
{
	(void)f;
	return 0;
}

static uint64_t all_ones(struct fake *f)
{
	(void)f;
	return UINT64_MAX;
}

static uint64_t of_the_buffer(struct fake *f)
{
	return (uintptr_t)f->buf;
}

static uint64_t never_used(struct fake *f)
{
	return (uintptr_t)f->rq + ODGW_SLOT_SIZE;
}

static void corrupt_entries(void **state)
{
	(void)state;
	scribbled(all_zero);
	scribbled(all_ones);
	scribbled(of_the_buffer);
	scribbled(never_used);
}

static void entry_of_another_queue(void **state)
{
	struct fake *a = make(), *b = make();
	RIORESULT res;

	(void)state;
	assert_true(post(a, 0, 100, 0, 1));
	assert_true(post(b, 0, 100, 0, 2));
	complete(a, 0, 5, 0);
	complete(b, 0, 5, 0);
	a->cqes[0].cqe.user_data = b->cqes[0].cqe.user_data;
	assert_int_equal(odgw_rio_dequeue(a->cq_handle, &res, 1), RIO_CORRUPT_CQ);
	assert_int_equal(odgw_rio_dequeue(b->cq_handle, &res, 1), 1);
	assert_int_equal(res.RequestContext, 2);
	unmake(a);
	unmake(b);
}

static void impossible_index(void **state)
{
	struct fake *f = make();
	RIORESULT res[100];

	(void)state;
	f->cq_prod = 99;
	assert_int_equal(odgw_rio_dequeue(f->cq_handle, res, 100), RIO_CORRUPT_CQ);
	unmake(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handle_names_its_object_only),
		cmocka_unit_test(a_handle_is_not_used_again),
		cmocka_unit_test(slots_never_move),
		cmocka_unit_test(nothing_before_startup),
		cmocka_unit_test(a_receive_is_an_entry),
		cmocka_unit_test(a_deferred_receive_waits_for_the_next),
		cmocka_unit_test(results_over_many_rounds),
		cmocka_unit_test(statuses),
		cmocka_unit_test(corrupt_entries),
		cmocka_unit_test(entry_of_another_queue),
		cmocka_unit_test(impossible_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
