// SPDX-License-Identifier: MIT
/*
 * io_uring's receives as its manual recommends: one issuer, task work deferred to
 * the wait, one enter a burst; multishot with a ring of provided buffers, and one
 * request a datagram.
 */
#include <liburing.h>
#include <stdlib.h>

#include "info.h"
#include "uring.h"

#define GROUP	0
#define BUFFERS	(2 * BURST)	/* one burst in use, one with the kernel */
#define BUFFER	(MAX_PAYLOAD + 256)

static struct io_uring ring;
static struct sockaddr_in from[BURST];
static struct iovec iov[BURST];
static struct msghdr msgs[BURST], shape;

void uring_open(struct io_uring *r, unsigned int entries, unsigned int cq_entries)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = cq_entries,
	};

	ODG_MUST(io_uring_queue_init_params(entries, r, &params));
}

struct io_uring_sqe *uring_sqe(struct io_uring *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(r);

	if (!sqe)
		die("io_uring: the submission queue is full");
	return sqe;
}

void uring_buffers_open(struct uring_buffers *b, struct io_uring *r,
			unsigned int count, unsigned int size)
{
	struct io_uring_buf_reg reg = {
		.ring_entries = count,
		.bgid = GROUP,
	};

	*b = (struct uring_buffers){ .count = count, .size = size };
	if (posix_memalign((void **)&b->ring, 4096,
			   count * sizeof(struct io_uring_buf)) ||
	    posix_memalign((void **)&b->memory, 4096, (size_t)count * size))
		die("no memory");
	reg.ring_addr = (uintptr_t)b->ring;
	ODG_MUST(io_uring_register_buf_ring(r, &reg, 0));
	io_uring_buf_ring_init(b->ring);
	for (unsigned int i = 0; i < count; i++)
		io_uring_buf_ring_add(b->ring, b->memory + (size_t)i * size, size,
				      i, io_uring_buf_ring_mask(count), i);
	io_uring_buf_ring_advance(b->ring, count);
}

/* After the io_uring itself. */
void uring_buffers_close(struct uring_buffers *b)
{
	free(b->ring);
	free(b->memory);
}

void uring_arm(struct io_uring *r, int fd, struct msghdr *msg, uint64_t data)
{
	struct io_uring_sqe *sqe = uring_sqe(r);

	io_uring_prep_recvmsg_multishot(sqe, fd, msg, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	io_uring_sqe_set_data64(sqe, data);
}

/* Header, name, control and payload share one buffer. */
unsigned int uring_take(struct uring_buffers *b, const struct io_uring_cqe *cqe,
			struct msghdr *msg, struct got *g)
{
	unsigned int id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
	void *buf = b->memory + (size_t)id * b->size;
	struct io_uring_recvmsg_out *out;
	const struct sockaddr_in *name;
	struct cmsghdr *cmsg;

	if (cqe->res < 0 || !(cqe->flags & IORING_CQE_F_MORE))
		die("io_uring: multishot ended, %d", cqe->res);
	out = io_uring_recvmsg_validate(buf, cqe->res, msg);
	if (!out || out->namelen != sizeof(*name))
		die("io_uring: not a whole message");
	name = io_uring_recvmsg_name(out);
	*g = (struct got){
		.data = io_uring_recvmsg_payload(out, msg),
		.len = io_uring_recvmsg_payload_length(out, cqe->res, msg),
		.addr = name->sin_addr.s_addr,
		.port = name->sin_port,
	};
	for (cmsg = io_uring_recvmsg_cmsg_firsthdr(out, msg); cmsg;
	     cmsg = io_uring_recvmsg_cmsg_nexthdr(out, msg, cmsg))
		info_take(cmsg, g);
	return id;
}

static struct uring_buffers buffers;
static unsigned int used[BURST];	/* buffers to give back */

static void multishot_start(int fd, size_t control)
{
	uring_open(&ring, BURST, 2 * BURST);
	uring_buffers_open(&buffers, &ring, BUFFERS, BUFFER);
	shape = (struct msghdr){
		.msg_namelen = sizeof(struct sockaddr_in),
		.msg_controllen = control,
	};
	for (unsigned int i = 0; i < BURST; i++)
		used[i] = BUFFERS;
	uring_arm(&ring, fd, &shape, 0);
	MUST(io_uring_submit(&ring));
}

static void multishot_open(int fd)
{
	multishot_start(fd, 0);
}

static void multishot_info_open(int fd)
{
	info_ask(fd);
	multishot_start(fd, INFO_ROOM);
}

/* What the program has read goes back, by stores. */
static void multishot_post(int fd)
{
	int mask = io_uring_buf_ring_mask(BUFFERS);
	int n = 0;

	(void)fd;
	for (int i = 0; i < BURST; i++) {
		if (used[i] == BUFFERS)
			continue;
		io_uring_buf_ring_add(buffers.ring,
				      buffers.memory + (size_t)used[i] * BUFFER,
				      BUFFER, used[i], mask, n++);
	}
	io_uring_buf_ring_advance(buffers.ring, n);
}

static void multishot_drain(int fd)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n, done = 0;

	(void)fd;
	while (done < BURST) {
		MUST(io_uring_submit_and_wait(&ring, BURST - done));
		n = 0;
		io_uring_for_each_cqe(&ring, head, cqe) {
			if (done + n == BURST)
				die("io_uring: more than a burst");
			used[done + n] = uring_take(&buffers, cqe, &shape,
						    &got[done + n]);
			n++;
		}
		io_uring_cq_advance(&ring, n);
		done += n;
	}
}

