// SPDX-License-Identifier: MIT
/*
 * odgram's ways of receiving, by the bare contract of uapi/linux/odgram.h: what
 * is measured is the kernel's work, not a library's.
 */
#include <fcntl.h>
#include <linux/odgram.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

static int port = -1, event = -1;
static char *queue;
static struct odg_query query;
static struct odg_cq_create cq;
static struct odg_seg segs[BURST];
static struct odg_recv recvs[BURST];
static struct odg_cqe results[BURST];

static void port_open(int fd)
{
	(void)fd;
	query = (struct odg_query){ .size = sizeof(query) };
	cq = (struct odg_cq_create){ .size = sizeof(cq), .entries = 2 * BURST };
	port = MUST(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	MUST(ioctl(port, ODG_QUERY, &query));
	MUST(ioctl(port, ODG_CQ_CREATE, &cq));
	queue = mmap(NULL, cq.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     port, ODG_MMAP_CQ);
	if (queue == MAP_FAILED)
		MUST(-1);
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
	munmap(queue, cq.mmap_size);
	close(port);
	port = -1;
}

static void post(int fd, int first, int count)
{
	struct odg_post arg = {
		.size = sizeof(arg),
		.fd = fd,
		.recvs = (uintptr_t)&recvs[first],
		.count = count,
	};

	if (MUST(ioctl(port, ODG_POST, &arg)) != count)
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

static void take(const struct odg_cqe *cqe, unsigned int i)
{
	if (cqe->status || !(cqe->flags & ODG_CQE_ADDR) || i >= BURST)
		die("odgram: status %d, flags %#x", cqe->status, cqe->flags);
	got[i].len = cqe->len;
	got[i].port = cqe->port;
	got[i].addr = cqe->v4.addr;
}

/* The queue's PEEK, READ and RELEASE, as drawn in the header. */
static void queue_drain(int fd)
{
	__u32 *prod_at = (void *)(queue + query.cq_off_prod);
	__u32 *cons_at = (void *)(queue + query.cq_off_cons);
	__u32 prod = __atomic_load_n(prod_at, __ATOMIC_ACQUIRE);
	__u32 cons = *cons_at;

	(void)fd;
	if (prod - cons != BURST)
		die("odgram: %u completions, not %u", prod - cons, BURST);
	for (; cons != prod; cons++) {
		const struct odg_cqe *cqe =
			(void *)(queue + query.cq_off_entries +
				 (size_t)(cons & (cq.entries - 1)) * cq.cqe_size);

		take(cqe, cqe->user_data);
	}
	__atomic_store_n(cons_at, cons, __ATOMIC_RELEASE);
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

/* Posted and completed in shared memory alone: no system call. */
static struct odg_rq_create rq;
static char *ring;
static __u32 rq_next;

static void ring_open(int fd)
{
	struct odg_region_add region = {
		.size = sizeof(region),
		.addr = (uintptr_t)rx_buf,
		.len = sizeof(rx_buf),
	};

	port_open(fd);
	MUST(ioctl(port, ODG_REGION_ADD, &region));
	rq = (struct odg_rq_create){
		.size = sizeof(rq),
		.fd = fd,
		.entries = BURST,
	};
	MUST(ioctl(port, ODG_RQ_CREATE, &rq));
	ring = mmap(NULL, rq.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    port, rq.mmap_offset);
	if (ring == MAP_FAILED)
		MUST(-1);
	rq_next = 0;
	for (int i = 0; i < BURST; i++)
		((struct odg_rqe *)(ring + rq.off_entries))[i].region = region.id;
}

static void ring_post(int fd)
{
	struct odg_rqe *rqes = (void *)(ring + rq.off_entries);

	for (int i = 0; i < BURST; i++) {
		struct odg_rqe *rqe = &rqes[rq_next++ & (rq.entries - 1)];

		rqe->user_data = i;
		rqe->offset = (size_t)i * MAX_PAYLOAD;
		rqe->len = MAX_PAYLOAD;
		/* each post is shown by itself, as a receiver reposting does */
		__atomic_store_n((__u32 *)(ring + rq.off_prod), rq_next,
				 __ATOMIC_RELEASE);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n((__u32 *)(ring + rq.off_flags),
				    __ATOMIC_RELAXED) & ODG_RQ_NEED_KICK) {
			struct odg_rq_kick kick = {
				.size = sizeof(kick),
				.fd = fd,
			};

			MUST(ioctl(port, ODG_RQ_KICK, &kick));
		}
	}
}

static void ring_close(void)
{
	munmap(ring, rq.mmap_size);
	port_close();
}

/* Posted when the datagram is already there: done within the call. */
static void waiting_open(int fd)
{
	struct odg_bind bind = { .size = sizeof(bind), .fd = fd };

	port_open(fd);
	MUST(ioctl(port, ODG_BIND, &bind));
	for (int i = 0; i < BURST; i++)
		recvs[i].result = (uintptr_t)&results[i];
}

static void waiting_drain(int fd)
{
	post_batch(fd);
	for (int i = 0; i < BURST; i++) {
		if (recvs[i].state != ODG_RECV_DONE)
			die("odgram: a waiting datagram was not taken at once");
		take(&results[i], results[i].user_data);
	}
}

static void discard_open(int fd)
{
	struct odg_bind bind = {
		.size = sizeof(bind),
		.fd = fd,
		.flags = ODG_BIND_DISCARD,
	};

	port = MUST(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	MUST(ioctl(port, ODG_BIND, &bind));
}

static uint64_t discard_dropped(int fd)
{
	struct odg_sock_stats stats = { .size = sizeof(stats), .fd = fd };

	MUST(ioctl(port, ODG_SOCK_STATS, &stats));
	if (stats.arrived != stats.discarded)
		die("odgram: arrived and discarded differ");
	return stats.discarded;
}

static void discard_close(void)
{
	close(port);
	port = -1;
}

const struct receiver odgram_receivers[] = {
	{
		.name = "floor",
		.label = "E: odgram, drop in the hook",
		.needs_module = 1,
		.open = discard_open,
		.dropped = discard_dropped,
		.close = discard_close,
	},
	{
		.name = "ring",
		.label = "odgram, receive ring",
		.needs_module = 1,
		.open = ring_open,
		.post = ring_post,
		.drain = queue_drain,
		.close = ring_close,
	},
	{
		.name = "post64",
		.label = "odgram, 64 posts a call",
		.needs_module = 1,
		.open = port_open,
		.post = post_batch,
		.drain = queue_drain,
		.close = port_close,
	},
	{
		.name = "post1",
		.label = "odgram, 1 post a call",
		.needs_module = 1,
		.open = port_open,
		.post = post_single,
		.drain = queue_drain,
		.close = port_close,
	},
	{
		.name = "post64event",
		.label = "odgram, 64 posts, eventfd each",
		.needs_module = 1,
		.open = event_open,
		.post = post_batch,
		.drain = queue_drain,
		.close = event_close,
	},
	{
		.name = "late64",
		.label = "odgram, 64 late posts a call",
		.needs_module = 1,
		.open = waiting_open,
		.drain = waiting_drain,
		.close = port_close,
	},
	{ 0 }
};
