// SPDX-License-Identifier: MIT
/*
 * Ping-pong between two threads on two CPUs: both receive the same way, and the
 * time of a round trip is what the pinging one sees.  Not instructions but time,
 * and of an emulated machine: only ratios within one run mean something.
 *
 *   rtt NAME RUN MEDIAN P99
 *
 * in nanoseconds.
 */
#define _GNU_SOURCE
#include <odgram_ring.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rx_odgram.h"
#include "uring.h"

#define PAYLOAD		64
#define MAX_PINGS	20000

/* One of the two; each thread opens its own. */
struct side {
	const struct way *way;
	int fd, epfd;
	struct sockaddr_in at;
	struct odg_port *port;
	struct odg_rq rq;
	int region;
	struct io_uring uring;
	struct uring_buffers buffers;
	struct msghdr shape;
	unsigned char buf[PAYLOAD];
};

/* A way to receive: take waits for one datagram of PAYLOAD bytes. */
struct way {
	const char *name;
	void (*open)(struct side *s);
	const unsigned char *(*take)(struct side *s);
	void (*close)(struct side *s);
	unsigned int fewer;	/* a way that sleeps takes so much longer */
};

static unsigned int pings;	/* of one measurement, less with fewer */

static void nothing(struct side *s)
{
	(void)s;
}

static const unsigned char *receive(struct side *s, int flags)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	return recvfrom(s->fd, s->buf, PAYLOAD, flags, (struct sockaddr *)&from,
			&len) == PAYLOAD ? s->buf : NULL;
}

static const unsigned char *block_take(struct side *s)
{
	return receive(s, 0);
}

static const unsigned char *spin_take(struct side *s)
{
	const unsigned char *data;

	do {
		data = receive(s, MSG_DONTWAIT);
	} while (!data);
	return data;
}

static void epoll_open(struct side *s)
{
	struct epoll_event ev = { .events = EPOLLIN };

	s->epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	MUST(epoll_ctl(s->epfd, EPOLL_CTL_ADD, s->fd, &ev));
}

static const unsigned char *epoll_take(struct side *s)
{
	struct epoll_event ev;

	while (!MUST(epoll_wait(s->epfd, &ev, 1, 0)))
		;
	return receive(s, MSG_DONTWAIT);
}

static void epoll_close(struct side *s)
{
	close(s->epfd);
}

static void uring_way_open(struct side *s)
{
	uring_open(&s->uring, 8, 64);
	uring_buffers_open(&s->buffers, &s->uring, 8, 256);
	s->shape = (struct msghdr){ .msg_namelen = sizeof(struct sockaddr_in) };
	uring_arm(&s->uring, s->fd, &s->shape, 0);
	MUST(io_uring_submit(&s->uring));
}

static const unsigned char *uring_way_take(struct side *s)
{
	struct io_uring_cqe *cqe;
	unsigned int id;
	struct got g;

	/* deferred task work runs only inside the enter */
	while (io_uring_peek_cqe(&s->uring, &cqe))
		ODG_MUST(io_uring_get_events(&s->uring));
	id = uring_take(&s->buffers, cqe, &s->shape, &g);
	memcpy(s->buf, g.data, g.len);
	io_uring_buf_ring_add(s->buffers.ring,
			      s->buffers.memory + (size_t)id * s->buffers.size,
			      s->buffers.size, id, io_uring_buf_ring_mask(8), 0);
	io_uring_buf_ring_cq_advance(&s->uring, s->buffers.ring, 1);
	return s->buf;
}

static void uring_way_close(struct side *s)
{
	io_uring_queue_exit(&s->uring);
	uring_buffers_close(&s->buffers);
}

static void ring_open(struct side *s)
{
	ODG_MUST(odg_port_open(&s->port, 8, 0));
	s->region = ODG_MUST(odg_region_register(s->port, s->buf, PAYLOAD, NULL));
	ODG_MUST(odg_rq_open(&s->rq, s->port, s->fd, 1));
	odg_rq_write(&s->rq, s->region, 0, PAYLOAD, 0, 0);
	ODG_MUST(odg_rq_submit(&s->rq));
}

