/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_BINDING_H
#define ODG_BINDING_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/odgram.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/sock.h>

#include "event.h"
#include "sockq.h"

struct odg_hist;
struct odg_op;
struct odg_rq;
struct odg_watch;

#define ODG_BIND_FLAGS	(ODG_BIND_DISCARD | ODG_BIND_NO_UNREACH | \
			 ODG_BIND_NO_NETRESET | ODG_BIND_PARTIAL | \
			 ODG_BIND_DROP_OLDEST | ODG_BIND_NO_QUEUE)
/*
 * Our own, beside them: its ring's port is another's, too, or has somebody to tell; the
 * ring's completions are wide; @head is a standing receive; there is a histogram; the hook
 * notes the time for one; the socket is IPv6; the plain way was in vain last time.
 */
#define ODG_BIND_SHARED		(1U << 25)
#define ODG_BIND_WIDE		(1U << 26)
#define ODG_BIND_STANDING	(1U << 27)
#define ODG_BIND_HIST		(1U << 28)
#define ODG_BIND_TIMED		(1U << 29)
#define ODG_BIND_IPV6		(1U << 30)
#define ODG_BIND_NOT_PLAIN	(1U << 31)

/* Those that a datagram has to do with. */
#define ODG_BIND_UNUSUAL	(ODG_BIND_DISCARD | ODG_BIND_TIMED | \
				 ODG_BIND_IPV6 | ODG_BIND_NOT_PLAIN)

/* These are seen to in encap_rcv, which a socket with max_joined does without. */
#define ODG_BIND_IN_HOOK (ODG_BIND_DISCARD | ODG_BIND_DROP_OLDEST | \
			  ODG_BIND_NO_QUEUE)

/**
 * struct odg_binding - what hangs on a UDP socket that odgram serves
 * @lock: protects what has no other rule below
 * @flags: ODG_BIND_*; read without the lock
 * @rq: the request queue, or NULL; a hint where read without the lock
 * @head: the receive of @rq that is next for the straight way (hook.c): its entry, or
 *	rq->standing
 * @seen: the entries from @head to here are posted, as we last looked; @head if none is
 *	known, or something stands in @fifo
 * @direct: datagrams put into an op by the hook
 * @bytes: payload delivered
 * @last_ns: arrival of the last datagram delivered
 * @drops_told: sk_drops as of the last completion
 * @depth: how many ops stand in @fifo
 * @fifo: posted ops, oldest first
 * @sk: the socket; valid for whoever holds its file or came here through it, and
 *	for others under @lock while not @dead
 * @hist: its latencies, or NULL if nobody asked
 * @dead: the socket is going away or was unbound: append nothing
 * @max_joined: as in struct odg_bind; read without the lock
 * @rest: of a datagram that goes to several receives
 * @icmp_status: ICMP error no op has been told of yet, or 0
 * @watch: where such an error is counted, or NULL
 * @sends: sends that wait for room, oldest first
 * @send_depth: how many
 * @sending: the one of them that is being tried, or NULL
 * @sent: datagrams sent; this and the next three are atomic, since what is sent at
 *	once takes no lock
 * @sent_bytes: their payload
 * @send_failed: sends that ended and sent nothing
 * @send_pended: sends that had to wait
 * @drops_start: sk_drops when the socket was bound
 * @queued: datagrams that entered the socket's queue, or stood there when it was
 *	bound, and were whole; atomic, since where nothing is posted they enter it
 *	without a lock
 * @from_queue: datagrams taken from the socket's queue
 * @filtered: datagrams the filter refused in the hook
 * @discarded: datagrams dropped for ODG_BIND_DISCARD
 * @truncated: datagrams delivered that did not fit
 * @pieces: receives that got a part of what stands in the queue as one, and not the
 *	last
 * @icmp: ICMP errors that came
 * @aborted: receives that ended without a datagram
 * @cqe: the completion that is being made
 * @ref: the attachment, and each call that works with the binding; atomic
 * @id: its number in the registry; constant
 * @inode: the socket's, for people; constant
 * @post_lock: one post at a time, so that posting order is the FIFO's order
 * @send_lock: held while @sending is tried
 * @hist_lock: one switches @hist at a time
 * @send_work: tries
 * @slow: enum odg_slow; written on the slow way, without a lock
 * @events: what is to be told of
 * @saved_data_ready: sk->sk_data_ready as we found it; constant
 * @saved_write_space: sk->sk_write_space as we found it, NULL before
 *	odg_sendq_hook(); sk_callback_lock
 * @saved_destruct: sk->sk_destruct as we found it; constant
 * @rcu: frees it
 */
