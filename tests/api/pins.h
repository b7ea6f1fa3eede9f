/* SPDX-License-Identifier: MIT */
/* Receives into memory by the page. */
#ifndef ODG_TESTS_API_PINS_H
#define ODG_TESTS_API_PINS_H

#include "helpers_mem.h"

static inline void aim(struct op *op, uint8_t *at, size_t len)
{
	op_init(op);
	op->seg[0].addr = (uintptr_t)at;
	op->seg[0].len = (uint32_t)len;
}

static inline int post_at(const struct port *p, int sock, uint8_t *at, size_t len)
{
	struct op op;

	aim(&op, at, len);
	return post(p, sock, &op);
}

/* A datagram for the oldest receive; what it left at this address. */
static inline void arrives(struct fix *f, const uint8_t *at, const char *text)
{
	const struct odg_cqe *c;
	size_t len = strlen(text);

	send_to(f->tx, f->rx, text, len);
	c = reap(&f->p);
	want(c->status, 0);
	want(c->len, len);
	want(memcmp(at, text, len), 0);
	want(at[len], POISON);
}

/* One whole receive at this address, which has to be writable. */
static inline void receive(struct fix *f, uint8_t *at, const char *text)
{
	memset(at, POISON, PAGE);
	want(post_at(&f->p, f->rx, at, PAGE), 1);
	arrives(f, at, text);
}

static inline uint64_t kept(struct fix *f)
{
	return port_stats(&f->p).kept_pages;
}

#endif
