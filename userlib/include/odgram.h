/* SPDX-License-Identifier: MIT */
/*
 * odgram: overlapped datagram sockets, the native face.
 *
 * Post buffers to a UDP socket before datagrams come, read one completion per
 * buffer from a queue shared with the kernel.  The structures and the contract
 * of a posted receive are in <linux/odgram.h>; odgram(7) tells the whole story.
 *
 * Errors: a call that can fail returns a negative errno value and leaves errno
 * alone.  odg_explain() turns that value into a sentence that says what to do.
 *
 * Threads: posting, cancelling, waiting and the statistics may be called from
 * any thread at any time.  The odg_cq_ functions belong to one consumer: if
 * several threads read completions of one port, they need a lock of their own.
 * odg_port_close() must be the last call on its port.
 *
 * fork: a port belongs to the process that opened it.  The child may only
 * close its copy.
 */
#ifndef ODGRAM_H
#define ODGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <linux/odgram.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An open port.  Created by odg_port_open(), destroyed by odg_port_close(). */
struct odg_port;

/**
 * odg_port_open - open /dev/odgram and create its completion queue
 * @port: the new port goes here; untouched on error
 * @entries: completions to hold at least, 1 .. max_cq_entries.  It bounds the
 *	receives posted plus the completions not yet released.
 * @flags: ODG_CQ_WIDE for struct odg_cqe_wide entries, else 0
 *
 * Returns 0, or
 *   -ENOENT, -ENODEV, -ENXIO   the kernel module is not loaded
 *   -EACCES                    this user may not open the device
 *   -EPROTONOSUPPORT           module and library speak different versions
 *   -ENOMEM                    no memory, or over RLIMIT_MEMLOCK
 *   -EINVAL                    @entries or @flags is wrong
 *   -EMFILE, -ENFILE           no descriptor left
 */
int odg_port_open(struct odg_port **port, uint32_t entries, uint32_t flags);

/*
 * odg_port_close - give the port back
 *
 * Receives still posted are dropped without a completion; their buffers belong
 * to the caller again when this returns.  NULL is allowed.
 */
void odg_port_close(struct odg_port *port);

/*
 * odg_port_fd - the descriptor, for poll(2) and epoll(7)
 *
 * POLLIN while a completion is unread.  It stays the port's: do not close it.
 */
int odg_port_fd(const struct odg_port *port);

/* odg_port_limits - what the module said when the port was opened */
const struct odg_query *odg_port_limits(const struct odg_port *port);

/**
 * odg_bind - attach odgram to a UDP socket before the first post
 * @flags: ODG_BIND_* of <linux/odgram.h>
 *
 * Optional: the first post does it.  Returns 0, -EBADF, -ENOTSOCK,
 * -EOPNOTSUPP (not UDP), -EBUSY (taken by another encapsulation) or -EINVAL.
 */
int odg_bind(struct odg_port *port, int sockfd, uint32_t flags);

/*
 * odg_bind_joined - the same, and a receive may get several datagrams that the stack
 * joined (UDP_GRO), @max bytes of them together; odg_cqe.seg_len tells
 */
int odg_bind_joined(struct odg_port *port, int sockfd, uint32_t flags, uint32_t max);

/* odg_unbind - detach it; -EBUSY while ops wait, -ENOENT if not bound */
int odg_unbind(struct odg_port *port, int sockfd);

/**
 * odg_post - post receives to one socket
 * @recvs: what to post, in order; state and id are filled in for those accepted
 * @count: 1 .. max_posts
 *
 * The buffers belong to the kernel until the completion of their op is visible.
 * @recvs and the arrays it points to belong to the caller again at return.
 *
 * Returns the number accepted, from the front, at least 1; or, with nothing
 * posted, -EAGAIN (the queue has no room; or ODG_RECV_NOWAIT and no datagram),
 * -EBADF, -ENOTSOCK, -EOPNOTSUPP, -EBUSY, -ESHUTDOWN, -EFAULT (a buffer is not
 * writable), -ENOMEM (over RLIMIT_MEMLOCK), -EINVAL (among others: the socket
 * has no local port yet).
 */
int odg_post(struct odg_port *port, int sockfd, struct odg_recv *recvs,
	     uint32_t count);

/**
 * odg_post_buf - post one receive into one buffer
 * @user_data: comes back in the completion
 *
 * Returns 0 or the errors of odg_post().
 */
int odg_post_buf(struct odg_port *port, int sockfd, void *buf, uint32_t len,
		 uint64_t user_data);

