/* SPDX-License-Identifier: MIT */
/* Pieces of a datagram: receives that take them, and what is asked of each. */
#ifndef ODG_TESTS_API_PARTIAL_H
#define ODG_TESTS_API_PARTIAL_H

#include "helpers_ring.h"

static const char twenty[] = "abcdefghijklmnopqrst";

/* op has these bytes of a datagram that had so many left. */
static inline void check_part(const struct odg_cqe *c, const struct op *op,
			      const char *data, uint32_t len, uint32_t left)
{
	want(c->user_data, op->r.user_data);
	want(c->status, 0);
	want(c->flags & ODG_CQE_PARTIAL, left > len ? ODG_CQE_PARTIAL : 0);
	want(c->len, len);
	want(c->full_len, left);
	want(memcmp(op->data, data, len), 0);
	want_true(is_poison(op->data + len, OP_DATA - len));
}

/* So the next completion says. */
static inline const struct odg_cqe *reap_piece(struct port *p,
					       const struct op *op,
					       const char *data, uint32_t len,
					       uint32_t left)
{
	const struct odg_cqe *c = reap(p);

	check_part(c, op, data, len, left);
	return c;
}

/* It was done at once. */
static inline void want_piece(const struct op *op, const char *data,
			      uint32_t len, uint32_t left)
{
	want(op->r.state, ODG_RECV_DONE);
	check_part(&op->result.cqe, op, data, len, left);
}

/* A receive of so many bytes. */
static inline void room(struct op *op, uint32_t len)
{
	op_init(op);
	op_segs(op, 1, &len);
}

static inline void post_room(struct fix *f, int i, uint32_t len)
{
	room(&f->op[i], len);
	post_pending(&f->p, f->rx, &f->op[i]);
}

/* Takes what waits at once. */
static inline void take_room(struct fix *f, int i, uint32_t len)
{
	room(&f->op[i], len);
	op_result(&f->op[i]);
	want(post(&f->p, f->rx, &f->op[i]), 1);
}

static inline void bind_partial(struct fix *f)
{
	want(odg_bind(&f->p, f->rx, ODG_BIND_PARTIAL), 0);
}

struct counts {
	uint64_t queued, direct, from_queue, native, pieces, bytes, arrived;
};

static inline void want_counts(struct fix *f, struct counts want)
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

#endif
