// SPDX-License-Identifier: MIT
/*
 * ODG_BIND_PARTIAL: a datagram longer than its receive goes on in the next one, and
 * none of it is lost.
 */
#include "helpers_ring.h"

#include <pthread.h>
#include <sys/ioctl.h>

static const char twenty[] = "abcdefghijklmnopqrst";

/* The next completion: op has these bytes of a datagram that had so many left. */
static const struct odg_cqe *reap_piece(struct port *p, const struct op *op,
					const char *data, uint32_t len,
					uint32_t left)
{
	const struct odg_cqe *c = reap(p);

	want(c->user_data, op->r.user_data);
	want(c->status, 0);
	want(c->flags & ODG_CQE_PARTIAL, left > len ? ODG_CQE_PARTIAL : 0);
	want(c->len, len);
	want(c->full_len, left);
	want(memcmp(op->data, data, len), 0);
	want_true(is_poison(op->data + len, OP_DATA - len));
	return c;
}

/* The same of one that was done at once. */
static void want_piece(const struct op *op, const char *data, uint32_t len,
		       uint32_t left)
{
	const struct odg_cqe *c = &op->result.cqe;

	want(op->r.state, ODG_RECV_DONE);
	want(c->user_data, op->r.user_data);
	want(c->status, 0);
	want(c->flags & ODG_CQE_PARTIAL, left > len ? ODG_CQE_PARTIAL : 0);
	want(c->len, len);
	want(c->full_len, left);
	want(memcmp(op->data, data, len), 0);
	want_true(is_poison(op->data + len, OP_DATA - len));
}

/* A receive of so many bytes. */
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

/* Takes what waits at once. */
static void take_room(struct fix *f, int i, uint32_t len)
{
	room(&f->op[i], len);
	op_result(&f->op[i]);
	want(post(&f->p, f->rx, &f->op[i]), 1);
}

static void bind_partial(struct fix *f)
{
	want(odg_bind(&f->p, f->rx, ODG_BIND_PARTIAL), 0);
}

struct counts {
	uint64_t queued, direct, from_queue, native, pieces, bytes, arrived;
};

static void want_counts(struct fix *f, struct counts want)
{
	struct odg_sock_stats s = sock_stats(&f->p, f->rx);

	want(s.queued, want.queued);
	want(s.direct, want.direct);
	want(s.from_queue, want.from_queue);
	want(s.native, want.native);
	want(s.pieces, want.pieces);
	want(s.bytes, want.bytes);
	want(s.arrived, want.arrived);
	want(s.truncated, 0);
	want(s.dropped, 0);
	want(s.filtered, 0);
	want(stats_gap(&s), 0);
}

static void a57_long_datagram_fills_the_posts_in_order(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	for (int i = 0; i < 4; i++)
		post_room(f, i, 8);
	send_str(f->tx, f->rx, twenty);
	want(reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20)->port,
	     port_of(f->tx));
	want(reap_piece(&f->p, &f->op[1], "ijklmnop", 8, 12)->port,
	     port_of(f->tx));
	want(reap_piece(&f->p, &f->op[2], "qrst", 4, 4)->port, port_of(f->tx));
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });

	row("the next one begins a receive of its own");
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[3], "next", 4);
	want_counts(f, (struct counts){ .direct = 1,
		.from_queue = 1, .pieces = 2, .bytes = 24, .arrived = 2 });
}

static void a57_rest_is_kept_for_later_posts(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	want_counts(f, (struct counts){
		.queued = 1, .pieces = 1, .bytes = 8, .arrived = 1 });

	row("to the result");
	take_room(f, 1, 8);
	want_piece(&f->op[1], "ijklmnop", 8, 12);
	want_counts(f, (struct counts){
		.queued = 1, .pieces = 2, .bytes = 16, .arrived = 1 });

	row("to the queue");
	room(&f->op[2], 8);
	want(post(&f->p, f->rx, &f->op[2]), 1);
	want(f->op[2].r.state, ODG_RECV_QUEUED);
	reap_piece(&f->p, &f->op[2], "qrst", 4, 4);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });

	row("and no more of it");
	room(&f->op[3], 8);
	f->op[3].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[3]), -EAGAIN);
	want_none(&f->p);
}

