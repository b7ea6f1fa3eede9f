// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of ports and sockets by generic netlink; the contract stands in
 * uapi/linux/odgram_netlink.h.  No state of its own.
 *
 * Dumps walk the registry by number, so a message that does not fit is tried again
 * in the next buffer, and what came or went in between is only said
 * (NLM_F_DUMP_INTR).  A socket is described under its binding's lock, a port in an
 * RCU section, which is what keeps them there.
 *
 * Who may see what goes by the netlink socket and not by who happens to write to
 * it: a privileged program may have been given the socket of somebody else as its
 * output.
 */
#include <linux/igmp.h>
#include <linux/module.h>
#include <linux/odgram.h>
#include <linux/odgram_netlink.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <net/if_inet6.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "binding.h"
#include "compat.h"
#include "genl.h"
#include "hist.h"
#include "port.h"
#include "registry.h"
#include "rq.h"
#include "stats.h"

static_assert(sizeof(struct odg_genl_group) == 20);
static_assert(sizeof_field(struct odg_hist, buckets) ==
	      sizeof(u64) * ODG_HIST_BUCKETS);

/**
 * struct odg_viewer - who asks
 * @net: the namespace it sees
 * @uid: whose sockets and ports it sees
 * @user_ns: where its user numbers are from
 * @all: it sees everybody's
 */
struct odg_viewer {
	struct net *net;
	kuid_t uid;
	struct user_namespace *user_ns;
	bool all;
};

static struct odg_viewer odg_viewer(struct sk_buff *request)
{
	struct sock *sk = NETLINK_CB(request).sk;

	return (struct odg_viewer) {
		.net = sock_net(request->sk),
		.uid = READ_ONCE(sk->sk_uid),
		.user_ns = sk_user_ns(sk),
		.all = netlink_net_capable(request, CAP_NET_ADMIN),
	};
}

static bool odg_sees(const struct odg_viewer *viewer, kuid_t uid)
{
	return viewer->all || uid_eq(viewer->uid, uid);
}

static int odg_put_u64(struct sk_buff *skb, int attr, u64 value)
{
	return nla_put_u64_64bit(skb, attr, value, ODG_A_PAD);
}

static int odg_put_uid(struct sk_buff *skb, const struct odg_viewer *viewer,
		       kuid_t uid)
{
	return nla_put_u32(skb, ODG_A_UID,
			   from_kuid_munged(viewer->user_ns, uid));
}

/* Local address: what tells a person which socket it is.  Lock held. */
int odg_genl_put_socket(struct sk_buff *skb, struct odg_binding *binding)
{
	struct sock *sk = binding->sk;
	struct inet_sock *inet = inet_sk(sk);
	u32 family = READ_ONCE(sk->sk_family);

	if (nla_put_u32(skb, ODG_A_ID, binding->id) ||
	    nla_put_u32(skb, ODG_A_FAMILY, family) ||
	    nla_put_be16(skb, ODG_A_LOCAL_PORT, inet->inet_sport) ||
	    nla_put_u32(skb, ODG_A_SLOW, READ_ONCE(binding->slow)))
		return -EMSGSIZE;
	if (family == AF_INET6)
		return nla_put_in6_addr(skb, ODG_A_LOCAL_ADDR,
					&sk->sk_v6_rcv_saddr);
	return nla_put_in_addr(skb, ODG_A_LOCAL_ADDR, inet->inet_rcv_saddr);
}

static int odg_put_peer(struct sk_buff *skb, struct sock *sk)
{
	struct inet_sock *inet = inet_sk(sk);

	if (READ_ONCE(sk->sk_bound_dev_if) &&
	    nla_put_u32(skb, ODG_A_IFINDEX, READ_ONCE(sk->sk_bound_dev_if)))
		return -EMSGSIZE;
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return 0;
	if (nla_put_be16(skb, ODG_A_PEER_PORT, inet->inet_dport))
		return -EMSGSIZE;
	if (READ_ONCE(sk->sk_family) == AF_INET6)
		return nla_put_in6_addr(skb, ODG_A_PEER_ADDR, &sk->sk_v6_daddr);
	return nla_put_in_addr(skb, ODG_A_PEER_ADDR, inet->inet_daddr);
}

