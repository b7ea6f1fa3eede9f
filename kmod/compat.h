/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows kernel versions.  The code is written for the
 * newest kernel; what an older one lacks is supplied here, under our own
 * prefix, so that a distribution's backport cannot collide with it.
 */
#ifndef ODG_COMPAT_H
#define ODG_COMPAT_H

#include <linux/backing-dev.h>
#include <linux/errqueue.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/udp.h>
#include <linux/version.h>
#include <net/genetlink.h>
#include <net/icmp.h>
#include <net/sock.h>
#include <net/udp.h>
#include <net/udp_tunnel.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "odgram needs Linux 6.1 or newer"
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 4, 0)
#error "nobody has looked yet whether UDP's queues still are what sockq.c takes them for"
#endif

#ifndef CONFIG_MMU_NOTIFIER
#error "odgram needs CONFIG_MMU_NOTIFIER, which every kernel with KVM has"
#endif

/*
 * 6.18: datagrams that CPUs of one node queue at the same time go to the socket's
 * queue together, by the hand of one of them, and are charged to the node's meanwhile.
 */
static __always_inline bool odg_udp_under_way(struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return false;
#else
	return atomic_read(&udp_sk(sk)->udp_prod_queue[numa_node_id()].rmem_alloc);
#endif
}

/* 6.18: the drops of UDP sockets are counted by node. */
static inline u32 odg_sk_drops(struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	return atomic_read(&sk->sk_drops);
#else
	return sk_drops_read(sk);
#endif
}

static inline void odg_sk_drops_inc(struct sock *sk)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
	atomic_inc(&sk->sk_drops);
#else
	sk_drops_inc(sk);
#endif
}

/*
 * 6.9, 6.6.26, 6.1.85: to a socket with encap_rcv the stack gives nothing that it has
 * joined, whether UDP_GRO is set or not.
 */
static inline bool odg_hook_gets_joined(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 85) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 26)) || \
	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0) && \
	 LINUX_VERSION_CODE < KERNEL_VERSION(6, 9, 0))
	return skb_is_gso(skb);
#else
	return false;
#endif
}

/* 7.1: UDP-Lite is gone, and its counters with it. */
#ifdef IS_UDPLITE
#define ODG_UDP_INC_STATS(net, field) __UDP_INC_STATS(net, field, 0)
#else
#define ODG_UDP_INC_STATS(net, field) __UDP_INC_STATS(net, field)
#endif

/*
 * 6.15: udp_skb_destructor() is for IPv6, and exported only where that is a module.
 * It gathers charges until they are worth the lock; those that readers have gathered
 * go with ours.  reader_queue's lock is held.
 */
static inline void odg_udp_uncharge(struct sock *sk, struct sk_buff *skb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	udp_skb_destructor(sk, skb);
#else
	int size = skb->truesize + udp_sk(sk)->forward_deficit;

	udp_sk(sk)->forward_deficit = 0;
	spin_lock(&sk->sk_receive_queue.lock);
	atomic_sub(size, &sk->sk_rmem_alloc);
	sk_mem_uncharge(sk, size);
	spin_unlock(&sk->sk_receive_queue.lock);
#endif
}

/* 6.13: a namespace is a string. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define ODG_IMPORT_KUNIT_SYMBOLS MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING)
#else
#define ODG_IMPORT_KUNIT_SYMBOLS MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING")
#endif

/* 6.12: a struct fd hides its file. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define odg_fd_file(f) ((f).file)
#else
#define odg_fd_file(f) fd_file(f)
#endif

/* 6.12: the pages of a datagram may be a device's own. */
static inline bool odg_skb_is_readable(const struct sk_buff *skb)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	return true;
#else
	return skb_frags_readable(skb);
#endif
}

/* 6.8: a signal always counts one. */
static inline void odg_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx, 1);
#else
	eventfd_signal(ctx);
#endif
}

/* 6.7: files are reused without a grace period, so take it by its place. */
static inline struct file *odg_file_tryget(struct file **place)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return get_file_rcu(*place) ? *place : NULL;
#else
	return get_file_active(place);
#endif
}

/*
 * 6.5: memory of a file that is written back to somewhere is not pinned for long: its
 * file system would not be asked before it changes, and may lock a page for ever.
 *
 * Return: how many of the @got pages just pinned, from the front, may stay so, or
 * -EFAULT if none; the others are not pinned any more.  @got < 0 is returned.
 */
static inline long odg_unpin_of_files(struct page **pages, long got)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	struct address_space *mapping;
	bool of_file = false;
	long i;

	/* a file that goes is there until a grace period has passed */
	rcu_read_lock();
	for (i = 0; i < got; i++) {
		mapping = PageAnon(pages[i]) ? NULL : page_mapping(pages[i]);
		of_file = mapping && mapping_can_writeback(mapping);
		if (of_file)
			break;
	}
	rcu_read_unlock();
	if (of_file) {
		unpin_user_pages(pages + i, got - i);
		return i ? i : -EFAULT;
	}
#endif
	return got;
}

/* To write to the calling task's memory, for long. */
static inline long odg_pin_pages(unsigned long start, int nr,
				 struct page **pages)
{
	long got = pin_user_pages_fast(start, nr, FOLL_WRITE | FOLL_LONGTERM,
				       pages);

	return odg_unpin_of_files(pages, got);
}

