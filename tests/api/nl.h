/* SPDX-License-Identifier: MIT */
/* The netlink family as the tests ask it: one request, all its answers. */
#ifndef ODG_TESTS_API_NL_H
#define ODG_TESTS_API_NL_H

#include "helpers.h"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/odgram_netlink.h>

#define NL_MAX_GROUPS 80
#define NL_BUF	(64 * 1024)

struct nl {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t group;
	uint32_t seq;
	size_t bufsize;
	bool plainly;		/* write, as a program writes its output */
	bool inconsistent;	/* the last dump said that something changed */
};

/* One message of ours; attributes that were not there are NULL. */
struct nl_msg {
	uint8_t cmd;
	const struct nlattr *a[ODG_A_MAX + 1];
	struct odg_genl_group group[NL_MAX_GROUPS];
	unsigned int nr_groups;
};

typedef void (*nl_fn)(const struct nlmsghdr *nlh, void *arg);

static inline uint32_t nl_u32(const struct nl_msg *m, int attr)
{
	if (!m->a[attr] || mnl_attr_get_payload_len(m->a[attr]) != 4) {
		row("attribute %d", attr);
		want_true(m->a[attr]);
		want(mnl_attr_get_payload_len(m->a[attr]), 4);
	}
	return mnl_attr_get_u32(m->a[attr]);
}

static inline uint64_t nl_u64(const struct nl_msg *m, int attr)
{
	if (!m->a[attr] || mnl_attr_get_payload_len(m->a[attr]) != 8) {
		row("attribute %d", attr);
		want_true(m->a[attr]);
		want(mnl_attr_get_payload_len(m->a[attr]), 8);
	}
	return mnl_attr_get_u64(m->a[attr]);
}

static inline void nl_parse(const struct nlmsghdr *nlh, struct nl_msg *m)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	memset(m, 0, sizeof(*m));
	m->cmd = genl->cmd;
	mnl_attr_for_each(attr, nlh, sizeof(*genl)) {
		uint16_t type = mnl_attr_get_type(attr);

		want_true(type <= ODG_A_MAX);
		if (type == ODG_A_GROUP) {
			want_true(m->nr_groups < NL_MAX_GROUPS);
			memcpy(&m->group[m->nr_groups++],
			       mnl_attr_get_payload(attr), sizeof(m->group[0]));
			continue;
		}
		want_true(type == ODG_A_PAD || !m->a[type]);
		m->a[type] = attr;
	}
}

/* Sends the request; calls fn for each answer.  0 or -errno. */
static inline int nl_talk(struct nl *nl, struct nlmsghdr *req, nl_fn fn, void *arg)
{
	static __thread char buf[NL_BUF];

	nl->inconsistent = false;
	req->nlmsg_seq = ++nl->seq;
	if (nl->plainly)
		sys(write(mnl_socket_get_fd(nl->sock), req, req->nlmsg_len));
	else
		sys(mnl_socket_sendto(nl->sock, req, req->nlmsg_len));
	for (;;) {
		int n = (int)sys(mnl_socket_recvfrom(nl->sock, buf, nl->bufsize));
		const struct nlmsghdr *nlh = (void *)buf;

		for (; mnl_nlmsg_ok(nlh, n); nlh = mnl_nlmsg_next(nlh, &n)) {
			want(nlh->nlmsg_seq, nl->seq);
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				nl->inconsistent = true;
			if (nlh->nlmsg_type == NLMSG_DONE ||
			    nlh->nlmsg_type == NLMSG_ERROR)
				return *(int *)mnl_nlmsg_get_payload(nlh);
			want_true(fn);
			fn(nlh, arg);
		}
	}
}

