// SPDX-License-Identifier: MIT
/*
 * Datagrams that no receive takes, where the program wants another end for them than
 * the stack has: ODG_BIND_DROP_OLDEST and ODG_BIND_NO_QUEUE.
 */
#include "helpers.h"

#include <linux/sock_diag.h>

#define FLOOD	300
#define SIZE	1000
#define RCVBUF	20000

static void send_nr(struct fix *f, uint32_t nr)
{
	uint8_t data[SIZE];

	memset(data, (int)nr, sizeof(data));
	memcpy(data, &nr, sizeof(nr));
	send_to(f->tx, f->rx, data, sizeof(data));
}

/* Takes what waits; returns its number. */
static uint32_t take_nr(struct fix *f)
{
	uint32_t nr;

	op_init(&f->op[0]);
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want(f->op[0].r.state, ODG_RECV_DONE);
	memcpy(&nr, f->op[0].data, sizeof(nr));
	want(f->op[0].result.cqe.len, SIZE);
	want(f->op[0].data[SIZE - 1], nr & 0xff);
	return nr;
}

static void flood(struct fix *f)
{
	for (uint32_t i = 0; i < FLOOD; i++)
		send_nr(f, i);
	wait_arrived(&f->p, f->rx, FLOOD);
}

static void the_oldest_are_dropped(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s;
	uint32_t first;

	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, RCVBUF);
	want(odg_bind(&f->p, f->rx, ODG_BIND_DROP_OLDEST), 0);
	flood(f);
	s = sock_stats(&f->p, f->rx);
	want(stats_gap(&s), 0);
	want(s.dropped + s.queued, FLOOD);
	want(s.queued_bytes, (uint64_t)s.queued * SIZE);
	row("no more than a quarter of the buffer is empty");
	want_true(meminfo(f->rx, SK_MEMINFO_RMEM_ALLOC) <= 2 * RCVBUF);
	want_true(meminfo(f->rx, SK_MEMINFO_RMEM_ALLOC) >= RCVBUF);

	row("the rest, without a hole, up to the newest");
	first = take_nr(f);
	want(first, s.dropped);
	want(f->op[0].result.cqe.drops, s.dropped);
	for (uint32_t i = first + 1; i < FLOOD; i++) {
		want(take_nr(f), i);
		want(f->op[0].result.cqe.drops, 0);
	}
	want_stats_sum(&f->p, f->rx);

	row("posted receives get theirs as ever");
	op_init(&f->op[0]);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "direct");
	reap_data(&f->p, &f->op[0], "direct", 6);
	want(sock_stats(&f->p, f->rx).direct, 1);
}

static void the_newest_are_dropped_otherwise(void **state)
{
	struct fix *f = *state;
	uint32_t n;

	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, RCVBUF);
	want(odg_bind(&f->p, f->rx, ODG_BIND_DROP_OLDEST), 0);
	want(odg_bind(&f->p, f->rx, 0), 0);
	flood(f);
	n = sock_stats(&f->p, f->rx).queued;
	want_true(n > 0 && n < FLOOD);
	for (uint32_t i = 0; i < n; i++)
		want(take_nr(f), i);
	want_stats_sum(&f->p, f->rx);
}

/* What a receive had a part of may be the oldest, too. */
static void a_rest_is_dropped(void **state)
{
	struct fix *f = *state;
	uint32_t len = 10, nr;

	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, RCVBUF);
	want(odg_bind(&f->p, f->rx, ODG_BIND_DROP_OLDEST | ODG_BIND_PARTIAL), 0);
	op_init(&f->op[0]);
	op_segs(&f->op[0], 1, &len);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_nr(f, FLOOD);
	want(reap(&f->p)->flags & ODG_CQE_PARTIAL, ODG_CQE_PARTIAL);
	for (uint32_t i = 0; i < FLOOD; i++)
		send_nr(f, i);
	wait_arrived(&f->p, f->rx, FLOOD + 1);
	nr = take_nr(f);
	want_true(nr > 0 && nr < FLOOD);
	while (++nr < FLOOD)
		want(take_nr(f), nr);
	want_stats_sum(&f->p, f->rx);
}

static void what_finds_no_receive_is_dropped(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s;

	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_QUEUE), 0);
	send_str(f->tx, f->rx, "lost");
	wait_arrived(&f->p, f->rx, 1);
	op_init(&f->op[0]);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "found");
	want(reap_data(&f->p, &f->op[0], "found", 5)->drops, 1);
	s = sock_stats(&f->p, f->rx);
	want(s.dropped, 1);
	want(s.direct, 1);
	want(s.queued, 0);
	want(s.queued_bytes, 0);
	want(stats_gap(&s), 0);

	row("and when it is turned off, waits");
	want(odg_bind(&f->p, f->rx, 0), 0);
	queue_str(f->tx, f->rx, "waits");
	op_init(&f->op[0]);
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_result(&f->op[0], "waits", 5);
}

static void what_waited_before_stays(void **state)
{
	struct fix *f = *state;

	queue_str(f->tx, f->rx, "before");
	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_QUEUE), 0);
	send_str(f->tx, f->rx, "lost");
	wait_arrived(&f->p, f->rx, 2);
	op_init(&f->op[0]);
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_result(&f->op[0], "before", 6);
	want(sock_stats(&f->p, f->rx).dropped, 1);
}

/* They come to their receives through the queue. */
static void long_ones_are_not_dropped(void **state)
{
	struct fix *f = *state;
	uint32_t len = 4;

	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_QUEUE | ODG_BIND_PARTIAL), 0);
	for (int i = 0; i < 2; i++) {
		op_init(&f->op[i]);
		op_segs(&f->op[i], 1, &len);
		post_pending(&f->p, f->rx, &f->op[i]);
	}
	send_str(f->tx, f->rx, "longer");
	want(reap(&f->p)->len, 4);
	want(reap(&f->p)->len, 2);
	want(sock_stats(&f->p, f->rx).dropped, 0);
	send_str(f->tx, f->rx, "lost");
	wait_arrived(&f->p, f->rx, 2);
	want(sock_stats(&f->p, f->rx).dropped, 1);
	want_stats_sum(&f->p, f->rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(the_oldest_are_dropped),
		T(the_newest_are_dropped_otherwise),
		T(a_rest_is_dropped),
		T46(what_finds_no_receive_is_dropped),
		T(what_waited_before_stays),
		T(long_ones_are_not_dropped),
	};

	return cmocka_run_group_tests_name("overflow", tests, NULL, NULL);
}
