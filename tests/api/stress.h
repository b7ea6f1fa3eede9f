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
	/* Cancels let ops end out of order, so each takes a free slot. */
	uint32_t *free;
	uint32_t nr_free;
	struct payload *slots;
	int tid;
	volatile uint64_t last_id;
	uint64_t posted, completed, delivered, cancelled;
	uint64_t last_done;	/* number + 1 of the last one with data */
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
	w->slots = calloc(depth, sizeof(*w->slots));
	w->free = calloc(depth, sizeof(*w->free));
	want_true(w->slots && w->free);
	while (w->nr_free < depth) {
		w->free[w->nr_free] = w->nr_free;
		w->nr_free++;
	}
}

/* user_data: the number of the op in posting order, and the slot it has. */
static inline uint32_t slot_of(uint64_t user_data)
{
	return (uint32_t)(user_data >> 40);
}

static inline uint64_t number_of(uint64_t user_data)
{
	return user_data & ((1ULL << 40) - 1);
}

/* Posts as many as there are slots, which is as many as the queue has room. */
static inline void poster_fill(struct poster *w)
{
	struct odg_recv r[256];
	struct odg_seg seg[256];
	int ret;

	w->tid = (int)syscall(SYS_gettid);
	while (w->nr_free) {
		uint32_t n = w->nr_free < 256 ? w->nr_free : 256;
		struct odg_post arg = {
			.size = sizeof(arg), .fd = w->st->rx,
			.recvs = (uintptr_t)r, .count = n,
		};

		for (uint32_t i = 0; i < n; i++) {
			uint32_t slot = w->free[w->nr_free - 1 - i];

			seg[i] = (struct odg_seg){
				.addr = (uintptr_t)&w->slots[slot],
				.len = sizeof(*w->slots),
			};
			r[i] = (struct odg_recv){
				.user_data = (w->posted + i) | (uint64_t)slot << 40,
				.segs = (uintptr_t)&seg[i], .nr_segs = 1,
				.eventfd = -1,
			};
		}
		ret = odg(w->port.fd, ODG_POST, &arg);
		/* A slot is free: its completion was released, so there is room. */
		want(ret, n);
		w->posted += n;
		w->nr_free -= n;
		w->last_id = r[n - 1].id;
	}
}

static inline void poster_take(struct poster *w, const struct odg_cqe *c)
{
	struct payload *slot = &w->slots[slot_of(c->user_data)];
	struct payload expected;
	uint64_t number = number_of(c->user_data);
	struct sender *s;

	want(c->seq, w->port.seq++);
	w->completed++;
	want_true(number < w->posted);
	w->free[w->nr_free++] = slot_of(c->user_data);
	if (c->status == -ECANCELED) {
		w->cancelled++;
		return;
	}
	want(c->status, 0);
	want(c->len, sizeof(*slot));
	/* Posting order. */
	want_true(number >= w->last_done);
	if (!w->cancelled)
		want(number, w->last_done);
	w->last_done = number + 1;
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
	free(w->free);
}

#endif
