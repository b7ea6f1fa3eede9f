// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a completion says of its datagram: the less usual parts, and the whole for
 * memory of the kernel's own.  No state, no locks.
 */
#include <linux/ipv6.h>
#include <linux/minmax.h>
#include <net/dsfield.h>
#include <net/ipv6.h>

#include "binding.h"
#include "compat.h"
#include "fill.h"
#include "port.h"

struct odg_arrival odg_arrival(const struct odg_binding *binding,
			       const struct sk_buff *skb, int offset, u32 room)
{
	struct sock *sk = binding->sk;
	struct odg_arrival a = {
		.rx_ns = ktime_to_ns(skb->tstamp),
		.full = skb->len - offset,
		.drops = odg_sk_drops(sk) -
			 READ_ONCE(binding->drops_told),
		.flags = ODG_CQE_ADDR | ODG_CQE_RX_STACK,
	};

	a.len = min(a.full, room);
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
	} else {
		cqe->ttl = ipv6_hdr(skb)->hop_limit;
		cqe->tos = ipv6_get_dsfield(ipv6_hdr(skb));
	}
	memset(cqe->__reserved, 0, sizeof(cqe->__reserved));
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
	if (odg_port_is_wide(port))
		odg_fill_wide(cqe, skb, a.flags & ODG_CQE_IPV6);
}
