// SPDX-License-Identifier: MIT
/*
 * What lo cannot show, in network namespaces of the tests' own: multicast with
 * several listeners, fragments, sockets of several namespaces.  ICMP errors of a
 * router are in router.c, devices that go down in netdev.c.
 */
#include "helpers.h"

#include <net/if.h>

static void join(int sock, int family, union sockaddr_any *group)
{
	if (family == AF_INET) {
		struct ip_mreqn r = {
			.imr_ifindex = (int)if_nametoindex("v0"),
			.imr_multiaddr.s_addr = htonl(0xefff0102),
		};

		sys(setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &r, sizeof(r)));
		group->v4.sin_family = AF_INET;
		group->v4.sin_addr = r.imr_multiaddr;
	} else {
		struct ipv6_mreq r = {
			.ipv6mr_interface = if_nametoindex("v0"),
			.ipv6mr_multiaddr = { .s6_addr = { 0xff, 0x12, [15] = 9 } },
		};

		sys(setsockopt(sock, IPPROTO_IPV6, IPV6_JOIN_GROUP, &r, sizeof(r)));
		group->v6.sin6_family = AF_INET6;
		group->v6.sin6_addr = r.ipv6mr_multiaddr;
		group->v6.sin6_scope_id = r.ipv6mr_interface;
	}
}

static int listener(int family, uint16_t port, union sockaddr_any *group)
{
	union sockaddr_any a = { .sa.sa_family = (sa_family_t)family };
	int s = udp_unbound(family);

	set_opt(s, SOL_SOCKET, SO_REUSEADDR, 1);
	a.v4.sin_port = port;	/* where v6 has it, too */
	sys(bind(s, &a.sa, family == AF_INET ? sizeof(a.v4) : sizeof(a.v6)));
	join(s, family, group);
	group->v4.sin_port = port_of(s);
	return s;
}

/* Two odgram listeners and a native one: each gets its copy of each. */
static void multicast(void *arg)
{
	int family = *(int *)arg, s[3], tx, one = 1;
	union sockaddr_any group = { 0 };
	struct op op[4];
	struct port p;
	socklen_t len = family == AF_INET ? sizeof(group.v4) : sizeof(group.v6);

	own_namespace();
	port_open(&p, 16, ODG_CQ_WIDE);
	s[0] = listener(family, 0, &group);
	s[1] = listener(family, group.v4.sin_port, &group);
	s[2] = listener(family, group.v4.sin_port, &group);
	tx = udp_unbound(family);
	if (family == AF_INET) {
		struct ip_mreqn r = { .imr_ifindex = (int)if_nametoindex("v0") };

		sys(setsockopt(tx, IPPROTO_IP, IP_MULTICAST_IF, &r, sizeof(r)));
		sys(setsockopt(tx, IPPROTO_IP, IP_MULTICAST_LOOP, &one, sizeof(one)));
	}
	for (int i = 0; i < 4; i++) {
		op_init(&op[i]);
		post_pending(&p, s[i / 2], &op[i]);
	}
	want(sys(sendto(tx, "to all", 6, 0, &group.sa, len)), 6);
	want(sys(sendto(tx, "again", 5, 0, &group.sa, len)), 5);
	for (int n = 0; n < 4; n++) {
		const struct odg_cqe *c = reap(&p);
		int i = 0;

		while (i < 4 && op[i].r.user_data != c->user_data)
			i++;
		want_true(i < 4);
		want_data(c, &op[i], i & 1 ? "again" : "to all", i & 1 ? 5 : 6);
		want(c->ifindex, if_nametoindex("v0"));
		if (family == AF_INET)
			want(c->v4.local, group.v4.sin_addr.s_addr);
		want(memcmp(p.last.local, family == AF_INET ?
			    (void *)&group.v4.sin_addr :
			    (void *)&group.v6.sin6_addr,
			    family == AF_INET ? 4 : 16), 0);
	}
	native_recv(s[2], "to all", 6);
	native_recv(s[2], "again", 5);
	want_stats_sum(&p, s[0]);
	want(sock_stats(&p, s[0]).arrived, 2);

	row("binding does not change IP_MULTICAST_LOOP");
	if (family == AF_INET) {
		int loop = -1;
		socklen_t l = sizeof(loop);

		want(odg_bind(&p, tx, 0), 0);
		sys(getsockopt(tx, IPPROTO_IP, IP_MULTICAST_LOOP, &loop, &l));
		want(loop, 1);
	}
	for (int i = 0; i < 3; i++)
		close(s[i]);
	close(tx);
	port_close(&p);
}