/**
 * odg_send - send datagrams from one socket, without blocking
 * @sends: what to send, in order; state and id are filled in for those accepted
 * @count: 1 .. max_posts
 *
 * A datagram the socket has no room for waits and goes out later, in order.  Its
 * bytes are copied: @sends and all it points to, results excepted, belong to the
 * caller again at return.
 *
 * Returns the number accepted, from the front, at least 1; or, with nothing sent,
 * -EAGAIN (the queue has no room; or ODG_SEND_NOWAIT and the socket has none),
 * -EBADF, -ENOTSOCK, -EOPNOTSUPP, -EBUSY, -EFAULT, -ENOMEM (over RLIMIT_MEMLOCK),
 * -EINVAL, or what sendmsg(2) says, as -EDESTADDRREQ, -EMSGSIZE, -EACCES,
 * -ENETUNREACH, -EPIPE.  Port 0 is -EINVAL, as for sendmsg(2).
 */
int odg_send(struct odg_port *port, int sockfd, struct odg_send *sends,
	     uint32_t count);

/*
 * odg_cancel_id            - cancel the op that odg_recv.id named
 * odg_cancel_socket        - cancel this port's ops on a socket
 * odg_cancel_thread        - cancel this port's ops posted by a thread, by
 *                            gettid(2)
 * odg_cancel_socket_thread - cancel those that are both
 *
 * Receives and sends alike.  Each op cancelled still completes, with -ECANCELED
 * and no data.  Returns how many were cancelled, at least 1, or -ENOENT: they have
 * completed already.
 */
int odg_cancel_id(struct odg_port *port, uint64_t id);
int odg_cancel_socket(struct odg_port *port, int sockfd);
int odg_cancel_thread(struct odg_port *port, int tid);
int odg_cancel_socket_thread(struct odg_port *port, int sockfd, int tid);

/**
 * odg_wait - sleep until completions are unread
 * @min: how many to wait for, at most the entries of the queue
 * @timeout_ns: absolute time of CLOCK_MONOTONIC in nanoseconds; 0 does not
 *	wait; ODG_WAIT_FOREVER
 *
 * Returns how many are unread.  -EINTR and -ETIME come only if there are none.
 */
int odg_wait(struct odg_port *port, uint32_t min, uint64_t timeout_ns);

/**
 * odg_wait_spin - the same, but spin for a while before going to sleep
 * @spin_us: microseconds, 0 .. ODG_MAX_SPIN_US; 0 is odg_wait()
 *
 * It saves the wake-up of a completion that comes soon, for a CPU that does nothing
 * else meanwhile, and polls the device that the datagrams come by where that is
 * possible (struct odg_wait).  The spin ends early when the CPU is wanted.
 *
 * Returns as odg_wait(), or -EINVAL.
 */
int odg_wait_spin(struct odg_port *port, uint32_t min, uint64_t timeout_ns,
		  uint32_t spin_us);

/**
 * odg_port_notify - give the port an eventfd for odg_cq_arm()
 * @eventfd: signalled once each time the queue was armed and something came; -1
 *	takes the last one away.  The port holds it, the descriptor may be closed.
 *
 * Returns 0, -EBADF or -EINVAL (not an eventfd).
 */
int odg_port_notify(struct odg_port *port, int eventfd);

/* Counters; size and fd are filled in by the call.  0 or a negative errno. */
int odg_port_read_stats(struct odg_port *port, struct odg_port_stats *stats);
int odg_sock_read_stats(struct odg_port *port, int sockfd,
			struct odg_sock_stats *stats);

/* Which call an error came from: the same number can mean different things. */
enum odg_call {
	ODG_CALL_OPEN,
	ODG_CALL_BIND,		/* odg_bind and odg_unbind */
	ODG_CALL_POST,
	ODG_CALL_SEND,
	ODG_CALL_CANCEL,
	ODG_CALL_WAIT,
	ODG_CALL_STATS,
	ODG_CALL_COMPLETION	/* odg_cqe.status */
};

/**
 * odg_explain - say what an error means and what to do about it
 * @call: where it came from
 * @err: what came: a negative errno (a positive one is taken as well)
 * @buf: where to write it
 * @size: bytes at @buf; longer text is cut
 *
 * Returns @buf.  Keeps errno.  One English sentence or two, no newline.
 */
const char *odg_explain(enum odg_call call, int err, char *buf, size_t size);

/*
 * The completion queue: PEEK, READ, RELEASE
 * -----------------------------------------
 *	uint32_t idx, n = odg_cq_peek(cq, &idx);
 *
 *	for (uint32_t i = 0; i < n; i++)
 *		use(odg_cq_read(cq, idx + i));
 *	odg_cq_release(cq, n);
 *
 * A completion may be read until it is released.  The room of a released one
 * can be promised to the next post.
 */