/* buf has room for the request and its attributes. */
static inline struct nlmsghdr *nl_request(const struct nl *nl, void *buf,
					  uint8_t cmd, int flags)
{
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl;

	req->nlmsg_type = nl->family;
	req->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	genl = mnl_nlmsg_put_extra_header(req, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = ODG_GENL_VERSION;
	return req;
}

static inline int nl_dump(struct nl *nl, uint8_t cmd, nl_fn fn, void *arg)
{
	char buf[256];

	return nl_talk(nl, nl_request(nl, buf, cmd, NLM_F_DUMP), fn, arg);
}

/* A request of one answer or of none, with an id unless it is 0. */
static inline int nl_do(struct nl *nl, uint8_t cmd, uint32_t id, nl_fn fn,
			void *arg)
{
	char buf[256];
	struct nlmsghdr *req = nl_request(nl, buf, cmd, NLM_F_ACK);

	if (id)
		mnl_attr_put_u32(req, ODG_A_ID, id);
	return nl_talk(nl, req, fn, arg);
}

/* Switches a socket's histogram on or off. */
static inline int nl_set_hist(struct nl *nl, uint32_t id, uint8_t on)
{
	char buf[256];
	struct nlmsghdr *req = nl_request(nl, buf, ODG_CMD_HIST_SET, NLM_F_ACK);

	mnl_attr_put_u32(req, ODG_A_ID, id);
	mnl_attr_put_u8(req, ODG_A_HIST_ON, on);
	return nl_talk(nl, req, NULL, NULL);
}

static inline void nl_is_hist_count(const struct nlmsghdr *nlh, void *arg)
{
	struct nl_msg m;

	nl_parse(nlh, &m);
	*(uint64_t *)arg = nl_u64(&m, ODG_A_HIST_COUNT);
}

/* How many datagrams are in it. */
static inline uint64_t nl_hist_count(struct nl *nl, uint32_t id)
{
	uint64_t count = POISON64;

	want(nl_do(nl, ODG_CMD_HIST_GET, id, nl_is_hist_count, &count), 0);
	return count;
}

/* The controller's answer: number and group of the family. */
static inline void nl_found(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr, *group, *a;
	struct nl *nl = arg;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID)
			nl->family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) != CTRL_ATTR_MCAST_GROUPS)
			continue;
		mnl_attr_for_each_nested(group, attr)
			mnl_attr_for_each_nested(a, group)
				if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID)
					nl->group = mnl_attr_get_u32(a);
	}
}

/* Answers are taken in pieces of bufsize, which the kernel makes them fit in. */
static inline void nl_open_sized(struct nl *nl, size_t bufsize)
{
	char buf[256];
	struct nlmsghdr *req;

	want_true(bufsize <= NL_BUF);
	*nl = (struct nl){
		.sock = mnl_socket_open(NETLINK_GENERIC),
		.family = GENL_ID_CTRL, .bufsize = bufsize,
	};
	want_true(nl->sock);
	sys(mnl_socket_bind(nl->sock, 0, MNL_SOCKET_AUTOPID));
	req = nl_request(nl, buf, CTRL_CMD_GETFAMILY, NLM_F_ACK);
	mnl_attr_put_strz(req, CTRL_ATTR_FAMILY_NAME, ODG_GENL_NAME);
	want(nl_talk(nl, req, nl_found, nl), 0);
	want_true(nl->family != GENL_ID_CTRL);
	want_true(nl->group);
}

static inline void nl_open(struct nl *nl)
{
	nl_open_sized(nl, NL_BUF);
}

static inline void nl_close(struct nl *nl)
{
	mnl_socket_close(nl->sock);
}

/* --- one socket -------------------------------------------------------- */

/* What a dump says about a socket. */
struct nl_sock {
	uint64_t inode;		/* in: which */
	unsigned int found;	/* how often it was there */
	uint32_t id, uid, family, depth, slow, ring_entries, ring_depth, ifindex;
	uint16_t port, peer_port;
	uint8_t addr[16], peer[16];
	bool connected, hist_on;
	uint64_t posted, completed, aborted, last_ns;
	struct odg_sock_stats stats;
	struct odg_genl_group group[NL_MAX_GROUPS];
	unsigned int nr_groups;
};

static inline uint64_t inode_of(int sock)
{
	char path[40], target[64] = "";
	uint64_t inode = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", sock);
	sys(readlink(path, target, sizeof(target) - 1));
	want(sscanf(target, "socket:[%lu]", &inode), 1);
	return inode;
}

static inline struct odg_sock_stats nl_counters(const struct nl_msg *m)
{
	want(nl_u64(m, ODG_A_SEND_POSTED), nl_u64(m, ODG_A_SENT) +
	     nl_u64(m, ODG_A_SEND_FAILED) + nl_u64(m, ODG_A_SEND_DEPTH));
	return (struct odg_sock_stats){
		.queued = (uint32_t)nl_u64(m, ODG_A_QUEUED),
		.arrived = nl_u64(m, ODG_A_ARRIVED),
		.direct = nl_u64(m, ODG_A_DIRECT),
		.from_queue = nl_u64(m, ODG_A_FROM_QUEUE),
		.filtered = nl_u64(m, ODG_A_FILTERED),
		.discarded = nl_u64(m, ODG_A_DISCARDED),
		.dropped = nl_u64(m, ODG_A_DROPPED),
		.native = nl_u64(m, ODG_A_NATIVE),
		.truncated = nl_u64(m, ODG_A_TRUNCATED),
		.pieces = nl_u64(m, ODG_A_PIECES),
		.icmp = nl_u64(m, ODG_A_ICMP),
		.bytes = nl_u64(m, ODG_A_BYTES),
		.send_depth = nl_u64(m, ODG_A_SEND_DEPTH),
		.sent = nl_u64(m, ODG_A_SENT),
		.sent_bytes = nl_u64(m, ODG_A_SENT_BYTES),
		.send_failed = nl_u64(m, ODG_A_SEND_FAILED),
		.send_pended = nl_u64(m, ODG_A_SEND_PENDED),
	};
}