static void multicast_to_two_ports_and_a_native_listener(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(multicast, &family);
}

static void multicast_to_two_ports_and_a_native_listener_ipv6(void **state)
{
	int family = AF_INET6;

	(void)state;
	in_child(multicast, &family);
}

/* Reassembled datagrams are chains of buffers: copied right, scattered. */
static void fragments(void *arg)
{
	static uint8_t payload[20000], buf[20000];
	uint32_t cuts[] = { 1, 1471, 3000, 15528 };
	int family = *(int *)arg, rx, tx, off = IP_PMTUDISC_DONT;
	struct port p;

	own_namespace();
	shell("ip link set lo mtu 1500");
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 13 ^ i >> 8);
	port_open(&p, 16, ODG_CQ_WIDE);
	rx = udp(family);
	tx = udp(family);
	if (family == AF_INET)
		sys(setsockopt(tx, IPPROTO_IP, IP_MTU_DISCOVER, &off, sizeof(off)));
	for (int queued = 0; queued < 2; queued++) {
		struct op op;
		uint32_t at = 0;

		row("%s", queued ? "queued" : "pending");
		memset(buf, POISON, sizeof(buf));
		op_init(&op);
		op.r.nr_segs = ARRAY_SIZE(cuts);
		for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
			op.seg[i].addr = (uintptr_t)buf + at;
			op.seg[i].len = cuts[i];
			at += cuts[i];
		}
		if (queued)
			send_queued(tx, rx, payload, sizeof(payload));
		want(post(&p, rx, &op), 1);
		if (!queued)
			send_to(tx, rx, payload, sizeof(payload));
		want(reap(&p)->len, sizeof(payload));
		want(p.last.cqe.status, 0);
		want(memcmp(buf, payload, sizeof(payload)), 0);
	}
	close(rx);
	close(tx);
	port_close(&p);
}

static void fragmented_datagrams(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(fragments, &family);
}

static void fragmented_datagrams_ipv6(void **state)
{
	int family = AF_INET6;

	(void)state;
	in_child(fragments, &family);
}

/* A socket of one namespace, a port used in another. */
static void foreign(void *arg)
{
	struct fix *f = arg;
	int s;

	own_namespace();
	s = udp(AF_INET);
	row("a socket of the other namespace");
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "there");
	reap_data(&f->p, &f->op[0], "there", 5);
	row("a socket of this namespace");
	post_pending(&f->p, s, &f->op[1]);
	send_str(s, s, "here");
	reap_data(&f->p, &f->op[1], "here", 4);
	close(s);
}

static void a_port_serves_sockets_of_any_namespace(void **state)
{
	in_child(foreign, *state);
}

/* The namespace goes while an op pends on a socket only it had. */
static void dying(void *arg)
{
	struct fix *f = arg;

	own_namespace();
	post_pending(&f->p, udp(AF_INET), &f->op[2]);
}

static void a_namespace_may_die_under_an_op(void **state)
{
	struct fix *f = *state;

	in_child(dying, f);
	want(reap(&f->p)->status, -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(multicast_to_two_ports_and_a_native_listener),
		T0(multicast_to_two_ports_and_a_native_listener_ipv6),
		T0(fragmented_datagrams),
		T0(fragmented_datagrams_ipv6),
		T(a_port_serves_sockets_of_any_namespace),
		T(a_namespace_may_die_under_an_op),
	};
	return cmocka_run_group_tests_name("netns", tests, NULL, NULL);
}