/*
 * The same of another task's, without waiting for it; its lock is held.
 * 6.5: pinning does not find the areas as well.
 */
static inline long odg_pin_pages_remote(struct mm_struct *mm,
					unsigned long start, int nr,
					struct page **pages)
{
	const unsigned int flags = FOLL_WRITE | FOLL_LONGTERM | FOLL_NOWAIT;
	long got;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	got = pin_user_pages_remote(mm, start, nr, flags, pages, NULL, NULL);
#else
	got = pin_user_pages_remote(mm, start, nr, flags, pages, NULL);
#endif
	return odg_unpin_of_files(pages, got);
}

/* 6.3: an area's flags are changed by functions. */
static inline void odg_vm_flags_set(struct vm_area_struct *vma,
				    unsigned long flags)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	vma->vm_flags |= flags;
#else
	vm_flags_set(vma, flags);
#endif
}

/* The flag became a bit of the socket: 6.6 of IPv4's, 6.7 of IPv6's. */
static inline bool odg_sk_recverr(struct sock *sk)
{
	if (sk->sk_family == AF_INET6)
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
		return inet6_sk(sk)->recverr;
#else
		return inet6_test_bit(RECVERR6, sk);
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
	return inet_sk(sk)->recverr;
#else
	return inet_test_bit(RECVERR, sk);
#endif
}

/* 6.8: the group's flag got a name of its own; the old one was a command's. */
#ifdef GENL_MCAST_CAP_NET_ADMIN
#define ODG_GENL_MCAST_NET_ADMIN GENL_MCAST_CAP_NET_ADMIN
#else
#define ODG_GENL_MCAST_NET_ADMIN GENL_UNS_ADMIN_PERM
#endif

/*
 * 6.2: encap_err_rcv gets the error already converted, and the functions that
 * fill a socket's error queue are exported.  Before, do both here.
 */
void odg_icmp_error(struct sock *sk, struct sk_buff *skb, int err, __be16 port,
		    u32 info, u8 *payload);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)

static inline void odg_queue_icmp_err(struct sock *sk, struct sk_buff *skb,
				      int err, __be16 port, u32 info,
				      u8 *payload)
{
	bool v6 = skb->protocol == htons(ETH_P_IPV6);
	struct sock_exterr_skb *serr;
	struct icmp6hdr *icmp6h = icmp6_hdr(skb);
	struct icmphdr *icmph = icmp_hdr(skb);
	u8 *inner_daddr;

	skb = skb_clone(skb, GFP_ATOMIC);
	if (!skb)
		return;

	if (v6)
		inner_daddr = (u8 *)&((struct ipv6hdr *)(icmp6h + 1))->daddr;
	else
		inner_daddr = (u8 *)&((struct iphdr *)(icmph + 1))->daddr;

	serr = SKB_EXT_ERR(skb);
	memset(&serr->ee, 0, sizeof(serr->ee));
	serr->ee.ee_errno = err;
	serr->ee.ee_origin = v6 ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP;
	serr->ee.ee_type = v6 ? icmp6h->icmp6_type : icmph->type;
	serr->ee.ee_code = v6 ? icmp6h->icmp6_code : icmph->code;
	serr->ee.ee_info = info;
	serr->addr_offset = inner_daddr - skb_network_header(skb);
	serr->port = port;

	if (skb_pull(skb, payload - skb->data)) {
		skb_reset_transport_header(skb);
		if (!sock_queue_err_skb(sk, skb))
			return;
	}
	kfree_skb(skb);
}

static inline void odg_encap_err_rcv(struct sock *sk, struct sk_buff *skb,
				     unsigned int udp_offset)
{
	struct udphdr *uh = (struct udphdr *)(skb->data + udp_offset);
	u32 info = 0;
	int err;

	if (skb->protocol == htons(ETH_P_IPV6)) {
		struct icmp6hdr *icmp6h = icmp6_hdr(skb);

		icmpv6_err_convert(icmp6h->icmp6_type, icmp6h->icmp6_code,
				   &err);
		info = ntohl(icmp6h->icmp6_mtu);
	} else {
		struct icmphdr *icmph = icmp_hdr(skb);

		err = EHOSTUNREACH;
		if (icmph->type == ICMP_PARAMETERPROB)
			err = EPROTO;
		else if (icmph->type == ICMP_DEST_UNREACH &&
			 icmph->code == ICMP_FRAG_NEEDED)
			err = EMSGSIZE;
		else if (icmph->type == ICMP_DEST_UNREACH &&
			 icmph->code <= NR_ICMP_UNREACH)
			err = icmp_err_convert[icmph->code].errno;
		if (err == EMSGSIZE)
			info = ntohs(icmph->un.frag.mtu);
	}
	odg_icmp_error(sk, skb, err, uh->dest, info, (u8 *)(uh + 1));
}

#else

static inline void odg_queue_icmp_err(struct sock *sk, struct sk_buff *skb,
				      int err, __be16 port, u32 info,
				      u8 *payload)
{
	if (skb->protocol == htons(ETH_P_IPV6))
		ipv6_icmp_error(sk, skb, err, port, info, payload);
	else
		ip_icmp_error(sk, skb, err, port, info, payload);
}

#define odg_encap_err_rcv odg_icmp_error

#endif

#endif /* ODG_COMPAT_H */