static void multishot_close(void)
{
	io_uring_queue_exit(&ring);
	uring_buffers_close(&buffers);
}

static void oneshot_open(int fd)
{
	(void)fd;
	uring_open(&ring, BURST, 2 * BURST);
	for (int i = 0; i < BURST; i++) {
		iov[i] = (struct iovec){ rx_buf[i], MAX_PAYLOAD };
		msgs[i] = (struct msghdr){
			.msg_name = &from[i],
			.msg_iov = &iov[i],
			.msg_iovlen = 1,
		};
	}
}

static void oneshot_prepare(int fd)
{
	for (int i = 0; i < BURST; i++) {
		struct io_uring_sqe *sqe = uring_sqe(&ring);

		msgs[i].msg_namelen = sizeof(from[i]);
		io_uring_prep_recvmsg(sqe, fd, &msgs[i], 0);
		io_uring_sqe_set_data64(sqe, i);
	}
}

static void oneshot_post(int fd)
{
	oneshot_prepare(fd);
	if (MUST(io_uring_submit(&ring)) != BURST)
		die("io_uring: not all was submitted");
}

static void oneshot_drain(int fd)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	(void)fd;
	MUST(io_uring_submit_and_wait(&ring, BURST));
	io_uring_for_each_cqe(&ring, head, cqe) {
		uint64_t i = io_uring_cqe_get_data64(cqe);

		if (n == BURST || cqe->res < 0)
			die("io_uring: completion %u: %d", n, cqe->res);
		got[n++] = (struct got){
			.data = rx_buf[i],
			.len = cqe->res,
			.addr = from[i].sin_addr.s_addr,
			.port = from[i].sin_port,
		};
	}
	io_uring_cq_advance(&ring, n);
}

static void oneshot_late_drain(int fd)
{
	oneshot_prepare(fd);
	oneshot_drain(fd);
}

static void oneshot_close(void)
{
	io_uring_queue_exit(&ring);
}

const struct receiver uring_receivers[] = {
	{
		.name = "uring-multishot",
		.label = "io_uring recvmsg, multishot",
		.open = multishot_open,
		.post = multishot_post,
		.drain = multishot_drain,
		.close = multishot_close,
	},
	{
		.name = "uring-multishot-info",
		.label = "io_uring recvmsg, multishot",
		.flags = TELLS_MORE,
		.open = multishot_info_open,
		.post = multishot_post,
		.drain = multishot_drain,
		.close = multishot_close,
	},
	{
		.name = "uring-oneshot",
		.label = "io_uring recvmsg, 64 posted",
		.open = oneshot_open,
		.post = oneshot_post,
		.drain = oneshot_drain,
		.close = oneshot_close,
	},
	{
		.name = "uring-oneshot-late",
		.label = "io_uring recvmsg, 64 a submit",
		.open = oneshot_open,
		.drain = oneshot_late_drain,
		.close = oneshot_close,
	},
	{ 0 }
};
