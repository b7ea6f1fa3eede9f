// SPDX-License-Identifier: MIT
/*
 * The netlink family: nothing malformed gets in, what it shows is for those alone who
 * may see it, and events are told.
 */
#include "nl.h"

#include <linux/sock_diag.h>
#include <sched.h>

/* --- requests that are wrong ------------------------------------------- */

static int raw(struct nl *nl, uint8_t cmd, int flags, int type, const void *data,
	       size_t len)
{
	char buf[512] = { 0 };
	struct nlmsghdr *req = nl_request(nl, buf, cmd, flags | NLM_F_ACK);

	if (type)
		mnl_attr_put(req, (uint16_t)type, len, data);
	return nl_talk(nl, req, NULL, NULL);
}

static void malformed_requests_are_refused(void **state)
{
	uint64_t eight = 1;
	uint32_t four = 1;
	uint8_t one = 1;
	struct nl nl;

	(void)state;
	nl_open(&nl);
	row("no such command");
	want(raw(&nl, 0, 0, 0, NULL, 0), -EOPNOTSUPP);
	want(raw(&nl, ODG_CMD_EVENT, 0, 0, NULL, 0), -EOPNOTSUPP);
	want(raw(&nl, 200, NLM_F_DUMP, 0, NULL, 0), -EOPNOTSUPP);
	row("a dump not asked for as one, and the other way round");
	want(raw(&nl, ODG_CMD_SOCK_GET, 0, 0, NULL, 0), -EOPNOTSUPP);
	want(raw(&nl, ODG_CMD_PORT_GET, 0, 0, NULL, 0), -EOPNOTSUPP);
	want(raw(&nl, ODG_CMD_TOTALS_GET, NLM_F_DUMP, 0, NULL, 0), -EOPNOTSUPP);
	row("attributes nobody asked for");
	want(raw(&nl, ODG_CMD_SOCK_GET, NLM_F_DUMP, ODG_A_ID, &four, 4), -EINVAL);
	want(raw(&nl, ODG_CMD_PORT_GET, NLM_F_DUMP, ODG_A_UID, &four, 4), -EINVAL);
	want(raw(&nl, ODG_CMD_TOTALS_GET, 0, ODG_A_ID, &four, 4), -EINVAL);
	want(raw(&nl, ODG_CMD_HIST_GET, 0, ODG_A_UID, &four, 4), -EINVAL);
	want(raw(&nl, ODG_CMD_HIST_GET, 0, ODG_A_MAX + 1, &four, 4), -EINVAL);
	row("attributes that are missing");
	want(raw(&nl, ODG_CMD_HIST_GET, 0, 0, NULL, 0), -EINVAL);
	want(raw(&nl, ODG_CMD_HIST_SET, 0, ODG_A_ID, &four, 4), -EINVAL);
	want(raw(&nl, ODG_CMD_HIST_SET, 0, ODG_A_HIST_ON, &one, 1), -EINVAL);
	row("of the wrong size");
	want(raw(&nl, ODG_CMD_HIST_GET, 0, ODG_A_ID, &one, 1), -EINVAL);
	want(raw(&nl, ODG_CMD_HIST_GET, 0, ODG_A_ID, &eight, 8), -EINVAL);
	want(raw(&nl, ODG_CMD_HIST_GET, 0, ODG_A_ID, NULL, 0), -EINVAL);
	row("of a wrong value");
	four = 0;
	want(raw(&nl, ODG_CMD_HIST_GET, 0, ODG_A_ID, &four, 4), -ERANGE);
	want(nl_set_hist(&nl, 1, 2), -ERANGE);
	row("of no socket");
	want(nl_set_hist(&nl, 0x7fffffff, 1), -ENOENT);
	want(nl_do(&nl, ODG_CMD_HIST_GET, 0xffffffff, NULL, NULL), -ENOENT);
	nl_close(&nl);
}

/* Sends len bytes of a request as they are; what the kernel says to that. */
static int cut(struct nl *nl, struct nlmsghdr *req, uint32_t len)
{
	req->nlmsg_len = len;
	return nl_talk(nl, req, NULL, NULL);
}

