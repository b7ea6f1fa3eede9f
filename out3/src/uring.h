/* SPDX-License-Identifier: MIT */
/* What the experiments share of io_uring; rx_uring.c */
#ifndef ODG_BENCH_URING_H
#define ODG_BENCH_URING_H

#include <liburing.h>

#include "bench.h"

/* Provided buffers, all of one size. */
struct uring_buffers {
	struct io_uring_buf_ring *ring;
	unsigned char *memory;
	unsigned int count, size;
};

void uring_open(struct io_uring *r, unsigned int entries, unsigned int cq_entries);
struct io_uring_sqe *uring_sqe(struct io_uring *r);
void uring_buffers_open(struct uring_buffers *b, struct io_uring *r,
			unsigned int count, unsigned int size);
void uring_buffers_close(struct uring_buffers *b);

/* A multishot recvmsg; msg says how much name and control to deliver. */
void uring_arm(struct io_uring *r, int fd, struct msghdr *msg, uint64_t data);

/* Reads one of its completions; returns the buffer to give back later. */
unsigned int uring_take(struct uring_buffers *b, const struct io_uring_cqe *cqe,
			struct msghdr *msg, struct got *g);

#endif
