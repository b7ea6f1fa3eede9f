/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a completion says of its datagram.
 *
 * Completions of rings are written straight into the queue, which the program has
 * mapped: each field is written once and none is read back.  What the kernel needs
 * to know itself stays in struct odg_arrival.
 */
#ifndef ODG_FILL_H
#define ODG_FILL_H

#include <linux/ip.h>
#include <linux/odgram.h>
#include <linux/udp.h>
#include <net/sock.h>

struct odg_binding;
struct odg_port;

/**
 * struct odg_arrival - a datagram at its receive
 * @rx_ns: when it came
 * @full: bytes of its payload, or what is left of it
 * @len: bytes of these that the receive has room for
 * @drops: the socket's drops since its previous completion
 * @flags: ODG_CQE_*
 * @seg_len: 0, or bytes of each of several datagrams
 */
struct odg_arrival {
	u64 rx_ns;
	u32 full;
	u32 len;
	u32 drops;
	u16 flags;
	u16 seg_len;
};

u32 odg_extent(const struct odg_binding *binding, const struct sk_buff *skb,
	       u32 at, u32 room);
u32 odg_used(const struct odg_binding *binding, const struct sk_buff *skb,
	     u32 at, u32 room);
struct odg_arrival odg_arrival(const struct odg_binding *binding,
			       const struct sk_buff *skb, int offset, u32 room);
void odg_fill_v6(struct odg_cqe *cqe, const struct sk_buff *skb);

/*
 * CLOCK_REALTIME, as its readers in interrupts have it: without waiting for an update
 * on another CPU, while which it goes on at the old rate.
 */
static __always_inline u64 odg_now_ns(void)
{
	return ktime_get_real_fast_ns();
}

static __always_inline u64 odg_hw_ns(const struct skb_shared_info *shinfo)
{
	u64 none = 0;

	if (likely(!(shinfo->tx_flags & SKBTX_HW_TSTAMP_NETDEV)))
		return ktime_to_ns(shinfo->hwtstamps.hwtstamp);
	/* with that flag the field is a cookie of the driver's, not a time */
	OPTIMIZER_HIDE_VAR(none);
	return none;
}

/* All fields but user_data and seq.  What is constant in @a costs nothing. */
static __always_inline void odg_fill(struct odg_cqe *cqe, struct odg_arrival a,
				     struct sk_buff *skb)
{
	/* before anything is written, which might be the skb for all gcc knows */
	const struct skb_shared_info *shinfo = skb_shinfo(skb);
	__be16 source = udp_hdr(skb)->source;
	__be32 addrs[2];

	if (!(a.flags & ODG_CQE_IPV6))
		memcpy(addrs, &ip_hdr(skb)->addrs, sizeof(addrs));

	cqe->rx_ns = a.rx_ns;
	cqe->hw_ns = odg_hw_ns(shinfo);
	cqe->drops = a.drops;
	cqe->ifindex = skb->skb_iif;
	cqe->status = a.full > a.len && !(a.flags & ODG_CQE_PARTIAL) ?
		      -EMSGSIZE : 0;
	cqe->flags = a.flags;
	cqe->len = a.len;
	cqe->full_len = a.full;
	cqe->port = source;
	cqe->seg_len = a.seg_len;
	if (a.flags & ODG_CQE_IPV6) {
		odg_fill_v6(cqe, skb);
	} else {
		/* both addresses at once */
		memcpy(&cqe->v4, addrs, sizeof(addrs));
		cqe->v4.__reserved[0] = 0;
		cqe->v4.__reserved[1] = 0;
	}
}

void odg_fill_wide(struct odg_cqe_wide *cqe, const struct sk_buff *skb, bool v6);
void odg_fill_cqe(struct odg_cqe_wide *cqe, const struct odg_port *port,
		  struct odg_binding *binding, struct sk_buff *skb, int offset,
		  u32 room);

#endif /* ODG_FILL_H */