static const unsigned char *ring_take(struct side *s)
{
	const struct odg_cq *cq = odg_port_cq(s->port);
	struct got g;
	uint32_t idx;

	while (!odg_cq_peek(cq, &idx))
		;
	take_cqe(odg_cq_read(cq, idx), s->buf, &g);
	odg_cq_release(cq, 1);
	return g.len == PAYLOAD ? s->buf : NULL;
}

static void ring_close(struct side *s)
{
	odg_rq_close(&s->rq);
	odg_port_close(s->port);
}

static const struct way ways[] = {
	{ "ring", ring_open, ring_take, ring_close, 1 },
	{ "recvfrom-block", nothing, block_take, nothing, 10 },
	{ "recvfrom-spin", nothing, spin_take, nothing, 1 },
	{ "epoll-spin", epoll_open, epoll_take, epoll_close, 1 },
	{ "uring-spin", uring_way_open, uring_way_take, uring_way_close, 1 },
};

#define NR_WAYS (sizeof(ways) / sizeof(ways[0]))

static pthread_barrier_t ready, done;

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
}

/* Checks what came and, with the ring, posts its place again. */
static void take(struct side *s, uint32_t nr)
{
	const unsigned char *data = s->way->take(s);
	uint32_t came;

	if (!data)
		die("%s: not a whole datagram", s->way->name);
	memcpy(&came, data, sizeof(came));
	if (came != nr)
		die("%s: %u came, not %u", s->way->name, came, nr);
	if (s->port) {
		odg_rq_write(&s->rq, s->region, 0, PAYLOAD, 0, 0);
		ODG_MUST(odg_rq_submit(&s->rq));
	}
}

static void give(const struct side *s, uint32_t nr)
{
	unsigned char tx[PAYLOAD];

	fill(tx, PAYLOAD, nr);
	if (send(s->fd, tx, PAYLOAD, 0) != PAYLOAD)
		die("%s: not sent", s->way->name);
}

static void *pong(void *arg)
{
	struct side *s = arg;

	run_on(1);
	s->way->open(s);
	pthread_barrier_wait(&ready);
	for (uint32_t i = 0; i < pings / s->way->fewer; i++) {
		take(s, i);
		give(s, i);
	}
	pthread_barrier_wait(&done);
	s->way->close(s);
	return NULL;
}

static void measure(const struct way *way, int run)
{
	static double rtt[MAX_PINGS];
	struct side a = { .way = way }, b = { .way = way };
	const unsigned int n = pings / way->fewer, warm = n / 10;
	pthread_t thread;
	double mid;

	progress("run %d: %s", run, way->name);
	a.fd = receiver_socket(&a.at);
	b.fd = receiver_socket(&b.at);
	MUST(connect(a.fd, (struct sockaddr *)&b.at, sizeof(b.at)));
	MUST(connect(b.fd, (struct sockaddr *)&a.at, sizeof(a.at)));
	run_on(0);
	a.way->open(&a);
	if (pthread_create(&thread, NULL, pong, &b))
		die("no thread");
	pthread_barrier_wait(&ready);
	for (uint32_t i = 0; i < n; i++) {
		double start = now();

		give(&a, i);
		take(&a, i);
		rtt[i] = now() - start;
	}
	pthread_barrier_wait(&done);
	pthread_join(thread, NULL);
	way->close(&a);
	close(a.fd);
	close(b.fd);
	settle();
	mid = median(rtt + warm, n - warm);
	printf("rtt\t%s\t%d\t%.0f\t%.0f\n", way->name, run, mid,
	       rtt[warm + (n - warm) * 99 / 100]);
}

int latency_main(int argc, char **argv)
{
	int runs = argc == 2 ? atoi(argv[0]) : 0;

	pings = argc == 2 ? atoi(argv[1]) : 0;
	if (runs < 1 || pings < 100 || pings > MAX_PINGS)
		die("latency: RUNS PINGS");
	pthread_barrier_init(&ready, NULL, 2);
	pthread_barrier_init(&done, NULL, 2);
	for (int run = 1; run <= runs; run++)
		for (size_t i = 0; i < NR_WAYS; i++)
			measure(&ways[i], run);
	return 0;
}
