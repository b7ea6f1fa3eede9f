// SPDX-License-Identifier: MIT
/* odgram's receives posted by system call, into memory pinned by the post. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "rx_odgram.h"

static struct odg_port *port;
static int event = -1;
static struct odg_seg segs[BURST];
static struct odg_recv recvs[BURST];
static struct odg_cqe results[BURST];

/* The queue's PEEK, READ and RELEASE, as drawn in <odgram.h>. */
void queue_drain(struct odg_port *from)
{
	const struct odg_cq *cq = odg_port_cq(from);
	uint32_t idx, n = odg_cq_peek(cq, &idx);

	if (n != BURST)
		die("odgram: %u completions, not %u", n, BURST);
	for (uint32_t i = 0; i < n; i++) {
		const struct odg_cqe *cqe = odg_cq_read(cq, idx + i);

		take_cqe(cqe, rx_buf[cqe->user_data], &got[i]);
	}
	odg_cq_release(cq, n);
}

static void port_open(int fd)
{
	(void)fd;
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	for (int i = 0; i < BURST; i++) {
		segs[i] = (struct odg_seg){
			.addr = (uintptr_t)rx_buf[i],
			.len = MAX_PAYLOAD,
		};
		recvs[i] = (struct odg_recv){
			.user_data = i,
			.segs = (uintptr_t)&segs[i],
			.nr_segs = 1,
			.eventfd = -1,
		};
	}
}

static void port_close(void)
{
	odg_port_close(port);
}

static void post(int fd, int first, int count)
{
	if (ODG_MUST(odg_post(port, fd, &recvs[first], count)) != count)
		die("odgram: not all posts were accepted");
}

static void post_single(int fd)
{
	for (int i = 0; i < BURST; i++)
		post(fd, i, 1);
}

static void post_batch(int fd)
{
	post(fd, 0, BURST);
}

static void drain(int fd)
{
	(void)fd;
	queue_drain(port);
}

/* Each completion signals an eventfd as well, as the Winsock face needs it. */
static void event_open(int fd)
{
	port_open(fd);
	event = MUST(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	for (int i = 0; i < BURST; i++)
		recvs[i].eventfd = event;
}

static void event_close(void)
{
	uint64_t count = 0;

	MUST(read(event, &count, sizeof(count)));
	close(event);
	port_close();
}

/* Posted when the datagram is already there: done within the call. */
static void late_open(int fd)
{
	port_open(fd);
	ODG_MUST(odg_bind(port, fd, 0));
	for (int i = 0; i < BURST; i++)
		recvs[i].result = (uintptr_t)&results[i];
}

static void late_drain(int fd)
{
	post_batch(fd);
	for (int i = 0; i < BURST; i++) {
		if (recvs[i].state != ODG_RECV_DONE)
			die("odgram: a waiting datagram was not taken at once");
		take_cqe(&results[i], rx_buf[results[i].user_data], &got[i]);
	}
}

const struct receiver post_receivers[] = {
	{
		.name = "post64",
		.label = "odgram, 64 posts a call",
		.flags = TELLS_MORE,
		.open = port_open,
		.post = post_batch,
		.drain = drain,
		.close = port_close,
	},
	{
		.name = "post1",
		.label = "odgram, 1 post a call",
		.flags = TELLS_MORE,
		.open = port_open,
		.post = post_single,
		.drain = drain,
		.close = port_close,
	},
	{
		.name = "post64event",
		.label = "odgram, 64 posts, eventfd each",
		.flags = TELLS_MORE,
		.open = event_open,
		.post = post_batch,
		.drain = drain,
		.close = event_close,
	},
	{
		.name = "late64",
		.label = "odgram, 64 late posts a call",
		.flags = TELLS_MORE,
		.open = late_open,
		.drain = late_drain,
		.close = port_close,
	},
	{ 0 }
};
