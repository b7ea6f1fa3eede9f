// SPDX-License-Identifier: MIT
/*
 * Many receives outstanding on one socket: a datagram is sent, taken, and its
 * receive posted again, so that the depth stays.
 *
 *   depth NAME DEPTH DATAGRAMS POSTING SEND TAKE TOTAL
 *
 * POSTING is what each of the first DEPTH receives cost; TAKE includes posting
 * again.  The floor has no depth and stands at both ends of the rings.
 */
#include <odgram_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rx_odgram.h"
#include "uring.h"

#define PAYLOAD		64
#define SLOT		128	/* bytes of a posted buffer */
#define MAX_DEPTH	65536
#define DATAGRAMS	4096
#define BATCH		4096	/* requests of one io_uring submit */

struct deep {
	const char *name;
	void (*open)(int fd, unsigned int depth);
	void (*post_all)(int fd, unsigned int depth);
	void (*take)(int fd, struct got *g);	/* and post it again */
	void (*close)(void);
};

static unsigned char (*slots)[SLOT];
static struct odg_port *port;
static struct odg_rq rq;
static int region;

static void floor_open(int fd, unsigned int depth)
{
	(void)depth;
	ODG_MUST(odg_port_open(&port, 1, 0));
	ODG_MUST(odg_bind(port, fd, ODG_BIND_DISCARD));
}

static void floor_close(void)
{
	odg_port_close(port);
}

static void ring_open(int fd, unsigned int depth)
{
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	region = ODG_MUST(odg_region_register(port, slots, (size_t)depth * SLOT,
					      NULL));
	ODG_MUST(odg_rq_open(&rq, port, fd, depth));
}

static void ring_post(uint64_t slot)
{
	odg_rq_write(&rq, region, slot * SLOT, SLOT, slot, 0);
	ODG_MUST(odg_rq_submit(&rq));
}

static void ring_post_all(int fd, unsigned int depth)
{
	(void)fd;
	for (unsigned int i = 0; i < depth; i++)
		ring_post(i);
}

static void ring_take(int fd, struct got *g)
{
	const struct odg_cq *cq = odg_port_cq(port);
	uint64_t slot;
	uint32_t idx;

	(void)fd;
	if (odg_cq_peek(cq, &idx) != 1)
		die("ring: not one completion");
	slot = odg_cq_read(cq, idx)->user_data;
	take_cqe(odg_cq_read(cq, idx), slots[slot], g);
	odg_cq_release(cq, 1);
	ring_post(slot);
}

static void ring_close(void)
{
	odg_rq_close(&rq);
	odg_port_close(port);
}

static struct io_uring uring;
static struct msghdr *msgs;
static struct iovec *iov;
static struct sockaddr_in *from;

static void uring_deep_open(int fd, unsigned int depth)
{
	(void)fd;
	uring_open(&uring, depth < BATCH ? depth : BATCH, 2 * depth);
}

static void uring_post(int fd, uint64_t slot)
{
	struct io_uring_sqe *sqe = uring_sqe(&uring);

	msgs[slot].msg_namelen = sizeof(from[slot]);
	io_uring_prep_recvmsg(sqe, fd, &msgs[slot], 0);
	io_uring_sqe_set_data64(sqe, slot);
}

static void uring_post_all(int fd, unsigned int depth)
{
	for (unsigned int i = 0; i < depth; i++) {
		uring_post(fd, i);
		if (i + 1 == depth || !((i + 1) % BATCH))
			MUST(io_uring_submit(&uring));
	}
}

/* The new request goes in with the next wait: one enter a datagram. */
static void uring_deep_take(int fd, struct got *g)
{
	struct io_uring_cqe *cqe;
	uint64_t slot;

	MUST(io_uring_submit_and_wait(&uring, 1));
	ODG_MUST(io_uring_peek_cqe(&uring, &cqe));
	slot = io_uring_cqe_get_data64(cqe);
	*g = (struct got){
		.data = slots[slot],
		.len = ODG_MUST(cqe->res),
		.addr = from[slot].sin_addr.s_addr,
		.port = from[slot].sin_port,
	};
	io_uring_cqe_seen(&uring, cqe);
	uring_post(fd, slot);
}

