// SPDX-License-Identifier: MIT
/* Receiving from many sockets: a ring each and one queue, epoll, multishot. */
#include <odgram_ring.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "many.h"
#include "rx_odgram.h"
#include "uring.h"

#define SLOT		128
#define QUEUE		16384	/* the next power of two */
#define EVENTS		64	/* of one epoll_wait */

static unsigned char slots[MANY_MAX][SLOT] __attribute__((aligned(4096)));
static struct odg_port *port;

static void floor_open(unsigned int count)
{
	ODG_MUST(odg_port_open(&port, 1, 0));
	for (unsigned int i = 0; i < count; i++)
		ODG_MUST(odg_bind(port, many_fds[i], ODG_BIND_DISCARD));
}

static void floor_close(unsigned int count)
{
	(void)count;
	odg_port_close(port);
}

static struct odg_rq rqs[MANY_MAX];
static int region;

static void ring_open(unsigned int count)
{
	ODG_MUST(odg_port_open(&port, count, 0));
	region = ODG_MUST(odg_region_register(port, slots, sizeof(slots), NULL));
	for (unsigned int i = 0; i < count; i++)
		ODG_MUST(odg_rq_open(&rqs[i], port, many_fds[i], 1));
}

static void ring_post(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		odg_rq_write(&rqs[i], region, (uint64_t)i * SLOT, SLOT, i, 0);
		ODG_MUST(odg_rq_submit(&rqs[i]));
	}
}

static void ring_drain(unsigned int count)
{
	const struct odg_cq *cq = odg_port_cq(port);
	uint32_t idx;

	if (odg_cq_peek(cq, &idx) != count)
		die("ring: not a completion of each socket");
	for (unsigned int i = 0; i < count; i++) {
		const struct odg_cqe *cqe = odg_cq_read(cq, idx + i);

		take_cqe(cqe, slots[cqe->user_data], &many_got[cqe->user_data]);
	}
	odg_cq_release(cq, count);
}

static void ring_close(unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		odg_rq_close(&rqs[i]);
	odg_port_close(port);
}

static int epfd;

static void epoll_open(unsigned int count)
{
	epfd = MUST(epoll_create1(EPOLL_CLOEXEC));
	for (unsigned int i = 0; i < count; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		MUST(epoll_ctl(epfd, EPOLL_CTL_ADD, many_fds[i], &ev));
	}
}

static void epoll_drain(unsigned int count)
{
	struct epoll_event events[EVENTS];

	for (unsigned int done = 0; done < count;) {
		int n = MUST(epoll_wait(epfd, events, EVENTS, -1));

		for (int k = 0; k < n; k++) {
			unsigned int i = events[k].data.u32;
			struct sockaddr_in from;
			socklen_t len = sizeof(from);

			many_got[i].len = MUST(recvfrom(many_fds[i], slots[i],
							SLOT, MSG_DONTWAIT,
							(struct sockaddr *)&from,
							&len));
			many_got[i].data = slots[i];
			many_got[i].addr = from.sin_addr.s_addr;
			many_got[i].port = from.sin_port;
		}
		done += n;
	}
}

static void epoll_close(unsigned int count)
{
	(void)count;
	close(epfd);
}

static struct io_uring uring;
static struct uring_buffers buffers;
static struct msghdr shape;
static unsigned int used[MANY_MAX], nr_used;

static void multishot_open(unsigned int count)
{
	uring_open(&uring, BURST, QUEUE);
	uring_buffers_open(&buffers, &uring, QUEUE, 2 * SLOT);
	nr_used = 0;
	shape = (struct msghdr){ .msg_namelen = sizeof(struct sockaddr_in) };
	for (unsigned int i = 0; i < count; i++) {
		uring_arm(&uring, many_fds[i], &shape, i);
		if (i + 1 == count || !((i + 1) % BURST))
			MUST(io_uring_submit(&uring));
	}
}

static void multishot_post(unsigned int count)
{
	(void)count;
	for (unsigned int i = 0; i < nr_used; i++)
		io_uring_buf_ring_add(buffers.ring, buffers.memory +
				      (size_t)used[i] * buffers.size,
				      buffers.size, used[i],
				      io_uring_buf_ring_mask(QUEUE), i);
	io_uring_buf_ring_advance(buffers.ring, nr_used);
	nr_used = 0;
}

static void multishot_drain(unsigned int count)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n;

	while (nr_used < count) {
		MUST(io_uring_submit_and_wait(&uring, count - nr_used));
		n = 0;
		io_uring_for_each_cqe(&uring, head, cqe) {
			uint64_t i = io_uring_cqe_get_data64(cqe);

			used[nr_used++] = uring_take(&buffers, cqe, &shape,
						     &many_got[i]);
			n++;
		}
		io_uring_cq_advance(&uring, n);
	}
}

static void multishot_close(unsigned int count)
{
	(void)count;
	io_uring_queue_exit(&uring);
	uring_buffers_close(&buffers);
}

const struct many many_receivers[] = {
	{ "floor", floor_open, NULL, NULL, floor_close },
	{ "ring", ring_open, ring_post, ring_drain, ring_close },
	{ "epoll", epoll_open, NULL, epoll_drain, epoll_close },
	{ "uring-multishot", multishot_open, multishot_post, multishot_drain,
	  multishot_close },
	{ 0 }
};