static int odg_put_groups4(struct sk_buff *skb, struct sock *sk, int *left)
{
	struct ip_mc_socklist *mc;

	for (mc = rcu_dereference(inet_sk(sk)->mc_list); mc && *left;
	     mc = rcu_dereference(mc->next_rcu), --*left) {
		struct odg_genl_group group = {
			.ifindex = mc->multi.imr_ifindex,
		};
		__be32 addr = mc->multi.imr_multiaddr.s_addr;
		struct in6_addr mapped = {};

		if (READ_ONCE(sk->sk_family) == AF_INET6)
			ipv6_addr_set_v4mapped(addr, &mapped);
		else
			mapped.s6_addr32[0] = addr;
		memcpy(group.addr, &mapped, sizeof(group.addr));
		if (nla_put(skb, ODG_A_GROUP, sizeof(group), &group))
			return -EMSGSIZE;
	}
	return 0;
}

static int odg_put_groups6(struct sk_buff *skb, struct sock *sk, int *left)
{
	struct ipv6_mc_socklist *mc;

	for (mc = rcu_dereference(inet6_sk(sk)->ipv6_mc_list); mc && *left;
	     mc = rcu_dereference(mc->next), --*left) {
		struct odg_genl_group group = { .ifindex = mc->ifindex };

		memcpy(group.addr, &mc->addr, sizeof(mc->addr));
		if (nla_put(skb, ODG_A_GROUP, sizeof(group), &group))
			return -EMSGSIZE;
	}
	return 0;
}

/* An IPv6 socket may have joined groups of both. */
static int odg_put_groups(struct sk_buff *skb, struct sock *sk)
{
	int left = ODG_GENL_MAX_GROUPS;
	int ret;

	rcu_read_lock();
	ret = odg_put_groups4(skb, sk, &left);
	if (!ret && READ_ONCE(sk->sk_family) == AF_INET6)
		ret = odg_put_groups6(skb, sk, &left);
	rcu_read_unlock();
	return ret;
}

static int odg_put_ring(struct sk_buff *skb, struct odg_binding *binding)
{
	struct odg_rq *rq = odg_binding_rq(binding);

	if (!rq)
		return 0;
	if (nla_put_u32(skb, ODG_A_RING_ENTRIES, rq->mask + 1) ||
	    nla_put_u32(skb, ODG_A_RING_DEPTH, odg_rq_posted(rq)))
		return -EMSGSIZE;
	return 0;
}

static int odg_put_receives(struct sk_buff *skb, u64 depth, u64 delivered,
			    u64 aborted)
{
	if (odg_put_u64(skb, ODG_A_POSTED, delivered + aborted + depth) ||
	    odg_put_u64(skb, ODG_A_COMPLETED, delivered + aborted) ||
	    odg_put_u64(skb, ODG_A_ABORTED, aborted))
		return -EMSGSIZE;
	return 0;
}

/* Of a socket, or of all: both have the same names. */
#define odg_put_datagrams(skb, s)					\
	(odg_put_u64(skb, ODG_A_ARRIVED, (s)->arrived) ||		\
	 odg_put_u64(skb, ODG_A_DIRECT, (s)->direct) ||			\
	 odg_put_u64(skb, ODG_A_FROM_QUEUE, (s)->from_queue) ||		\
	 odg_put_u64(skb, ODG_A_FILTERED, (s)->filtered) ||		\
	 odg_put_u64(skb, ODG_A_DISCARDED, (s)->discarded) ||		\
	 odg_put_u64(skb, ODG_A_DROPPED, (s)->dropped) ||		\
	 odg_put_u64(skb, ODG_A_QUEUED, (s)->queued) ||			\
	 odg_put_u64(skb, ODG_A_NATIVE, (s)->native) ||			\
	 odg_put_u64(skb, ODG_A_TRUNCATED, (s)->truncated) ||		\
	 odg_put_u64(skb, ODG_A_PIECES, (s)->pieces) ||			\
	 odg_put_u64(skb, ODG_A_ICMP, (s)->icmp) ||			\
	 odg_put_u64(skb, ODG_A_BYTES, (s)->bytes) ? -EMSGSIZE : 0)

/* The same of sends. */
#define odg_put_sends(skb, s)						\
	(odg_put_u64(skb, ODG_A_SEND_POSTED, (s)->sent +		\
		     (s)->send_failed + (s)->send_depth) ||		\
	 odg_put_u64(skb, ODG_A_SENT, (s)->sent) ||			\
	 odg_put_u64(skb, ODG_A_SENT_BYTES, (s)->sent_bytes) ||		\
	 odg_put_u64(skb, ODG_A_SEND_FAILED, (s)->send_failed) ||	\
	 odg_put_u64(skb, ODG_A_SEND_PENDED, (s)->send_pended) ||	\
	 odg_put_u64(skb, ODG_A_SEND_DEPTH, (s)->send_depth) ? -EMSGSIZE : 0)

