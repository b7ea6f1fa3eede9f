// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hook: where a datagram for the socket meets us first, and the straight way.
 *
 * odg_encap_rcv() runs in softirq, before the socket's filter and queue, with the UDP
 * header still in front of the data.
 *
 * The straight way is for what nearly all datagrams are that come to a ring: for a
 * socket that nobody filters, and not longer than the one segment of a receive before
 * which nothing is posted by call; while nobody traces.  What sk_filter_trim_cap()
 * would come to then is to ask the LSM.  All else goes by odg_rcv_any() (recv.c).
 *
 * Locks: binding->lock, and for the completion port->lock inside, unless the binding is
 * port->sole.
 */
#include <linux/bpf-cgroup.h>
#include <linux/odgram.h>
#include <linux/security.h>
#include <net/udp.h>

#include "binding.h"
#include "compat.h"
#include "fill.h"
#include "hist.h"
#include "port.h"
#include "recv.h"
#include "rq.h"
#include "rq_pages.h"
#include "sockq.h"
#include "stats.h"
#include "trace.h"

/* Of odg_rcv_straight(), besides ODG_CONSUMED and ODG_PASS_ON. */
#define ODG_NOT_STRAIGHT 2

static int odg_discard(struct odg_binding *binding, struct sk_buff *skb)
{
	spin_lock(&binding->lock);
	binding->discarded++;
	spin_unlock(&binding->lock);
	consume_skb(skb);
	return ODG_CONSUMED;
}

/* Does somebody trace or filter for the socket, or is the memory not for it? */
static __always_inline bool odg_is_watched(const struct sock *sk,
					   const struct sk_buff *skb)
{
	return unlikely(rcu_access_pointer(sk->sk_filter)) ||
	       cgroup_bpf_enabled(CGROUP_INET_INGRESS) ||
	       unlikely(skb_pfmemalloc(skb)) ||
	       trace_odg_deliver_enabled() || trace_odg_complete_enabled();
}

/* Is its data where the kernel has it mapped? */
static bool odg_is_mapped(const struct sk_buff *skb)
{
	return !skb->data_len ||
	       (!IS_ENABLED(CONFIG_HIGHMEM) && !skb_has_frag_list(skb) &&
		odg_skb_is_readable(skb));
}

static __always_inline u32 odg_payload(const struct sk_buff *skb)
{
	return skb->len - sizeof(struct udphdr);
}

/* The payload, in pieces: so come those of one send with UDP_SEGMENT. */
static void odg_copy_pieces(void *to, const struct sk_buff *skb)
{
	u32 n = skb_headlen(skb) - sizeof(struct udphdr);
	int i;

	memcpy(to, skb->data + sizeof(struct udphdr), n);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		to += n;
		n = skb_frag_size(frag);
		memcpy(to, skb_frag_address(frag), n);
	}
}

/* The receive at the head names an address, of @room bytes: to there. */
static bool odg_copy_to_address(struct odg_rq *rq, const struct odg_rqe *rqe,
				u64 addr, u64 room, const struct sk_buff *skb)
{
	return !(READ_ONCE(rqe->region) | READ_ONCE(rqe->least) | rq->used) &&
	       room >= odg_payload(skb) && odg_rq_copy_to_address(rq, addr, skb);
}

/* WRITE the completion of a ring's receive.  port->lock is held. */
static __always_inline struct odg_cqe_wide *
odg_write_cqe(struct odg_port *port, u64 user_data, struct odg_arrival a,
	      struct sk_buff *skb)
{
	u64 prod = port->ring.prod;
	struct odg_cqe_wide *cqe = odg_ring_write(&port->ring, prod);

	cqe->cqe.seq = prod;
	cqe->cqe.user_data = user_data;
	odg_fill(&cqe->cqe, a, skb);
	return cqe;
}

static noinline void odg_finish_wide(struct odg_cqe_wide *cqe,
				     const struct sk_buff *skb, u32 flags)
{
	odg_fill_wide(cqe, skb, flags & ODG_CQE_IPV6);
	odg_port_stamp(cqe);
}