static inline void nl_copy_addr(uint8_t *to, const struct nlattr *a, uint32_t family)
{
	want_true(a);
	want(mnl_attr_get_payload_len(a), family == AF_INET ? 4 : 16);
	memcpy(to, mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
}

/* Callback of a dump of sockets. */
static inline void nl_is_it(const struct nlmsghdr *nlh, void *arg)
{
	struct nl_sock *s = arg;
	struct nl_msg m;

	nl_parse(nlh, &m);
	want(m.cmd, ODG_CMD_SOCK_GET);
	if (nl_u64(&m, ODG_A_INODE) != s->inode)
		return;
	s->found++;
	s->id = nl_u32(&m, ODG_A_ID);
	s->uid = nl_u32(&m, ODG_A_UID);
	s->family = nl_u32(&m, ODG_A_FAMILY);
	s->depth = nl_u32(&m, ODG_A_DEPTH);
	s->slow = nl_u32(&m, ODG_A_SLOW);
	s->port = mnl_attr_get_u16(m.a[ODG_A_LOCAL_PORT]);
	nl_copy_addr(s->addr, m.a[ODG_A_LOCAL_ADDR], s->family);
	s->connected = m.a[ODG_A_PEER_ADDR];
	want(!!m.a[ODG_A_PEER_PORT], s->connected);
	if (s->connected) {
		s->peer_port = mnl_attr_get_u16(m.a[ODG_A_PEER_PORT]);
		nl_copy_addr(s->peer, m.a[ODG_A_PEER_ADDR], s->family);
	}
	if (m.a[ODG_A_RING_ENTRIES]) {
		s->ring_entries = nl_u32(&m, ODG_A_RING_ENTRIES);
		s->ring_depth = nl_u32(&m, ODG_A_RING_DEPTH);
	}
	if (m.a[ODG_A_IFINDEX])
		s->ifindex = nl_u32(&m, ODG_A_IFINDEX);
	s->hist_on = mnl_attr_get_u8(m.a[ODG_A_HIST_ON]);
	s->posted = nl_u64(&m, ODG_A_POSTED);
	s->completed = nl_u64(&m, ODG_A_COMPLETED);
	s->aborted = nl_u64(&m, ODG_A_ABORTED);
	s->last_ns = nl_u64(&m, ODG_A_LAST_NS);
	s->stats = nl_counters(&m);
	s->nr_groups = m.nr_groups;
	memcpy(s->group, m.group, sizeof(m.group));
}

/* The socket, found once, its sums right. */
static inline struct nl_sock nl_sock(struct nl *nl, int sock)
{
	struct nl_sock s = { .inode = inode_of(sock) };

	want(nl_dump(nl, ODG_CMD_SOCK_GET, nl_is_it, &s), 0);
	want(s.found, 1);
	want(stats_gap(&s.stats), 0);
	want(s.posted, s.completed + s.depth);
	want(s.completed, s.stats.direct + s.stats.from_queue + s.stats.pieces +
			  s.aborted);
	return s;
}

struct nl_totals {
	uint32_t ports, socks;
	uint64_t posted, completed, aborted;
	struct odg_sock_stats stats;
};

static inline void nl_is_totals(const struct nlmsghdr *nlh, void *arg)
{
	struct nl_totals *t = arg;
	struct nl_msg m;

	nl_parse(nlh, &m);
	want(m.cmd, ODG_CMD_TOTALS_GET);
	t->ports = nl_u32(&m, ODG_A_PORTS);
	t->socks = nl_u32(&m, ODG_A_SOCKS);
	t->posted = nl_u64(&m, ODG_A_POSTED);
	t->completed = nl_u64(&m, ODG_A_COMPLETED);
	t->aborted = nl_u64(&m, ODG_A_ABORTED);
	t->stats = nl_counters(&m);
}

/* The namespace's, after checking that they agree with themselves. */
static inline struct nl_totals nl_totals(struct nl *nl)
{
	struct nl_totals t;

	memset(&t, POISON, sizeof(t));
	want(nl_do(nl, ODG_CMD_TOTALS_GET, 0, nl_is_totals, &t), 0);
	want(stats_gap(&t.stats), 0);
	want(t.completed, t.stats.direct + t.stats.from_queue + t.stats.pieces +
			  t.aborted);
	return t;
}

#endif
