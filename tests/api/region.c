// SPDX-License-Identifier: MIT
/* Registered memory: what may be registered, and when it is let go. */
#include "helpers_ring.h"

#include <pthread.h>
#include <sys/wait.h>

static void deleted_region_is_not_written_any_more(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	ring_write(&q.r, 1, q.region, 0, 100);
	ring_submit(&q.r);
	want(region_del(&q.f->p, q.region), 0);
	send_str(q.f->tx, q.f->rx, "late");
	reap_ring(&q, 1, -EFAULT, 0);
	want_true(is_poison(q.mem, REGION_LEN));
	want(region_del(&q.f->p, q.region), -ENOENT);
	native_recv(q.f->rx, "late", 4);
	drop_ring(&q);
}

static void region_survives_munmap_and_is_unpinned_with_the_port(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();
	struct port p;
	void *mem;

	port_open(&p, 16, 0);
	mem = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	region_add(&p, mem, REGION_LEN, 0);
	want(pinned_now() - before, REGION_LEN / PAGE);
	munmap(mem, REGION_LEN);
	want(pinned_now() - before, REGION_LEN / PAGE);
	port_close(&p);
	eventually(pinned_now() == before);
	(void)f;
}

static void region_arguments(void **state)
{
	struct fix *f = *state;
	struct odg_region_add a;
	uint8_t *mem = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	region_add(&f->p, mem, 0, -EINVAL);
	region_add(&f->p, mem, 1UL << 31, -EINVAL);
	region_add(&f->p, (void *)~0xfffUL, PAGE, -EFAULT);
	sys(mprotect(mem + PAGE, PAGE, PROT_NONE));
	region_add(&f->p, mem, 2 * PAGE, -EFAULT);
	sys(mprotect(mem + PAGE, PAGE, PROT_READ));
	region_add(&f->p, mem, 2 * PAGE, -EFAULT);
	want(region_del(&f->p, 0), -ENOENT);
	want(region_del(&f->p, ~0U), -ENOENT);

	a = region_add(&f->p, mem + 100, PAGE - 100, 0);
	want(a.id, 0);
	want(a.node, 0);
	want(a.page_shift, 12);
	for (int i = 1; i < 20; i++)
		want(region_add(&f->p, mem, 1, 0).id, i);
	want(region_del(&f->p, 5), 0);
	want(region_add(&f->p, mem, 1, 0).id, 5);
	munmap(mem, 2 * PAGE);
}

/* Whatever its number, a region is found, and only that one; also when others go. */
static void as_many_regions_as_there_may_be(void **state)
{
	static const uint32_t far[] = { 0, 15, 16, 255, 256, 257, 4095,
					ODG_MAX_REGIONS - 1 };
	uint8_t *mem, *at;
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	mem = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(mem, POISON, REGION_LEN);
	row("one that is not there yet");
	ring_write(&q.r, 1, 1, 0, 8);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 1, -EFAULT, 0);
	native_recv(q.f->rx, "x", 1);
	want(q.region, 0);
	for (uint32_t i = 1; i < ODG_MAX_REGIONS; i++)
		want(region_add(&q.f->p, mem + i % 8192 * 8, 8, 0).id, i);
	region_add(&q.f->p, mem, 8, -ENOSPC);
	for (unsigned int i = 0; i < ARRAY_SIZE(far); i++) {
		row("region %u", far[i]);
		at = far[i] ? mem + far[i] % 8192 * 8 : q.mem;
		ring_write(&q.r, i, far[i], 1, 7);
		ring_post(&q);
		send_to(q.f->tx, q.f->rx, &i, sizeof(i));
		reap_ring(&q, i, 0, sizeof(i));
		want(memcmp(at + 1, &i, sizeof(i)), 0);
		memset(at, POISON, 8);
		want_true(is_poison(mem, REGION_LEN));
		want_true(is_poison(q.mem, REGION_LEN));
	}
	row("beyond the last");
	ring_write(&q.r, 1, ODG_MAX_REGIONS, 0, 8);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 1, -EFAULT, 0);
	native_recv(q.f->rx, "x", 1);
	row("one that went, and its neighbour");
	want(region_del(&q.f->p, 256), 0);
	want(region_del(&q.f->p, 256), -ENOENT);
	ring_write(&q.r, 256, 256, 0, 8);
	ring_write(&q.r, 257, 257, 0, 8);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 256, -EFAULT, 0);
	reap_ring(&q, 257, 0, 1);
	want(region_add(&q.f->p, mem, 8, 0).id, 256);
	munmap(mem, REGION_LEN);
	drop_ring(&q);
}

#define SLOT	64U
#define SLOTS	32U

struct flow {
	struct rq_fix *q;
	bool over;
};

