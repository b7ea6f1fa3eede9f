// SPDX-License-Identifier: MIT
/* Standing receives: one ring entry, many datagrams, packed one behind the other. */
#include "helpers_ring.h"

#include <pthread.h>

#define NAME	0x1000000000ULL

/* A standing receive of len bytes at offset, named NAME + offset. */
static void stand(struct rq_fix *q, uint64_t offset, uint32_t len, uint32_t least)
{
	struct odg_rqe *e = ring_write(&q->r, NAME + offset, q->region, offset,
				       len);

	e->flags = ODG_RQE_STANDING;
	e->least = least;
	ring_post(q);
}

/* The next completion is a datagram of len bytes at offset of the region. */
static void reap_at(struct rq_fix *q, uint64_t offset, uint32_t len, bool more)
{
	const struct odg_cqe *c = reap_ring(q, NAME + offset, 0, len);

	want(c->flags & ODG_CQE_MORE, more ? ODG_CQE_MORE : 0);
}

static uint32_t ring_cons(const struct rq_fix *q)
{
	return __atomic_load_n(q->r.cons, __ATOMIC_ACQUIRE);
}

static void standing_packs_one_behind_the_other(void **state)
{
	static const struct { uint32_t len, at; } rows[] = {
		{ 10, 0 }, { 64, 64 }, { 65, 128 }, { 0, 256 }, { 1, 256 },
		{ 128, 320 },
	};
	uint8_t data[128];
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	stand(&q, 1024, 1024, 100);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		row("%u bytes", rows[i].len);
		memset(data, (int)i + 1, sizeof(data));
		send_to(q.f->tx, q.f->rx, data, rows[i].len);
		reap_at(&q, 1024 + rows[i].at, rows[i].len, true);
		want(memcmp(q.mem + 1024 + rows[i].at, data, rows[i].len), 0);
		want_true(is_poison(q.mem + 1024 + rows[i].at + rows[i].len,
				    1024 - rows[i].at - rows[i].len));
	}
	want(ring_cons(&q), 0);
	want_true(is_poison(q.mem, 1024));
	want_true(is_poison(q.mem + 2048, 1024));
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void standing_retires_when_less_than_least_remains(void **state)
{
	uint8_t data[64] = { 0 };
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	stand(&q, 0, 256, 100);
	stand(&q, 4096, 128, 64);
	for (uint32_t i = 0; i < 5; i++)
		send_to(q.f->tx, q.f->rx, data, sizeof(data));
	reap_at(&q, 0, 64, true);
	reap_at(&q, 64, 64, true);
	row("64 of 100 remain");
	reap_at(&q, 128, 64, false);
	row("exactly as many as wanted remain");
	reap_at(&q, 4096, 64, true);
	row("none remains");
	reap_at(&q, 4096 + 64, 64, false);
	want(ring_cons(&q), 2);
	drop_ring(&q);
}

/* What does not fit into what remains is cut, as always, and ends the receive. */
static void standing_truncates_and_retires(void **state)
{
	uint8_t data[200];
	struct rq_fix q;

	memset(data, 1, sizeof(data));
	setup_ring(&q, *state, 8);
	stand(&q, 0, 256, 64);
	stand(&q, 1024, 256, 64);
	send_to(q.f->tx, q.f->rx, data, 100);
	send_to(q.f->tx, q.f->rx, data, 200);
	send_to(q.f->tx, q.f->rx, data, 1);
	reap_at(&q, 0, 100, true);
	want(reap_ring(&q, NAME + 128, -EMSGSIZE, 128)->full_len, 200);
	want(q.f->p.last.cqe.flags & ODG_CQE_MORE, 0);
	want_true(is_poison(q.mem + 256, 100));
	reap_at(&q, 1024, 1, true);
	want(sock_stats(&q.f->p, q.f->rx).truncated, 1);
	drop_ring(&q);
}

