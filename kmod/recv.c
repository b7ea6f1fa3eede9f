// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive path: what happens to a datagram that reaches the socket.
 *
 * The hook (hook.c) delivers it into the oldest posted receive, by the straight way
 * or by odg_rcv_any(), or passes it on to the socket's queue.
 *
 * Order: it passes on while the queue holds anything, or a later datagram would
 * overtake.  And a datagram that was passed on because nothing was posted may
 * find something posted once it is queued: odg_data_ready() drains the queue into
 * the FIFO.  Both decide under binding->lock, and a post decides there, too
 * (odg_binding_append()), so between them nothing is left waiting while an op is
 * posted.  Where nothing is, no lock is taken: who posts looks at the queue once more
 * after it, as odg_data_ready() looks for something posted after the datagram is
 * queued, with a full barrier in between on both sides ((M), (N)).
 */
#include <linux/filter.h>
#include <linux/odgram.h>
#include <net/udp.h>

#include "binding.h"
#include "compat.h"
#include "event.h"
#include "fill.h"
#include "hist.h"
#include "op.h"
#include "overflow.h"
#include "port.h"
#include "recv.h"
#include "rq.h"
#include "rq_pages.h"
#include "sockq.h"
#include "stats.h"
#include "trace.h"
#include "watch.h"

/* Is there a receive for a datagram?  Without the lock only a hint.  RCU. */
static __always_inline bool __odg_something_posted(struct odg_binding *binding)
{
	struct odg_rq *rq = rcu_dereference(binding->rq);

	return (rq && odg_rq_waiting(rq)) || READ_ONCE(binding->depth);
}

bool odg_something_posted(struct odg_binding *binding)
{
	bool posted;

	if (READ_ONCE(binding->depth))
		return true;
	if (!rcu_access_pointer(binding->rq))
		return false;
	rcu_read_lock();
	posted = __odg_something_posted(binding);
	rcu_read_unlock();
	return posted;
}

/* A post must look for these before it pends.  binding->lock is held. */
bool odg_something_waits(struct odg_binding *binding)
{
	return !odg_sockq_empty(binding->sk) || binding->icmp_status ||
	       READ_ONCE(binding->sk->sk_err);
}

/* The error that waits for the next receive, taken; or 0. */
int odg_waiting_error(struct odg_binding *binding)
{
	int status = 0;

	if (READ_ONCE(binding->icmp_status)) {
		spin_lock_bh(&binding->lock);
		status = binding->icmp_status;
		binding->icmp_status = 0;
		spin_unlock_bh(&binding->lock);
	}

	return status ? status : sock_error(binding->sk);
}

/* Nobody could be told: the error waits on. */
void odg_keep_error(struct odg_binding *binding, int status)
{
	spin_lock_bh(&binding->lock);
	binding->icmp_status = status;
	odg_watch_error(binding->watch);
	spin_unlock_bh(&binding->lock);
}

/* The datagram that @cqe describes, or the part of it, is the program's for good. */
void odg_count_delivery(struct odg_binding *binding,
			const struct odg_cqe_wide *cqe)
{
	const struct odg_arrival a = {
		.rx_ns = cqe->cqe.rx_ns,
		.full = cqe->cqe.full_len,
		.len = cqe->cqe.len,
		.drops = cqe->cqe.drops,
		.flags = cqe->cqe.flags,
	};

	odg_count(binding, &a);
}

/*
 * @skb, to which we get the caller's reference, was delivered as far as @at, and the
 * next receive goes on there.  binding->lock is held.
 */
void odg_keep_rest(struct odg_binding *binding, struct sk_buff *skb, u32 at)
{
	odg_rest_set(&binding->rest, skb, at);
	binding->pieces++;
}

/*
 * A datagram of the queue turns out broken: as recv(2) would, count and free.
 * binding->lock is held.
 */
void odg_drop_bad_csum(struct odg_binding *binding, struct sk_buff *skb)
{
	struct sock *sk = binding->sk;

	atomic64_dec(&binding->queued);
	ODG_UDP_INC_STATS(sock_net(sk), UDP_MIB_CSUMERRORS);
	ODG_UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS);
	odg_sk_drops_inc(sk);
	kfree_skb(skb);
}

/* The oldest receive posted, in the FIFO or in the ring.  Lock held. */
static bool odg_next_target(struct odg_binding *binding,
			    struct odg_target *target)
{
	struct odg_rq *rq = odg_binding_rq(binding);
	struct odg_op *op = list_first_entry_or_null(&binding->fifo,
						     struct odg_op, node);

