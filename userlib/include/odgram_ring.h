/* SPDX-License-Identifier: MIT */
/*
 * odgram: receiving without system calls.
 *
 * Register memory once (a region), create the request queue of a socket, and post
 * receives by storing them there.  The kernel fills the memory and publishes the
 * completion in the port's queue (odgram.h) in the softirq that received the
 * datagram.  The protocol and its barriers are in <linux/odgram.h>.
 *
 * A standing receive (odg_rq_write_standing) takes many datagrams with one entry.
 * Without a region, memory is named by its address (odg_rq_write_addr).
 *
 * Threads: a region may be used by all.  The odg_rq_ functions belong to one
 * producer: if several threads post to one socket, they need a lock of their own.
 *
 * Errors: a negative errno value, errno is left alone; see odg_explain().
 */
#ifndef ODGRAM_RING_H
#define ODGRAM_RING_H

#include <odgram.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * odg_region_register - pin memory to receive into
 * @addr: any writable memory; it must not be unmapped before it is given back
 * @len: bytes, 1 .. 2^31 - 1; charged to RLIMIT_MEMLOCK in whole pages
 * @info: NULL, or filled with what the kernel says of it (id, node, page_shift)
 *
 * Returns the id for odg_rq_write(), or -EFAULT, -EINVAL, -ENOMEM, -ENOSPC.
 */
int odg_region_register(struct odg_port *port, void *addr, size_t len,
			struct odg_region_add *info);

/*
 * odg_region_deregister - give it back
 *
 * The kernel does not touch the memory after this returns; receives that still
 * name it complete with -EFAULT.  0 or -ENOENT.
 */
int odg_region_deregister(struct odg_port *port, int id);

/* A socket's request queue.  Hands off: use the functions. */
struct odg_rq {
	struct odg_rqe *__entries;	/* written here */
	uint32_t *__prod;		/* written here */
	const uint32_t *__cons;		/* written by the kernel */
	const uint32_t *__flags;	/* written by the kernel */
	uint32_t __next;		/* entries before it are written */
	uint32_t __mask;
	struct odg_port *__port;
	int __sockfd;
	void *__map;
	size_t __map_size;
	uint32_t __kind;		/* ODG_RQ_ADDRESSES or 0 */
};

/**
 * odg_rq_open - create the request queue of a socket
 * @rq: filled; the caller's, until odg_rq_close()
 * @sockfd: a UDP socket with a local port
 * @entries: at least so many, 1 .. ODG_MAX_RQ_ENTRIES
 *
 * The queue itself lives as long as the socket and the port.  Returns 0, -EEXIST
 * (the socket has one), -EBADF, -ENOTSOCK, -EOPNOTSUPP, -EBUSY, -EINVAL, -ENOMEM.
 */
int odg_rq_open(struct odg_rq *rq, struct odg_port *port, int sockfd,
		uint32_t entries);

/**
 * odg_rq_open_addresses - the same, for receives into any memory of this process
 *
 * Not for use after fork(2): a child does not have it, not even to close it.  Also
 * -EPERM: another process opened the port or posted to it first.
 */
int odg_rq_open_addresses(struct odg_rq *rq, struct odg_port *port, int sockfd,
			  uint32_t entries);

/**
 * odg_rq_resize - make it larger, or smaller
 * @entries: at least so many, 1 .. ODG_MAX_RQ_ENTRIES
 *
 * What was written is submitted, what is posted stays posted and in order.  No other
 * thread may use @rq meanwhile.  Returns 0; or, and nothing has changed but for the
 * submit, -EINVAL (also: more is posted than that), -ENOMEM, -ENOENT (the socket is
 * not open), -EBADF.
 */
int odg_rq_resize(struct odg_rq *rq, uint32_t entries);

/* odg_rq_close - unmap it; what is posted stays posted */
void odg_rq_close(struct odg_rq *rq);

/* odg_rq_kick - what odg_rq_submit() calls when datagrams wait; 0 or an error */
int odg_rq_kick(struct odg_rq *rq);

