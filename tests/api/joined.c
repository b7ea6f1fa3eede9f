// SPDX-License-Identifier: MIT
/*
 * Datagrams that the stack joins for a socket with UDP_GRO: each gets a receive of its
 * own, or, by odg_bind.max_joined, several share one.  The sender makes them by
 * UDP_SEGMENT: on the loopback what it sent at once arrives at once.
 */
#include "helpers_ring.h"

#include <linux/filter.h>
#include <netinet/udp.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#define UDP_GRO		104
#endif

#define SEG	100
#define BURST	550		/* five of SEG and one of 50 */

static uint8_t burst[BURST];

static int bind_joined(struct fix *f, uint32_t max)
{
	struct odg_bind b = { .size = sizeof(b), .fd = f->rx, .max_joined = max };

	f->p.joins = true;
	return odg(f->p.fd, ODG_BIND, &b);
}

/* Both ends are told. */
static void segment(struct fix *f)
{
	for (int i = 0; i < BURST; i++)
		burst[i] = (uint8_t)(i / SEG * 16 + i % 15);
	set_opt(f->rx, IPPROTO_UDP, UDP_GRO, 1);
	set_opt(f->tx, IPPROTO_UDP, UDP_SEGMENT, SEG);
}

static void send_burst(struct fix *f)
{
	send_to(f->tx, f->rx, burst, BURST);
}

static void room(struct op *op, uint32_t len)
{
	op_init(op);
	op_segs(op, 1, &len);
}

static void post_room(struct fix *f, int i, uint32_t len)
{
	room(&f->op[i], len);
	post_pending(&f->p, f->rx, &f->op[i]);
}

/* A completion of what begins at @at of the burst. */
struct part {
	uint32_t at, len, full, seg;
};

static void check_part(const struct fix *f, const struct odg_cqe *c,
		       const struct op *op, struct part part)
{
	want(c->user_data, op->r.user_data);
	want(c->status, part.len < part.full ? -EMSGSIZE : 0);
	want(c->len, part.len);
	want(c->full_len, part.full);
	want(c->seg_len, part.seg);
	want(c->port, port_of(f->tx));
	want(c->flags & ODG_CQE_PARTIAL, 0);
	want(memcmp(op->data, burst + part.at, part.len), 0);
	want_true(is_poison(op->data + part.len, OP_DATA - part.len));
}

static void reap_part(struct fix *f, int i, struct part part)
{
	check_part(f, reap(&f->p), &f->op[i], part);
}

/* Takes what waits at once. */
static void take_part(struct fix *f, uint32_t len, struct part part)
{
	room(&f->op[0], len);
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want(f->op[0].r.state, ODG_RECV_DONE);
	check_part(f, &f->op[0].result.cqe, &f->op[0], part);
}

struct counts {
	uint64_t arrived, direct, from_queue, pieces, truncated;
};

static void want_counts(struct fix *f, struct counts want)
{
	struct odg_sock_stats s = sock_stats(&f->p, f->rx);

	want(s.arrived, want.arrived);
	want(s.direct, want.direct);
	want(s.from_queue, want.from_queue);
	want(s.pieces, want.pieces);
	want(s.truncated, want.truncated);
	want(s.dropped, 0);
	want(s.queued, 0);
	want(stats_gap(&s), 0);
}

/* Six that are single. */
static const struct part singles[] = {
	{ 0, SEG, SEG, 0 }, { 100, SEG, SEG, 0 }, { 200, SEG, SEG, 0 },
	{ 300, SEG, SEG, 0 }, { 400, SEG, SEG, 0 }, { 500, 50, 50, 0 },
};

static void posted_ones_are_single(void **state)
{
	struct fix *f = *state;

	segment(f);
	for (int i = 0; i < 6; i++)
		post_room(f, i, OP_DATA);
	send_burst(f);
	for (int i = 0; i < 6; i++)
		reap_part(f, i, singles[i]);
	want_counts(f, (struct counts){ .arrived = 6, .direct = 6 });
}

/* Joined before odgram had the socket. */
static void queued_ones_are_single(void **state)
{
	struct fix *f = *state;

	segment(f);
	send_queued(f->tx, f->rx, burst, BURST);
	for (int i = 0; i < 6; i++)
		take_part(f, OP_DATA, singles[i]);
	want_counts(f, (struct counts){ .arrived = 1, .from_queue = 1, .pieces = 5 });
}