static void *flow_send(void *arg)
{
	struct flow *flow = arg;
	uint8_t data[SLOT];

	memset(data, 1, sizeof(data));
	while (!__atomic_load_n(&flow->over, __ATOMIC_RELAXED))
		send_to(flow->q->f->tx, flow->q->f->rx, data, sizeof(data));
	return NULL;
}

static void post_slot(struct rq_fix *q, uint64_t slot)
{
	ring_write(&q->r, slot, q->region, SLOT * slot, SLOT);
	ring_post(q);
}

/* Receives n datagrams while they come; status is what each may end with. */
static void receive_some(struct rq_fix *q, int n, int status)
{
	while (n--) {
		const struct odg_cqe *c = reap(&q->f->p);

		want_true(!c->status || c->status == status);
		post_slot(q, c->user_data);
	}
}

static void start_flow(struct rq_fix *q, struct fix *f, struct flow *flow,
		       pthread_t *thread)
{
	setup_ring(q, f, SLOTS);
	for (uint64_t i = 0; i < SLOTS; i++)
		post_slot(q, i);
	*flow = (struct flow){ .q = q };
	sys(pthread_create(thread, NULL, flow_send, flow));
	receive_some(q, 10, 0);
}

static void stop_flow(struct flow *flow, pthread_t thread)
{
	__atomic_store_n(&flow->over, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* The kernel has its own way to the memory: the program's may go under traffic. */
static void mprotected_and_unmapped_under_traffic(void **state)
{
	struct flow flow;
	struct rq_fix q;
	pthread_t thread;

	start_flow(&q, *state, &flow, &thread);
	sys(mprotect(q.mem, REGION_LEN, PROT_READ));
	receive_some(&q, 100, 0);
	sys(mprotect(q.mem, REGION_LEN, PROT_NONE));
	receive_some(&q, 100, 0);
	sys(mprotect(q.mem, REGION_LEN, PROT_READ | PROT_WRITE));
	want(q.mem[0], 1);
	sys(munmap(q.mem, REGION_LEN));
	receive_some(&q, 100, 0);
	stop_flow(&flow, thread);
	ring_close(&q.r);
}

/* The child gets a copy; what comes stays the parent's. */
static void forked_under_traffic(void **state)
{
	struct flow flow;
	struct rq_fix q;
	pthread_t thread;
	int status;
	pid_t pid;

	start_flow(&q, *state, &flow, &thread);
	for (int i = 0; i < 5; i++) {
		pid = (pid_t)sys(fork());
		if (!pid) {
			memset(q.mem, 2, REGION_LEN);
			_exit(0);
		}
		receive_some(&q, 100, 0);
		sys(waitpid(pid, &status, 0));
		want(status, 0);
		memset(q.mem, 3, SLOT * SLOTS);
		receive_some(&q, 4 * SLOTS, 0);
		want(q.mem[0], 1);
	}
	stop_flow(&flow, thread);
	drop_ring(&q);
}

/* Each is posted to under traffic as soon as it is there; the table grows meanwhile. */
static void registered_more_and_more_under_traffic(void **state)
{
	uint32_t last = 0, used = 0;
	struct flow flow;
	struct rq_fix q;
	pthread_t thread;

	start_flow(&q, *state, &flow, &thread);
	while (last < 600) {
		const struct odg_cqe *c = reap(&q.f->p);

		want(c->status, 0);
		last = region_add(&q.f->p, q.mem, REGION_LEN, 0).id;
		ring_write(&q.r, c->user_data, c->user_data % 2 ? last : used++,
			   SLOT * c->user_data, SLOT);
		ring_post(&q);
	}
	receive_some(&q, 2 * SLOTS, 0);
	stop_flow(&flow, thread);
	drop_ring(&q);
}

/* Given back in use: each receive ends, and nothing is written afterwards. */
static void deregistered_under_traffic(void **state)
{
	struct flow flow;
	struct rq_fix q;
	pthread_t thread;

	start_flow(&q, *state, &flow, &thread);
	for (int i = 0; i < 10; i++) {
		want(region_del(&q.f->p, q.region), 0);
		memset(q.mem, POISON, REGION_LEN);
		receive_some(&q, 50, -EFAULT);
		want_true(is_poison(q.mem, REGION_LEN));
		q.region = region_add(&q.f->p, q.mem, REGION_LEN, 0).id;
		receive_some(&q, 4 * SLOTS, -EFAULT);
		want(q.mem[0], 1);
	}
	stop_flow(&flow, thread);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(deleted_region_is_not_written_any_more),
		T(region_survives_munmap_and_is_unpinned_with_the_port),
		T(region_arguments),
		T(as_many_regions_as_there_may_be),
		T(mprotected_and_unmapped_under_traffic),
		T(forked_under_traffic),
		T(registered_more_and_more_under_traffic),
		T(deregistered_under_traffic),
	};

	return cmocka_run_group_tests_name("region", tests, NULL, NULL);
}
