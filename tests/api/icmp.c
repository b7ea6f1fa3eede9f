// SPDX-License-Identifier: MIT
/*
 * ICMP errors as completions: what an earlier send drew ends one receive.
 * Port unreachable over lo; what a router says is in router.c.
 */
#include "helpers.h"

#include <linux/errqueue.h>

/* An address of the fixture's family where nobody listens. */
static socklen_t closed_port(const struct fix *f, union sockaddr_any *a)
{
	int s = udp(f->family);
	socklen_t len = addr_of(s, a);

	close(s);
	return len;
}

static void send_away(int from, const union sockaddr_any *a, socklen_t len)
{
	want(sys(sendto(from, "gone", 4, 0, &a->sa, len)), 4);
}

static void want_refused_by(const struct odg_cqe *c, const union sockaddr_any *a)
{
	const uint16_t all = ODG_CQE_ICMP | ODG_CQE_ADDR | ODG_CQE_IPV6;

	if (a->sa.sa_family == AF_INET) {
		want(c->flags & all, ODG_CQE_ICMP | ODG_CQE_ADDR);
		want(c->v4.addr, a->v4.sin_addr.s_addr);
		want(c->port, a->v4.sin_port);
	} else {
		want(c->flags & all, all);
		want(memcmp(c->addr, &a->v6.sin6_addr, 16), 0);
		want(c->port, a->v6.sin6_port);
	}
}

/* a20, on a socket that recv(2) would never tell. */
static void a20_unconnected_pending(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_away(f->rx, &a, len);
	want_refused_by(reap_status(&f->p, &f->op[0], -ECONNREFUSED), &a);
	want(sock_stats(&f->p, f->rx).icmp, 1);
	row("the socket works on, with the next op");
	send_str(f->tx, f->rx, "alive");
	reap_data(&f->p, &f->op[1], "alive", 5);
	want(sock_stats(&f->p, f->rx).arrived, 1);
	want_stats_sum(&f->p, f->rx);
}

static void a20_connected_pending(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);
	int so_error = -1;
	socklen_t so_len = sizeof(so_error);

	sys(connect(f->rx, &a.sa, len));
	post_pending(&f->p, f->rx, &f->op[0]);
	want(sys(send(f->rx, "gone", 4, 0)), 4);
	want_refused_by(reap_status(&f->p, &f->op[0], -ECONNREFUSED), &a);
	row("told once: the next calls do not fail");
	sys(getsockopt(f->rx, SOL_SOCKET, SO_ERROR, &so_error, &so_len));
	want(so_error, 0);
	post_pending(&f->p, f->rx, &f->op[1]);
}

static void one_report_ends_one_op(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	want(post_n(&f->p, f->rx, f->op, 3), 3);
	send_away(f->rx, &a, len);
	send_away(f->rx, &a, len);
	reap_status(&f->p, &f->op[0], -ECONNREFUSED);
	reap_status(&f->p, &f->op[1], -ECONNREFUSED);
	want_none(&f->p);
	want(port_stats(&f->p).outstanding, 1);
}

/* With nothing pending it is remembered for the next receive, once. */
static void remembered_for_the_next_post(struct fix *f, bool connected, bool done)
{
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	row("%s, %s", connected ? "connected" : "unconnected",
	    done ? "result" : "queue");
	want(odg_bind(&f->p, f->rx, 0), 0);
	if (connected)
		sys(connect(f->rx, &a.sa, len));
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 1);
	if (done)
		op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	if (done) {
		const struct odg_cqe *c = &f->op[0].result.cqe;

		want(f->op[0].r.state, ODG_RECV_DONE);
		want(c->status, -ECONNREFUSED);
		want(c->user_data, f->op[0].r.user_data);
		want_true(c->flags & ODG_CQE_ICMP);
		want(c->len, 0);
	} else {
		want(f->op[0].r.state, ODG_RECV_QUEUED);
		reap_status(&f->p, &f->op[0], -ECONNREFUSED);
		want_true(f->p.last.cqe.flags & ODG_CQE_ICMP);
	}
	want_none(&f->p);
	post_pending(&f->p, f->rx, &f->op[1]);
}

static void remembered_unconnected(void **state)
{
	remembered_for_the_next_post(*state, false, false);
}

static void remembered_unconnected_result(void **state)
{
	remembered_for_the_next_post(*state, false, true);
}

static void remembered_connected(void **state)
{
	remembered_for_the_next_post(*state, true, false);
}

static void remembered_connected_result(void **state)
{
	remembered_for_the_next_post(*state, true, true);
}

/* NOWAIT reports it, too: a receive that would not have to wait. */
static void remembered_for_a_nowait_receive(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	want(odg_bind(&f->p, f->rx, 0), 0);
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 1);
	op_result(&f->op[0]);
	f->op[0].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want(f->op[0].result.cqe.status, -ECONNREFUSED);
	want(post(&f->p, f->rx, &f->op[0]), -EAGAIN);
}

/* B-U4: an error must not fail a send; plain calls are told with IP_RECVERR. */
static void bu4_plain_calls_are_not_told_unasked(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);
	char c;

	want(odg_bind(&f->p, f->rx, 0), 0);
	sys(connect(f->rx, &a.sa, len));
	for (uint64_t i = 1; i <= 3; i++) {
		send_away(f->rx, &a, len);
		eventually(sock_stats(&f->p, f->rx).icmp == i);
	}
	want(recv(f->rx, &c, 1, MSG_DONTWAIT), -1);
	want(errno, EAGAIN);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	reap_status(&f->p, &f->op[0], -ECONNREFUSED);
}