static void truncated_requests_are_refused(void **state)
{
	char buf[512] = { 0 };
	struct nlmsghdr *req;
	struct genlmsghdr *genl;
	struct nlattr *attr;
	struct nl nl;

	(void)state;
	nl_open(&nl);
	row("no header of the family");
	req = nl_request(&nl, buf, ODG_CMD_TOTALS_GET, NLM_F_ACK);
	want(cut(&nl, req, NLMSG_HDRLEN), -EINVAL);
	want(cut(&nl, req, NLMSG_HDRLEN + 3), -EINVAL);
	row("an attribute longer than the message");
	req = nl_request(&nl, buf, ODG_CMD_HIST_GET, NLM_F_ACK);
	attr = mnl_nlmsg_get_payload_tail(req);
	mnl_attr_put_u32(req, ODG_A_ID, 1);
	attr->nla_len = 100;
	want(cut(&nl, req, req->nlmsg_len), -EINVAL);
	row("an attribute shorter than its header");
	attr->nla_len = 2;
	want(cut(&nl, req, req->nlmsg_len), -EINVAL);
	row("half an attribute");
	attr->nla_len = 8;
	want(cut(&nl, req, req->nlmsg_len - 2), -EINVAL);
	row("something behind");
	req = nl_request(&nl, buf, ODG_CMD_HIST_GET, NLM_F_ACK);
	mnl_attr_put_u32(req, ODG_A_ID, 1);
	want(cut(&nl, req, req->nlmsg_len + 3), -EINVAL);
	row("reserved field");
	req = nl_request(&nl, buf, ODG_CMD_TOTALS_GET, NLM_F_ACK);
	genl = mnl_nlmsg_get_payload(req);
	genl->reserved = 1;
	want(cut(&nl, req, req->nlmsg_len), -EINVAL);
	nl_close(&nl);
}

/* --- who sees what ----------------------------------------------------- */

static void count(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	++*(unsigned int *)arg;
}

static unsigned int how_many(struct nl *nl, uint8_t cmd)
{
	unsigned int n = 0;

	want(nl_dump(nl, cmd, count, &n), 0);
	return n;
}

static int join_events(struct nl *nl)
{
	return mnl_socket_setsockopt(nl->sock, NETLINK_ADD_MEMBERSHIP,
				     &nl->group, sizeof(nl->group)) ? -errno : 0;
}

struct victim {
	struct fix *f;
	uint32_t id;
};

static void in_another_namespace(void *arg)
{
	const struct victim *v = arg;
	struct nl nl;

	if (unshare(CLONE_NEWNET))
		skip_child("no network namespaces");
	nl_open(&nl);
	want(how_many(&nl, ODG_CMD_SOCK_GET), 0);
	want(how_many(&nl, ODG_CMD_PORT_GET), 0);
	want(nl_totals(&nl).socks, 0);
	want(nl_totals(&nl).stats.arrived, 0);
	want(nl_set_hist(&nl, v->id, 1), -ENOENT);
	want(join_events(&nl), 0);
	nl_close(&nl);
}

static void another_namespace_sees_none_of_it(void **state)
{
	struct fix *f = *state;
	struct victim v = { .f = f };
	struct nl nl;

	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	v.id = nl_sock(&nl, f->rx).id;
	in_child(in_another_namespace, &v);
	want(nl_sock(&nl, f->rx).hist_on, false);
	nl_close(&nl);
}

static void as_somebody(void *arg)
{
	const struct victim *v = arg;
	struct nl_sock s;
	struct nl nl;
	int own;

	sys(setresuid(12345, 12345, 12345));
	nl_open(&nl);
	row("nothing of others");
	want(how_many(&nl, ODG_CMD_SOCK_GET), 0);
	want(how_many(&nl, ODG_CMD_PORT_GET), 0);
	want(nl_set_hist(&nl, v->id, 1), -ENOENT);
	want(nl_do(&nl, ODG_CMD_HIST_GET, v->id, NULL, NULL), -ENOENT);
	want(join_events(&nl), -EPERM);
	row("its own");
	own = udp(v->f->family);
	want(odg_bind(&v->f->p, own, 0), 0);
	want(how_many(&nl, ODG_CMD_SOCK_GET), 1);
	s = nl_sock(&nl, own);
	want(s.uid, 12345);
	want(nl_set_hist(&nl, s.id, 1), 0);
	nl_close(&nl);
}

static void an_unprivileged_user_sees_only_its_own(void **state)
{
	struct fix *f = *state;
	struct victim v = { .f = f };
	struct nl nl;

	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	v.id = nl_sock(&nl, f->rx).id;
	want(nl_set_hist(&nl, v.id, 1), 0);
	in_child(as_somebody, &v);
	nl_close(&nl);
}

/*
 * Who opened the netlink socket counts, not who writes to it: root that was given
 * somebody's socket as its output shows that one nothing.
 */
static void asks_for_somebody(void *arg)
{
	struct nl nl;

	(void)arg;
	sys(setresuid(12345, 12345, 0));
	nl_open(&nl);
	sys(setresuid(0, 0, 0));
	nl.plainly = true;
	want(how_many(&nl, ODG_CMD_SOCK_GET), 0);
	want(how_many(&nl, ODG_CMD_PORT_GET), 0);
	nl_close(&nl);
}