/* Queued before there was a binding; the rest goes to what is posted meanwhile. */
static void a57_datagram_that_waited_comes_in_pieces(void **state)
{
	struct fix *f = *state;

	queue_str(f->tx, f->rx, twenty);
	queue_str(f->tx, f->rx, "short");
	bind_partial(f);
	for (int i = 0; i < 4; i++)
		room(&f->op[i], i == 1 ? 3 : 10);
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	reap_piece(&f->p, &f->op[0], "abcdefghij", 10, 20);
	reap_piece(&f->p, &f->op[1], "klm", 3, 10);
	reap_piece(&f->p, &f->op[2], "nopqrst", 7, 7);
	reap_data(&f->p, &f->op[3], "short", 5);
	want_counts(f, (struct counts){
		.from_queue = 2, .pieces = 2, .bytes = 25, .arrived = 2 });
}

static void a57_scattered_pieces(void **state)
{
	static const uint32_t lens[] = { 3, 0, 4 };
	struct fix *f = *state;

	bind_partial(f);
	for (int i = 0; i < 3; i++) {
		op_init(&f->op[i]);
		op_segs(&f->op[i], 3, lens);
	}
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefg", 7, 20);
	reap_piece(&f->p, &f->op[1], "hijklmn", 7, 13);
	op_result(&f->op[2]);
	want(post(&f->p, f->rx, &f->op[2]), 1);
	want_piece(&f->op[2], "opqrst", 6, 6);
}

static void what_fits_takes_the_short_way(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 20);
	post_room(f, 1, 20);
	post_room(f, 2, 0);
	send_str(f->tx, f->rx, twenty);
	want(reap_data(&f->p, &f->op[0], twenty, 20)->flags & ODG_CQE_PARTIAL, 0);
	send_to(f->tx, f->rx, "", 0);
	want(reap_data(&f->p, &f->op[1], "", 0)->flags & ODG_CQE_PARTIAL, 0);
	send_to(f->tx, f->rx, "", 0);
	want(reap_data(&f->p, &f->op[2], "", 0)->flags & ODG_CQE_PARTIAL, 0);
	want_counts(f, (struct counts){
		.direct = 3, .bytes = 20, .arrived = 3 });
}

/* B-RX3 turned round: an empty receive tells of a datagram and takes nothing. */
static void b_rx3_receive_without_room_takes_nothing(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 0);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "", 0, 20);
	take_room(f, 1, 0);
	want_piece(&f->op[1], "", 0, 20);
	take_room(f, 2, 20);
	want_piece(&f->op[2], twenty, 20, 20);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });
}

static void a56_without_the_flag_the_rest_is_lost(void **state)
{
	struct fix *f = *state;
	const struct odg_cqe *c;

	want(odg_bind(&f->p, f->rx, 0), 0);
	post_room(f, 0, 8);
	post_room(f, 1, 8);
	send_str(f->tx, f->rx, twenty);
	c = reap(&f->p);
	want(c->status, -EMSGSIZE);
	want(c->flags & ODG_CQE_PARTIAL, 0);
	want(c->len, 8);
	want(c->full_len, 20);
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[1], "next", 4);
	want(sock_stats(&f->p, f->rx).truncated, 1);
	want(sock_stats(&f->p, f->rx).pieces, 0);
}

/* The rest is the next receive's all the same, and what that has no room for is lost. */
static void flag_taken_back_with_a_rest_kept(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	want(odg_bind(&f->p, f->rx, 0), 0);
	take_room(f, 1, 8);
	want(f->op[1].result.cqe.status, -EMSGSIZE);
	want(f->op[1].result.cqe.flags & ODG_CQE_PARTIAL, 0);
	want(f->op[1].result.cqe.len, 8);
	want(f->op[1].result.cqe.full_len, 12);
	want(memcmp(f->op[1].data, "ijklmnop", 8), 0);
	post_room(f, 2, 8);
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[2], "next", 4);
	want(sock_stats(&f->p, f->rx).truncated, 1);
	want_stats_sum(&f->p, f->rx);
}

