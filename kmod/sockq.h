/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_SOCKQ_H
#define ODG_SOCKQ_H

#include <linux/udp.h>
#include <net/sock.h>

/* The stack charges a datagram to the socket before it queues it. */
static __always_inline bool odg_sockq_empty(struct sock *sk)
{
	if (likely(!atomic_read(&sk->sk_rmem_alloc)))
		return true;
	return skb_queue_empty_lockless(&udp_sk(sk)->reader_queue) &&
	       skb_queue_empty_lockless(&sk->sk_receive_queue);
}

u32 odg_sockq_len(struct sock *sk);
struct sk_buff *odg_sockq_peek(struct sock *sk);
bool odg_sockq_take(struct sock *sk, struct sk_buff *skb);
struct sk_buff *odg_sockq_pop(struct sock *sk);

#endif /* ODG_SOCKQ_H */