static void queued_ones_are_single_in_a_ring(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	segment(f);
	send_queued(f->tx, f->rx, burst, BURST);
	setup_ring(&q, f, 8);
	for (uint32_t i = 0; i < 6; i++)
		ring_write(&q.r, i, q.region, i * 1000, 1000);
	ring_post(&q);
	for (uint32_t i = 0; i < 6; i++) {
		reap_ring(&q, i, 0, singles[i].len);
		want(memcmp(q.mem + i * 1000, burst + singles[i].at, singles[i].len), 0);
		want_true(is_poison(q.mem + i * 1000 + singles[i].len, 1000 - singles[i].len));
	}
	want_counts(f, (struct counts){ .arrived = 1, .from_queue = 1, .pieces = 5 });
	drop_ring(&q);
}

static void joined_ones_share_a_receive(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	post_room(f, 0, OP_DATA);
	send_burst(f);
	reap_part(f, 0, (struct part){ 0, BURST, BURST, SEG });

	row("one that waited");
	send_queued(f->tx, f->rx, burst, BURST);
	take_part(f, OP_DATA, (struct part){ 0, BURST, BURST, SEG });

	row("exactly the room");
	post_room(f, 0, BURST);
	send_burst(f);
	reap_part(f, 0, (struct part){ 0, BURST, BURST, SEG });
	want_counts(f, (struct counts){ .arrived = 3, .from_queue = 3 });
}

static void not_more_than_asked_for(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 250), 0);
	for (int i = 0; i < 3; i++)
		post_room(f, i, OP_DATA);
	send_burst(f);
	reap_part(f, 0, (struct part){ 0, 200, 200, SEG });
	reap_part(f, 1, (struct part){ 200, 200, 200, SEG });
	reap_part(f, 2, (struct part){ 400, 150, 150, SEG });

	row("those that waited");
	send_queued(f->tx, f->rx, burst, BURST);
	take_part(f, OP_DATA, (struct part){ 0, 200, 200, SEG });
	take_part(f, OP_DATA, (struct part){ 200, 200, 200, SEG });
	take_part(f, OP_DATA, (struct part){ 400, 150, 150, SEG });

	row("a datagram that is larger comes all the same");
	want(bind_joined(f, 10), 0);
	post_room(f, 0, OP_DATA);
	send_to(f->tx, f->rx, burst, SEG);
	reap_part(f, 0, singles[0]);
	want_counts(f, (struct counts){ .arrived = 3, .from_queue = 3, .pieces = 4 });
}

static void not_more_than_there_is_room_for(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	post_room(f, 0, 320);
	post_room(f, 1, 100);
	post_room(f, 2, 0x60);
	post_room(f, 3, 49);
	send_burst(f);
	reap_part(f, 0, (struct part){ 0, 300, 300, SEG });
	reap_part(f, 1, (struct part){ 300, SEG, SEG, 0 });
	row("less than one: the rest of that one is lost, no other");
	reap_part(f, 2, (struct part){ 400, 0x60, SEG, 0 });
	reap_part(f, 3, (struct part){ 500, 49, 50, 0 });

	row("those that waited");
	send_queued(f->tx, f->rx, burst, BURST);
	take_part(f, 199, (struct part){ 0, SEG, SEG, 0 });
	take_part(f, 99, (struct part){ 100, 99, SEG, 0 });
	take_part(f, OP_DATA, (struct part){ 200, 350, 350, SEG });
	want_counts(f, (struct counts){
		.arrived = 2, .from_queue = 2, .pieces = 5, .truncated = 3 });
}

