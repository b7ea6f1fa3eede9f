// SPDX-License-Identifier: MIT
/*
 * Invariant 1: arrival order and posting order hold across the border between
 * the socket's own queue and the posted receives, and native receives keep
 * working on the same socket.
 */
#include "helpers.h"

static void inv1_queue_then_posts_then_queue(void **state)
{
	struct fix *f = *state;
	int n = 0;

	for (int i = 0; i < 3; i++, n++)
		send_queued(f->tx, f->rx, &n, sizeof(n));
	want(post_n(&f->p, f->rx, f->op, 5), 5);
	for (int i = 0; i < 3; i++)
		want(f->op[i].r.state, ODG_RECV_QUEUED);
	for (int i = 3; i < 5; i++)
		want(f->op[i].r.state, ODG_RECV_PENDING);
	for (int i = 0; i < 4; i++, n++)
		send_to(f->tx, f->rx, &n, sizeof(n));
	wait_arrived(&f->p, f->rx, 7);
	want(post_n(&f->p, f->rx, &f->op[5], 3), 3);
	want(f->op[5].r.state, ODG_RECV_QUEUED);
	want(f->op[6].r.state, ODG_RECV_QUEUED);
	want(f->op[7].r.state, ODG_RECV_PENDING);
	send_to(f->tx, f->rx, &n, sizeof(n));
	for (int i = 0; i < 8; i++)
		reap_data(&f->p, &f->op[i], &i, sizeof(i));
	want_none(&f->p);
	want_stats_sum(&f->p, f->rx);
}

static void native_recv_before_between_and_after(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s;

	send_queued(f->tx, f->rx, "0", 1);
	native_recv(f->rx, "0", 1);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "1");
	reap_data(&f->p, &f->op[0], "1", 1);
	send_queued(f->tx, f->rx, "2", 1);
	send_queued(f->tx, f->rx, "3", 1);
	native_recv(f->rx, "2", 1);
	want(post(&f->p, f->rx, &f->op[1]), 1);
	reap_data(&f->p, &f->op[1], "3", 1);
	send_queued(f->tx, f->rx, "4", 1);
	native_recv(f->rx, "4", 1);
	s = sock_stats(&f->p, f->rx);
	want(s.native, 2);
	want(s.direct, 1);
	want(s.from_queue, 1);
	want(s.queued, 0);
	want(s.arrived, 4);
	want_stats_sum(&f->p, f->rx);
}

/* A native receive takes nothing from under a pending op. */
static void native_recv_with_an_op_pending_gets_nothing(void **state)
{
	struct fix *f = *state;
	char c;

	post_pending(&f->p, f->rx, &f->op[0]);
	want(recv(f->rx, &c, 1, MSG_DONTWAIT), -1);
	want(-errno, -EAGAIN);
	send_str(f->tx, f->rx, "mine");
	reap_data(&f->p, &f->op[0], "mine", 4);
	want(recv(f->rx, &c, 1, MSG_DONTWAIT), -1);
	want(-errno, -EAGAIN);
}

/* MSG_PEEK moves the queue to udp's second list, the reader queue. */
static void inv1_peeked_datagrams_are_not_overtaken(void **state)
{
	struct fix *f = *state;
	char c;

	send_queued(f->tx, f->rx, "1", 1);
	send_queued(f->tx, f->rx, "2", 1);
	want(sys(recv(f->rx, &c, 1, MSG_PEEK)), 1);
	want(c, '1');
	send_queued(f->tx, f->rx, "3", 1);
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	send_str(f->tx, f->rx, "4");
	reap_data(&f->p, &f->op[0], "1", 1);
	reap_data(&f->p, &f->op[1], "2", 1);
	reap_data(&f->p, &f->op[2], "3", 1);
	reap_data(&f->p, &f->op[3], "4", 1);
	want_stats_sum(&f->p, f->rx);
}

