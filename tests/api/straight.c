// SPDX-License-Identifier: MIT
/*
 * Whatever a ring's receive is given in the hook arrives the same: in one piece or in
 * several, stamped or not, of either family, with a histogram or without, into one
 * receive each or a standing one, on narrow completions or wide ones.
 */
#include "helpers_ring.h"
#include "nl.h"

#include <netinet/udp.h>

#define DATAGRAMS	8
#define LENGTH		300	/* but for the last */
#define LAST		37
#define TOTAL		((DATAGRAMS - 1) * LENGTH + LAST)
#define SLOT		(5 * ODG_STANDING_ALIGN)	/* LENGTH, rounded up */
#define NAME		0x7000000000000000ULL

/* What a burst is like; the bits of a number. */
#define SEGMENTS	0x1	/* one send with UDP_SEGMENT */
#define HISTOGRAM	0x2
#define STANDING	0x4
#define STAMPED		0x8	/* SO_TIMESTAMPNS; for good */

static const char *name_of(unsigned int kind)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%s%s%s",
		 kind & SEGMENTS ? "segments " : "single ",
		 kind & STAMPED ? "stamped " : "",
		 kind & HISTOGRAM ? "histogram " : "",
		 kind & STANDING ? "standing" : "");
	return name;
}

static uint32_t length(unsigned int i)
{
	return i == DATAGRAMS - 1 ? LAST : LENGTH;
}

static void post_burst(struct rq_fix *q, unsigned int kind)
{
	memset(q->mem, POISON, REGION_LEN);
	if (kind & STANDING) {
		struct odg_rqe *e = ring_write(&q->r, NAME, q->region, SLOT,
					       DATAGRAMS * SLOT);

		e->flags = ODG_RQE_STANDING;
		e->least = SLOT;
	} else {
		for (unsigned int i = 0; i < DATAGRAMS; i++)
			ring_write(&q->r, NAME + i * SLOT, q->region,
				   (i + 1) * SLOT, SLOT);
	}
	ring_post(q);
}

static void send_burst(struct rq_fix *q, unsigned int kind, const uint8_t *data)
{
	if (kind & SEGMENTS) {
		set_opt(q->f->tx, IPPROTO_UDP, UDP_SEGMENT, LENGTH);
		send_to(q->f->tx, q->f->rx, data, TOTAL);
		set_opt(q->f->tx, IPPROTO_UDP, UDP_SEGMENT, 0);
		return;
	}
	for (unsigned int i = 0; i < DATAGRAMS; i++)
		send_to(q->f->tx, q->f->rx, data + i * LENGTH, length(i));
}

static void check_one(struct rq_fix *q, struct port *p, unsigned int kind,
		      unsigned int i, const uint8_t *data, uint64_t sent)
{
	const struct odg_cqe *c = reap(p);
	const uint8_t *slot = q->mem + (i + 1) * SLOT;
	union sockaddr_any from;

	addr_of(q->f->tx, &from);
	want(c->user_data, NAME + i * SLOT);
	want(c->status, 0);
	want(c->len, length(i));
	want(c->full_len, length(i));
	want(c->port, port_of(q->f->tx));
	want(c->drops, 0);
	want(c->flags & ODG_CQE_MORE,
	     kind & STANDING && i < DATAGRAMS - 1 ? ODG_CQE_MORE : 0);
	want(c->flags & ODG_CQE_RX_STACK, kind & STAMPED ? ODG_CQE_RX_STACK : 0);
	want_true(c->rx_ns >= sent);
	want_true(c->rx_ns <= now_ns(CLOCK_REALTIME));
	if (q->f->family == AF_INET6) {
		want_true(c->flags & ODG_CQE_IPV6);
		want(memcmp(c->addr, &from.v6.sin6_addr, 16), 0);
	} else {
		want(c->flags & ODG_CQE_IPV6, 0);
		want(c->v4.addr, from.v4.sin_addr.s_addr);
	}
	want(memcmp(slot, data + i * LENGTH, length(i)), 0);
	want_true(is_poison(slot + length(i), SLOT - length(i)));
}

/*
 * The stack begins to stamp some time after a socket asked for it, and ends some time
 * after the last such socket was closed.
 */
static void wait_for_stamps(struct rq_fix *q, struct port *p, bool on)
{
	eventually(({
		ring_write(&q->r, 1, q->region, 0, SLOT);
		ring_post(q);
		send_str(q->f->tx, q->f->rx, "x");
		!!(reap(p)->flags & ODG_CQE_RX_STACK) == on;
	}));
}

static void a_burst(struct rq_fix *q, struct port *p, struct nl *nl, uint32_t id,
		    unsigned int kind)
{
	uint8_t data[TOTAL];
	uint64_t before, sent;

	row("%s", name_of(kind));
	before = sock_stats(p, q->f->rx).direct;
	want(nl_set_hist(nl, id, !!(kind & HISTOGRAM)), 0);
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(kind * 31 + i + i / 251);
	post_burst(q, kind);
	sent = now_ns(CLOCK_REALTIME);
	send_burst(q, kind, data);
	for (unsigned int i = 0; i < DATAGRAMS; i++)
		check_one(q, p, kind, i, data, sent);
	want_none(p);
	want_true(is_poison(q->mem, SLOT));
	want_true(is_poison(q->mem + (DATAGRAMS + 1) * SLOT, SLOT));
	want(sock_stats(p, q->f->rx).direct - before, DATAGRAMS);
	if (kind & HISTOGRAM)
		want(nl_hist_count(nl, id), DATAGRAMS);
	want_stats_sum(p, q->f->rx);
}

static void all_kinds(struct fix *f, struct port *p)
{
	struct rq_fix q = { .f = f };
	struct nl nl;
	uint32_t id;

	q.mem = mmap(NULL, REGION_LEN, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	want_true(q.mem != MAP_FAILED);
	q.region = region_add(p, q.mem, REGION_LEN, 0).id;
	ring_open(&q.r, p, f->rx, 2 * DATAGRAMS);
	nl_open(&nl);
	id = nl_sock(&nl, f->rx).id;
	for (unsigned int stamped = 0; stamped <= STAMPED; stamped += STAMPED) {
		set_opt(f->rx, SOL_SOCKET, SO_TIMESTAMPNS, !!stamped);
		wait_for_stamps(&q, p, stamped);
		/* there and back: who follows whom might matter */
		for (unsigned int kind = 0; kind < STAMPED; kind++)
			a_burst(&q, p, &nl, id, kind | stamped);
		for (unsigned int kind = STAMPED; kind-- > 0;)
			a_burst(&q, p, &nl, id, kind | stamped);
	}
	nl_close(&nl);
	drop_ring(&q);
}

static void every_kind_arrives_the_same(void **state)
{
	struct fix *f = *state;

	all_kinds(f, &f->p);
}

static void every_kind_arrives_the_same_on_narrow_completions(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 4 * DATAGRAMS, 0);
	all_kinds(f, &p);
	port_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(every_kind_arrives_the_same),
		T46(every_kind_arrives_the_same_on_narrow_completions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
