// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive path: what happens to a datagram that reaches the socket.
 *
 * odg_encap_rcv() runs in softirq, before the socket's filter and queue, with the
 * UDP header still in front of the data.  It delivers into the oldest posted op,
 * or passes the datagram on to the socket's queue.
 *
 * Order: it passes on while the queue holds anything, or a later datagram would
 * overtake.  And a datagram that was passed on because nothing was posted may
 * find something posted once it is queued: odg_data_ready() drains the queue into
 * the FIFO.  Both decide under binding->lock, and a post decides there, too
 * (odg_binding_append()), so between them nothing is left waiting while an op is
 * posted.
 */
#include <linux/filter.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/odgram.h>
#include <net/dsfield.h>
#include <net/ipv6.h>
#include <net/udp.h>

#include "binding.h"
#include "event.h"
#include "hist.h"
#include "op.h"
#include "port.h"
#include "recv.h"
#include "rq.h"
#include "sockq.h"
#include "trace.h"

/* encap_rcv: the datagram is ours, or goes on to the socket's queue. */
#define ODG_CONSUMED	0
#define ODG_PASS_ON	1

/* Is there a receive for a datagram?  Without the lock only a hint. */
bool odg_something_posted(struct odg_binding *binding)
{
	struct odg_rq *rq;
	bool posted;

	if (READ_ONCE(binding->depth))
		return true;
	if (!rcu_access_pointer(binding->rq))
		return false;
	rcu_read_lock();
	rq = rcu_dereference(binding->rq);
	posted = rq && odg_rq_waiting(rq);
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
	spin_unlock_bh(&binding->lock);
}

static void odg_fill_v4(struct odg_cqe_wide *cqe, bool wide,
			const struct sk_buff *skb)
{
	const struct iphdr *iph = ip_hdr(skb);

	cqe->cqe.v4.addr = iph->saddr;
	cqe->cqe.v4.local = iph->daddr;
	if (wide) {
		memcpy(cqe->local, &iph->daddr, sizeof(iph->daddr));
		cqe->ttl = iph->ttl;
		cqe->tos = iph->tos;
	}
}

static void odg_fill_v6(struct odg_cqe_wide *cqe, bool wide,
			const struct sk_buff *skb)
{
	struct in6_addr addr, local;
	u8 ttl, tos;

	if (skb->protocol == htons(ETH_P_IP)) {
		const struct iphdr *iph = ip_hdr(skb);

		ipv6_addr_set_v4mapped(iph->saddr, &addr);
		ipv6_addr_set_v4mapped(iph->daddr, &local);
		ttl = iph->ttl;
		tos = iph->tos;
	} else {
		const struct ipv6hdr *ip6h = ipv6_hdr(skb);

		addr = ip6h->saddr;
		local = ip6h->daddr;
		ttl = ip6h->hop_limit;
		tos = ipv6_get_dsfield(ip6h);
	}
	memcpy(cqe->cqe.addr, &addr, sizeof(addr));
	cqe->cqe.flags |= ODG_CQE_IPV6;
	if (wide) {
		memcpy(cqe->local, &local, sizeof(local));
		cqe->ttl = ttl;
		cqe->tos = tos;
	}
}

/**
 * odg_fill_cqe - describe a datagram
 * @cqe: filled as far as @port shows it, but for what the op and the port add
 * @port: where it will be seen
 * @binding: where it arrived
 * @skb: the datagram
 * @offset: where its payload begins
 * @room: bytes the op has for it
 */
void odg_fill_cqe(struct odg_cqe_wide *cqe, const struct odg_port *port,
		  struct odg_binding *binding, struct sk_buff *skb, int offset,
		  u32 room)
{
	struct sock *sk = binding->sk;
	bool wide = odg_port_is_wide(port);
	u32 full = skb->len - offset;

	if (wide)
		memset(cqe, 0, sizeof(*cqe));
	cqe->cqe = (struct odg_cqe) {
		.full_len = full,
		.len = min(full, room),
		.status = full > room ? -EMSGSIZE : 0,
		.flags = ODG_CQE_ADDR,
		.port = udp_hdr(skb)->source,
		.ifindex = skb->skb_iif,
		.drops = atomic_read(&sk->sk_drops) - READ_ONCE(binding->drops_told),
	};

	if (skb->tstamp) {
		cqe->cqe.rx_ns = ktime_to_ns(skb->tstamp);
		cqe->cqe.flags |= ODG_CQE_RX_STACK;
	} else {
		cqe->cqe.rx_ns = ktime_get_real_ns();
	}
	/* with that flag the field is a cookie of the driver's, not a time */
	if (!(skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP_NETDEV))
		cqe->cqe.hw_ns = ktime_to_ns(skb_hwtstamps(skb)->hwtstamp);

	if (READ_ONCE(sk->sk_family) == AF_INET6)
		odg_fill_v6(cqe, wide, skb);
	else
		odg_fill_v4(cqe, wide, skb);
}