/* The first of two read natively: the second waits in the reader queue. */
static void inv1_rest_of_the_reader_queue_comes_first(void **state)
{
	struct fix *f = *state;

	want(odg_bind(&f->p, f->rx, 0), 0);
	send_queued(f->tx, f->rx, "1", 1);
	send_queued(f->tx, f->rx, "2", 1);
	native_recv(f->rx, "1", 1);
	want(sock_stats(&f->p, f->rx).queued, 1);
	send_str(f->tx, f->rx, "3");
	wait_arrived(&f->p, f->rx, 3);
	want(sock_stats(&f->p, f->rx).queued, 2);
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	send_str(f->tx, f->rx, "4");
	reap_data(&f->p, &f->op[0], "2", 1);
	reap_data(&f->p, &f->op[1], "3", 1);
	reap_data(&f->p, &f->op[2], "4", 1);
	want_stats_sum(&f->p, f->rx);
}

static void peek_offset_does_not_cut_datagrams(void **state)
{
	struct fix *f = *state;
	char buf[3];

	set_opt(f->rx, SOL_SOCKET, SO_PEEK_OFF, 0);
	send_queued(f->tx, f->rx, "abcdef", 6);
	send_queued(f->tx, f->rx, "next", 4);
	want(sys(recv(f->rx, buf, 3, MSG_PEEK)), 3);
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	reap_data(&f->p, &f->op[0], "abcdef", 6);
	reap_data(&f->p, &f->op[1], "next", 4);
}

/* Ops of two ports on one socket: one order, that of posting. */
static void inv1_two_ports_share_one_order(void **state)
{
	struct fix *f = *state;
	struct port p[2];

	port_open(&p[0], 16, 0);
	port_open(&p[1], 16, ODG_CQ_WIDE);
	for (int i = 0; i < 12; i++)
		post_pending(&p[i % 3 == 0], f->rx, &f->op[i]);
	want(sock_stats(&p[0], f->rx).depth, 12);
	for (int i = 0; i < 12; i++)
		send_to(f->tx, f->rx, &i, sizeof(i));
	for (int i = 0; i < 12; i++)
		reap_data(&p[i % 3 == 0], &f->op[i], &i, sizeof(i));
	want_none(&p[0]);
	want_none(&p[1]);
	port_close(&p[0]);
	port_close(&p[1]);
}

/* One port with ops on several sockets: each socket has its own order. */
static void sockets_do_not_wait_for_each_other(void **state)
{
	struct fix *f = *state;
	int other = udp(f->family);

	post_pending(&f->p, f->rx, &f->op[0]);
	post_pending(&f->p, other, &f->op[1]);
	post_pending(&f->p, f->rx, &f->op[2]);
	send_str(f->tx, other, "other");
	reap_data(&f->p, &f->op[1], "other", 5);
	send_str(f->tx, f->rx, "a");
	send_str(f->tx, f->rx, "b");
	reap_data(&f->p, &f->op[0], "a", 1);
	reap_data(&f->p, &f->op[2], "b", 1);
	close(other);
}

static void two_sockets_of_a_reuseport_group(void **state)
{
	union sockaddr_any a;
	struct fix *f = *state;
	int s[2];

	s[0] = udp_unbound(f->family);
	s[1] = udp_unbound(f->family);
	addr_of(f->rx, &a);
	a.v4.sin_port = 0;
	for (int i = 0; i < 2; i++) {
		set_opt(s[i], SOL_SOCKET, SO_REUSEPORT, 1);
		sys(bind(s[i], &a.sa, sizeof(a.v4)));
		addr_of(s[i], &a);
	}
	/* Whichever the flow's hash chooses, the datagram lands in its op. */
	post_pending(&f->p, s[0], &f->op[0]);
	post_pending(&f->p, s[1], &f->op[1]);
	send_str(f->tx, s[0], "one of you");
	want(reap(&f->p)->len, 10);
	want(port_stats(&f->p).outstanding, 1);
	close(s[0]);
	close(s[1]);
	want(reap(&f->p)->status, -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(inv1_queue_then_posts_then_queue),
		T46(native_recv_before_between_and_after),
		T(native_recv_with_an_op_pending_gets_nothing),
		T46(inv1_peeked_datagrams_are_not_overtaken),
		T46(inv1_rest_of_the_reader_queue_comes_first),
		T(peek_offset_does_not_cut_datagrams),
		T(inv1_two_ports_share_one_order),
		T(sockets_do_not_wait_for_each_other),
		T(two_sockets_of_a_reuseport_group),
	};
	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
