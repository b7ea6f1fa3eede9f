// SPDX-License-Identifier: MIT
/*
 * Receives in a ring that name memory by its address: what a store of the program to
 * that address would reach when the datagram comes, whether its page is kept or not.
 */
#include "helpers_mem.h"
#include "helpers_ring.h"

#define HUGE_LEN	0x7fffffffU

static void setup(struct rq_fix *q, struct fix *f)
{
	setup_ring_with(q, f, 32, ODG_RQ_ADDRESSES);
}

static uint64_t direct(struct rq_fix *q)
{
	return sock_stats(&q->f->p, q->f->rx).direct;
}

/* Posts one, without a kick. */
static void post_addr(struct rq_fix *q, uint64_t user_data, const void *addr,
		      uint32_t len)
{
	ring_write_addr(&q->r, user_data, addr, len);
	ring_submit(&q->r);
}

/* A datagram of so many bytes, made from a number. */
static void fill(uint8_t *data, size_t len, unsigned int number)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)(number * 31 + i + i / 251);
}

/* One whole receive of len bytes at this address, in room for a few more. */
static void receive(struct rq_fix *q, uint8_t *at, size_t len)
{
	static unsigned int number;
	uint8_t data[9000];

	fill(data, len, ++number);
	memset(at, POISON, len + 4);
	post_addr(q, number, at, (uint32_t)len + 4);
	send_to(q->f->tx, q->f->rx, data, len);
	reap_ring(q, number, 0, (uint32_t)len);
	want(memcmp(at, data, len), 0);
	want_true(is_poison(at + len, 4));
}

/* ... and the datagram went there in the hook, or not. */
static void receive_by(struct rq_fix *q, uint8_t *at, size_t len, bool straight)
{
	uint64_t before = direct(q);

	receive(q, at, len);
	want(direct(q) - before, straight);
}

static void in_one_page_and_in_several(void **state)
{
	static const struct {
		size_t at, len;
	} rows[] = {
		{ 0, 100 }, { 1, 1 }, { PAGE - 104, 100 }, { PAGE - 50, 100 },
		{ PAGE - 1, 100 }, { 2 * PAGE - 100, 100 }, { 10, PAGE },
		{ 0, 2 * PAGE - 4 }, { PAGE - 1, PAGE + 2 }, { 5, 9000 },
		{ 17, 0 },
	};
	struct rq_fix q;
	uint8_t *m;

	setup(&q, *state);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		row("%zu bytes at %zu", rows[i].len, rows[i].at);
		m = pages(4);
		receive_by(&q, m + rows[i].at, rows[i].len, !rows[i].len);
		receive_by(&q, m + rows[i].at, rows[i].len, true);
		receive_by(&q, m + rows[i].at, rows[i].len, true);
		munmap(m, 4 * PAGE);
	}
	want(port_stats(&q.f->p).bad_entries, 0);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

/* Only the pages that bytes go to have to be there. */
static void what_no_byte_goes_to_need_not_be_there(void **state)
{
	struct rq_fix q;
	uint8_t *m;

	setup(&q, *state);
	m = pages(2);
	sys(munmap(m + PAGE, PAGE));
	memset(m, POISON, PAGE);
	for (int i = 0; i < 3; i++) {
		post_addr(&q, 1, m + 16, HUGE_LEN);
		send_str(q.f->tx, q.f->rx, "fits");
		reap_ring(&q, 1, 0, 4);
		want(memcmp(m + 16, "fits", 4), 0);
		want_true(is_poison(m + 20, 100));
	}
	drop_ring(&q);
}

static void truncates_with_10040s_errno(void **state)
{
	struct rq_fix q;
	uint8_t *m = pages(1);

	setup(&q, *state);
	memset(m, POISON, PAGE);
	for (int i = 0; i < 3; i++) {
		post_addr(&q, 1, m, 4);
		send_str(q.f->tx, q.f->rx, "abcdef");
		want(reap_ring(&q, 1, -EMSGSIZE, 4)->full_len, 6);
		want(memcmp(m, "abcd", 4), 0);
		want_true(is_poison(m + 4, 100));
	}
	drop_ring(&q);
}