static void inv1_rest_is_not_overtaken(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	send_str(f->tx, f->rx, "second");
	wait_arrived(&f->p, f->rx, 2);
	want(sock_stats(&f->p, f->rx).queued, 2);
	for (int i = 1; i < 4; i++)
		room(&f->op[i], 12);
	want(post_n(&f->p, f->rx, &f->op[1], 3), 3);
	want(f->op[3].r.state, ODG_RECV_PENDING);
	send_str(f->tx, f->rx, "third");
	reap_piece(&f->p, &f->op[1], "ijklmnopqrst", 12, 12);
	reap_data(&f->p, &f->op[2], "second", 6);
	reap_data(&f->p, &f->op[3], "third", 5);
	want_counts(f, (struct counts){ .direct = 1, .from_queue = 2,
		.pieces = 1, .bytes = 31, .arrived = 3 });
}

static void inv2_cancel_between_pieces_loses_nothing(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	for (int i = 0; i < 4; i++)
		post_room(f, i, i == 2 ? 4 : 8);
	want(cancel_id(&f->p, f->op[1].r.id), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	reap_piece(&f->p, &f->op[2], "ijkl", 4, 12);
	reap_piece(&f->p, &f->op[3], "mnopqrst", 8, 8);

	row("while a rest is kept there is nothing to cancel");
	post_room(f, 4, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[4], "abcdefgh", 8, 20);
	want(cancel_socket(&f->p, f->rx), -ENOENT);
	take_room(f, 5, 12);
	want_piece(&f->op[5], "ijklmnopqrst", 12, 12);
	want_counts(f, (struct counts){
		.from_queue = 2, .pieces = 3, .bytes = 40, .arrived = 2 });
}

static void a57_pieces_go_to_several_ports(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	bind_partial(f);
	for (int i = 0; i < 3; i++) {
		room(&f->op[i], 6);
		post_pending(i % 2 ? &p : &f->p, f->rx, &f->op[i]);
	}
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdef", 6, 20);
	reap_piece(&p, &f->op[1], "ghijkl", 6, 14);
	reap_piece(&f->p, &f->op[2], "mnopqr", 6, 8);
	room(&f->op[3], 6);
	op_result(&f->op[3]);
	want(post(&p, f->rx, &f->op[3]), 1);
	want_piece(&f->op[3], "st", 2, 2);
	port_close(&p);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 3, .bytes = 20, .arrived = 1 });
}

/* One that the closing port would have had goes to the next. */
static void port_closed_between_pieces(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	bind_partial(f);
	room(&f->op[0], 6);
	room(&f->op[1], 6);
	post_pending(&p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&p, &f->op[0], "abcdef", 6, 20);
	port_close(&p);
	take_room(f, 2, 20);
	want_piece(&f->op[2], "ghijklmnopqrst", 14, 14);
}

static void inv2_bad_post_takes_no_piece(void **state)
{
	struct fix *f = *state;
	struct port tiny;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);

	row("bad buffer");
	room(&f->op[1], 8);
	f->op[1].seg[0].addr = PAGE;
	want(post(&f->p, f->rx, &f->op[1]), -EFAULT);
	row("bad result");
	room(&f->op[1], 8);
	f->op[1].r.result = PAGE;
	want(post(&f->p, f->rx, &f->op[1]), -EFAULT);
	row("no room in the completion queue");
	port_open(&tiny, 1, 0);
	room(&f->op[2], 4);
	want(post(&tiny, f->rx, &f->op[2]), 1);
	room(&f->op[1], 8);
	want(post(&tiny, f->rx, &f->op[1]), -EAGAIN);
	want_true(is_poison(f->op[1].data, OP_DATA));
	reap_piece(&tiny, &f->op[2], "ijkl", 4, 12);
	port_close(&tiny);

	take_room(f, 1, 8);
	want_piece(&f->op[1], "mnopqrst", 8, 8);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 2, .bytes = 20, .arrived = 1 });
}

