// SPDX-License-Identifier: MIT
/* odgram's receive rings: posted and completed in shared memory. */
#include <odgram_ring.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rx_odgram.h"

static struct odg_port *port;
static struct odg_rq rq;
static int region, event;

static void ring_open(int fd)
{
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	region = ODG_MUST(odg_region_register(port, rx_buf, sizeof(rx_buf), NULL));
	ODG_MUST(odg_rq_open(&rq, port, fd, BURST));
}

/* Each is shown by itself, as a receiver does that reposts one at a time. */
static void ring_post(int fd)
{
	const int where = region;

	(void)fd;
	for (int i = 0; i < BURST; i++) {
		odg_rq_write(&rq, where, (uint64_t)i * MAX_PAYLOAD, MAX_PAYLOAD,
			     i, 0);
		ODG_MUST(odg_rq_submit(&rq));
	}
}

/* Without a region, by address. */
static void address_open(int fd)
{
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	ODG_MUST(odg_rq_open_addresses(&rq, port, fd, BURST));
}

static void address_post(int fd)
{
	(void)fd;
	for (int i = 0; i < BURST; i++) {
		odg_rq_write_addr(&rq, rx_buf[i], MAX_PAYLOAD,
				  i, 0);
		ODG_MUST(odg_rq_submit(&rq));
	}
}

static void ring_drain(int fd)
{
	(void)fd;
	queue_drain(port);
}

/* Sleeps until the burst is there. */
static void poll_drain(int fd)
{
	struct pollfd wait = { .fd = odg_port_fd(port), .events = POLLIN };

	(void)fd;
	if (MUST(poll(&wait, 1, -1)) != 1)
		die("poll: woke for nothing");
	queue_drain(port);
}

static void event_open(int fd)
{
	ring_open(fd);
	event = MUST(eventfd(0, EFD_CLOEXEC));
	ODG_MUST(odg_port_notify(port, event));
	odg_cq_arm(odg_port_cq(port));
}

/* Sleeps on the eventfd, and arms when all is read: one signal a burst. */
static void event_drain(int fd)
{
	uint64_t count;

	(void)fd;
	if (MUST(read(event, &count, sizeof(count))) != sizeof(count) || count != 1)
		die("odgram: not signalled once");
	queue_drain(port);
	if (odg_cq_arm(odg_port_cq(port)))
		die("odgram: more than a burst");
}

static void event_close(void)
{
	odg_rq_close(&rq);
	odg_port_close(port);
	close(event);
}

static void ring_close(void)
{
	odg_rq_close(&rq);
	odg_port_close(port);
}

/* With a latency histogram: the tool switches it on. */
static void hist_open(int fd)
{
	char *const argv[] = { "odgram", "hist", "on", "all", NULL };
	char *const none[] = { NULL };
	int status;
	pid_t pid;

	ring_open(fd);
	if (posix_spawn(&pid, "/bin/odgram", NULL, NULL, argv, none))
		die("no /bin/odgram");
	MUST(waitpid(pid, &status, 0));
	if (status)
		die("odgram hist: status %#x", status);
}

/* One entry takes a burst, packed: each datagram's name says where it is. */
static unsigned char packed[BURST * MAX_PAYLOAD] __attribute__((aligned(4096)));

static void standing_open(int fd)
{
	ODG_MUST(odg_port_open(&port, 2 * BURST, 0));
	region = ODG_MUST(odg_region_register(port, packed, sizeof(packed), NULL));
	ODG_MUST(odg_rq_open(&rq, port, fd, BURST));
}

static void standing_post(int fd)
{
	const uint32_t slot = (burst_bytes() + ODG_STANDING_ALIGN - 1) &
			      ~(uint32_t)(ODG_STANDING_ALIGN - 1);

	(void)fd;
	odg_rq_write_standing(&rq, region, 0, BURST * slot, burst_bytes(), 0, 0);
	ODG_MUST(odg_rq_submit(&rq));
}

static void standing_drain(int fd)
{
	const struct odg_cq *cq = odg_port_cq(port);
	uint32_t idx, n = odg_cq_peek(cq, &idx);

	(void)fd;
	if (n != BURST)
		die("odgram: %u completions, not %u", n, BURST);
	for (uint32_t i = 0; i < n; i++) {
		const struct odg_cqe *cqe = odg_cq_read(cq, idx + i);

		take_cqe(cqe, packed + cqe->user_data, &got[i]);
	}
	odg_cq_release(cq, n);
}

const struct receiver ring_receivers[] = {
	{
		.name = "ring",
		.label = "odgram, ring, spinning",
		.flags = TELLS_MORE,
		.open = ring_open,
		.post = ring_post,
		.drain = ring_drain,
		.close = ring_close,
	},
	{
		.name = "ring-poll",
		.label = "odgram, ring, poll a burst",
		.flags = TELLS_MORE,
		.open = ring_open,
		.post = ring_post,
		.drain = poll_drain,
		.close = ring_close,
	},
	{
		.name = "ring-event",
		.label = "odgram, ring, armed eventfd a burst",
		.flags = TELLS_MORE,
		.open = event_open,
		.post = ring_post,
		.drain = event_drain,
		.close = event_close,
	},
	{
		.name = "ring-address",
		.label = "odgram, ring, by address",
		.flags = TELLS_MORE,
		.open = address_open,
		.post = address_post,
		.drain = ring_drain,
		.close = ring_close,
	},
	{
		.name = "ring-hist",
		.label = "odgram, ring, with a histogram",
		.flags = TELLS_MORE,
		.open = hist_open,
		.post = ring_post,
		.drain = ring_drain,
		.close = ring_close,
	},
	{
		.name = "ring-standing",
		.label = "odgram, ring, one standing receive",
		.flags = TELLS_MORE,
		.open = standing_open,
		.post = standing_post,
		.drain = standing_drain,
		.close = ring_close,
	},
	{ 0 }
};
