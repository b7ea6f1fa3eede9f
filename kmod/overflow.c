// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a datagram that no receive takes, where the program does not want
 * what the stack does, which is to queue it and to drop it when the queue is full.
 * Softirq; binding->lock is taken here.
 */
#include <linux/odgram.h>
#include <net/udp.h>

#include "binding.h"
#include "compat.h"
#include "overflow.h"
#include "recv.h"
#include "sockq.h"

/* Counted as the stack counts one for which the socket has no memory. */
static void odg_drop_no_room(struct sock *sk, struct sk_buff *skb)
{
	ODG_UDP_INC_STATS(sock_net(sk), UDP_MIB_RCVBUFERRORS);
	ODG_UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS);
	odg_sk_drops_inc(sk);
	kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_RCVBUFF);
}

/*
 * Drop what has waited longest until the new one fits.  UDP gives memory back in
 * steps, so this may drop a quarter of a full queue at once and nothing for a while.
 */
static void odg_drop_oldest(struct odg_binding *binding,
			    const struct sk_buff *skb)
{
	struct sock *sk = binding->sk;
	struct sk_buff *old;

	spin_lock(&binding->lock);
	while (atomic_read(&sk->sk_rmem_alloc) + skb->truesize >
	       READ_ONCE(sk->sk_rcvbuf)) {
		old = odg_sockq_pop(sk);
		if (!old)
			break;
		atomic64_dec(&binding->queued);
		if (old == binding->rest.skb)
			odg_rest_set(&binding->rest, NULL, 0);
		odg_drop_no_room(sk, old);
	}
	spin_unlock(&binding->lock);
}

/**
 * odg_overflow - see to a datagram that is on its way to the socket's queue
 * @binding: where; it has a flag of ODG_BIND_OVERFLOW
 * @skb: the datagram
 *
 * Return: ODG_CONSUMED or ODG_PASS_ON.
 */
int odg_overflow(struct odg_binding *binding, struct sk_buff *skb)
{
	if (!(READ_ONCE(binding->flags) & ODG_BIND_NO_QUEUE)) {
		odg_drop_oldest(binding, skb);
		return ODG_PASS_ON;
	}
	/* one that needs several receives comes to them through the queue */
	if (odg_something_posted(binding))
		return ODG_PASS_ON;
	odg_drop_no_room(binding->sk, skb);
	return ODG_CONSUMED;
}
