// SPDX-License-Identifier: MIT
/*
 * ODG_RQ_CANCEL: one receive of a ring ends, wherever it stands, and the others know
 * nothing of it.
 */
#include "helpers_ring.h"

/* Receives 0 to n - 1, of 8 bytes each; two segments each if @chains. */
static void post_some(struct rq_fix *q, uint32_t n, bool chains)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!chains) {
			ring_write(&q->r, 100 + i, q->region, 8 * i, 8);
			continue;
		}
		ring_write(&q->r, 100 + i, q->region, 8 * i, 4)->flags =
			ODG_RQE_MORE;
		/* its name says nothing */
		ring_write(&q->r, 100, q->region, 8 * i + 4, 4);
	}
	want_true(!ring_submit(&q->r));
}

static int cancel(struct rq_fix *q, uint32_t index, uint64_t user_data)
{
	return rq_cancel(&q->f->p, q->f->rx, index, user_data);
}

/* The i'th of these is served next. */
static void is_next(struct rq_fix *q, uint32_t i)
{
	send_str(q->f->tx, q->f->rx, "012345");
	reap_ring(q, 100 + i, 0, 6);
	want(memcmp(q->mem + 8 * i, "012345", 6), 0);
}

static void one_of_many(void **state)
{
	static const struct {
		const char *what;
		uint32_t i, cons;
	} rows[] = {
		{ "the first", 0, 1 }, { "one amid", 2, 0 }, { "the last", 4, 0 },
	};
	struct rq_fix q;
	uint32_t base = 0, step;

	setup_ring(&q, *state, 16);
	for (int chains = 0; chains < 2; chains++) {
		step = chains ? 2 : 1;
		for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
			row("%s%s", rows[k].what, chains ? ", of chains" : "");
			memset(q.mem, POISON, 64);
			post_some(&q, 5, chains);
			want(cancel(&q, base + step * rows[k].i, 100 + rows[k].i), 1);
			reap_ring(&q, 100 + rows[k].i, -ECANCELED, 0);
			want(*q.r.cons, base + step * rows[k].cons);
			want(cancel(&q, base + step * rows[k].i, 100 + rows[k].i), 0);
			want_none(&q.f->p);
			for (uint32_t i = 0; i < 5; i++)
				if (i != rows[k].i)
					is_next(&q, i);
			want_true(is_poison(q.mem + 8 * rows[k].i, 8));
			/* what is dead at the end goes with the next look */
			send_queued(q.f->tx, q.f->rx, "x", 1);
			base += 5 * step;
			want(*q.r.cons, base);
			native_recv(q.f->rx, "x", 1);
			want(kick(&q.f->p, q.f->rx), 0);
		}
	}
	want(port_stats(&q.f->p).cancelled, 6);
	want(port_stats(&q.f->p).bad_entries, 0);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void all_of_them_in_any_order(void **state)
{
	static const uint32_t order[] = { 3, 1, 0, 4, 2 };
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	post_some(&q, 5, false);
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		want(cancel(&q, order[i], 100 + order[i]), 1);
		reap_ring(&q, 100 + order[i], -ECANCELED, 0);
	}
	want(*q.r.cons, 5);
	row("a call does not wait behind them");
	queue_str(q.f->tx, q.f->rx, "there");
	q.f->op[0].r.flags = ODG_RECV_NOWAIT;
	want(post(&q.f->p, q.f->rx, &q.f->op[0]), 1);
	reap_data(&q.f->p, &q.f->op[0], "there", 5);
	drop_ring(&q);
}

/* More than one datagram may step over at once; nobody has to kick for that. */
static void many_dead_ones_do_not_stall(void **state)
{
	struct rq_fix q;
	uint32_t n = 16384;

	setup_ring(&q, *state, n);
	ring_write(&q.r, 100, q.region, 0, 8);
	for (uint32_t i = 1; i < n - 1; i++)
		ring_write(&q.r, i, q.region, 0, 8)->flags = ODG_RQE_DEAD;
	ring_write(&q.r, 101, q.region, 8, 8);
	ring_submit(&q.r);
	is_next(&q, 0);
	is_next(&q, 1);
	want(*q.r.cons, n);
	drop_ring(&q);
}

static void a_standing_one(void **state)
{
	struct odg_rqe *e;
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	e = ring_write(&q.r, 1000, q.region, 0, 1024);
	e->flags = ODG_RQE_STANDING;
	e->least = 64;
	ring_write(&q.r, 100, q.region, 0, 8);
	ring_submit(&q.r);
	send_str(q.f->tx, q.f->rx, "first");
	want_true(reap_ring(&q, 1000, 0, 5)->flags & ODG_CQE_MORE);
	want(cancel(&q, 0, 1000), 1);
	want(reap_ring(&q, 1064, -ECANCELED, 0)->flags & ODG_CQE_MORE, 0);
	is_next(&q, 0);
	drop_ring(&q);
}