/* recv(2) and its relatives know nothing of pieces. */
static void native_calls_see_it_whole(void **state)
{
	struct fix *f = *state;
	int bytes = -1;
	char c[32];

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);

	row("looked at: the pieces go on");
	want(sys(recv(f->rx, c, sizeof(c), MSG_PEEK)), 20);
	want(memcmp(c, twenty, 20), 0);
	sys(ioctl(f->rx, FIONREAD, &bytes));
	want(bytes, 20);
	take_room(f, 1, 8);
	want_piece(&f->op[1], "ijklmnop", 8, 12);

	row("taken: there is no rest");
	native_recv(f->rx, twenty, 20);
	room(&f->op[2], 8);
	f->op[2].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[2]), -EAGAIN);
	want_counts(f, (struct counts){
		.native = 1, .pieces = 2, .bytes = 16, .arrived = 1 });
}

/* The next one often comes in the memory of the one before. */
static void datagram_taken_natively_is_not_mistaken_for_the_next(void **state)
{
	unsigned int n = (unsigned int)scaled("ODG_ROUNDS", 100);
	struct fix *f = *state;

	bind_partial(f);
	for (unsigned int i = 0; i < n; i++) {
		post_room(f, 0, 8);
		send_str(f->tx, f->rx, twenty);
		reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
		native_recv(f->rx, twenty, 20);
		queue_str(f->tx, f->rx, twenty);
		take_room(f, 1, 19);
		want_piece(&f->op[1], twenty, 19, 20);
		native_recv(f->rx, twenty, 20);
	}
	want_counts(f, (struct counts){ .native = 2 * n, .pieces = 2 * n,
		.bytes = 27 * n, .arrived = 2 * n });
}

static void inv7_unbind_leaves_it_whole(void **state)
{
	struct fix *f = *state;

	bind_partial(f);
	post_room(f, 0, 8);
	send_str(f->tx, f->rx, twenty);
	reap_piece(&f->p, &f->op[0], "abcdefgh", 8, 20);
	want(odg_unbind(&f->p, f->rx), 0);

	row("bound anew: from its beginning");
	bind_partial(f);
	take_room(f, 1, 8);
	want_piece(&f->op[1], "abcdefgh", 8, 20);
	want_counts(f, (struct counts){
		.queued = 1, .pieces = 1, .bytes = 8, .arrived = 1 });
	want(odg_unbind(&f->p, f->rx), 0);
	native_recv(f->rx, twenty, 20);
}

static void inv7_close_with_a_rest_kept(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 3; i++) {
		int s = udp(f->family);

		want(odg_bind(&f->p, s, ODG_BIND_PARTIAL), 0);
		room(&f->op[i], 8);
		post_pending(&f->p, s, &f->op[i]);
		send_str(f->tx, s, twenty);
		reap_piece(&f->p, &f->op[i], "abcdefgh", 8, 20);
		queue_str(f->tx, s, "behind it");
		sys(close(s));
	}
	want_none(&f->p);
}

/* --- rings --------------------------------------------------------------- */

static void want_ring_piece(struct rq_fix *q, uint64_t user_data, uint32_t len,
			    uint32_t left)
{
	const struct odg_cqe *c = reap_ring(q, user_data, 0, len);

	want(c->flags & ODG_CQE_PARTIAL, left > len ? ODG_CQE_PARTIAL : 0);
	want(c->full_len, left);
}