/* binding->lock is held, and the binding is not dead. */
static int odg_put_binding(struct sk_buff *skb, struct odg_binding *binding,
			   const struct odg_viewer *viewer)
{
	struct odg_sock_stats stats = {};
	struct sock *sk = binding->sk;

	odg_sock_get_stats(binding, &stats);
	if (odg_genl_put_socket(skb, binding) ||
	    odg_put_uid(skb, viewer, READ_ONCE(sk->sk_uid)) ||
	    odg_put_u64(skb, ODG_A_INODE, binding->inode) ||
	    odg_put_peer(skb, sk) ||
	    odg_put_ring(skb, binding) ||
	    nla_put_u32(skb, ODG_A_DEPTH, stats.depth) ||
	    nla_put_u8(skb, ODG_A_HIST_ON, !!binding->hist) ||
	    odg_put_u64(skb, ODG_A_LAST_NS, binding->last_ns) ||
	    odg_put_receives(skb, stats.depth,
			     stats.direct + stats.from_queue + stats.pieces,
			     binding->aborted) ||
	    odg_put_datagrams(skb, &stats) ||
	    odg_put_sends(skb, &stats))
		return -EMSGSIZE;
	return odg_put_groups(skb, sk);
}

static void *odg_dump_header(struct sk_buff *skb, struct netlink_callback *cb,
			     u8 cmd)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid,
				cb->nlh->nlmsg_seq, &odg_genl_family,
				NLM_F_MULTI, cmd);

	if (hdr)
		genl_dump_check_consistent(cb, hdr);
	return hdr;
}

/* @ret: what putting the attributes said; returns it. */
static int odg_dump_end(struct sk_buff *skb, void *hdr, int ret)
{
	if (ret)
		genlmsg_cancel(skb, hdr);
	else
		genlmsg_end(skb, hdr);
	return ret;
}

static int odg_dump_binding(struct sk_buff *skb, struct netlink_callback *cb,
			    struct odg_binding *binding,
			    const struct odg_viewer *viewer)
{
	void *hdr;
	int ret = 0;

	spin_lock_bh(&binding->lock);
	if (binding->dead || !odg_sees(viewer, READ_ONCE(binding->sk->sk_uid)))
		goto out;

	hdr = odg_dump_header(skb, cb, ODG_CMD_SOCK_GET);
	ret = hdr ? odg_put_binding(skb, binding, viewer) : -EMSGSIZE;
	ret = odg_dump_end(skb, hdr, ret);
out:
	spin_unlock_bh(&binding->lock);
	return ret;
}

/* cb->args[0] is the number to go on from. */
static int odg_dump_sockets(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct odg_viewer viewer = odg_viewer(cb->skb);
	unsigned long from = cb->args[0];
	struct odg_binding *binding;
	int ret = 0;

	cb->seq = odg_registry_binding_changes(viewer.net);
	while ((binding = odg_registry_next_binding(viewer.net, &from))) {
		ret = odg_dump_binding(skb, cb, binding, &viewer);
		odg_binding_put(binding);
		if (ret)
			break;
		cb->args[0] = from;
		cond_resched();
	}
	/* nothing at all fitted: the message is too long for any buffer */
	return skb->len ? skb->len : ret;
}

static int odg_put_port(struct sk_buff *skb, struct odg_port *port,
			const struct odg_viewer *viewer)
{
	struct odg_port_stats stats = {};

	odg_port_get_stats(port, &stats);
	if (nla_put_u32(skb, ODG_A_ID, port->id) ||
	    nla_put_u32(skb, ODG_A_PID, pid_vnr(port->owner)) ||
	    odg_put_uid(skb, viewer, port->uid) ||
	    nla_put_u32(skb, ODG_A_ENTRIES, stats.entries) ||
	    nla_put_u32(skb, ODG_A_OUTSTANDING, stats.outstanding) ||
	    nla_put_u32(skb, ODG_A_UNREAD, stats.unread) ||
	    odg_put_u64(skb, ODG_A_PINNED, stats.pinned_pages << PAGE_SHIFT) ||
	    odg_put_u64(skb, ODG_A_KEPT, stats.kept_pages << PAGE_SHIFT) ||
	    odg_put_u64(skb, ODG_A_REGISTERED,
			(u64)READ_ONCE(port->region_pages) << PAGE_SHIFT) ||
	    odg_put_u64(skb, ODG_A_POSTED, stats.posted) ||
	    odg_put_u64(skb, ODG_A_COMPLETED, stats.completed) ||
	    odg_put_u64(skb, ODG_A_CANCELLED, stats.cancelled) ||
	    odg_put_u64(skb, ODG_A_ABORTED, stats.aborted) ||
	    odg_put_u64(skb, ODG_A_BAD_CONS, stats.bad_cons))
		return -EMSGSIZE;
	return 0;
}