/* The receive has been used: what that means for it, and for its completion. */
static __always_inline void odg_take_head(struct odg_binding *binding,
					  struct odg_cqe_wide *cqe,
					  const struct sk_buff *skb, u32 flags)
{
	if (likely(!(binding->flags & (ODG_BIND_WIDE | ODG_BIND_STANDING)))) {
		odg_rq_advance_one(binding);
		return;
	}
	if (binding->flags & ODG_BIND_WIDE)
		odg_finish_wide(cqe, skb, flags);
	if (!(binding->flags & ODG_BIND_STANDING))
		odg_rq_advance_one(binding);
	else if (odg_rq_stands_on(binding, odg_payload(skb)))
		cqe->cqe.flags = flags | ODG_CQE_MORE;
}

/* To its port's sole binding the lock that it has is enough. */
static __always_inline void odg_lock_ring(const struct odg_binding *binding,
					  struct odg_port *port)
	__acquires(&port->lock)
{
	if (unlikely(binding->flags & ODG_BIND_SHARED))
		spin_lock(&port->lock);
	else
		__acquire(&port->lock);
}

/* What a completion says of where the datagram came from, and who saw when. */
static __always_inline u32 odg_cqe_flags(const struct sock *sk,
					 const struct sk_buff *skb)
{
	return ODG_CQE_ADDR |
	       (READ_ONCE(sk->sk_family) == AF_INET6 ? ODG_CQE_IPV6 : 0) |
	       (skb->tstamp ? ODG_CQE_RX_STACK : 0);
}

/*
 * @plain: a constant, false if the datagram need not be odg_is_plain() and the receive
 *	may be one by address
 *
 * The memory is the kernel's until the completion is visible, so it is written to
 * before it is known that there is room for that: port->lock, which other sockets
 * may wait for, is not held over the copy.
 *
 * Return: ODG_CONSUMED, ODG_PASS_ON, or ODG_NOT_STRAIGHT and nothing has happened.
 */
static __always_inline int odg_rcv_straight(struct odg_binding *binding,
					    struct sock *sk,
					    struct sk_buff *skb, bool plain)
{
	const struct odg_region *region;
	struct odg_cqe_wide *cqe;
	const struct odg_rqe *rqe;
	struct odg_arrival a;
	struct odg_port *port;
	bool by_address = false;
	u64 offset, room;
	struct odg_rq *rq;

	spin_lock(&binding->lock);
	if (unlikely(!odg_sockq_is_still(sk)))
		goto not_straight;
	if (unlikely(!odg_rq_head(binding, &rqe)))
		goto not_straight;
	if (unlikely(!odg_rqe_is_plain(rqe))) {
		if (odg_rq_stand(binding))
			rqe = binding->head;
		else if (!plain && READ_ONCE(rqe->flags) == ODG_RQE_ADDRESS)
			by_address = true;
		else
			goto not_straight;
	}
	if (unlikely(security_sock_rcv_skb(sk, skb)))
		goto filtered;
	rq = odg_binding_rq(binding);
	port = rq->port;
	offset = READ_ONCE(rqe->offset);
	room = READ_ONCE(rqe->len);
	if (!plain && by_address) {
		if (!odg_copy_to_address(rq, rqe, offset, room, skb))
			goto not_straight;
		goto written;
	}
	region = odg_region_find(port, READ_ONCE(rqe->region), offset, room);
	if (unlikely(!region))
		goto not_straight;
	if (unlikely(room < odg_payload(skb)))
		goto not_straight;
	if (plain || !skb->data_len)
		memcpy(region->start + offset,
		       skb->data + sizeof(struct udphdr), odg_payload(skb));
	else
		odg_copy_pieces(region->start + offset, skb);
written:
	if (plain || !skb->tstamp)
		a.rx_ns = odg_now_ns();
	else
		a.rx_ns = ktime_to_ns(skb->tstamp);