/* ODG_BIND_PARTIAL within a datagram, and not beyond. */
static void a57_pieces_of_one_that_was_joined(void **state)
{
	static const struct {
		uint32_t room, at, len, full, seg;
	} rows[] = {
		{ 60, 0, 60, 100, 0 }, { 60, 60, 40, 40, 0 },
		{ 70, 100, 70, 100, 0 }, { 500, 170, 30, 30, 0 },
		{ 200, 200, 200, 200, SEG }, { 100, 400, 100, 100, 0 },
		{ 20, 500, 20, 50, 0 }, { 30, 520, 30, 30, 0 },
	};
	struct odg_bind b = {
		.size = sizeof(b), .flags = ODG_BIND_PARTIAL, .max_joined = 1000,
	};
	struct fix *f = *state;
	const struct odg_cqe *c;

	segment(f);
	f->p.joins = true;
	b.fd = f->rx;
	want(odg(f->p.fd, ODG_BIND, &b), 0);
	for (int way = 0; way < 2; way++) {
		if (way)
			send_queued(f->tx, f->rx, burst, BURST);
		for (int i = 0; !way && i < 8; i++)
			post_room(f, i, rows[i].room);
		if (!way)
			send_burst(f);
		for (int i = 0; i < 8; i++) {
			row("way %d, receive %d", way, i);
			c = way ? &f->op[i].result.cqe : NULL;
			if (way) {
				room(&f->op[i], rows[i].room);
				op_result(&f->op[i]);
				want(post(&f->p, f->rx, &f->op[i]), 1);
			} else {
				c = reap(&f->p);
			}
			want(c->user_data, f->op[i].r.user_data);
			want(c->status, 0);
			want(c->len, rows[i].len);
			want(c->full_len, rows[i].full);
			want(c->seg_len, rows[i].seg);
			want(!!(c->flags & ODG_CQE_PARTIAL), rows[i].len < rows[i].full);
			want(memcmp(f->op[i].data, burst + rows[i].at, rows[i].len), 0);
		}
	}
	want_counts(f, (struct counts){ .arrived = 2, .from_queue = 2, .pieces = 14 });
}

static void a_ring_takes_joined_ones(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	segment(q.f);
	want(bind_joined(q.f, 65535), 0);
	ring_write(&q.r, 1, q.region, 0, 250);
	ring_write(&q.r, 2, q.region, 1000, 100)->flags = ODG_RQE_MORE;
	ring_write(&q.r, 2, q.region, 2000, 400);
	ring_post(&q);
	send_burst(q.f);
	want(reap_ring(&q, 1, 0, 200)->seg_len, SEG);
	want(reap_ring(&q, 2, 0, 350)->seg_len, SEG);
	want(memcmp(q.mem, burst, 200), 0);
	want_true(is_poison(q.mem + 200, 800));
	want(memcmp(q.mem + 1000, burst + 200, 100), 0);
	want(memcmp(q.mem + 2000, burst + 300, 250), 0);
	want_counts(q.f, (struct counts){ .arrived = 1, .from_queue = 1, .pieces = 1 });
	drop_ring(&q);
}

/* What stands in the queue comes first, also when it is turned on or off meanwhile. */
static void inv1_turned_on_and_off(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	send_queued(f->tx, f->rx, burst, BURST);
	take_part(f, 320, (struct part){ 0, 300, 300, SEG });
	want(bind_joined(f, 0), 0);
	send_queued(f->tx, f->rx, burst, SEG);
	take_part(f, OP_DATA, singles[3]);
	take_part(f, OP_DATA, singles[4]);
	take_part(f, OP_DATA, singles[5]);
	take_part(f, OP_DATA, singles[0]);
	post_room(f, 0, OP_DATA);
	send_to(f->tx, f->rx, burst, SEG);
	reap_part(f, 0, singles[0]);
	want_counts(f, (struct counts){
		.arrived = 3, .direct = 1, .from_queue = 2, .pieces = 3 });

	row("without UDP_GRO nothing is joined");
	set_opt(f->rx, IPPROTO_UDP, UDP_GRO, 0);
	want(bind_joined(f, 65535), 0);
	for (int i = 0; i < 6; i++)
		post_room(f, i, OP_DATA);
	send_burst(f);
	for (int i = 0; i < 6; i++)
		reap_part(f, i, singles[i]);
	want_counts(f, (struct counts){
		.arrived = 9, .direct = 1, .from_queue = 8, .pieces = 3 });
}

static void inv2_bad_post_takes_nothing(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	send_queued(f->tx, f->rx, burst, BURST);
	room(&f->op[0], 200);
	op_result(&f->op[0]);
	f->op[0].seg[0].addr = 4096;
	want(post(&f->p, f->rx, &f->op[0]), -EFAULT);
	take_part(f, 200, (struct part){ 0, 200, 200, SEG });
	room(&f->op[0], 200);
	op_result(&f->op[0]);
	f->op[0].seg[0].addr = 4096;
	want(post(&f->p, f->rx, &f->op[0]), -EFAULT);
	take_part(f, OP_DATA, (struct part){ 200, 350, 350, SEG });
	want_counts(f, (struct counts){ .arrived = 1, .from_queue = 1, .pieces = 1 });
}

