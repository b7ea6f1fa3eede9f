/* SPDX-License-Identifier: MIT */
/* Senders that number what they send, posters that check what they get. */
#ifndef ODG_TESTS_API_STRESS_H
#define ODG_TESTS_API_STRESS_H

#include "helpers.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#define SENDERS 2

struct payload {
	uint32_t sender, seq;
	uint32_t check[6];	/* of both: a torn copy does not pass */
};

struct sender {
	struct stress *st;
	unsigned int id;
	uint32_t count;
	uint8_t *seen;		/* per seq: delivered */
	pthread_t thread;
};

struct stress {
	int rx;
	uint32_t total;
	unsigned int senders_done;
	volatile bool stop;
	struct sender sender[SENDERS];
};

/* A port with up to depth receives posted to st->rx. */
struct poster {
	struct stress *st;
	struct port port;
	uint32_t depth;
	/*
	 * Of op user_data: slot user_data % (depth * 2).  Twice as many as can be
	 * outstanding, since ops that a cancel takes let later ones overtake.
	 */
	struct payload *slots;
	bool anonymous;		/* posts only */
	int tid;
	volatile uint64_t last_id;
	uint64_t posted, completed, delivered, cancelled;
	uint64_t last_done;	/* user_data + 1 of the last one with data */
	uint32_t last_seq[SENDERS];	/* seq + 1 */
};

static inline void payload_fill(struct payload *p, uint32_t sender, uint32_t seq)
{
	p->sender = sender;
	p->seq = seq;
	for (uint32_t i = 0; i < ARRAY_SIZE(p->check); i++)
		p->check[i] = (sender * 31 + seq) * 2654435761u + i;
}

static inline void *sender(void *arg)
{
	struct sender *s = arg;
	struct payload p;
	cpu_set_t cpus;
	int tx;

	CPU_ZERO(&cpus);
	CPU_SET(s->id % (unsigned int)sysconf(_SC_NPROCESSORS_ONLN), &cpus);
	sys(sched_setaffinity(0, sizeof(cpus), &cpus));
	tx = udp(AF_INET);
	connect_to(tx, s->st->rx);
	for (uint32_t i = 0; i < s->count; i++) {
		payload_fill(&p, s->id, i);
		want(sys(send(tx, &p, sizeof(p), 0)), sizeof(p));
	}
	close(tx);
	__atomic_fetch_add(&s->st->senders_done, 1, __ATOMIC_RELEASE);
	return NULL;
}

static inline void poster_init(struct poster *w, struct stress *st, uint32_t depth)
{
	*w = (struct poster){ .st = st, .depth = depth };
	port_open(&w->port, depth, 0);
	w->slots = calloc((size_t)depth * 2, sizeof(*w->slots));
	want_true(w->slots);
}

/* Posts until the queue has no room. */
static inline void poster_fill(struct poster *w)
{
	struct odg_recv r[256];
	struct odg_seg seg[256];
	int ret;

	w->tid = (int)syscall(SYS_gettid);
	do {
		uint32_t n = w->depth < 256 ? w->depth : 256;
		struct odg_post arg = {
			.size = sizeof(arg), .fd = w->st->rx,
			.recvs = (uintptr_t)r, .count = n,
		};

		for (uint32_t i = 0; i < n; i++) {
			struct payload *slot =
				&w->slots[(w->posted + i) % (w->depth * 2)];

			seg[i] = (struct odg_seg){
				.addr = (uintptr_t)slot, .len = sizeof(*slot),
			};
			r[i] = (struct odg_recv){
				.user_data = w->posted + i,
				.segs = (uintptr_t)&seg[i], .nr_segs = 1,
				.eventfd = -1,
			};
		}
		ret = odg(w->port.fd, ODG_POST, &arg);
		if (ret == -EAGAIN)
			return;
		want_true(ret >= 1);
		w->posted += (uint32_t)ret;
		w->last_id = r[ret - 1].id;
	} while (!w->anonymous);
}

static inline void poster_take(struct poster *w, const struct odg_cqe *c)
{
	struct payload *slot = &w->slots[c->user_data % (w->depth * 2)];
	struct payload expected;
	struct sender *s;

	want(c->seq, w->port.seq++);
	w->completed++;
	want_true(c->user_data < w->posted);
	if (c->status == -ECANCELED) {
		w->cancelled++;
		return;
	}
	want(c->status, 0);
	want(c->len, sizeof(*slot));
	/* Posting order. */
	want_true(c->user_data >= w->last_done);
	if (!w->cancelled)
		want(c->user_data, w->last_done);
	w->last_done = c->user_data + 1;
	/* The whole of one datagram, in its sender's order, for the first time. */
	want_true(slot->sender < SENDERS);
	payload_fill(&expected, slot->sender, slot->seq);
	want(memcmp(slot, &expected, sizeof(expected)), 0);
	s = &w->st->sender[slot->sender];
	want_true(slot->seq < s->count);
	want_true(slot->seq >= w->last_seq[slot->sender]);
	w->last_seq[slot->sender] = slot->seq + 1;
	want(__atomic_exchange_n(&s->seen[slot->seq], 1, __ATOMIC_RELAXED), 0);
	memset(slot, POISON, sizeof(*slot));
	w->delivered++;
}

static inline void poster_reap(struct poster *w)
{
	uint32_t n = port_unread(&w->port);

	want_true(n <= w->port.entries);
	for (uint32_t i = 0; i < n; i++)
		poster_take(w, port_entry(&w->port, *w->port.cons + i));
	port_release(&w->port, n);
}

/* Invariant 2: what was accepted has completed, once, and nothing else has. */
static inline void poster_end(struct poster *w)
{
	cancel_socket(&w->port, w->st->rx);
	poster_reap(w);
	want(w->completed, w->posted);
	want(port_stats(&w->port).outstanding, 0);
	want(port_stats(&w->port).posted, w->posted);
	want(port_stats(&w->port).completed, w->posted);
	eventually(port_stats(&w->port).pinned_pages == 0);
	port_close(&w->port);
	free(w->slots);
}

#endif