/* Segments by address and in a region, in one receive. */
static void a51_scatters_over_both_kinds_of_memory(void **state)
{
	uint8_t *m, data[300];
	struct rq_fix q;

	setup(&q, *state);
	for (unsigned int i = 0; i < 3; i++) {
		m = i ? m : pages(3);
		memset(m, POISON, 3 * PAGE);
		memset(q.mem, POISON, PAGE);
		fill(data, sizeof(data), i);
		ring_write_addr(&q.r, 7, m + PAGE - 10, 20)->flags |= ODG_RQE_MORE;
		ring_write(&q.r, 0, q.region, 100, 50)->flags |= ODG_RQE_MORE;
		ring_write_addr(&q.r, 0, NULL, 0)->flags |= ODG_RQE_MORE;
		ring_write_addr(&q.r, 0, m + 2 * PAGE, 500);
		ring_submit(&q.r);
		send_to(q.f->tx, q.f->rx, data, sizeof(data));
		reap_ring(&q, 7, 0, sizeof(data));
		want(memcmp(m + PAGE - 10, data, 20), 0);
		want(memcmp(q.mem + 100, data + 20, 50), 0);
		want(memcmp(m + 2 * PAGE, data + 70, 230), 0);
		want_true(is_poison(m, PAGE - 10));
		want_true(is_poison(m + PAGE + 10, 100));
		want_true(is_poison(m + 2 * PAGE + 230, 270));
	}
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

/* --- memory that is not there ---------------------------------------------- */

static void bad_addresses_complete_with_an_error(void **state)
{
	static const struct {
		const char *what;
		struct odg_rqe e;
		int status;
	} rows[] = {
		{ "the null page", { .len = 8 }, -EFAULT },
		{ "the kernel's", { .offset = 1ULL << 63, .len = 8 }, -EFAULT },
		{ "wraps", { .offset = ~0ULL - 3, .len = 8 }, -EFAULT },
		{ "a region", { .region = 1, .len = 8 }, -EINVAL },
		{ "least", { .least = 1, .len = 8 }, -EINVAL },
		{ "standing",
		  { .flags = ODG_RQE_STANDING, .least = 8, .len = 8 }, -EINVAL },
		{ "unknown flag", { .flags = ODG_RQE_DEAD << 1, .len = 8 }, -EINVAL },
	};
	struct rq_fix q;

	setup(&q, *state);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct odg_rqe *e;

		row("%s", rows[i].what);
		e = ring_write(&q.r, 50 + i, 0, 0, 0);
		e->offset = rows[i].e.offset;
		e->len = rows[i].e.len;
		e->region = rows[i].e.region;
		e->least = rows[i].e.least;
		e->flags = rows[i].e.flags | ODG_RQE_ADDRESS;
		ring_write(&q.r, 1000 + i, q.region, 0, 8);
		ring_submit(&q.r);
		send_str(q.f->tx, q.f->rx, "data");
		reap_ring(&q, 50 + i, rows[i].status, 0);
		/* the datagram was not swallowed */
		reap_ring(&q, 1000 + i, 0, 4);
	}
	want_true(is_poison(q.mem + 8, REGION_LEN - 8));
	want(port_stats(&q.f->p).bad_entries, ARRAY_SIZE(rows));
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void ring_that_was_not_made_for_it(void **state)
{
	uint8_t *m = pages(1);
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	post_addr(&q, 1, m, 8);
	send_str(q.f->tx, q.f->rx, "data");
	reap_ring(&q, 1, -EINVAL, 0);
	want(m[0], 0);
	drop_ring(&q);
}

/* The receive at this address ends so, and the datagram was not swallowed. */
static void is_unreachable(struct rq_fix *q, uint8_t *at)
{
	post_addr(q, 1, at, 10);
	send_str(q->f->tx, q->f->rx, "0123456789");
	reap_ring(q, 1, -EFAULT, 0);
	native_recv(q->f->rx, "0123456789", 10);
	want(kick(&q->f->p, q->f->rx), 0);
}

/* Its memory was fine, and kept. */
static void memory_that_went(void **state)
{
	struct rq_fix q;
	uint8_t *m;

	setup(&q, *state);
	m = pages(3);
	row("unmapped");
	receive(&q, m + PAGE, 10);
	sys(munmap(m + PAGE, PAGE));
	is_unreachable(&q, m + PAGE);
	receive(&q, m, 10);

	row("read-only");
	sys(mprotect(m, PAGE, PROT_READ));
	is_unreachable(&q, m);
	sys(mprotect(m, PAGE, PROT_READ | PROT_WRITE));
	receive(&q, m, 10);

	row("the second of two pages");
	m = pages_at(m, 3);
	receive(&q, m + PAGE - 5, 10);
	sys(munmap(m + PAGE, PAGE));
	is_unreachable(&q, m + PAGE - 5);

	row("while it was posted");
	post_addr(&q, 2, m, 10);
	sys(munmap(m, PAGE));
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 2, -EFAULT, 0);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void a_receive_whose_memory_is_replaced(void **state)
{
	struct rq_fix q;
	uint8_t *m;

	setup(&q, *state);
	m = pages(1);
	receive_by(&q, m, 10, false);
	receive_by(&q, m, 10, true);
	post_addr(&q, 1, m, 10);
	pages_at(m, 1);
	send_str(q.f->tx, q.f->rx, "new page");
	reap_ring(&q, 1, 0, 8);
	want(memcmp(m, "new page", 8), 0);

	row("discarded");
	post_addr(&q, 2, m, 10);
	sys(madvise(m, PAGE, MADV_DONTNEED));
	send_str(q.f->tx, q.f->rx, "newer one");
	reap_ring(&q, 2, 0, 9);
	want(memcmp(m, "newer one", 9), 0);
	receive_by(&q, m, 10, true);
	drop_ring(&q);
}

/* A table with two places: each page makes room for the next. */
static void pages_that_share_a_place(void **state)
{
	struct fix *f = *state;
	struct rq_fix q = { .f = f };
	struct port p, fixture = f->p;
	uint8_t *m = pages(8);

	port_open(&p, 1, ODG_CQ_WIDE);
	f->p = p;
	ring_open_with(&q.r, &p, f->rx, 8, ODG_RQ_ADDRESSES);
	for (int i = 0; i < 4; i++) {
		row("round %d", i);
		receive(&q, m, 10);
		receive(&q, m + 2 * PAGE, 10);
		row("round %d, more pages than there are places", i);
		receive(&q, m + 100, 9000);
		want(port_stats(&f->p).kept_pages, 2);
	}
	want_stats_sum(&f->p, f->rx);
	ring_close(&q.r);
	p = f->p;
	f->p = fixture;
	port_close(&p);
}

/* --- other processes ------------------------------------------------------- */

struct foreign {
	struct rq_fix *q;
	uint8_t *mem;
};

static void child_cannot_reach_it(void *arg)
{
	struct foreign *o = arg;
	struct ring *r = &o->q->r;
	struct odg_rq_create c = {
		.size = sizeof(c), .fd = o->q->f->tx, .entries = 8,
		.flags = ODG_RQ_ADDRESSES,
	};

	row("the mapping is not there");
	want(msync(r->map, r->map_size, MS_ASYNC), -1);
	want(errno, ENOMEM);
	row("and cannot be had");
	want_true(mmap(NULL, r->map_size, PROT_READ, MAP_SHARED, o->q->f->p.fd,
		       1L << 32) == MAP_FAILED);
	want(errno, EPERM);
	row("nor another");
	want(odg(o->q->f->p.fd, ODG_RQ_CREATE, &c), -EPERM);
}

static void only_its_own_process_can_name_addresses(void **state)
{
	struct rq_fix q;
	struct foreign o = { .q = &q };

	setup(&q, *state);
	in_child(child_cannot_reach_it, &o);
	drop_ring(&q);
}

static void fork_leaves_the_parent_its_page(void **state)
{
	struct rq_fix q;
	uint8_t *m;
	pid_t pid;
	int end;

	setup(&q, *state);
	m = pages(1);
	for (int i = 0; i < 4; i++) {
		row("round %d, %s", i, i % 2 ? "the child writes" : "no one does");
		receive(&q, m, 50);
		post_addr(&q, 1, m, 50);
		pid = child_that_waits(i % 2 ? m : NULL, &end);
		send_str(q.f->tx, q.f->rx, "the parent's");
		reap_ring(&q, 1, 0, 12);
		want(memcmp(m, "the parent's", 12), 0);
		receive(&q, m, 50);
		child_ends_well(pid, end);
	}
	drop_ring(&q);
}

/* --- order, the end --------------------------------------------------------- */

static void a90_addresses_and_calls_share_one_order(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;
	uint8_t *m;

	setup(&q, f);
	for (int i = 0; i < 3; i++) {
		row("round %d: %s", i, i ? "kept" : "not kept");
		m = i ? m : pages(8);
		post_addr(&q, 1, m, 8);
		op_init(&f->op[0]);
		op_init(&f->op[1]);
		post_pending(&f->p, f->rx, &f->op[0]);
		post_addr(&q, 2, m + 4 * PAGE, 8);
		post_pending(&f->p, f->rx, &f->op[1]);
		for (int k = 0; k < 4; k++)
			send_to(f->tx, f->rx, &"abcd"[k], 1);
		reap_ring(&q, 1, 0, 1);
		reap_data(&f->p, &f->op[0], "b", 1);
		reap_ring(&q, 2, 0, 1);
		reap_data(&f->p, &f->op[1], "d", 1);
		want(m[0], 'a');
		want(m[4 * PAGE], 'c');
	}
	drop_ring(&q);
}

/* No room for its completion: it waits, and is served when there is. */
static void no_completion_room_keeps_the_datagram_waiting(void **state)
{
	struct rq_fix q;
	uint8_t *m;

	setup(&q, *state);
	m = pages(2);
	for (unsigned int i = 0; i < 64; i++) {
		ring_write(&q.r, i, q.region, 0, 8);
		ring_submit(&q.r);
		send_str(q.f->tx, q.f->rx, "x");
		wait_arrived(&q.f->p, q.f->rx, i + 1);
	}
	want(port_unread(&q.f->p), 64);
	post_addr(&q, 100, m, 8);
	send_queued(q.f->tx, q.f->rx, "late", 4);
	for (unsigned int i = 0; i < 64; i++)
		reap_ring(&q, i, 0, 1);
	want(kick(&q.f->p, q.f->rx), 0);
	reap_ring(&q, 100, 0, 4);
	want(memcmp(m, "late", 4), 0);
	drop_ring(&q);
}

static void closed_socket_closes_the_queue(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup(&q, f);
	want(*q.r.flags, 0);
	post_addr(&q, 1, q.mem, 8);
	sys(close(f->rx));
	f->rx = -1;
	reap_ring(&q, 1, -ECANCELED, 0);
	want(*q.r.flags, ODG_RQ_CLOSED);
	want(*q.r.cons, 1);
	row("posted in vain");
	post_addr(&q, 2, q.mem, 8);
	want_none(&f->p);
	want(*q.r.cons, 1);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(in_one_page_and_in_several),
		T(what_no_byte_goes_to_need_not_be_there),
		T(truncates_with_10040s_errno),
		T46(a51_scatters_over_both_kinds_of_memory),
		T(bad_addresses_complete_with_an_error),
		T(ring_that_was_not_made_for_it),
		T(memory_that_went),
		T(a_receive_whose_memory_is_replaced),
		T(pages_that_share_a_place),
		T(only_its_own_process_can_name_addresses),
		T(fork_leaves_the_parent_its_page),
		T(a90_addresses_and_calls_share_one_order),
		T(no_completion_room_keeps_the_datagram_waiting),
		T(closed_socket_closes_the_queue),
	};

	return cmocka_run_group_tests_name("rq_addr", tests, NULL, NULL);
}