static void a_socket_of_somebody_shows_root_no_more(void **state)
{
	struct fix *f = *state;

	want(odg_bind(&f->p, f->rx, 0), 0);
	in_child(asks_for_somebody, NULL);
}

/* --- events ------------------------------------------------------------ */

struct event {
	uint32_t what, id, slow, outstanding, uid;
	uint16_t port;
	uint64_t dropped;
};

/* The next event within so long; what is 0 if none came. */
static struct event next_event(struct nl *nl, uint64_t ms)
{
	struct pollfd pfd = {
		.fd = mnl_socket_get_fd(nl->sock), .events = POLLIN,
	};
	struct event e = { 0 };
	char buf[8192];
	struct nl_msg m;
	ssize_t n;

	if (sys(poll(&pfd, 1, (int)ms)) == 0)
		return e;
	n = sys(mnl_socket_recvfrom(nl->sock, buf, sizeof(buf)));
	want_true(mnl_nlmsg_ok((void *)buf, (int)n));
	nl_parse((void *)buf, &m);
	want(m.cmd, ODG_CMD_EVENT);
	e.what = nl_u32(&m, ODG_A_EVENT);
	e.id = nl_u32(&m, ODG_A_ID);
	e.uid = nl_u32(&m, ODG_A_UID);
	if (e.what == ODG_EVENT_PORT_DIED) {
		e.outstanding = nl_u32(&m, ODG_A_OUTSTANDING);
		want(nl_u32(&m, ODG_A_PID), getpid());
	} else {
		e.slow = nl_u32(&m, ODG_A_SLOW);
		e.port = mnl_attr_get_u16(m.a[ODG_A_LOCAL_PORT]);
	}
	if (e.what == ODG_EVENT_DROP)
		e.dropped = nl_u64(&m, ODG_A_DROPPED);
	return e;
}

static void events_are_told(void **state)
{
	static char payload[1000];
	struct fix *f = *state;
	struct nl nl, asker;
	struct event e;
	struct port p;
	uint32_t id;

	nl_open(&nl);
	nl_open(&asker);
	want(join_events(&nl), 0);
	want(odg_bind(&f->p, f->rx, 0), 0);
	id = nl_sock(&asker, f->rx).id;
	row("one that never posted does not starve");
	queue_str(f->tx, f->rx, "1");
	want(post(&f->p, f->rx, &f->op[0]), 1);
	row("starved");
	queue_str(f->tx, f->rx, "2");
	e = next_event(&nl, limit_ns() / 1000000);
	want(e.what, ODG_EVENT_STARVED);
	want(e.id, id);
	want(e.port, port_of(f->rx));
	want(e.uid, getuid());
	want(e.slow, ODG_SLOW_NOTHING_POSTED);

	row("dropped");
	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, 1);
	while (meminfo(f->rx, SK_MEMINFO_DROPS) < 2)
		send_to(f->tx, f->rx, payload, sizeof(payload));
	do {
		send_to(f->tx, f->rx, payload, sizeof(payload));
		e = next_event(&nl, limit_ns() / 1000000);
	} while (e.what == ODG_EVENT_STARVED);
	want(e.what, ODG_EVENT_DROP);
	want(e.id, id);
	want_true(e.dropped >= 1);

	row("at most one of a kind a second");
	for (int i = 0; i < 100; i++)
		send_to(f->tx, f->rx, payload, sizeof(payload));
	for (int n = 0; (e = next_event(&nl, 1)).what; n++)
		want_true(n < 20);

	row("a port died");
	port_open(&p, 8, 0);
	op_init(&f->op[1]);
	op_init(&f->op[2]);
	want(post_n(&p, f->tx, &f->op[1], 2), 2);
	port_close(&p);
	do
		e = next_event(&nl, limit_ns() / 1000000);
	while (e.what && e.what != ODG_EVENT_PORT_DIED);
	want(e.what, ODG_EVENT_PORT_DIED);
	want(e.outstanding, 2);
	row("and one with nothing outstanding is no event");
	port_open(&p, 8, 0);
	port_close(&p);
	while ((e = next_event(&nl, 1)).what)
		want_true(e.what != ODG_EVENT_PORT_DIED);
	reap(&f->p);
	nl_close(&asker);
	nl_close(&nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(malformed_requests_are_refused),
		T0(truncated_requests_are_refused),
		T(another_namespace_sees_none_of_it),
		T(an_unprivileged_user_sees_only_its_own),
		T(a_socket_of_somebody_shows_root_no_more),
		T(events_are_told),
	};
	return cmocka_run_group_tests_name("netlink", tests, NULL, NULL);
}