/* Who asked for the error queue gets it, and the op its completion. */
static void ip_recverr_queue_is_still_filled(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a, from;
	socklen_t len = closed_port(f, &a);
	char payload[16], control[256];
	struct iovec iov = { .iov_base = payload, .iov_len = sizeof(payload) };
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct sock_extended_err *e = NULL;

	if (f->family == AF_INET)
		set_opt(f->rx, IPPROTO_IP, IP_RECVERR, 1);
	else
		set_opt(f->rx, IPPROTO_IPV6, IPV6_RECVERR, 1);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_away(f->rx, &a, len);
	want_refused_by(reap_status(&f->p, &f->op[0], -ECONNREFUSED), &a);
	want(sys(recvmsg(f->rx, &m, MSG_ERRQUEUE | MSG_DONTWAIT)), 4);
	want_true(m.msg_flags & MSG_ERRQUEUE);
	want(memcmp(payload, "gone", 4), 0);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_type == IP_RECVERR || c->cmsg_type == IPV6_RECVERR)
			e = (struct sock_extended_err *)CMSG_DATA(c);
	want_true(e);
	want(e->ee_errno, ECONNREFUSED);
	want(e->ee_origin, f->family == AF_INET ? SO_EE_ORIGIN_ICMP :
						  SO_EE_ORIGIN_ICMP6);
	want(from.v4.sin_port, a.v4.sin_port);
}

/* A datagram before the report is not overtaken by it, nor lost. */
static void report_behind_a_queued_datagram(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);
	int refused = 0, data = 0;

	want(odg_bind(&f->p, f->rx, 0), 0);
	send_queued(f->tx, f->rx, "data", 4);
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 1);
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	for (int i = 0; i < 2; i++) {
		const struct odg_cqe *c = reap(&f->p);

		refused += c->status == -ECONNREFUSED;
		data += !c->status && c->len == 4;
	}
	want(refused, 1);
	want(data, 1);
	want_stats_sum(&f->p, f->rx);
}

/* Natively one pending error is kept; the count says how many there were. */
static void many_reports_are_counted(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	want(odg_bind(&f->p, f->rx, 0), 0);
	for (uint64_t i = 1; i <= 5; i++) {
		send_away(f->rx, &a, len);
		eventually(sock_stats(&f->p, f->rx).icmp == i);
	}
	want(post(&f->p, f->rx, &f->op[0]), 1);
	reap_status(&f->p, &f->op[0], -ECONNREFUSED);
	post_pending(&f->p, f->rx, &f->op[1]);
	want_none(&f->p);
}

/* The sender's neighbour hears nothing: errors go to who sent. */
static void only_the_sender_is_told(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	post_pending(&f->p, f->rx, &f->op[0]);
	post_pending(&f->p, f->tx, &f->op[1]);
	send_away(f->tx, &a, len);
	reap_status(&f->p, &f->op[1], -ECONNREFUSED);
	want_none(&f->p);
	want(sock_stats(&f->p, f->rx).icmp, 0);
}

/* bi10: turned off and on again, with receives posted all the time. */
static void bi10_no_unreach_ends_no_op(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	row("off");
	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_UNREACH), 0);
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 1);
	want_none(&f->p);
	row("time exceeded off does not concern it");
	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_NETRESET), 0);
	send_away(f->rx, &a, len);
	reap_status(&f->p, &f->op[0], -ECONNREFUSED);
	row("on");
	want(odg_bind(&f->p, f->rx, 0), 0);
	send_away(f->rx, &a, len);
	reap_status(&f->p, &f->op[1], -ECONNREFUSED);
}

static void bi10_no_unreach_is_not_remembered(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);

	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_UNREACH), 0);
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 1);
	post_pending(&f->p, f->rx, &f->op[0]);
	want(cancel_id(&f->p, f->op[0].r.id), 1);
	reap_status(&f->p, &f->op[0], -ECANCELED);
	row("one that was remembered before is forgotten");
	want(odg_bind(&f->p, f->rx, 0), 0);
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 2);
	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_UNREACH), 0);
	post_pending(&f->p, f->rx, &f->op[1]);
}

/* The error queue is the program's other wish: it holds, and ends no receive. */
static void bi10_no_unreach_keeps_the_error_queue(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	socklen_t len = closed_port(f, &a);
	char payload[16];

	if (f->family == AF_INET)
		set_opt(f->rx, IPPROTO_IP, IP_RECVERR, 1);
	else
		set_opt(f->rx, IPPROTO_IPV6, IPV6_RECVERR, 1);
	want(odg_bind(&f->p, f->rx, ODG_BIND_NO_UNREACH), 0);
	send_away(f->rx, &a, len);
	eventually(sock_stats(&f->p, f->rx).icmp == 1);
	want(sys(recv(f->rx, payload, sizeof(payload),
		      MSG_ERRQUEUE | MSG_DONTWAIT)), 4);
	post_pending(&f->p, f->rx, &f->op[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(a20_unconnected_pending),
		T46(a20_connected_pending),
		T46(one_report_ends_one_op),
		T46(remembered_unconnected),
		T46(remembered_unconnected_result),
		T46(remembered_connected),
		T46(remembered_connected_result),
		T46(remembered_for_a_nowait_receive),
		T46(bu4_plain_calls_are_not_told_unasked),
		T46(ip_recverr_queue_is_still_filled),
		T46(report_behind_a_queued_datagram),
		T46(many_reports_are_counted),
		T(only_the_sender_is_told),
		T46(bi10_no_unreach_ends_no_op),
		T46(bi10_no_unreach_is_not_remembered),
		T46(bi10_no_unreach_keeps_the_error_queue),
	};
	return cmocka_run_group_tests_name("icmp", tests, NULL, NULL);
}
