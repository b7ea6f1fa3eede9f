// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a completion says of its datagram: the less usual parts, and the whole for
 * memory of the kernel's own.  No state, no locks.
 */
#include <linux/ipv6.h>
#include <linux/minmax.h>
#include <net/dsfield.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "binding.h"
#include "compat.h"
#include "fill.h"
#include "port.h"

/**
 * odg_extent - how much of a buffer is one receive's
 * @binding: where it arrived
 * @skb: a datagram, or several that the stack joined
 * @at: where the receive's begins
 * @room: bytes the receive has room for
 *
 * Return: bytes from @at on: to the end of the datagram, or of the last that a receive
 * may have together.
 */
u32 odg_extent(const struct odg_binding *binding, const struct sk_buff *skb,
	       u32 at, u32 room)
{
	u32 left = skb->len - at, seg = skb_shinfo(skb)->gso_size;

	if (likely(!seg))
		return left;
	/* within one, by ODG_BIND_PARTIAL */
	if (at % seg)
		return min(left, seg - at % seg);
	room = min(room, READ_ONCE(binding->max_joined));
	if (left <= room)
		return left;
	return min(left, max(rounddown(room, seg), seg));
}

/* How much of it the receive uses up: what it has no room for as well, if that is lost. */
u32 odg_used(const struct odg_binding *binding, const struct sk_buff *skb,
	     u32 at, u32 room)
{
	u32 extent = odg_extent(binding, skb, at, room);

	return READ_ONCE(binding->flags) & ODG_BIND_PARTIAL ? min(extent, room) :
							      extent;
}

struct odg_arrival odg_arrival(const struct odg_binding *binding,
			       const struct sk_buff *skb, int offset, u32 room)
{
	struct sock *sk = binding->sk;
	struct odg_arrival a = {
		.rx_ns = ktime_to_ns(skb->tstamp),
		.full = odg_extent(binding, skb, offset, room),
		.drops = odg_sk_drops(sk) -
			 READ_ONCE(binding->drops_told),
		.flags = ODG_CQE_ADDR | ODG_CQE_RX_STACK,
	};

	a.len = min(a.full, room);
	if (unlikely(skb_is_gso(skb)) && a.full > skb_shinfo(skb)->gso_size)
		a.seg_len = skb_shinfo(skb)->gso_size;
	if (!a.rx_ns) {
		a.rx_ns = ktime_get_real_ns();
		a.flags = ODG_CQE_ADDR;
	}
	if (a.full > a.len && READ_ONCE(binding->flags) & ODG_BIND_PARTIAL)
		a.flags |= ODG_CQE_PARTIAL;
	if (READ_ONCE(sk->sk_family) == AF_INET6)
		a.flags |= ODG_CQE_IPV6;
	return a;
}

/* An IPv6 socket also gets IPv4 datagrams, and sees mapped addresses. */
static struct in6_addr odg_saddr(const struct sk_buff *skb)
{
	struct in6_addr addr;

	if (skb->protocol != htons(ETH_P_IP))
		return ipv6_hdr(skb)->saddr;
	ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &addr);
	return addr;
}

static struct in6_addr odg_daddr(const struct sk_buff *skb)
{
	struct in6_addr addr;

	if (skb->protocol != htons(ETH_P_IP))
		return ipv6_hdr(skb)->daddr;
	ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &addr);
	return addr;
}

void odg_fill_v6(struct odg_cqe *cqe, const struct sk_buff *skb)
{
	struct in6_addr addr = odg_saddr(skb);

	memcpy(cqe->addr, &addr, sizeof(addr));
}

/* What a wide one has besides.  When and where it is made, the port adds. */
void odg_fill_wide(struct odg_cqe_wide *cqe, const struct sk_buff *skb, bool v6)
{
	struct in6_addr local = {};

	if (v6)
		local = odg_daddr(skb);
	else
		memcpy(&local, &ip_hdr(skb)->daddr, sizeof(__be32));
	memcpy(cqe->local, &local, sizeof(local));

	if (skb->protocol == htons(ETH_P_IP)) {
		cqe->ttl = ip_hdr(skb)->ttl;
		cqe->tos = ip_hdr(skb)->tos;
		cqe->broadcast = skb_dst(skb) && skb_rtable(skb)->rt_flags &
						 RTCF_BROADCAST;
	} else {
		cqe->ttl = ipv6_hdr(skb)->hop_limit;
		cqe->tos = ipv6_get_dsfield(ipv6_hdr(skb));
		cqe->broadcast = 0;
	}
	memset(cqe->__reserved, 0, sizeof(cqe->__reserved));
}

/*
 * The same of one that stood in the queue, where it lost its route.  A frame that was
 * for this host alone brings no broadcast, except on the loopback, where the address
 * ends in ones: most need not be looked up.
 */
static bool odg_is_broadcast(struct sock *sk, const struct sk_buff *skb)
{
	if (skb->protocol != htons(ETH_P_IP) ||
	    (skb->pkt_type == PACKET_HOST &&
	     (ntohl(ip_hdr(skb)->daddr) & 3) != 3))
		return false;
	return inet_addr_type(sock_net(sk), ip_hdr(skb)->daddr) == RTN_BROADCAST;
}

/**
 * odg_fill_cqe - describe a datagram in memory of the kernel's own
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
	struct odg_arrival a = odg_arrival(binding, skb, offset, room);

	cqe->cqe.seq = 0;
	odg_fill(&cqe->cqe, a, skb);
	if (!odg_port_is_wide(port))
		return;
	odg_fill_wide(cqe, skb, a.flags & ODG_CQE_IPV6);
	if (!skb_dst(skb))
		cqe->broadcast = odg_is_broadcast(binding->sk, skb);
}