/* The datagram that @cqe describes is the program's for good. */
void odg_count_delivery(struct odg_binding *binding,
			const struct odg_cqe_wide *cqe)
{
	lockdep_assert_held(&binding->lock);

	binding->last_ns = cqe->cqe.rx_ns;
	if (unlikely(cqe->cqe.drops)) {
		binding->drops_told += cqe->cqe.drops;
		odg_event_if_dropped(binding);
	}
	binding->bytes += cqe->cqe.len;
	if (cqe->cqe.status)
		binding->truncated++;
}

/*
 * A datagram of the queue turns out broken: as recv(2) would, count and free.
 * binding->lock is held.
 */
void odg_drop_bad_csum(struct odg_binding *binding, struct sk_buff *skb)
{
	struct sock *sk = binding->sk;

	binding->queued--;
	__UDP_INC_STATS(sock_net(sk), UDP_MIB_CSUMERRORS, 0);
	__UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS, 0);
	atomic_inc(&sk->sk_drops);
	kfree_skb(skb);
}

/* The oldest receive posted, in the FIFO or in the ring.  Lock held. */
static bool odg_next_target(struct odg_binding *binding,
			    struct odg_target *target)
{
	struct odg_rq *rq = rcu_dereference_protected(binding->rq,
						      lockdep_is_held(&binding->lock));
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
	target->port = op->port;
	target->room = op->buf.bytes;
	return true;
}

/* No datagram came for it: what the target was promised goes back. */
static void odg_put_target(struct odg_target *target)
{
	if (target->rq)
		odg_port_unreserve(target->port);
}

static void odg_write_segs(const struct odg_target *target,
			   const struct sk_buff *skb, int offset, u32 len)
{
	u32 i;

	for (i = 0; len; i++) {
		u32 n = min(len, target->rq->segs[i].len);

		/* cannot fail: the datagram has len bytes at offset */
		skb_copy_bits(skb, offset, target->rq->segs[i].addr, n);
		offset += n;
		len -= n;
	}
}

/* Put the datagram into the target.  binding->lock is held. */
static void odg_deliver(struct odg_binding *binding, struct odg_target *target,
			struct sk_buff *skb, int offset)
{
	/* not on the stack: kernels that clear stacks would do so each time */
	struct odg_cqe_wide *cqe = &binding->cqe;

	odg_fill_cqe(cqe, target->port, binding, skb, offset, target->room);
	odg_count_delivery(binding, cqe);
	if (trace_odg_deliver_enabled())
		trace_odg_deliver(binding->id, target->port->id,
				  target->op ? target->op->user_data :
					       target->user_data,
				  &cqe->cqe, offset);
	if (target->op) {
		odg_buf_write(&target->op->buf, skb, offset, cqe->cqe.len);
		odg_op_complete(target->op, cqe);
	} else {
		odg_write_segs(target, skb, offset, cqe->cqe.len);
		odg_rq_take(target);
		cqe->cqe.user_data = target->user_data;
		if (target->quiet)
			cqe->cqe.flags |= ODG_CQE_QUIET;
		odg_port_submit(target->port, cqe, NULL);
	}
	if (unlikely(binding->hist))
		odg_hist_add(binding, &cqe->cqe, offset);
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
	odg_rq_take(&target);
	cqe->cqe.user_data = target.user_data;
	if (target.quiet)
		cqe->cqe.flags |= ODG_CQE_QUIET;
	odg_port_submit(target.port, cqe, NULL);
	return true;
}