static int odg_dump_port(struct sk_buff *skb, struct netlink_callback *cb,
			 struct odg_port *port,
			 const struct odg_viewer *viewer)
{
	void *hdr;
	int ret;

	if (!odg_sees(viewer, port->uid))
		return 0;

	hdr = odg_dump_header(skb, cb, ODG_CMD_PORT_GET);
	ret = hdr ? odg_put_port(skb, port, viewer) : -EMSGSIZE;
	return odg_dump_end(skb, hdr, ret);
}

/* cb->args[0] is the number to go on from. */
static int odg_dump_ports(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct odg_viewer viewer = odg_viewer(cb->skb);
	unsigned long from = cb->args[0];
	struct odg_port *port;
	int ret = 0;

	cb->seq = odg_registry_port_changes(viewer.net);
	do {
		rcu_read_lock();
		port = odg_registry_next_port(viewer.net, &from);
		if (port)
			ret = odg_dump_port(skb, cb, port, &viewer);
		rcu_read_unlock();
		if (ret)
			break;
		cb->args[0] = from;
		cond_resched();
	} while (port);
	return skb->len ? skb->len : ret;
}

/* An answer of one message, for @fill to fill. */
static int odg_reply(struct genl_info *info, u8 cmd, size_t size,
		     int (*fill)(struct sk_buff *skb, const void *arg),
		     const void *arg)
{
	struct sk_buff *skb = genlmsg_new(size, GFP_KERNEL);
	void *hdr;
	int ret;

	if (!skb)
		return -ENOMEM;
	hdr = genlmsg_put_reply(skb, info, &odg_genl_family, 0, cmd);
	ret = hdr ? fill(skb, arg) : -EMSGSIZE;
	if (ret) {
		nlmsg_free(skb);
		return ret;
	}
	genlmsg_end(skb, hdr);
	return genlmsg_reply(skb, info);
}

static int odg_fill_totals(struct sk_buff *skb, const void *arg)
{
	const struct odg_totals *totals = arg;

	if (nla_put_u32(skb, ODG_A_PORTS, totals->ports) ||
	    nla_put_u32(skb, ODG_A_SOCKS, totals->socks) ||
	    odg_put_receives(skb, totals->depth,
			     totals->direct + totals->from_queue +
			     totals->pieces,
			     totals->aborted) ||
	    odg_put_datagrams(skb, totals))
		return -EMSGSIZE;
	return odg_put_sends(skb, totals);
}

static int odg_do_totals(struct sk_buff *request, struct genl_info *info)
{
	struct odg_totals totals;

	odg_totals_get(genl_info_net(info), &totals);
	return odg_reply(info, ODG_CMD_TOTALS_GET, GENLMSG_DEFAULT_SIZE,
			 odg_fill_totals, &totals);
}

/* The binding that ODG_A_ID names, with a reference, or an ERR_PTR(). */
static struct odg_binding *odg_named(struct sk_buff *request,
				     struct genl_info *info)
{
	struct odg_viewer viewer = odg_viewer(request);
	struct odg_binding *binding;
	unsigned long from;
	bool seen;
	u32 id;

	if (GENL_REQ_ATTR_CHECK(info, ODG_A_ID))
		return ERR_PTR(-EINVAL);
	id = nla_get_u32(info->attrs[ODG_A_ID]);
	from = id;
	binding = odg_registry_next_binding(viewer.net, &from);
	if (!binding)
		return ERR_PTR(-ENOENT);

	spin_lock_bh(&binding->lock);
	seen = binding->id == id && !binding->dead &&
	       odg_sees(&viewer, READ_ONCE(binding->sk->sk_uid));
	spin_unlock_bh(&binding->lock);
	if (!seen) {
		odg_binding_put(binding);
		return ERR_PTR(-ENOENT);
	}
	return binding;
}