static void a57_ring_takes_pieces(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	bind_partial(q.f);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_write(&q.r, 2, q.region, 100, 3)->flags = ODG_RQE_MORE;
	ring_write(&q.r, 2, q.region, 200, 4);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, twenty);
	want_ring_piece(&q, 1, 8, 20);
	want_ring_piece(&q, 2, 7, 12);
	want(*q.r.flags, ODG_RQ_NEED_KICK);

	row("the rest, by a kick");
	ring_write(&q.r, 3, q.region, 300, 100);
	ring_write(&q.r, 4, q.region, 500, 100);
	want_true(ring_submit(&q.r));
	want(kick(&q.f->p, q.f->rx), 0);
	want_ring_piece(&q, 3, 5, 5);
	want(*q.r.flags, 0);
	want(memcmp(q.mem, "abcdefgh", 8), 0);
	want(memcmp(q.mem + 100, "ijk", 3), 0);
	want(memcmp(q.mem + 200, "lmno", 4), 0);
	want(memcmp(q.mem + 300, "pqrst", 5), 0);
	want_true(is_poison(q.mem + 8, 92));
	want_true(is_poison(q.mem + 305, 195));

	row("what fits: straight");
	send_str(q.f->tx, q.f->rx, "fits");
	want_ring_piece(&q, 4, 4, 4);
	want_counts(q.f, (struct counts){ .direct = 1, .from_queue = 1,
		.pieces = 2, .bytes = 24, .arrived = 2 });
	drop_ring(&q);
}

/* Ring, call, ring, call: the pieces take them in the order of posting. */
static void a57_pieces_in_ring_and_calls(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	bind_partial(f);
	ring_write(&q.r, 1, q.region, 0, 6);
	ring_post(&q);
	post_room(f, 0, 6);
	ring_write(&q.r, 2, q.region, 100, 6);
	ring_post(&q);
	send_str(f->tx, f->rx, twenty);
	want_ring_piece(&q, 1, 6, 20);
	reap_piece(&f->p, &f->op[0], "ghijkl", 6, 14);
	want_ring_piece(&q, 2, 6, 8);
	take_room(f, 1, 6);
	want_piece(&f->op[1], "st", 2, 2);
	want_counts(f, (struct counts){
		.from_queue = 1, .pieces = 3, .bytes = 20, .arrived = 1 });
	drop_ring(&q);
}

static void pieces_end_standing_receives(void **state)
{
	struct rq_fix q;
	struct odg_rqe *e;

	setup_ring(&q, *state, 8);
	bind_partial(q.f);
	for (uint64_t i = 0; i < 2; i++) {
		e = ring_write(&q.r, 1000 * i, q.region, 1000 * i, 80);
		e->flags = ODG_RQE_STANDING;
		e->least = 16;
	}
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "short");
	want(reap_ring(&q, 0, 0, 5)->flags & ODG_CQE_MORE, ODG_CQE_MORE);
	send_str(q.f->tx, q.f->rx, twenty);
	want(q.mem[64], 'a');
	want_ring_piece(&q, 64, 16, 20);
	want(q.f->p.last.cqe.flags & ODG_CQE_MORE, 0);
	want_ring_piece(&q, 1000, 4, 4);
	want(memcmp(q.mem + 64, twenty, 16), 0);
	want(memcmp(q.mem + 1000, "qrst", 4), 0);
	drop_ring(&q);
}

/* A ring without a free completion entry: the rest waits, and a kick brings it. */
static void rest_waits_for_completion_room(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;
	struct port p;

	port_open(&p, 2, 0);
	q = (struct rq_fix){ .f = f };
	q.mem = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	want_true(q.mem != MAP_FAILED);
	q.region = region_add(&p, q.mem, REGION_LEN, 0).id;
	ring_open(&q.r, &p, f->rx, 4);
	want(odg_bind(&p, f->rx, ODG_BIND_PARTIAL), 0);
	for (uint64_t i = 0; i < 3; i++)
		ring_write(&q.r, i, q.region, 100 * i, 8);
	ring_submit(&q.r);
	send_str(f->tx, f->rx, twenty);
	want(odg_wait(&p, 2, now_ns(CLOCK_MONOTONIC) + limit_ns()), 2);
	want(sock_stats(&p, f->rx).queued, 1);
	want(reap(&p)->full_len, 20);
	want(kick(&p, f->rx), 0);
	want(reap(&p)->full_len, 12);
	want(reap(&p)->full_len, 4);
	want(p.last.cqe.len, 4);
	want(memcmp(q.mem + 200, "qrst", 4), 0);
	drop_ring(&q);
	port_close(&p);
}