	if (rq && (!op || (s32)(rq->cons - op->rq_pos) < 0) &&
	    odg_rq_target(rq, target))
		return true;
	if (!op || (rq && (s32)(rq->cons - op->rq_pos) < 0 &&
		    odg_rq_waiting(rq))) {
		if (!rq)
			target->slow = ODG_SLOW_NOTHING_POSTED;
		return false;
	}

	target->op = op;
	target->rq = NULL;
	target->slow = ODG_SLOW_NONE;
	target->port = op->port;
	target->room = op->buf.bytes;
	return true;
}

/* No datagram came for it: what the target was promised goes back. */
static void odg_put_target(struct odg_target *target)
{
	if (!target->rq)
		return;
	if (target->by_address)
		odg_rq_put_pages(target->rq);
	odg_port_unreserve(target->port);
}

static void odg_write_rq(const struct odg_target *target,
			 const struct sk_buff *skb, int offset, u32 len)
{
	const struct odg_rq *rq = target->rq;
	const struct odg_piece *piece;
	u32 i;

	/* the copies cannot fail: the datagram has len bytes at offset */
	if (target->addr) {
		skb_copy_bits(skb, offset, target->addr, len);
		return;
	}
	piece = target->by_address ? rq->pages->found : NULL;
	for (i = 0; len; i++) {
		u32 n = min(len, rq->segs[i].len);

		if (rq->segs[i].addr)
			skb_copy_bits(skb, offset, rq->segs[i].addr, n);
		else
			piece = odg_pieces_write(piece, skb, offset, n);
		offset += n;
		len -= n;
	}
}

/*
 * Put the datagram, from @offset on, into the target; @direct: in the hook.
 * binding->lock is held.
 */
static void odg_deliver(struct odg_binding *binding, struct odg_target *target,
			struct sk_buff *skb, int offset, bool direct)
{
	/* not on the stack: kernels that clear stacks would do so each time */
	struct odg_cqe_wide *cqe = &binding->cqe;

	odg_fill_cqe(cqe, target->port, binding, skb, offset, target->room);
	odg_count_delivery(binding, cqe);
	if (trace_odg_deliver_enabled())
		trace_odg_deliver(binding->id, target->port->id,
				  target->op ? target->op->user_data :
					       target->user_data,
				  &cqe->cqe, direct);
	if (target->op) {
		odg_pieces_write(target->op->buf.vec, skb, offset, cqe->cqe.len);
		odg_op_complete(target->op, cqe);
	} else {
		odg_write_rq(target, skb, offset, cqe->cqe.len);
		if (target->by_address)
			odg_rq_put_pages(target->rq);
		cqe->cqe.flags |= odg_rq_take(target, cqe->cqe.len);
		cqe->cqe.user_data = target->user_data;
		odg_port_submit(target->port, cqe, NULL);
	}
	if (unlikely(binding->hist))
		odg_hist_add_cqe(binding, &cqe->cqe, direct);
}

/**
 * odg_end_oldest - end the oldest receive without a datagram
 * @binding: its lock is held
 * @cqe: why, but for what the receive adds
 *
 * Return: false if none is posted.
 */
bool odg_end_oldest(struct odg_binding *binding, struct odg_cqe_wide *cqe)
{
	struct odg_target target;

	if (!odg_next_target(binding, &target))
		return false;
	binding->aborted++;
	if (target.op) {
		odg_op_complete(target.op, cqe);
		return true;
	}
	odg_rq_end(&target, cqe);
	return true;
}

/* How many receives are posted, in FIFO and ring, at most.  Lock held. */
u32 odg_count_posted(struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);

	return binding->depth + (rq ? odg_rq_posted(rq) : 0);
}

/* The error that no receive has been told of yet is the next one's.  Lock held. */
static void odg_tell_kept_error(struct odg_binding *binding)
{
	struct odg_cqe_wide cqe = {
		.cqe.status = binding->icmp_status,
		.cqe.flags = ODG_CQE_ICMP,
	};

	if (binding->icmp_status && odg_end_oldest(binding, &cqe))
		binding->icmp_status = 0;
}

/* Does anything wait that a receive in the ring could take?  Lock held. */
static bool odg_want_kick(struct odg_binding *binding)
{
	return !odg_sockq_empty(binding->sk) || binding->icmp_status;
}

