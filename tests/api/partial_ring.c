// SPDX-License-Identifier: MIT
/* ODG_BIND_PARTIAL in rings; many datagrams in pieces, and in many places. */
#include "partial.h"

#include <pthread.h>

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
	wait_arrived(&f->p, f->rx, n);
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
		T46(a57_ring_takes_pieces),
		T(a57_pieces_in_ring_and_calls),
		T(pieces_end_standing_receives),
		T(rest_waits_for_completion_room),
		T46(g12_stream_of_pieces_keeps_order),
		T0(a57_fragmented_datagram_in_pieces),
		T(inv6_native_receiver_races_the_pieces),
	};
	return cmocka_run_group_tests_name("partial_ring", tests, NULL, NULL);
}