/* It completes before what was posted behind it, in either way. */
static void inv1_standing_keeps_its_place(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	stand(&q, 0, 128, 64);
	post_pending(&f->p, f->rx, &f->op[0]);
	ring_write(&q.r, 5, q.region, 512, 64);
	ring_post(&q);
	for (int i = 0; i < 4; i++)
		send_to(f->tx, f->rx, &"abcd"[i], 1);
	reap_at(&q, 0, 1, true);
	reap_at(&q, 64, 1, false);
	reap_data(&f->p, &f->op[0], "c", 1);
	reap_ring(&q, 5, 0, 1);
	want(q.mem[0], 'a');
	want(q.mem[64], 'b');
	want(q.mem[512], 'd');
	drop_ring(&q);
}

static void standing_takes_what_waits(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	for (int i = 0; i < 5; i++)
		send_queued(q.f->tx, q.f->rx, &"01234"[i], 1);
	stand(&q, 0, 4096, 64);
	for (uint32_t i = 0; i < 5; i++) {
		reap_at(&q, 64 * i, 1, true);
		want(q.mem[64 * i], '0' + i);
	}
	want(*q.r.flags, 0);
	send_str(q.f->tx, q.f->rx, "5");
	reap_at(&q, 64 * 5, 1, true);
	drop_ring(&q);
}

static void standing_without_completion_room_waits(void **state)
{
	struct fix own = *(struct fix *)*state;
	struct rq_fix q;

	port_open(&own.p, 4, 0);
	setup_ring(&q, &own, 8);
	stand(&q, 0, 4096, 64);
	for (int i = 0; i < 6; i++)
		send_to(own.tx, own.rx, &i, sizeof(i));
	eventually(sock_stats(&own.p, own.rx).queued == 2);
	want(port_unread(&own.p), 4);
	for (uint32_t i = 0; i < 4; i++)
		reap_at(&q, 64 * i, 4, true);
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	want(kick(&own.p, own.rx), 0);
	for (uint32_t i = 4; i < 6; i++) {
		reap_at(&q, 64 * i, 4, true);
		want(memcmp(q.mem + 64 * i, &i, 4), 0);
	}
	drop_ring(&q);
	port_close(&own.p);
}

static void b_r12_quiet_standing_stays_quiet(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	stand(&q, 0, 128, 64);
	q.r.rqes[0].flags |= ODG_RQE_QUIET;
	for (int i = 0; i < 2; i++) {
		send_str(q.f->tx, q.f->rx, "x");
		want(reap_ring(&q, NAME + 64 * (uint64_t)i, 0, 1)->flags &
			     ODG_CQE_QUIET, ODG_CQE_QUIET);
	}
	want(*q.f->p.loud, 0);
	drop_ring(&q);
}

static void closing_the_socket_ends_it_once(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	stand(&q, 0, 4096, 64);
	stand(&q, 8192, 4096, 64);
	send_str(f->tx, f->rx, "x");
	reap_at(&q, 0, 1, true);
	sys(close(f->rx));
	f->rx = -1;
	want(reap_ring(&q, NAME + 64, -ECANCELED, 0)->flags & ODG_CQE_MORE, 0);
	want(reap_ring(&q, NAME + 8192, -ECANCELED, 0)->flags & ODG_CQE_MORE, 0);
	want_none(&f->p);
	drop_ring(&q);
}

static void deregistered_under_it_is_an_error(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	stand(&q, 0, 4096, 64);
	send_str(q.f->tx, q.f->rx, "x");
	reap_at(&q, 0, 1, true);
	want(region_del(&q.f->p, q.region), 0);
	send_str(q.f->tx, q.f->rx, "late");
	want(reap_ring(&q, NAME + 64, -EFAULT, 0)->flags & ODG_CQE_MORE, 0);
	want_true(is_poison(q.mem + 1, REGION_LEN - 1));
	native_recv(q.f->rx, "late", 4);
	drop_ring(&q);
}

/*
 * Datagrams that fit do not look at the entry again; one that does not fit goes by the
 * other way, which does, and believes it no more than the first time.
 */