static void inv7_unbind_leaves_it_whole(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	send_queued(f->tx, f->rx, burst, BURST);
	take_part(f, 200, (struct part){ 0, 200, 200, SEG });
	want(odg_unbind(&f->p, f->rx), 0);
	native_recv(f->rx, burst, BURST);

	row("bound again, it is as new");
	want(odg_bind(&f->p, f->rx, 0), 0);
	post_room(f, 0, OP_DATA);
	send_to(f->tx, f->rx, burst, SEG);
	reap_part(f, 0, singles[0]);
	want_counts(f, (struct counts){ .arrived = 1, .direct = 1 });
}

static void inv7_close_with_a_rest_kept(void **state)
{
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	send_queued(f->tx, f->rx, burst, BURST);
	take_part(f, 200, (struct part){ 0, 200, 200, SEG });
	close(f->rx);
	f->rx = udp(f->family);
}

static void filter_still_applies(void **state)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog prog = { .len = 1, .filter = &none };
	struct fix *f = *state;

	segment(f);
	want(bind_joined(f, 65535), 0);
	sys(setsockopt(f->rx, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	post_room(f, 0, OP_DATA);
	send_burst(f);
	eventually(sock_stats(&f->p, f->rx).dropped == 1);
	want_none(&f->p);
	set_opt(f->rx, SOL_SOCKET, SO_DETACH_FILTER, 0);
	send_burst(f);
	reap_part(f, 0, (struct part){ 0, BURST, BURST, SEG });
}

/* Bursts of all sizes into receives of all sizes: none lost, cut or out of place. */
static void stream_keeps_order_and_borders(void **state)
{
	unsigned long rounds = scaled("ODG_ROUNDS", 2000);
	uint32_t sent = 0, got = 0, seed = 1;
	struct fix *f = *state;
	uint8_t data[1400];

	segment(f);
	want(bind_joined(f, 700), 0);
	for (unsigned long n = 0; n < rounds; n++) {
		uint32_t seg, total = 0;

		seed = seed * 1103515245 + 12345;
		seg = 40 + (seed >> 16) % 100;
		set_opt(f->tx, IPPROTO_UDP, UDP_SEGMENT, (int)seg);
		/* each datagram: its number, and its size in all other bytes */
		for (uint32_t i = 0; i < 1 + (seed >> 8) % 9; i++, total += seg) {
			memset(data + total, (int)seg, seg);
			memcpy(data + total, &sent, sizeof(sent));
			sent++;
		}
		if (n % 16 == 0)
			want(bind_joined(f, n % 32 ? 700 : 0), 0);
		send_queued(f->tx, f->rx, data, total);
		while (total) {
			const struct odg_cqe *c = &f->op[0].result.cqe;
			uint32_t at, each;

			room(&f->op[0], 150 + (seed >> 4) % 700);
			op_result(&f->op[0]);
			want(post(&f->p, f->rx, &f->op[0]), 1);
			want(f->op[0].r.state, ODG_RECV_DONE);
			want(c->status, 0);
			want(c->len, c->full_len);
			want_true(c->len <= 700);
			each = c->seg_len ? c->seg_len : c->len;
			want(each, seg);
			for (at = 0; at < c->len; at += each, got++) {
				want(memcmp(f->op[0].data + at, &got, sizeof(got)), 0);
				want(f->op[0].data[at + 4], seg);
				want(f->op[0].data[at + each - 1], seg);
			}
			want(at, c->len);
			total -= c->len;
			seed = seed * 1103515245 + 12345;
		}
	}
	want(got, sent);
	want_stats_sum(&f->p, f->rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(posted_ones_are_single),
		T46(queued_ones_are_single),
		T(queued_ones_are_single_in_a_ring),
		T46(joined_ones_share_a_receive),
		T46(not_more_than_asked_for),
		T46(not_more_than_there_is_room_for),
		T46(a57_pieces_of_one_that_was_joined),
		T46(a_ring_takes_joined_ones),
		T46(inv1_turned_on_and_off),
		T(inv2_bad_post_takes_nothing),
		T46(inv7_unbind_leaves_it_whole),
		T46(inv7_close_with_a_rest_kept),
		T46(filter_still_applies),
		T46(stream_keeps_order_and_borders),
	};

	return cmocka_run_group_tests_name("joined", tests, NULL, NULL);
}