/* The program's view of the queue.  Hands off: use the functions. */
struct odg_cq {
	const uint32_t *__prod;		/* in the mapping, written by the kernel */
	uint32_t *__cons;		/* in the mapping, written here */
	const uint32_t *__loud;		/* in the mapping, written by the kernel */
	uint32_t *__arm;		/* in the mapping, written by both */
	const uint8_t *__entries;
	uint32_t __mask;
	uint32_t __stride;
};

/* odg_port_cq - the port's queue; lives as long as the port */
struct odg_cq *odg_port_cq(struct odg_port *port);

/**
 * odg_cq_resize - make it larger, or smaller
 * @entries: completions to hold at least, 1 .. max_cq_entries
 *
 * What is unread stays unread, in order and with its indices, and it is armed if it was.
 * Receives may complete and threads wait meanwhile, but the call is the consumer's: no
 * other thread may use the odg_cq_ functions, and what odg_cq_read() returned is gone.
 * Returns 0; or, and nothing has changed, -EINVAL (also: more is posted by call and
 * unread than that) or -ENOMEM.
 */
int odg_cq_resize(struct odg_port *port, uint32_t entries);

/* odg_cq_peek - how many completions are unread; the first one's index in @idx */
static inline uint32_t odg_cq_peek(const struct odg_cq *cq, uint32_t *idx)
{
	*idx = __atomic_load_n(cq->__cons, __ATOMIC_RELAXED);
	/*
	 * Acquire: pairs with the kernel's release of prod after it wrote the
	 * entry, (A) with (B) of <linux/odgram.h>.
	 */
	return __atomic_load_n(cq->__prod, __ATOMIC_ACQUIRE) - *idx;
}

/* odg_cq_read - one of the completions that odg_cq_peek() counted */
static inline const struct odg_cqe *odg_cq_read(const struct odg_cq *cq,
						uint32_t idx)
{
	return (const struct odg_cqe *)(const void *)
		(cq->__entries + (size_t)(idx & cq->__mask) * cq->__stride);
}

/* odg_cq_read_wide - the same, on a port opened with ODG_CQ_WIDE */
static inline const struct odg_cqe_wide *
odg_cq_read_wide(const struct odg_cq *cq, uint32_t idx)
{
	return (const struct odg_cqe_wide *)(const void *)odg_cq_read(cq, idx);
}

/* odg_cq_release - done with the first @n; at most what odg_cq_peek() counted */
static inline void odg_cq_release(const struct odg_cq *cq, uint32_t n)
{
	/*
	 * Release: pairs with the kernel's acquire of cons before it promises
	 * the entry again, (C) with (D) of <linux/odgram.h>.
	 */
	__atomic_store_n(cq->__cons,
			 __atomic_load_n(cq->__cons, __ATOMIC_RELAXED) + n,
			 __ATOMIC_RELEASE);
}

/*
 * Sleeping without a call to the port: arm, then wait for the eventfd of
 * odg_port_notify() in poll(2), epoll(7) or read(2), among whatever else.
 *
 *	for (;;) {
 *		while ((n = odg_cq_peek(cq, &idx)))
 *			...use and release...
 *		if (!odg_cq_arm(cq))
 *			read(eventfd, &count, sizeof(count));
 *	}
 */

/*
 * odg_cq_disarm - take odg_cq_arm() back
 *
 * Returns 1, and the eventfd is not signalled for it; or 0: it was not armed any
 * more, since the kernel has signalled or is about to.
 */
static inline int odg_cq_disarm(const struct odg_cq *cq)
{
	return __atomic_exchange_n(cq->__arm, 0, __ATOMIC_SEQ_CST) != 0;
}

/**
 * odg_cq_arm - have the eventfd signalled by the next completion, once
 *
 * Returns 0: armed, or signalled already.  Else completions are unread: how many,
 * and nothing is armed nor signalled.  Those of quiet receives do not count: the
 * queue is armed though they are unread.
 */
static inline uint32_t odg_cq_arm(const struct odg_cq *cq)
{
	uint32_t loud, idx, unread;

	__atomic_store_n(cq->__arm, 1, __ATOMIC_RELAXED);
	/*
	 * (J) of <linux/odgram.h>, pairs with (I): the kernel sees that we armed,
	 * or we see its completion.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	loud = __atomic_load_n(cq->__loud, __ATOMIC_ACQUIRE);
	unread = odg_cq_peek(cq, &idx);
	if (idx + unread - loud >= unread)
		return 0;
	return odg_cq_disarm(cq) ? unread : 0;
}

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_H */
