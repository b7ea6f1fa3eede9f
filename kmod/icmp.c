// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP errors become completions.
 *
 * With our hooks set the stack gives us the errors that answer what the socket
 * sent, on unconnected sockets, too, where recv(2) never hears of them.  One error
 * ends one posted receive, of a ring or not.  If none is posted it is kept for the
 * next one.  It does not go to sk_err, where it would fail a send: only a socket that
 * asked for errors with IP_RECVERR and has no ring gets it there.  In its error queue
 * such a socket finds it in any case, as without us.
 */
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/odgram.h>
#include <net/ipv6.h>

#include "binding.h"
#include "compat.h"
#include "icmp.h"
#include "recv.h"
#include "trace.h"
#include "watch.h"

/*
 * Does the error answer something this socket sent?  Asked because the stack
 * also offers errors that match with the ports exchanged, as tunnels need it.
 */
int odg_encap_err_lookup(struct sock *sk, struct sk_buff *skb)
{
	return udp_hdr(skb)->source == inet_sk(sk)->inet_sport ? 0 : -ENOENT;
}

struct odg_icmp {
	bool time_exceeded;
	bool too_big;
};

static struct odg_icmp odg_icmp_classify(struct sk_buff *skb)
{
	struct odg_icmp kind = {};

	if (skb->protocol == htons(ETH_P_IPV6)) {
		const struct icmp6hdr *icmp6h = icmp6_hdr(skb);

		kind.time_exceeded = icmp6h->icmp6_type == ICMPV6_TIME_EXCEED;
		kind.too_big = icmp6h->icmp6_type == ICMPV6_PKT_TOOBIG;
	} else {
		const struct icmphdr *icmph = icmp_hdr(skb);

		kind.time_exceeded = icmph->type == ICMP_TIME_EXCEEDED;
		kind.too_big = icmph->type == ICMP_DEST_UNREACH &&
			       icmph->code == ICMP_FRAG_NEEDED;
	}
	return kind;
}

/* The address the failed datagram was sent to; skb->data is its IP header. */
static void odg_fill_icmp(struct odg_cqe_wide *cqe, struct sock *sk,
			  struct sk_buff *skb, __be16 port)
{
	cqe->cqe.flags = ODG_CQE_ICMP | ODG_CQE_ADDR;
	cqe->cqe.port = port;
	cqe->cqe.ifindex = skb->skb_iif;

	if (skb->protocol == htons(ETH_P_IPV6)) {
		const struct ipv6hdr *inner = (struct ipv6hdr *)skb->data;

		memcpy(cqe->cqe.addr, &inner->daddr, sizeof(inner->daddr));
		cqe->cqe.flags |= ODG_CQE_IPV6;
	} else if (READ_ONCE(sk->sk_family) == AF_INET6) {
		const struct iphdr *inner = (struct iphdr *)skb->data;
		struct in6_addr addr;

		ipv6_addr_set_v4mapped(inner->daddr, &addr);
		memcpy(cqe->cqe.addr, &addr, sizeof(addr));
		cqe->cqe.flags |= ODG_CQE_IPV6;
	} else {
		const struct iphdr *inner = (struct iphdr *)skb->data;

		cqe->cqe.v4.addr = inner->daddr;
	}
}

/* Does the program want to be told of an error with this status? */
bool odg_icmp_wanted(const struct odg_binding *binding, int status)
{
	u32 flags = READ_ONCE(binding->flags);

	return !((status == -ECONNREFUSED && flags & ODG_BIND_NO_UNREACH) ||
		 (status == -ENETRESET && flags & ODG_BIND_NO_NETRESET));
}

/* encap_err_rcv; compat.h puts it in front of the stack. */
void odg_icmp_error(struct sock *sk, struct sk_buff *skb, int err, __be16 port,
		    u32 info, u8 *payload)
{
	struct odg_binding *binding = odg_binding_of(sk);
	struct odg_icmp kind = odg_icmp_classify(skb);
	bool to_socket = odg_sk_recverr(sk);
	struct odg_cqe_wide cqe = {
		.cqe.status = kind.time_exceeded ? -ENETRESET : -err,
	};

	if (!binding)
		return;
	if (to_socket)
		odg_queue_icmp_err(sk, skb, err, port, info, payload);
	if (kind.too_big) {
		/* path MTU: nothing that a receive should end for */
		if (to_socket) {
			WRITE_ONCE(sk->sk_err, err);
			sk_error_report(sk);
		}
		return;
	}

	odg_fill_icmp(&cqe, sk, skb, port);

	spin_lock_bh(&binding->lock);
	binding->icmp++;
	trace_odg_icmp(binding->id, cqe.cqe.status);
	if (!odg_icmp_wanted(binding, cqe.cqe.status)) {
		/* nor in sk_err, where the next post would find it */
		to_socket = false;
	} else if (odg_end_oldest(binding, &cqe)) {
		to_socket = false;
	} else if (!to_socket || rcu_access_pointer(binding->rq)) {
		/* where a ring can be told of it, too: it has to be kicked */
		binding->icmp_status = cqe.cqe.status;
		odg_watch_error(binding->watch);
		odg_drain(binding);
		to_socket = false;
	}
	/* inside the lock: a post that is to pend has looked for it there */
	if (to_socket)
		WRITE_ONCE(sk->sk_err, err);
	spin_unlock_bh(&binding->lock);

	if (to_socket)
		sk_error_report(sk);
}