static void quiet_ones_stay_so(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	ring_write(&q.r, 1, q.region, 0, 8)->flags = ODG_RQE_QUIET;
	ring_submit(&q.r);
	want(cancel(&q, 0, 1), 1);
	want_true(reap_ring(&q, 1, -ECANCELED, 0)->flags & ODG_CQE_QUIET);
	drop_ring(&q);
}

/* What is given up does not come back, and what was not posted is not found. */
static void what_is_not_posted(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	row("nothing");
	want(cancel(&q, 0, 100), 0);
	post_some(&q, 2, false);
	row("another name");
	want(cancel(&q, 0, 101), 0);
	row("not yet");
	want(cancel(&q, 2, 102), 0);
	row("far ahead, and behind");
	want(cancel(&q, 0x80000000U, 100), 0);
	want(cancel(&q, ~0U, 100), 0);
	is_next(&q, 0);
	row("completed");
	want(cancel(&q, 0, 100), 0);
	row("one round on");
	want(cancel(&q, 9, 101), 0);
	is_next(&q, 1);
	want(port_stats(&q.f->p).cancelled, 0);
	drop_ring(&q);
}

static void no_room_for_its_completion_is_EAGAIN(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 128);
	for (uint32_t i = 0; i < 65; i++)
		ring_write(&q.r, i, q.region, 8 * i, 8);
	ring_write(&q.r, 65, q.region, 8 * 65, 8);
	ring_submit(&q.r);
	for (uint32_t i = 0; i < 64; i++)
		send_str(q.f->tx, q.f->rx, "x");
	eventually(port_unread(&q.f->p) == 64);
	want(cancel(&q, 64, 64), -EAGAIN);
	reap_ring(&q, 0, 0, 1);
	want(cancel(&q, 64, 64), 1);
	for (uint32_t i = 1; i < 64; i++)
		reap_ring(&q, i, 0, 1);
	reap_ring(&q, 64, -ECANCELED, 0);
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 65, 0, 1);
	drop_ring(&q);
}

/* The datagram for it waits for its page, or has one. */
static void one_by_address(void **state)
{
	uint8_t *m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct rq_fix q;

	want_true(m != MAP_FAILED);
	setup_ring_with(&q, *state, 8, ODG_RQ_ADDRESSES);
	ring_write_addr(&q.r, 1, m, 8);
	ring_write(&q.r, 100, q.region, 0, 8);
	ring_submit(&q.r);
	want(cancel(&q, 0, 1), 1);
	reap_ring(&q, 1, -ECANCELED, 0);
	is_next(&q, 0);
	want(m[0], 0);
	drop_ring(&q);
}

/* Those that were cancelled do not end a second time. */
static void close_of_the_socket_skips_them(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	post_some(&q, 4, false);
	want(cancel(&q, 1, 101), 1);
	want(cancel(&q, 3, 103), 1);
	sys(close(f->rx));
	f->rx = -1;
	reap_ring(&q, 101, -ECANCELED, 0);
	reap_ring(&q, 103, -ECANCELED, 0);
	reap_ring(&q, 100, -ECANCELED, 0);
	reap_ring(&q, 102, -ECANCELED, 0);
	want_none(&f->p);
	want(*q.r.cons, 4);
	want(port_stats(&f->p).aborted, 2);
	drop_ring(&q);
}

static void cancel_arguments(void **state)
{
	struct odg_rq_cancel c = { .size = sizeof(c), .user_data = 1 };
	struct fix *f = *state;
	struct port other;
	struct rq_fix q;

	row("not bound, no ring");
	want(rq_cancel(&f->p, f->rx, 0, 1), -ENOENT);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want(rq_cancel(&f->p, f->rx, 0, 1), -ENOENT);
	setup_ring(&q, f, 8);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_submit(&q.r);
	row("sockets");
	want(rq_cancel(&f->p, -1, 0, 1), -EBADF);
	want(rq_cancel(&f->p, f->p.fd, 0, 1), -ENOTSOCK);
	row("another port");
	port_open(&other, 8, 0);
	want(rq_cancel(&other, f->rx, 0, 1), -ENOENT);
	port_close(&other);
	row("reserved");
	c.fd = f->rx;
	c.__reserved = 1;
	want(odg(f->p.fd, ODG_RQ_CANCEL, &c), -EINVAL);
	row("too short");
	c.__reserved = 0;
	c.size = sizeof(c) - 1;
	want(odg(f->p.fd, ODG_RQ_CANCEL, &c), -EINVAL);
	want_none(&f->p);
	row("and as it should be");
	c.size = sizeof(c);
	want(odg(f->p.fd, ODG_RQ_CANCEL, &c), 1);
	reap_ring(&q, 1, -ECANCELED, 0);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(one_of_many),
		T(all_of_them_in_any_order),
		T(many_dead_ones_do_not_stall),
		T(a_standing_one),
		T(quiet_ones_stay_so),
		T(what_is_not_posted),
		T(no_room_for_its_completion_is_EAGAIN),
		T(one_by_address),
		T(close_of_the_socket_skips_them),
		T(cancel_arguments),
	};

	return cmocka_run_group_tests_name("rq_cancel", tests, NULL, NULL);
}