/*
 * The oldest datagram of the queue into the target: the whole of it, what is left of
 * it, or a part, and the rest stays there for the next receive.  Lock held.
 *
 * Return: false if there was none that is whole; or if there is one, and the target's
 * memory has to be pinned for it (target->slow says so).
 */
static bool odg_deliver_queued(struct odg_binding *binding,
			       struct odg_target *target)
{
	struct sock *sk = binding->sk;
	struct sk_buff *skb;
	bool stays;
	u32 at, end;

	skb = odg_sockq_get(binding, target, &end);
	if (!skb)
		return false;
	at = odg_rest_at(&binding->rest, skb);
	stays = end < skb->len;
	if (!at && udp_lib_checksum_complete(skb)) {
		if (stays && !odg_sockq_take(sk, skb))
			consume_skb(skb);
		else
			odg_drop_bad_csum(binding, skb);
		return false;
	}

	odg_deliver(binding, target, skb, at, false);
	if (stays) {
		odg_keep_rest(binding, skb, end);
	} else {
		binding->from_queue++;
		odg_rest_set(&binding->rest, NULL, 0);
		consume_skb(skb);
	}
	return true;
}

/* Queue -> receives, as long as both have something.  Lock held. */
static void odg_drain_some(struct odg_binding *binding)
{
	struct odg_target target = { .slow = ODG_SLOW_NONE };

	if (unlikely(binding->icmp_status))
		odg_tell_kept_error(binding);
	while (!odg_sockq_empty(binding->sk) &&
	       odg_next_target(binding, &target)) {
		if (odg_deliver_queued(binding, &target))
			continue;
		if (target.slow != ODG_SLOW_NOT_PINNED)
			odg_put_target(&target);
		else if (!odg_rq_miss(&target))
			return;
	}
	if (unlikely(target.slow == ODG_SLOW_BAD_ENTRY))
		odg_rq_later(odg_binding_rq(binding));
}

/**
 * odg_drain - give what waits in the socket's queue to what is posted
 * @binding: its lock is held
 *
 * If anything remains, the program is asked to kick us when it posts in the ring,
 * and what it posted before it could see that is looked for once more.
 */
void odg_drain(struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);

	if (!rq && !binding->depth)
		return;
	odg_drain_some(binding);
	if (!rq)
		return;
	if (odg_want_kick(binding)) {
		odg_rq_set_need_kick(rq, true);
		odg_drain_some(binding);
	}
	if (!odg_want_kick(binding))
		odg_rq_set_need_kick(rq, false);
}

/* Apart, so that odg_data_ready() needs no registers saved where nothing is posted. */
static noinline void odg_drain_to_posted(struct odg_binding *binding,
					 struct sock *sk)
{
	spin_lock_bh(&binding->lock);
	odg_drain(binding);
	spin_unlock_bh(&binding->lock);
	if (!odg_sockq_empty(sk))
		binding->saved_data_ready(sk);
}

/*
 * sk_data_ready: a datagram that was passed on stands in the queue now.  Softirq, as
 * all that UDP queues is queued in one: by that an RCU reader.
 */
void odg_data_ready(struct sock *sk)
{
	/* it has no flags: odg_binding_hook() set it */
	struct odg_binding *binding = rcu_dereference_bh(__sk_user_data(sk));

	/* the socket was closed while we were on the way */
	if (unlikely(!binding))
		return;
	atomic64_inc(&binding->queued);
	/*
	 * (M) pairs with the one after a post (N): either we see that something is
	 * posted, or who posted sees the datagram.
	 */
	smp_mb__after_atomic();
	if (odg_binding_is_idle(binding))
		binding->saved_data_ready(sk);
	else
		odg_drain_to_posted(binding, sk);
}

/* Was it served before?  Not one that never posts. */
static __always_inline bool odg_was_served(const struct odg_binding *binding)
{
	return READ_ONCE(binding->direct) | READ_ONCE(binding->from_queue);
}

/* On to the socket's queue, by the slow way, unless the program wants otherwise. */
int odg_pass_on(struct odg_binding *binding, struct sk_buff *skb,
		enum odg_slow why)
{
	WRITE_ONCE(binding->slow, why);
	trace_odg_pass_on(binding->id, why);
	if (why != ODG_SLOW_QUEUE && why != ODG_SLOW_LONG &&
	    odg_was_served(binding))
		odg_event_starved(binding);
	odg_event_if_dropped(binding);
	if (unlikely(READ_ONCE(binding->flags) & ODG_BIND_OVERFLOW))
		return odg_overflow(binding, skb);
	return ODG_PASS_ON;
}

