// SPDX-License-Identifier: MIT
/* What a completion says about its datagram: from, to, when, over what. */
#include "helpers.h"

#include <linux/sock_diag.h>
#include <net/if.h>

static void want_v4(const struct odg_cqe *c, int from, int to)
{
	union sockaddr_any a;

	addr_of(from, &a);
	want(c->flags & (ODG_CQE_ADDR | ODG_CQE_IPV6 | ODG_CQE_ICMP), ODG_CQE_ADDR);
	want(c->port, a.v4.sin_port);
	want(c->v4.addr, a.v4.sin_addr.s_addr);
	addr_of(to, &a);
	want(c->v4.local, a.v4.sin_addr.s_addr);
}

static void want_v6(const struct odg_cqe *c, const struct in6_addr *addr,
		    uint16_t port)
{
	want(c->flags & (ODG_CQE_ADDR | ODG_CQE_IPV6 | ODG_CQE_ICMP),
	     ODG_CQE_ADDR | ODG_CQE_IPV6);
	want(c->port, port);
	want(memcmp(c->addr, addr, 16), 0);
}

/* Pending, queued for the completion queue, queued for the result. */
static const struct odg_cqe_wide *get(struct fix *f, int way)
{
	struct op *op = &f->op[0];

	op_init(op);
	switch (way) {
	case 0:
		row("pending");
		post_pending(&f->p, f->rx, op);
		send_str(f->tx, f->rx, "x");
		break;
	case 1:
		row("queued");
		send_queued(f->tx, f->rx, "x", 1);
		want(post(&f->p, f->rx, op), 1);
		break;
	default:
		row("result");
		send_queued(f->tx, f->rx, "x", 1);
		op_result(op);
		want(post(&f->p, f->rx, op), 1);
		want_result(op, "x", 1);
		return &op->result;
	}
	reap_data(&f->p, op, "x", 1);
	return &f->p.last;
}

static void addresses_of_the_datagram(void **state)
{
	struct fix *f = *state;

	for (int way = 0; way < 3; way++) {
		const struct odg_cqe_wide *w = get(f, way);
		union sockaddr_any a;

		want(w->cqe.ifindex, if_nametoindex("lo"));
		if (f->family == AF_INET) {
			want_v4(&w->cqe, f->tx, f->rx);
			addr_of(f->rx, &a);
			want(memcmp(w->local, &a.v4.sin_addr, 4), 0);
			want(memcmp(w->local + 4, "\0\0\0\0\0\0\0\0\0\0\0\0", 12), 0);
		} else {
			addr_of(f->tx, &a);
			want_v6(&w->cqe, &a.v6.sin6_addr, a.v6.sin6_port);
			want(memcmp(w->local, &in6addr_loopback, 16), 0);
		}
	}
}

/* The destination of the datagram, not what the socket is bound to. */
static void local_address_of_a_wildcard_socket(void **state)
{
	union sockaddr_any a = { .sa.sa_family = AF_INET };
	struct fix *f = *state;
	int s = udp_unbound(AF_INET);

	sys(bind(s, &a.sa, sizeof(a.v4)));
	addr_of(s, &a);
	a.v4.sin_addr.s_addr = htonl(0x7f000305);
	for (int queued = 0; queued < 2; queued++) {
		struct op *op = &f->op[queued];

		row("%s", queued ? "queued" : "pending");
		if (!queued)
			post_pending(&f->p, s, op);
		want(sys(sendto(f->tx, "hi", 2, 0, &a.sa, sizeof(a.v4))), 2);
		if (queued) {
			wait_arrived(&f->p, s, 2);
			want(post(&f->p, s, op), 1);
		}
		want(reap_data(&f->p, op, "hi", 2)->v4.local, htonl(0x7f000305));
		want(memcmp(f->p.last.local, "\177\0\3\5", 4), 0);
	}
	close(s);
}