/* --- many ----------------------------------------------------------------- */

struct stream {
	uint32_t sent, number, at, end;	/* what the next byte belongs to */
};

static uint32_t length_of(uint32_t number)
{
	return number * 2654435761U >> 25;
}

static uint8_t byte_of(uint32_t number, uint32_t at)
{
	return (uint8_t)(number * 7 + at);
}

static void check_piece(struct stream *s, const struct odg_cqe *c,
			const uint8_t *data)
{
	want(c->status, 0);
	want(c->full_len, length_of(s->number) - s->at);
	for (uint32_t i = 0; i < c->len; i++)
		want(data[i], byte_of(s->number, s->at + i));
	s->at += c->len;
	if (c->flags & ODG_CQE_PARTIAL) {
		want_true(s->at < length_of(s->number));
	} else {
		want(s->at, length_of(s->number));
		s->number++;
		s->at = 0;
	}
}

/* Datagrams and receives of all lengths, some posted before and some after. */
static void g12_stream_of_pieces_keeps_order(void **state)
{
	uint32_t i, total = (uint32_t)scaled("ODG_ROUNDS", 2000), random = 1;
	struct fix *f = *state;
	uint32_t posted = 0, done = 0, pieces = 0;
	struct stream s = { 0 };
	uint8_t data[128];

	bind_partial(f);
	while (s.number < total) {
		random = random * 1103515245 + 12345;
		/* at most four wait, so that the socket drops none */
		if (random >> 31 && s.sent < total && s.sent - s.number < 4) {
			for (i = 0; i < length_of(s.sent); i++)
				data[i] = byte_of(s.sent, i);
			send_to(f->tx, f->rx, data, length_of(s.sent));
			wait_arrived(&f->p, f->rx, ++s.sent);
		} else if (posted - done < FIX_OPS) {
			i = posted % FIX_OPS;
			room(&f->op[i], random >> 24 & 63);
			want(post(&f->p, f->rx, &f->op[i]), 1);
			posted++;
		}
		while (port_unread(&f->p)) {
			struct op *op = &f->op[done % FIX_OPS];

			want(reap(&f->p)->user_data, op->r.user_data);
			pieces += !!(f->p.last.cqe.flags & ODG_CQE_PARTIAL);
			check_piece(&s, &f->p.last.cqe, op->data);
			done++;
		}
	}
	want_true(pieces > total / 4);
	want(sock_stats(&f->p, f->rx).pieces, pieces);
	want(sock_stats(&f->p, f->rx).arrived, total);
	want(sock_stats(&f->p, f->rx).dropped, 0);
	want_stats_sum(&f->p, f->rx);
}

/* Fragments: a datagram whose bytes are in many places. */
static void fragmented(void *arg)
{
	static uint8_t data[40000], got[40000];
	uint32_t at = 0;
	struct port p;
	struct op op;
	int rx, tx;

	(void)arg;
	own_namespace();
	shell("ip link set lo mtu 1500");
	rx = udp(AF_INET);
	tx = udp(AF_INET);
	set_opt(tx, SOL_SOCKET, SO_SNDBUF, 1 << 20);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 >> 3);
	port_open(&p, 4, ODG_CQ_WIDE);
	want(odg_bind(&p, rx, ODG_BIND_PARTIAL), 0);
	op_init(&op);
	post_pending(&p, rx, &op);
	send_to(tx, rx, data, sizeof(data));
	while (at < sizeof(data)) {
		const struct odg_cqe *c = reap(&p);

		want(c->status, 0);
		want(c->full_len, sizeof(data) - at);
		memcpy(got + at, op.data, c->len);
		at += c->len;
		want(!(c->flags & ODG_CQE_PARTIAL), at == sizeof(data));
		room(&op, at % 3 ? 700 : 1999);
		if (at < sizeof(data))
			want(post(&p, rx, &op), 1);
	}
	want(memcmp(got, data, sizeof(data)), 0);
	want_stats_sum(&p, rx);
	port_close(&p);
}