/* How many receives are posted, in FIFO and ring, at most.  Lock held. */
u32 odg_count_posted(struct odg_binding *binding)
{
	struct odg_rq *rq = rcu_dereference_protected(binding->rq,
						      lockdep_is_held(&binding->lock));

	return binding->depth + (rq ? odg_rq_position(rq) - rq->cons : 0);
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

/* Queue -> receives, as long as both have something.  Lock held. */
static void odg_drain_some(struct odg_binding *binding)
{
	struct sock *sk = binding->sk;
	struct odg_target target;

	if (unlikely(binding->icmp_status))
		odg_tell_kept_error(binding);
	while (!odg_sockq_empty(sk) && odg_next_target(binding, &target)) {
		struct sk_buff *skb = odg_sockq_pop(sk);

		if (skb && udp_lib_checksum_complete(skb)) {
			odg_drop_bad_csum(binding, skb);
			skb = NULL;
		}
		if (!skb) {
			odg_put_target(&target);
			continue;
		}
		binding->from_queue++;
		odg_deliver(binding, &target, skb, 0);
		consume_skb(skb);
	}
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
	struct odg_rq *rq = rcu_dereference_protected(binding->rq,
						      lockdep_is_held(&binding->lock));

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

/* sk_data_ready: a datagram that was passed on stands in the queue now. */
void odg_data_ready(struct sock *sk)
{
	struct odg_binding *binding;

	rcu_read_lock();
	binding = rcu_dereference_sk_user_data(sk);
	/* none: the socket was closed while we were on the way */
	if (binding) {
		spin_lock_bh(&binding->lock);
		binding->queued++;
		odg_drain(binding);
		spin_unlock_bh(&binding->lock);
		if (!odg_sockq_empty(sk))
			binding->saved_data_ready(sk);
	}
	rcu_read_unlock();
}

/* On to the socket's queue, by the slow way. */
static int odg_pass_on(struct odg_binding *binding, enum odg_slow why)
{
	WRITE_ONCE(binding->slow, why);
	trace_odg_pass_on(binding->id, why);
	/* one that was served before and is not now; not one that never posts */
	if (why != ODG_SLOW_QUEUE &&
	    (READ_ONCE(binding->direct) || READ_ONCE(binding->from_queue)))
		odg_event_starved(binding);
	odg_event_if_dropped(binding);
	return ODG_PASS_ON;
}

static int odg_discard(struct odg_binding *binding, struct sk_buff *skb)
{
	spin_lock(&binding->lock);
	binding->discarded++;
	spin_unlock(&binding->lock);
	consume_skb(skb);
	return ODG_CONSUMED;
}

/* The filter said no: as the stack would, count a drop and free. */
static int odg_filtered(struct odg_binding *binding, struct sk_buff *skb)
{
	struct sock *sk = binding->sk;

	spin_lock(&binding->lock);
	binding->filtered++;
	binding->slow = ODG_SLOW_FILTER;
	spin_unlock(&binding->lock);
	__UDP_INC_STATS(sock_net(sk), UDP_MIB_INERRORS, 0);
	atomic_inc(&sk->sk_drops);
	kfree_skb_reason(skb, SKB_DROP_REASON_SOCKET_FILTER);
	return ODG_CONSUMED;
}

/* encap_rcv: softirq, RCU, checksum verified, UDP header in front. */
int odg_encap_rcv(struct sock *sk, struct sk_buff *skb)
{
	struct odg_binding *binding = rcu_dereference_sk_user_data(sk);
	struct odg_target target;
	bool delivered = false;

	if (!binding)
		return ODG_PASS_ON;
	if (READ_ONCE(binding->flags) & ODG_BIND_DISCARD)
		return odg_discard(binding, skb);
	if (!odg_something_posted(binding))
		return odg_pass_on(binding, ODG_SLOW_NOTHING_POSTED);
	if (!odg_sockq_empty(sk))
		return odg_pass_on(binding, ODG_SLOW_QUEUE);

	/*
	 * The stack filters after this hook, and only what it queues: without
	 * this call SO_ATTACH_FILTER, cgroup BPF and the LSM would be bypassed.
	 * Not under the lock: a filter may be long.
	 */
	if (sk_filter_trim_cap(sk, skb, sizeof(struct udphdr)))
		return odg_filtered(binding, skb);

	spin_lock(&binding->lock);
	if (!odg_sockq_empty(sk)) {
		target.slow = ODG_SLOW_QUEUE;
	} else if (odg_next_target(binding, &target)) {
		binding->direct++;
		odg_deliver(binding, &target, skb, sizeof(struct udphdr));
		delivered = true;
	}
	spin_unlock(&binding->lock);
	if (!delivered)
		return odg_pass_on(binding, target.slow);
	consume_skb(skb);
	return ODG_CONSUMED;
}
