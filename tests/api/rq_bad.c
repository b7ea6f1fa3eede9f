// SPDX-License-Identifier: MIT
/* Ring entries and indices that are wrong: an error for who wrote them, no more. */
#include "helpers_ring.h"

/* One wrong thing in an entry: it completes with that error, the next works. */
static void inv5_bad_entries_complete_with_an_error(void **state)
{
	static const struct {
		const char *what;
		struct odg_rqe e;
		bool foreign;
		int status;
	} rows[] = {
		{ "no such region", { .region = 77, .len = 8 }, true, -EFAULT },
		{ "region out of the table", { .region = POISON32, .len = 8 },
		  true, -EFAULT },
		{ "begins behind the end", { .offset = REGION_LEN + 1 },
		  false, -EFAULT },
		{ "ends behind the end", { .offset = REGION_LEN - 7, .len = 8 },
		  false, -EFAULT },
		{ "offset that wraps", { .offset = ~0ULL - 3, .len = 8 },
		  false, -EFAULT },
		{ "largest length", { .len = ~0U }, false, -EFAULT },
		{ "unknown flag", { .len = 8, .flags = 1U << 31 }, false, -EINVAL },
		{ "least that does not stand", { .len = 8, .least = 1 }, false,
		  -EINVAL },
		{ "standing without least",
		  { .len = 64, .flags = ODG_RQE_STANDING }, false, -EINVAL },
		{ "standing with least beyond len",
		  { .len = 64, .least = 65, .flags = ODG_RQE_STANDING }, false,
		  -EINVAL },
		{ "standing without memory",
		  { .len = 0, .least = 0, .flags = ODG_RQE_STANDING }, false,
		  -EINVAL },
		{ "standing in a chain",
		  { .len = 64, .least = 64,
		    .flags = ODG_RQE_STANDING | ODG_RQE_MORE }, false, -EINVAL },
		{ "standing in no region",
		  { .region = 77, .len = 64, .least = 64,
		    .flags = ODG_RQE_STANDING }, true, -EFAULT },
		{ "chain without an end", { .len = 8, .flags = ODG_RQE_MORE },
		  false, -EINVAL },
	};
	struct rq_fix q;

	setup_ring(&q, *state, 32);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct odg_rqe *e;

		row("%s", rows[i].what);
		e = ring_write(&q.r, 50 + i, q.region, 0, 0);
		e->offset = rows[i].e.offset;
		e->len = rows[i].e.len;
		e->flags = rows[i].e.flags;
		e->least = rows[i].e.least;
		if (rows[i].foreign)
			e->region = rows[i].e.region;
		ring_submit(&q.r);
		send_str(q.f->tx, q.f->rx, "data");
		reap_ring(&q, 50 + i, rows[i].status, 0);

		/* the datagram was not swallowed */
		ring_write(&q.r, 1000 + i, q.region, 0, 8);
		if (ring_submit(&q.r))
			want(kick(&q.f->p, q.f->rx), 0);
		reap_ring(&q, 1000 + i, 0, 4);
	}
	want_true(is_poison(q.mem + 8, REGION_LEN - 8));
	want(port_stats(&q.f->p).bad_entries, ARRAY_SIZE(rows));
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void too_many_segments_complete_with_an_error(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 32);
	for (uint32_t i = 0; i <= ODG_MAX_RQ_SEGS; i++)
		ring_write(&q.r, i, q.region, 0, 8)->flags =
			i < ODG_MAX_RQ_SEGS ? ODG_RQE_MORE : 0;
	ring_submit(&q.r);
	send_str(q.f->tx, q.f->rx, "data");
	reap_ring(&q, 0, -EINVAL, 0);
	/* what was too much of it is a receive of its own */
	reap_ring(&q, ODG_MAX_RQ_SEGS, 0, 4);
	want(port_stats(&q.f->p).bad_entries, 1);
	drop_ring(&q);
}

/* More of them than one datagram may meet: it waits in the socket's queue. */
static void many_bad_entries_do_not_stall(void **state)
{
	struct rq_fix q;
	uint32_t i;

	setup_ring(&q, *state, 256);
	for (i = 0; i < 200; i++)
		ring_write(&q.r, i, 99, 0, 8);
	ring_write(&q.r, i, q.region, 0, 8);
	ring_submit(&q.r);
	send_str(q.f->tx, q.f->rx, "data");
	for (i = 0; i < 200; i++) {
		/* the queue of the fixture has 64 entries */
		if (!port_unread(&q.f->p))
			want(kick(&q.f->p, q.f->rx), 0);
		reap_ring(&q, i, -EFAULT, 0);
	}
	if (!port_unread(&q.f->p))
		want(kick(&q.f->p, q.f->rx), 0);
	reap_ring(&q, 200, 0, 4);
	drop_ring(&q);
}

/* Whatever a program writes as its index, only its own receives suffer. */
static void inv5_scribbled_producer_index_harms_nobody_else(void **state)
{
	static const uint32_t lies[] = { 9, 100, 0x80000000U, ~0U };
	struct fix *f = *state;
	struct port other;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	port_open(&other, 16, 0);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		row("prod %#x", lies[i]);
		__atomic_store_n(q.r.prod, lies[i], __ATOMIC_RELEASE);
		post_pending(&other, f->rx, &f->op[i]);
		send_str(f->tx, f->rx, "still");
		reap_data(&other, &f->op[i], "still", 5);
	}
	__atomic_store_n(q.r.prod, 0, __ATOMIC_RELEASE);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_submit(&q.r);
	send_str(f->tx, f->rx, "healed");
	reap_ring(&q, 1, 0, 6);
	port_close(&other);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv5_bad_entries_complete_with_an_error),
		T(too_many_segments_complete_with_an_error),
		T(many_bad_entries_do_not_stall),
		T(inv5_scribbled_producer_index_harms_nobody_else),
	};

	return cmocka_run_group_tests_name("rq_bad", tests, NULL, NULL);
}
