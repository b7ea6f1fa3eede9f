/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_SOCKQ_H
#define ODG_SOCKQ_H

#include <linux/udp.h>
#include <net/sock.h>

#include "compat.h"

struct odg_binding;
struct odg_target;

bool odg_sockq_is_empty(struct sock *sk);

/* The stack charges a datagram to the socket before sk_data_ready tells of it. */
static __always_inline bool odg_sockq_is_uncharged(const struct sock *sk)
{
	return likely(!atomic_read(&sk->sk_rmem_alloc));
}

static __always_inline bool odg_sockq_empty(struct sock *sk)
{
	return odg_sockq_is_uncharged(sk) || odg_sockq_is_empty(sk);
}

/**
 * struct odg_rest - a datagram of the queue of which a part was delivered
 * @skb: the datagram, or NULL.  A reference, so that while a reader may take it off
 *	the queue, no other can come by its address.
 * @at: bytes of it that were delivered
 */
struct odg_rest {
	struct sk_buff *skb;
	u32 at;
};

/* Where the next receive of a datagram begins. */
static inline u32 odg_rest_at(const struct odg_rest *rest,
			      const struct sk_buff *skb)
{
	return skb == rest->skb ? rest->at : 0;
}

/* The caller's reference to @skb, or NULL, takes the place of the one before. */
static inline void odg_rest_set(struct odg_rest *rest, struct sk_buff *skb,
				u32 at)
{
	consume_skb(rest->skb);
	rest->skb = skb;
	rest->at = at;
}

/*
 * Would a datagram that is delivered now overtake none of its own flow?  The hook
 * asks, with binding->lock held: one that is under way is in the queue and no
 * longer charged to its node before its sk_data_ready has had that lock.
 */
static __always_inline bool odg_sockq_is_still(struct sock *sk)
{
	return !odg_udp_under_way(sk) && odg_sockq_empty(sk);
}

u32 odg_sockq_len(struct sock *sk);
u64 odg_sockq_bytes(struct sock *sk);
struct sk_buff *odg_sockq_peek(struct sock *sk);
bool odg_sockq_is_first(struct sock *sk, const struct sk_buff *skb);
bool odg_sockq_take(struct sock *sk, struct sk_buff *skb);
struct sk_buff *odg_sockq_pop(struct sock *sk);
struct sk_buff *odg_sockq_get(const struct odg_binding *binding,
			      struct odg_target *target, u32 *end);

#endif /* ODG_SOCKQ_H */