static void uring_deep_close(void)
{
	io_uring_queue_exit(&uring);
}

static const struct deep floor_deep = { "floor", floor_open, NULL, NULL, floor_close };
static const struct deep ring_deep = {
	"ring", ring_open, ring_post_all, ring_take, ring_close
};
static const struct deep uring_deep = {
	"uring-oneshot", uring_deep_open, uring_post_all, uring_deep_take,
	uring_deep_close
};

static void one(const struct deep *deep, int rx_fd, int tx_fd,
		const struct sockaddr_in *from_tx, double *send_cost, double *take)
{
	static uint32_t serial;
	unsigned char buf[PAYLOAD];
	struct got g = { 0 };
	double t;

	fill(buf, PAYLOAD, serial++);
	t = now();
	if (send(tx_fd, buf, PAYLOAD, 0) != PAYLOAD)
		die("%s: not sent", deep->name);
	*send_cost += since(t);
	if (!deep->take)
		return;

	t = now();
	deep->take(rx_fd, &g);
	*take += since(t);
	check_sender(&g, from_tx, deep->name);
	if (g.len != PAYLOAD || memcmp(g.data, buf, PAYLOAD))
		die("%s: wrong length or bytes", deep->name);
}

static void measure(const struct deep *deep, unsigned int depth, int datagrams)
{
	double posting = 0, sending = 0, taking = 0;
	struct sockaddr_in at, from_tx;
	int rx_fd = receiver_socket(&at);
	int tx_fd = sender_socket(&at, 0, &from_tx);
	const int warm = datagrams / 8 + 1;
	double t;

	progress("%s: %u outstanding", deep->name, depth);
	deep->open(rx_fd, depth);
	if (deep->post_all) {
		t = now();
		deep->post_all(rx_fd, depth);
		posting = since(t);
	}
	for (int i = 0; i < warm; i++)
		one(deep, rx_fd, tx_fd, &from_tx, &sending, &taking);
	sending = 0;
	taking = 0;
	for (int i = 0; i < datagrams; i++)
		one(deep, rx_fd, tx_fd, &from_tx, &sending, &taking);

	printf("depth\t%s\t%u\t%d\t%.1f\t%.1f\t%.1f\t%.1f\n", deep->name,
	       depth, datagrams, depth ? posting / depth : 0,
	       sending / datagrams, taking / datagrams,
	       (sending + taking) / datagrams);
	deep->close();
	close(rx_fd);
	close(tx_fd);
	settle();
}

/* All that lies with the program, touched now: not what a post costs. */
static void allocate(void)
{
	slots = calloc(MAX_DEPTH, sizeof(*slots));
	msgs = calloc(MAX_DEPTH, sizeof(*msgs));
	iov = calloc(MAX_DEPTH, sizeof(*iov));
	from = calloc(MAX_DEPTH, sizeof(*from));
	if (!slots || !msgs || !iov || !from)
		die("no memory");
	for (int i = 0; i < MAX_DEPTH; i++) {
		memset(slots[i], WANT_BUFFER, SLOT);
		memset(&from[i], 0, sizeof(from[i]));
		iov[i] = (struct iovec){ slots[i], SLOT };
		msgs[i] = (struct msghdr){
			.msg_name = &from[i],
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
		};
	}
}

int depth_main(int argc, char **argv)
{
	/* io_uring's cost grows with the depth, to 10^8 a datagram */
	static const struct {
		unsigned int depth;
		int uring_datagrams;
	} steps[] = {
		{ 1, 256 }, { 64, 128 }, { 1024, 64 }, { 4096, 16 },
		{ 16384, 4 }, { MAX_DEPTH, 2 },
	};
	const size_t nr_steps = sizeof(steps) / sizeof(steps[0]);

	(void)argc;
	(void)argv;
	allocate();
	measure(&floor_deep, 0, DATAGRAMS);
	for (size_t i = 0; i < nr_steps; i++)
		measure(&ring_deep, steps[i].depth, DATAGRAMS);
	measure(&floor_deep, 0, DATAGRAMS);
	for (size_t i = 0; i < nr_steps; i++)
		measure(&uring_deep, steps[i].depth, steps[i].uring_datagrams);
	return 0;
}
