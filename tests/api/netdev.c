// SPDX-License-Identifier: MIT
/* A device goes down: receives on sockets that are bound to it are told. */
#include "helpers.h"

#include <net/if.h>

static int bound_to(int family, const char *device)
{
	union sockaddr_any any = { .sa.sa_family = (sa_family_t)family };
	int s = udp_unbound(family);

	sys(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, device,
		       (socklen_t)strlen(device)));
	sys(bind(s, &any.sa, family == AF_INET ? sizeof(any.v4) : sizeof(any.v6)));
	return s;
}

static void down(void *arg)
{
	int family = *(int *)arg, s, other, loose, foreign;
	static struct op op[8];
	struct port p;
	unsigned int v0;

	/* of the namespace the child came from: its lo has the same number */
	foreign = bound_to(family, "lo");
	own_namespace();
	v0 = if_nametoindex("v0");
	port_open(&p, 16, ODG_CQ_WIDE);
	s = bound_to(family, "v0");
	other = bound_to(family, "v1");
	loose = udp(family);
	for (size_t i = 0; i < ARRAY_SIZE(op); i++)
		op_init(&op[i]);
	want(post_n(&p, s, op, 3), 3);
	post_pending(&p, other, &op[3]);
	post_pending(&p, loose, &op[4]);
	post_pending(&p, foreign, &op[5]);
	row("each that is posted is told, and nobody else");
	shell("ip link set v0 down");
	for (int i = 0; i < 3; i++) {
		reap_status(&p, &op[i], -ENETDOWN);
		want(p.last.cqe.ifindex, v0);
		want(p.last.cqe.flags, 0);
	}
	want_none(&p);
	row("what is posted afterwards waits");
	post_pending(&p, s, &op[6]);
	shell("ip link set v0 up");
	want_none(&p);
	row("and is told of the next time");
	shell("ip link del v0");
	want_true(reap(&p)->status == -ENETDOWN);
	/* both ends went */
	want_true(reap(&p)->status == -ENETDOWN);
	want_none(&p);
	row("lo, of this namespace");
	shell("ip link set lo down");
	want_none(&p);
	want(port_stats(&p).outstanding, 2);
	close(s);
	close(other);
	close(loose);
	close(foreign);
	reap(&p);
	reap(&p);
	port_close(&p);
}

static void a27_device_goes_down(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(down, &family);
}

static void a27_device_goes_down_ipv6(void **state)
{
	int family = AF_INET6;

	(void)state;
	in_child(down, &family);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(a27_device_goes_down),
		T0(a27_device_goes_down_ipv6),
	};
	return cmocka_run_group_tests_name("netdev", tests, NULL, NULL);
}