static void inv5_entry_that_changes_under_it(void **state)
{
	static const struct odg_rqe rows[] = {
		{ .len = 64, .least = 64, .flags = ODG_RQE_STANDING },
		{ .len = 0, .least = 0, .flags = ODG_RQE_STANDING },
		{ .offset = REGION_LEN - 8, .len = 4096, .least = 1,
		  .flags = ODG_RQE_STANDING },
		{ .len = ~0U, .least = 1, .flags = ODG_RQE_STANDING },
		{ .len = 4096, .least = 1, .flags = ~ODG_RQE_DEAD },
	};
	static const char too_long[5000];
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct odg_rqe *e;

		row("%zu", i);
		stand(&q, 0, 4096, 64);
		e = &q.r.rqes[(q.r.next - 1) & 7];
		send_str(q.f->tx, q.f->rx, "x");
		reap_at(&q, 0, 1, true);
		e->offset = rows[i].offset;
		e->len = rows[i].len;
		e->least = rows[i].least;
		e->flags = rows[i].flags;
		send_str(q.f->tx, q.f->rx, "y");
		reap_at(&q, 64, 1, true);
		send_to(q.f->tx, q.f->rx, too_long, sizeof(too_long));
		want_true(reap(&q.f->p)->status < 0);
		native_recv(q.f->rx, too_long, sizeof(too_long));
		want(ring_cons(&q), i + 1);
	}
	want_true(is_poison(q.mem + 1, 63));
	want_true(is_poison(q.mem + 65, REGION_LEN - 65));
	drop_ring(&q);
}

#define RACE_COUNT	scaled("ODG_STRESS_COUNT", 20000)
#define PIECE		4096U
#define PIECES		8U

static void *race_send(void *arg)
{
	struct rq_fix *q = arg;

	for (uint32_t i = 0; i < RACE_COUNT; i++)
		send_to(q->f->tx, q->f->rx, &i, sizeof(i));
	return NULL;
}

/* Pieces that run out and come back, against a sender: order, each one once. */
static void g12_standing_keeps_order_under_race(void **state)
{
	uint32_t posted = 0, retired = 0, seen = 0, last = 0, value;
	struct progress progress = { 0 };
	struct odg_sock_stats s;
	pthread_t sender;
	struct rq_fix q;

	setup_ring(&q, *state, PIECES);
	sys(pthread_create(&sender, NULL, race_send, &q));
	for (;;) {
		const struct odg_cqe *c;

		while (posted - retired < PIECES) {
			stand(&q, posted % PIECES * PIECE, PIECE, 64);
			posted++;
		}
		if (!port_unread(&q.f->p)) {
			want(kick(&q.f->p, q.f->rx), 0);
			s = sock_stats(&q.f->p, q.f->rx);
			if (s.arrived == RACE_COUNT && !s.queued &&
			    !port_unread(&q.f->p))
				break;
			row("%u seen, %llu arrived, %u queued", seen, s.arrived,
			    s.queued);
			want_progress(&progress, seen + s.arrived);
			odg_wait(&q.f->p, 1, now_ns(CLOCK_MONOTONIC) + 1000000);
			continue;
		}
		c = reap(&q.f->p);
		want(c->status, 0);
		want((c->user_data - NAME) / PIECE, retired % PIECES);
		memcpy(&value, q.mem + (c->user_data - NAME), sizeof(value));
		want_true(!seen || value > last);
		last = value;
		seen++;
		retired += !(c->flags & ODG_CQE_MORE);
	}
	row("%s", "");
	pthread_join(sender, NULL);
	want(seen + s.dropped, RACE_COUNT);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(standing_packs_one_behind_the_other),
		T(standing_retires_when_less_than_least_remains),
		T(standing_truncates_and_retires),
		T(inv1_standing_keeps_its_place),
		T(standing_takes_what_waits),
		T(standing_without_completion_room_waits),
		T(b_r12_quiet_standing_stays_quiet),
		T(closing_the_socket_ends_it_once),
		T(deregistered_under_it_is_an_error),
		T(inv5_entry_that_changes_under_it),
		T(g12_standing_keeps_order_under_race),
	};

	return cmocka_run_group_tests_name("standing", tests, NULL, NULL);
}