/**
 * odg_rq_cancel - end one receive that was submitted
 * @index: odg_rq_next() as it was before the receive was written
 * @user_data: its
 *
 * Returns 1: its completion is in the queue, with -ECANCELED; 0: it has completed; or
 * -EAGAIN: there is no room for the completion; -ENOENT, -EBADF: the socket is gone.
 */
int odg_rq_cancel(struct odg_rq *rq, uint32_t index, uint64_t user_data);

/* odg_rq_next - the index of what is written next */
static inline uint32_t odg_rq_next(const struct odg_rq *rq)
{
	return rq->__next;
}

/* odg_rq_room - how many entries can be written */
static inline uint32_t odg_rq_room(const struct odg_rq *rq)
{
	return rq->__mask + 1 -
	       (rq->__next - __atomic_load_n(rq->__cons, __ATOMIC_ACQUIRE));
}

/**
 * odg_rq_write - WRITE one segment of a receive; there must be room for it
 * @region: from odg_region_register()
 * @offset: where in the region, bytes
 * @len: bytes
 * @user_data: comes back in the completion
 * @flags: ODG_RQE_MORE if the next entry continues this receive, else 0
 *
 * The memory belongs to the kernel from odg_rq_submit() until the completion of
 * the receive is visible.
 */
static inline void odg_rq_write(struct odg_rq *rq, int region, uint64_t offset,
				uint32_t len, uint64_t user_data,
				uint32_t flags)
{
	struct odg_rqe *rqe = &rq->__entries[rq->__next++ & rq->__mask];

	rqe->user_data = user_data;
	rqe->offset = offset;
	rqe->len = len;
	rqe->region = (uint32_t)region;
	rqe->flags = flags;
	rqe->least = 0;
}

/**
 * odg_rq_write_addr - WRITE one segment in memory that needs no region; there must be
 *	room for it
 * @addr: in a queue of odg_rq_open_addresses()
 *
 * The rest is as for odg_rq_write().  The datagram goes where a store to that address
 * would go when it comes.  Memory that is not writable then completes the receive with
 * -EFAULT, what may not be locked (RLIMIT_MEMLOCK) with -ENOMEM.
 */
static inline void odg_rq_write_addr(struct odg_rq *rq, void *addr, uint32_t len,
				     uint64_t user_data, uint32_t flags)
{
	odg_rq_write(rq, 0, (uintptr_t)addr, len, user_data,
		     flags | ODG_RQE_ADDRESS);
}

/**
 * odg_rq_write_standing - WRITE a receive that takes many datagrams; there must be
 *	room for one entry
 * @offset, @len: the memory; each datagram begins at the next multiple of
 *	ODG_STANDING_ALIGN from its beginning
 * @least: the receive ends when less than this remains, 1 .. @len: the size of the
 *	largest datagram expected.  What is longer than what remains is truncated.
 * @user_data: comes back in each completion, plus where in the memory its datagram
 *	begins; may be the memory's address
 * @flags: ODG_RQE_QUIET or 0
 *
 * All completions but the last have ODG_CQE_MORE set.  The memory behind the last
 * datagram is the kernel's until the one without it is visible.
 */
static inline void odg_rq_write_standing(struct odg_rq *rq, int region,
					 uint64_t offset, uint32_t len,
					 uint32_t least, uint64_t user_data,
					 uint32_t flags)
{
	struct odg_rqe *rqe = &rq->__entries[rq->__next & rq->__mask];

	odg_rq_write(rq, region, offset, len, user_data,
		     flags | ODG_RQE_STANDING);
	rqe->least = least;
}

/**
 * odg_rq_submit - SUBMIT all that was written
 *
 * No system call, unless datagrams wait in the socket's own queue because nothing
 * was posted when they came.  Returns 0 or the error of that call.
 */
static inline int odg_rq_submit(struct odg_rq *rq)
{
	/* Release: (E) of <linux/odgram.h>, entries before the index */
	__atomic_store_n(rq->__prod, rq->__next, __ATOMIC_RELEASE);
	/* (G): the index before the look at the flags */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(rq->__flags, __ATOMIC_RELAXED) & ODG_RQ_NEED_KICK))
		return 0;
	return odg_rq_kick(rq);
}

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_RING_H */