struct odg_binding {
	/* all that a datagram for a ring needs: one cache line */
	spinlock_t lock;		/* see above */
	u32 flags;
	struct odg_rq __rcu *rq;
	const struct odg_rqe *head;
	const struct odg_rqe *seen;
	u64 direct;
	u64 bytes;
	u64 last_ns;
	u32 drops_told;

	u32 depth;
	struct list_head fifo;
	struct sock *sk;
	struct odg_hist *hist;
	bool dead;
	u32 max_joined;
	struct odg_rest rest;
	int icmp_status;
	struct odg_watch *watch;
	struct list_head sends;
	u32 send_depth;
	struct odg_op *sending;
	atomic64_t sent;
	atomic64_t sent_bytes;
	atomic64_t send_failed;
	atomic64_t send_pended;
	u32 drops_start;
	atomic64_t queued;
	u64 from_queue;
	u64 filtered;
	u64 discarded;
	u64 truncated;
	u64 pieces;
	u64 icmp;
	u64 aborted;
	struct odg_cqe_wide cqe;

	refcount_t ref;
	u32 id;
	unsigned long inode;
	struct mutex post_lock;		/* posting order */
	struct mutex send_lock;		/* see above */
	struct mutex hist_lock;		/* see above */
	struct work_struct send_work;
	u8 slow;
	struct odg_events events;
	void (*saved_data_ready)(struct sock *sk);
	void (*saved_write_space)(struct sock *sk);
	void (*saved_destruct)(struct sock *sk);
	struct rcu_head rcu;
} ____cacheline_aligned_in_smp;

/* Its request queue, or NULL.  binding->lock is held. */
static __always_inline struct odg_rq *odg_binding_rq(struct odg_binding *binding)
{
	return rcu_dereference_protected(binding->rq,
					 lockdep_is_held(&binding->lock));
}

/* Is nothing posted, and nothing that could be without a call?  Only a hint. */
static __always_inline bool odg_binding_is_idle(struct odg_binding *binding)
{
	return !((unsigned long)rcu_access_pointer(binding->rq) |
		 READ_ONCE(binding->depth));
}

/* One of our own flags.  binding->lock is held. */
static inline void odg_binding_set_own(struct odg_binding *binding, u32 flag,
				       bool on)
{
	lockdep_assert_held(&binding->lock);

	WRITE_ONCE(binding->flags, on ? binding->flags | flag :
					binding->flags & ~flag);
}

/* What is posted in the ring has to be looked at anew.  binding->lock is held. */
static inline void odg_binding_forget_seen(struct odg_binding *binding)
{
	binding->seen = binding->head;
	odg_binding_set_own(binding, ODG_BIND_STANDING, false);
}

struct odg_binding *odg_binding_of(struct sock *sk);
struct odg_binding *odg_binding_get(struct sock *sk);
struct odg_binding *odg_binding_attach(struct sock *sk);
int odg_binding_detach_idle(struct odg_binding *binding, struct sock *sk);
void odg_binding_set(struct odg_binding *binding, struct sock *sk,
		     const struct odg_bind *bind, struct odg_watch *watch);
void odg_binding_put(struct odg_binding *binding);
int odg_binding_append(struct odg_binding *binding, struct odg_op *op);

#endif /* ODG_BINDING_H */