static int odg_do_hist_set(struct sk_buff *request, struct genl_info *info)
{
	struct odg_binding *binding;
	int ret;

	if (GENL_REQ_ATTR_CHECK(info, ODG_A_HIST_ON))
		return -EINVAL;
	binding = odg_named(request, info);
	if (IS_ERR(binding))
		return PTR_ERR(binding);
	ret = odg_hist_set(binding, nla_get_u8(info->attrs[ODG_A_HIST_ON]));
	odg_binding_put(binding);
	return ret;
}

struct odg_hist_answer {
	u32 id;
	struct odg_hist hist;
};

static int odg_fill_hist(struct sk_buff *skb, const void *arg)
{
	const struct odg_hist_answer *answer = arg;
	const struct odg_hist *hist = &answer->hist;

	if (nla_put_u32(skb, ODG_A_ID, answer->id) ||
	    odg_put_u64(skb, ODG_A_HIST_COUNT, odg_hist_count(hist)) ||
	    odg_put_u64(skb, ODG_A_HIST_SUM, hist->sum) ||
	    odg_put_u64(skb, ODG_A_HIST_MAX, hist->max))
		return -EMSGSIZE;
	return nla_put_64bit(skb, ODG_A_HIST, sizeof(hist->buckets),
			     hist->buckets, ODG_A_PAD);
}

static int odg_do_hist_get(struct sk_buff *request, struct genl_info *info)
{
	struct odg_hist_answer *answer;
	struct odg_binding *binding;
	int ret = -ENOENT;

	binding = odg_named(request, info);
	if (IS_ERR(binding))
		return PTR_ERR(binding);
	answer = kmalloc(sizeof(*answer), GFP_KERNEL);
	if (!answer) {
		odg_binding_put(binding);
		return -ENOMEM;
	}

	spin_lock_bh(&binding->lock);
	if (binding->hist) {
		answer->id = binding->id;
		answer->hist = *binding->hist;
		ret = 0;
	}
	spin_unlock_bh(&binding->lock);
	odg_binding_put(binding);
	if (!ret)
		ret = odg_reply(info, ODG_CMD_HIST_GET,
				sizeof(*answer) + GENLMSG_DEFAULT_SIZE / 2,
				odg_fill_hist, answer);
	kfree(answer);
	return ret;
}

static const struct nla_policy odg_hist_set_policy[] = {
	[ODG_A_ID] = NLA_POLICY_MIN(NLA_U32, 1),
	[ODG_A_HIST_ON] = NLA_POLICY_MAX(NLA_U8, 1),
};

static const struct nla_policy odg_hist_get_policy[] = {
	[ODG_A_ID] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* Those without a policy refuse all attributes. */
static const struct genl_ops odg_genl_ops[] = {
	{
		.cmd = ODG_CMD_PORT_GET,
		.dumpit = odg_dump_ports,
	},
	{
		.cmd = ODG_CMD_SOCK_GET,
		.dumpit = odg_dump_sockets,
	},
	{
		.cmd = ODG_CMD_TOTALS_GET,
		.doit = odg_do_totals,
	},
	{
		.cmd = ODG_CMD_HIST_SET,
		.doit = odg_do_hist_set,
		.policy = odg_hist_set_policy,
		.maxattr = ARRAY_SIZE(odg_hist_set_policy) - 1,
	},
	{
		.cmd = ODG_CMD_HIST_GET,
		.doit = odg_do_hist_get,
		.policy = odg_hist_get_policy,
		.maxattr = ARRAY_SIZE(odg_hist_get_policy) - 1,
	},
};

/* What happens to anybody's sockets is not for everybody. */
static const struct genl_multicast_group odg_genl_groups[] = {
	[ODG_GENL_EVENTS_GROUP] = {
		.name = ODG_GENL_EVENTS,
		.flags = ODG_GENL_MCAST_NET_ADMIN,
	},
};

struct genl_family odg_genl_family __ro_after_init = {
	.name = ODG_GENL_NAME,
	.version = ODG_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.ops = odg_genl_ops,
	.n_ops = ARRAY_SIZE(odg_genl_ops),
	.mcgrps = odg_genl_groups,
	.n_mcgrps = ARRAY_SIZE(odg_genl_groups),
	.module = THIS_MODULE,
};

int odg_genl_init(void)
{
	return genl_register_family(&odg_genl_family);
}

void odg_genl_exit(void)
{
	genl_unregister_family(&odg_genl_family);
}