	odg_lock_ring(binding, port);
	if (unlikely(!odg_ring_has_room(&port->ring)))
		goto no_room;
	a.full = odg_payload(skb);
	a.len = a.full;
	a.seg_len = 0;
	a.flags = plain ? ODG_CQE_ADDR : odg_cqe_flags(sk, skb);
	a.drops = odg_sk_drops(sk) - binding->drops_told;
	/* found anew rather than kept across the calls */
	rqe = binding->head;
	cqe = odg_write_cqe(port, READ_ONCE(rqe->user_data), a, skb);
	binding->direct += ODG_COUNTS;
	odg_count(binding, &a);
	odg_take_head(binding, cqe, skb, a.flags);
	odg_ring_publish(&port->ring, port->ring.prod, false);
	if (unlikely(binding->flags & ODG_BIND_SHARED))
		odg_port_unlock_tell(port);
	else
		__release(&port->lock);
	if (!plain && !by_address)
		odg_binding_set_own(binding, ODG_BIND_NOT_PLAIN, false);
	if (unlikely(binding->flags & ODG_BIND_HIST))
		odg_hist_add(binding->hist, plain ? 0 : skb->tstamp);
	spin_unlock(&binding->lock);
	odg_mark_arrival(sk, skb);
	/* softirq: it goes with others */
	napi_consume_skb(skb, 1);
	return ODG_CONSUMED;

no_room:
	if (binding->flags & ODG_BIND_SHARED)
		spin_unlock(&port->lock);
	else
		__release(&port->lock);
	spin_unlock(&binding->lock);
	return odg_pass_on(binding, skb, ODG_SLOW_NO_ROOM);

filtered:
	spin_unlock(&binding->lock);
	return odg_filtered(binding, skb);

not_straight:
	if (plain)
		odg_binding_set_own(binding, ODG_BIND_NOT_PLAIN, true);
	spin_unlock(&binding->lock);
	return ODG_NOT_STRAIGHT;
}

/* For all that the straight way can do, and if it cannot, by the other. */
static noinline int odg_rcv_not_plain(struct odg_binding *binding,
				      struct sock *sk, struct sk_buff *skb)
{
	int ret = ODG_NOT_STRAIGHT;

	if (rcu_access_pointer(binding->rq) && !odg_is_watched(sk, skb) &&
	    odg_is_mapped(skb))
		ret = odg_rcv_straight(binding, sk, skb, false);
	if (ret == ODG_NOT_STRAIGHT)
		ret = odg_rcv_any(binding, sk, skb);
	return ret;
}

/* In one piece, and without a stamp? */
static __always_inline bool odg_is_plain(const struct sk_buff *skb)
{
	return !(skb->data_len | skb->tstamp);
}

/* encap_rcv: softirq, RCU, checksum verified, UDP header in front. */
int odg_encap_rcv(struct sock *sk, struct sk_buff *skb)
{
	/* it has no flags: odg_binding_hook() set it */
	struct odg_binding *binding = rcu_dereference(__sk_user_data(sk));
	u32 flags;
	int ret;

	/* in the queue it is taken apart */
	if (unlikely(!binding || odg_hook_gets_joined(skb)))
		return ODG_PASS_ON;
	flags = READ_ONCE(binding->flags);
	if (unlikely(flags & ODG_BIND_UNUSUAL)) {
		if (flags & ODG_BIND_DISCARD)
			return odg_discard(binding, skb);
		if (flags & ODG_BIND_TIMED)
			this_cpu_write(odg_hook_cycles, odg_cycles());
		if (flags & (ODG_BIND_NOT_PLAIN | ODG_BIND_IPV6))
			return odg_binding_is_idle(binding) ?
			       odg_pass_on_idle(binding, skb) :
			       odg_rcv_not_plain(binding, sk, skb);
	}
	if (unlikely(odg_is_watched(sk, skb) || !odg_is_plain(skb)))
		return odg_rcv_not_plain(binding, sk, skb);
	ret = odg_rcv_straight(binding, sk, skb, true);
	if (unlikely(ret == ODG_NOT_STRAIGHT))
		ret = odg_rcv_any(binding, sk, skb);
	return ret;
}