/*
 * The same where nothing is posted, as for a socket that is read by plain calls: of
 * which there is nothing to tell, most often.
 */
int odg_pass_on_idle(struct odg_binding *binding, struct sk_buff *skb)
{
	if (unlikely(odg_was_served(binding) || odg_event_is_due(binding) ||
		     READ_ONCE(binding->flags) & ODG_BIND_OVERFLOW ||
		     trace_odg_pass_on_enabled()))
		return odg_pass_on(binding, skb, ODG_SLOW_NOTHING_POSTED);
	WRITE_ONCE(binding->slow, ODG_SLOW_NOTHING_POSTED);
	return ODG_PASS_ON;
}

/* The filter said no: as the stack would, count a drop and free. */
int odg_filtered(struct odg_binding *binding, struct sk_buff *skb)
{
	struct sock *sk = binding->sk;

	spin_lock(&binding->lock);
	binding->filtered++;
	WRITE_ONCE(binding->slow, ODG_SLOW_FILTER);
	spin_unlock(&binding->lock);
	ODG_UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS);
	odg_sk_drops_inc(sk);
	kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_FILTER);
	return ODG_CONSUMED;
}

/*
 * The oldest receive, for the datagram in the hook.  One that needs several, or whose
 * memory has to be pinned, is none: the datagram goes there from the queue.  Lock held.
 */
static bool odg_next_direct_target(struct odg_binding *binding,
				   struct odg_target *target,
				   const struct sk_buff *skb)
{
	u32 len = skb->len - sizeof(struct udphdr);

	if (!odg_next_target(binding, target))
		return false;
	if (unlikely(binding->flags & ODG_BIND_PARTIAL && len > target->room)) {
		target->slow = ODG_SLOW_LONG;
		goto put;
	}
	if (likely(odg_target_reaches(target, len)))
		return true;
	target->slow = ODG_SLOW_NOT_PINNED;
put:
	odg_put_target(target);
	return false;
}

/* Does the datagram in the hook need several receives? */
static bool odg_is_long(struct odg_binding *binding, const struct sk_buff *skb)
{
	struct odg_target target;
	bool is_long = false;

	if (likely(!(READ_ONCE(binding->flags) & ODG_BIND_PARTIAL)))
		return false;
	spin_lock(&binding->lock);
	if (odg_next_direct_target(binding, &target, skb))
		odg_put_target(&target);
	else
		is_long = target.slow == ODG_SLOW_LONG;
	spin_unlock(&binding->lock);
	return is_long;
}

/**
 * odg_rcv_any - into the oldest receive, of whatever kind
 * @binding: of @sk; RCU
 * @sk: the socket
 * @skb: the datagram, in the hook
 *
 * Return: ODG_CONSUMED or ODG_PASS_ON.
 */
int odg_rcv_any(struct odg_binding *binding, struct sock *sk,
		struct sk_buff *skb)
{
	struct odg_target target;
	bool delivered = false;

	if (!__odg_something_posted(binding))
		return odg_pass_on(binding, skb, ODG_SLOW_NOTHING_POSTED);
	if (!odg_sockq_empty(sk))
		return odg_pass_on(binding, skb, ODG_SLOW_QUEUE);
	/* asked here as well, so that it is not filtered twice */
	if (odg_is_long(binding, skb))
		return odg_pass_on(binding, skb, ODG_SLOW_LONG);

	/*
	 * The stack filters after this hook, and only what it queues: without
	 * this call SO_ATTACH_FILTER, cgroup BPF and the LSM would be bypassed.
	 * Not under the lock: a filter may be long.
	 */
	if (sk_filter_trim_cap(sk, skb, sizeof(struct udphdr)))
		return odg_filtered(binding, skb);

	spin_lock(&binding->lock);
	if (!odg_sockq_is_still(sk)) {
		target.slow = ODG_SLOW_QUEUE;
	} else if (odg_next_direct_target(binding, &target, skb)) {
		binding->direct++;
		odg_deliver(binding, &target, skb, sizeof(struct udphdr), true);
		delivered = true;
	}
	spin_unlock(&binding->lock);
	if (!delivered)
		return odg_pass_on(binding, skb, target.slow);
	odg_mark_arrival(sk, skb);
	consume_skb(skb);
	return ODG_CONSUMED;
}