/* A v6 socket gets v4 datagrams from v4-mapped addresses, as with recvfrom. */
static void v4_mapped_on_a_dual_stack_socket(void **state)
{
	union sockaddr_any a = { .sa.sa_family = AF_INET6 };
	struct in6_addr mapped = { .s6_addr = { [10] = 0xff, 0xff, 127, 0, 0, 1 } };
	struct fix *f = *state;
	int s = udp_unbound(AF_INET6);
	uint16_t port;

	set_opt(s, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	sys(bind(s, &a.sa, sizeof(a.v6)));
	port = port_of(s);
	a = (union sockaddr_any){ .v4 = {
		.sin_family = AF_INET, .sin_port = port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	} };
	for (int queued = 0; queued < 2; queued++) {
		struct op *op = &f->op[queued];

		row("%s", queued ? "queued" : "pending");
		if (!queued)
			post_pending(&f->p, s, op);
		want(sys(sendto(f->tx, "four", 4, 0, &a.sa, sizeof(a.v4))), 4);
		if (queued) {
			wait_arrived(&f->p, s, 2);
			want(post(&f->p, s, op), 1);
		}
		want_v6(reap_data(&f->p, op, "four", 4), &mapped, port_of(f->tx));
		want(memcmp(f->p.last.local, &mapped, 16), 0);
	}
	close(s);
}

static void a40_connected_socket_hears_only_its_peer(void **state)
{
	struct fix *f = *state;
	int other = udp(f->family);

	connect_to(f->rx, f->tx);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(other, f->rx, "foreign");
	send_str(f->tx, f->rx, "peer");
	reap_data(&f->p, &f->op[0], "peer", 4);
	want(f->p.last.cqe.port, port_of(f->tx));
	want(sock_stats(&f->p, f->rx).arrived, 1);
	row("connected while an op is pending");
	op_init(&f->op[0]);
	post_pending(&f->p, f->rx, &f->op[0]);
	connect_to(f->rx, other);
	send_str(f->tx, f->rx, "old peer");
	send_str(other, f->rx, "new peer");
	reap_data(&f->p, &f->op[0], "new peer", 8);
	close(other);
}

static void ttl_and_tos(void **state)
{
	struct fix *f = *state;

	if (f->family == AF_INET) {
		set_opt(f->tx, IPPROTO_IP, IP_TTL, 33);
		set_opt(f->tx, IPPROTO_IP, IP_TOS, 0x28);
	} else {
		set_opt(f->tx, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
		set_opt(f->tx, IPPROTO_IPV6, IPV6_TCLASS, 0x28);
	}
	for (int way = 0; way < 3; way++) {
		const struct odg_cqe_wide *w = get(f, way);

		want(w->ttl, 33);
		want(w->tos, 0x28);
		for (size_t i = 0; i < sizeof(w->__reserved); i++)
			want(w->__reserved[i], 0);
	}
}

static void times_are_between_send_and_reap(void **state)
{
	struct fix *f = *state;

	for (int way = 0; way < 3; way++) {
		uint64_t t0 = now_ns(CLOCK_REALTIME), t1;
		const struct odg_cqe_wide *w = get(f, way);

		t1 = now_ns(CLOCK_REALTIME);
		want_true(w->cqe.rx_ns >= t0 && w->cqe.rx_ns <= t1);
		want_true(w->done_ns >= w->cqe.rx_ns && w->done_ns <= t1);
		want(w->cqe.hw_ns, 0);
		want_true(w->cpu < (uint32_t)sysconf(_SC_NPROCESSORS_CONF));
	}
}

/*
 * Turning stamps on is asynchronous in the kernel (a work item patches the
 * code), so the first datagrams may come without.
 */
static void rx_stack_with_so_timestampns(void **state)
{
	struct fix *f = *state;
	uint64_t end = now_ns(CLOCK_MONOTONIC) + limit_ns();

	set_opt(f->rx, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	for (int way = 0; way < 3; way++) {
		const struct odg_cqe_wide *w;
		uint64_t t0;

		do {
			t0 = now_ns(CLOCK_REALTIME);
			w = get(f, way);
			want_true(now_ns(CLOCK_MONOTONIC) < end);
		} while (!(w->cqe.flags & ODG_CQE_RX_STACK));
		want_true(w->cqe.rx_ns >= t0);
		want_true(w->cqe.rx_ns <= now_ns(CLOCK_REALTIME));
		want_true(w->cqe.rx_ns <= w->done_ns);
	}
}

/* seq numbers the entries of the queue; results have none. */
static void seq_counts_per_port(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 4, 0);
	for (uint32_t i = 0; i < 9; i++) {
		struct port *q = i % 3 ? &f->p : &p;

		op_init(&f->op[0]);
		post_pending(q, f->rx, &f->op[0]);
		send_to(f->tx, f->rx, &i, sizeof(i));
		reap_data(q, &f->op[0], &i, sizeof(i));	/* checks seq */
	}
	get(f, 2);
	get(f, 0);
	get(f, 1);
	want(p.seq, 3);
	want(f->p.seq, 8);
	port_close(&p);
}

static void drops_are_reported_once(void **state)
{
	char payload[1000] = { 0 };
	struct fix *f = *state;
	uint64_t drops, sum = 0;
	int sent = 0;

	set_opt(f->rx, SOL_SOCKET, SO_RCVBUF, 1);	/* the least there is */
	want(odg_bind(&f->p, f->rx, 0), 0);
	while (sock_stats(&f->p, f->rx).dropped < 7) {
		send_to(f->tx, f->rx, payload, sizeof(payload));
		wait_arrived(&f->p, f->rx, (uint64_t)++sent);
	}
	drops = meminfo(f->rx, SK_MEMINFO_DROPS);
	want(drops, 7);
	while (sock_stats(&f->p, f->rx).queued) {
		op_init(&f->op[0]);
		want(post(&f->p, f->rx, &f->op[0]), 1);
		sum += reap(&f->p)->drops;
	}
	want(sum, drops);
	row("the next one reports none");
	want(get(f, 0)->cqe.drops, 0);
	want_stats_sum(&f->p, f->rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(addresses_of_the_datagram),
		T(local_address_of_a_wildcard_socket),
		T(v4_mapped_on_a_dual_stack_socket),
		T46(a40_connected_socket_hears_only_its_peer),
		T46(ttl_and_tos),
		T46(times_are_between_send_and_reap),
		T46(rx_stack_with_so_timestampns),
		T(seq_counts_per_port),
		T46(drops_are_reported_once),
	};
	return cmocka_run_group_tests_name("recv_info", tests, NULL, NULL);
}
