// SPDX-License-Identifier: MIT
/*
 * ICMP errors that come from the way: us --v0-- router.  It lets a datagram's time
 * run out, has no route, or nobody listens on it.
 */
#include "helpers.h"

#include <arpa/inet.h>

struct errors {
	struct far far;
	struct port p;
};

/* One datagram to there, which draws an error. */
static void draw(int s, const union sockaddr_any *to)
{
	want(sys(sendto(s, "x", 1, 0, &to->sa, to->sa.sa_family == AF_INET ?
			sizeof(to->v4) : sizeof(to->v6))), 1);
}

static union sockaddr_any address(int family, const char *v4, const char *v6)
{
	union sockaddr_any a = { .sa.sa_family = (sa_family_t)family };

	a.v4.sin_port = htons(9);	/* where v6 has it, too */
	want(family == AF_INET ? inet_pton(AF_INET, v4, &a.v4.sin_addr) :
				 inet_pton(AF_INET6, v6, &a.v6.sin6_addr), 1);
	return a;
}

static int bound(int family, bool short_lived)
{
	union sockaddr_any any = { .sa.sa_family = (sa_family_t)family };
	int s = udp_unbound(family);

	sys(bind(s, &any.sa, family == AF_INET ? sizeof(any.v4) : sizeof(any.v6)));
	if (!short_lived)
		return s;
	if (family == AF_INET)
		set_opt(s, IPPROTO_IP, IP_TTL, 1);
	else
		set_opt(s, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 1);
	return s;
}

static void want_error(struct errors *e, const struct op *op, int status,
		       const union sockaddr_any *to)
{
	const struct odg_cqe *c = reap_status(&e->p, op, status);

	want_true(c->flags & ODG_CQE_ICMP);
	if (!to)
		return;
	want(c->port, to->v4.sin_port);
	if (to->sa.sa_family == AF_INET)
		want(c->v4.addr, to->v4.sin_addr.s_addr);
	else
		want(memcmp(c->addr, &to->v6.sin6_addr, 16), 0);
}

static void setup_router(struct errors *e, int family)
{
	memset(e, 0, sizeof(*e));
	/*
	 * The stack limits "no route" by itself, with tokens that an error of
	 * another kind takes away.  It does so for all namespaces, and only the
	 * first one can change it.
	 */
	shell("echo 0 >/proc/sys/net/ipv4/route/error_cost");
	own_namespace();
	far_create(&e->far, family);
	far_shell(&e->far, "ip -batch - <<'END'\n"
			   "addr add 10.99.0.2/24 dev v1\n"
			   "addr add fd99::2/64 dev v1 nodad\n"
			   "route add 10.98.0.0/24 dev v1\n"
			   "route add fd98::/64 dev v1\n"
			   "END\n"
			   "cd /proc/sys/net\n"
			   "echo 1 >ipv4/ip_forward\n"
			   "echo 0 >ipv4/icmp_ratelimit\n"
			   "echo 1 >ipv6/conf/all/forwarding\n"
			   "echo 0 >ipv6/icmp/ratelimit\n");
	shell("ip -batch - <<'END'\n"
	      "route add default via 10.99.0.2\n"
	      "route add ::/0 via fd99::2\n"
	      "END");
	port_open(&e->p, 16, ODG_CQ_WIDE);
}

static void told(void *arg)
{
	int family = *(int *)arg;
	static struct errors e;
	const struct {
		const char *name;
		union sockaddr_any to;
		bool short_lived;
		int status;
	} rows[] = {
		{ "time exceeded", address(family, "10.98.0.9", "fd98::9"), true,
		  -ENETRESET },
		{ "no route", address(family, "10.77.0.1", "fd77::1"), false,
		  -ENETUNREACH },
		{ "port", address(family, "10.99.0.2", "fd99::2"), false,
		  -ECONNREFUSED },
	};

	setup_router(&e, family);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (int connected = 0; connected < 2; connected++) {
			const union sockaddr_any *to = &rows[i].to;
			struct op op[3];
			int s = bound(family, rows[i].short_lived);

			row("%s, %sconnected", rows[i].name, connected ? "" : "un");
			for (int n = 0; n < 3; n++)
				op_init(&op[n]);
			if (connected)
				sys(connect(s, &to->sa, family == AF_INET ?
					    sizeof(to->v4) : sizeof(to->v6)));
			want(post_n(&e.p, s, op, 2), 2);
			draw(s, to);
			want_error(&e, &op[0], rows[i].status, to);
			draw(s, to);
			want_error(&e, &op[1], rows[i].status, to);
			want_none(&e.p);
			row("%s, %sconnected, remembered", rows[i].name,
			    connected ? "" : "un");
			draw(s, to);
			eventually(sock_stats(&e.p, s).icmp == 3);
			want(post(&e.p, s, &op[2]), 1);
			want(op[2].r.state, ODG_RECV_QUEUED);
			want_error(&e, &op[2], rows[i].status, NULL);
			close(s);
		}
	}
	port_close(&e.p);
}

static void a20_a28_errors_from_the_way(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(told, &family);
}

static void a20_a28_errors_from_the_way_ipv6(void **state)
{
	int family = AF_INET6;

	(void)state;
	in_child(told, &family);
}

/* Each flag turns off its own kind, and only that. */
static void turned_off(void *arg)
{
	int family = *(int *)arg;
	union sockaddr_any far = address(family, "10.98.0.9", "fd98::9");
	union sockaddr_any port = address(family, "10.99.0.2", "fd99::2");
	static struct errors e;
	struct op op[2];
	int s;

	setup_router(&e, family);
	s = bound(family, true);
	op_init(&op[0]);
	op_init(&op[1]);
	want(odg_bind(&e.p, s, ODG_BIND_NO_NETRESET), 0);
	row("with nothing posted");
	draw(s, &far);
	eventually(sock_stats(&e.p, s).icmp == 1);
	post_pending(&e.p, s, &op[0]);
	row("with a receive posted");
	draw(s, &far);
	eventually(sock_stats(&e.p, s).icmp == 2);
	want_none(&e.p);
	row("port unreachable is not turned off");
	draw(s, &port);
	want_error(&e, &op[0], -ECONNREFUSED, &port);
	row("time exceeded is not turned off");
	want(odg_bind(&e.p, s, ODG_BIND_NO_UNREACH), 0);
	post_pending(&e.p, s, &op[1]);
	draw(s, &port);
	eventually(sock_stats(&e.p, s).icmp == 4);
	want_none(&e.p);
	draw(s, &far);
	want_error(&e, &op[1], -ENETRESET, &far);
	close(s);
	port_close(&e.p);
}

static void bi10_turned_off(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(turned_off, &family);
}

static void bi10_turned_off_ipv6(void **state)
{
	int family = AF_INET6;

	(void)state;
	in_child(turned_off, &family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(a20_a28_errors_from_the_way),
		T0(a20_a28_errors_from_the_way_ipv6),
		T0(bi10_turned_off),
		T0(bi10_turned_off_ipv6),
	};
	return cmocka_run_group_tests_name("router", tests, NULL, NULL);
}