static void a57_fragmented_datagram_in_pieces(void **state)
{
	(void)state;
	in_child(fragmented, NULL);
}

/* recv(2) against the posts: whoever takes it has it, and none goes missing. */
struct thief {
	int sock;
	bool stop;
	uint64_t stolen;
};

static void *steal(void *arg)
{
	struct thief *t = arg;
	char c[32];

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED))
		if (recv(t->sock, c, sizeof(c), MSG_DONTWAIT) >= 0)
			t->stolen++;
	return NULL;
}

static void inv6_native_receiver_races_the_pieces(void **state)
{
	uint64_t n = scaled("ODG_ROUNDS", 2000), ended = 0, bytes = 0, pieces = 0;
	struct fix *f = *state;
	struct thief t = { .sock = f->rx };
	struct odg_sock_stats s;
	pthread_t thread;
	uint32_t at = 0;

	bind_partial(f);
	want(pthread_create(&thread, NULL, steal, &t), 0);
	for (uint64_t i = 0; i < n; i++) {
		send_str(f->tx, f->rx, twenty);
		for (int k = 0; k < 3; k++) {
			const struct odg_cqe *c = &f->op[0].result.cqe;

			room(&f->op[0], 7);
			op_result(&f->op[0]);
			f->op[0].r.flags = ODG_RECV_NOWAIT;
			if (post(&f->p, f->rx, &f->op[0]) == -EAGAIN)
				continue;
			/* stolen in between: the next begins anew */
			if (c->full_len == 20)
				at = 0;
			want(c->full_len, 20 - at);
			want(memcmp(f->op[0].data, twenty + at, c->len), 0);
			at += c->len;
			bytes += c->len;
			pieces += !!(c->flags & ODG_CQE_PARTIAL);
			ended += !(c->flags & ODG_CQE_PARTIAL);
		}
	}
	eventually(!sock_stats(&f->p, f->rx).queued);
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	s = sock_stats(&f->p, f->rx);
	want(s.arrived, n);
	want(s.from_queue, ended);
	want(s.native, t.stolen);
	want(s.pieces, pieces);
	want(s.bytes, bytes);
	want(ended + t.stolen + s.dropped, n);
	want(stats_gap(&s), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(a57_long_datagram_fills_the_posts_in_order),
		T46(a57_rest_is_kept_for_later_posts),
		T46(a57_datagram_that_waited_comes_in_pieces),
		T(a57_scattered_pieces),
		T(what_fits_takes_the_short_way),
		T(b_rx3_receive_without_room_takes_nothing),
		T(a56_without_the_flag_the_rest_is_lost),
		T(flag_taken_back_with_a_rest_kept),
		T46(inv1_rest_is_not_overtaken),
		T(inv2_cancel_between_pieces_loses_nothing),
		T(a57_pieces_go_to_several_ports),
		T(port_closed_between_pieces),
		T(inv2_bad_post_takes_no_piece),
		T46(native_calls_see_it_whole),
		T(datagram_taken_natively_is_not_mistaken_for_the_next),
		T46(inv7_unbind_leaves_it_whole),
		T46(inv7_close_with_a_rest_kept),
		T46(a57_ring_takes_pieces),
		T(a57_pieces_in_ring_and_calls),
		T(pieces_end_standing_receives),
		T(rest_waits_for_completion_room),
		T46(g12_stream_of_pieces_keeps_order),
		T0(a57_fragmented_datagram_in_pieces),
		T(inv6_native_receiver_races_the_pieces),
	};
	return cmocka_run_group_tests_name("partial", tests, NULL, NULL);
}
