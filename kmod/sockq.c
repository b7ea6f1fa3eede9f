// SPDX-License-Identifier: GPL-2.0-only
/*
 * The socket's own queue, where datagrams wait that found no posted op.
 *
 * UDP keeps two: arrivals go to sk_receive_queue, readers take from reader_queue
 * and refill it from the other.  Both have their own lock, reader_queue's outside.
 * recv(2) may take from them at any time; whoever unlinks a datagram has it.
 *
 * __skb_recv_udp() is not used because it may busy-poll the device, which
 * softirq must not, and because it consumes sk_err.
 */
#include "binding.h"
#include "fill.h"
#include "rq_pages.h"
#include "sockq.h"

/*
 * Under the lock: without it, all that waits might seem to be in neither queue, while a
 * reader moves it from the one to the other.
 */
bool odg_sockq_is_empty(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	bool empty;

	spin_lock_bh(&queue->lock);
	empty = skb_queue_empty(queue) &&
		skb_queue_empty_lockless(&sk->sk_receive_queue);
	spin_unlock_bh(&queue->lock);
	return empty;
}

u32 odg_sockq_len(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	u32 len;

	spin_lock_bh(&queue->lock);
	spin_lock(&sk->sk_receive_queue.lock);
	len = skb_queue_len(queue) + skb_queue_len(&sk->sk_receive_queue);
	spin_unlock(&sk->sk_receive_queue.lock);
	spin_unlock_bh(&queue->lock);
	return len;
}

/* Payload of what is in the queue.  Looks at each: not for the way of a datagram. */
u64 odg_sockq_bytes(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	struct sk_buff *skb;
	u64 bytes = 0;

	spin_lock_bh(&queue->lock);
	skb_queue_walk(queue, skb)
		bytes += skb->len;
	spin_lock(&sk->sk_receive_queue.lock);
	skb_queue_walk(&sk->sk_receive_queue, skb)
		bytes += skb->len;
	spin_unlock(&sk->sk_receive_queue.lock);
	spin_unlock_bh(&queue->lock);
	return bytes;
}

/* The oldest datagram, still in the queue.  reader_queue's lock is held. */
static struct sk_buff *odg_sockq_first(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;

	if (skb_queue_empty(queue)) {
		spin_lock(&sk->sk_receive_queue.lock);
		skb_queue_splice_tail_init(&sk->sk_receive_queue, queue);
		spin_unlock(&sk->sk_receive_queue.lock);
	}
	return skb_peek(queue);
}

/* The oldest datagram with a reference for the caller, still in the queue. */
struct sk_buff *odg_sockq_peek(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	struct sk_buff *skb;

	if (odg_sockq_is_uncharged(sk))
		return NULL;
	spin_lock_bh(&queue->lock);
	skb = odg_sockq_first(sk);
	if (skb)
		skb_get(skb);
	spin_unlock_bh(&queue->lock);
	return skb;
}

/*
 * Is the datagram that was peeked at still there?  It was the first and stays that
 * until somebody unlinks it, or until MSG_PEEK of an empty datagram puts a clone in
 * its place: skb->next would not tell that.
 */
bool odg_sockq_is_first(struct sock *sk, const struct sk_buff *skb)
{
	return skb_peek(&udp_sk(sk)->reader_queue) == skb;
}

/**
 * odg_sockq_take - take the datagram that was peeked at
 * @sk: the socket
 * @skb: from odg_sockq_peek()
 *
 * Bottom halves are off.
 *
 * Return: true if it is ours alone now; false if a reader was faster.  The
 * caller's reference remains either way.
 */
bool odg_sockq_take(struct sock *sk, struct sk_buff *skb)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	bool ours;

	spin_lock(&queue->lock);
	ours = odg_sockq_is_first(sk, skb);
	if (ours) {
		__skb_unlink(skb, queue);
		odg_udp_uncharge(sk, skb);
		/* the queue's reference; the caller's keeps it alive */
		refcount_dec(&skb->users);
	}
	spin_unlock(&queue->lock);
	return ours;
}

/* Take the oldest datagram, any context but hard interrupts. */
struct sk_buff *odg_sockq_pop(struct sock *sk)
{
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	struct sk_buff *skb;

	spin_lock_bh(&queue->lock);
	skb = odg_sockq_first(sk);
	if (skb) {
		__skb_unlink(skb, queue);
		odg_udp_uncharge(sk, skb);
	}
	spin_unlock_bh(&queue->lock);
	return skb;
}

/**
 * odg_sockq_get - take the oldest datagram, unless a receive leaves some of it
 * @binding: its lock is held
 * @target: the receive
 * @end: out: where the receive's ends
 *
 * Return: the datagram with a reference for the caller, or NULL, also if the target
 * has no memory for it now (target->slow says so).  It is not in the queue any more if
 * the receive's end is its own.
 */
struct sk_buff *odg_sockq_get(const struct odg_binding *binding,
			      struct odg_target *target, u32 *end)
{
	struct sock *sk = binding->sk;
	struct sk_buff_head *queue = &udp_sk(sk)->reader_queue;
	struct sk_buff *skb;

	spin_lock_bh(&queue->lock);
	skb = odg_sockq_first(sk);
	if (skb) {
		u32 at = odg_rest_at(&binding->rest, skb);
		u32 used = odg_used(binding, skb, at, target->room);

		*end = at + used;
		if (unlikely(!odg_target_reaches(target, used))) {
			target->slow = ODG_SLOW_NOT_PINNED;
			skb = NULL;
		}
	}
	if (skb && *end < skb->len) {
		skb_get(skb);
	} else if (skb) {
		__skb_unlink(skb, queue);
		odg_udp_uncharge(sk, skb);
	}
	spin_unlock_bh(&queue->lock);
	return skb;
}
