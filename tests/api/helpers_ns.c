// SPDX-License-Identifier: MIT
/*
 * Network namespaces for the tests, for in_child().  A process costs long in the
 * slow guest, so ip(8) is given its orders in batches.
 */
#include "helpers.h"
#include "in_order.h"

#include <sched.h>

static int open_ns(void)
{
	return (int)sys(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
}

void own_namespace(void)
{
	if (unshare(CLONE_NEWNET))
		skip_child("no network namespaces");
	shell("ip -batch - <<'END'\n"
	      "link set lo up\n"
	      "link add v0 type veth peer name v1 address 02:00:00:00:00:02\n"
	      "addr add 10.99.0.1/24 dev v0\n"
	      "addr add fd99::1/64 dev v0 nodad\n"
	      "link set v0 up\n"
	      "link set v1 up\n"
	      "END");
	want_true(in_order("lo"));
	want_true(in_order("v0"));
	want_true(in_order("v1"));
}

void far_create(struct far *far, int family)
{
	far->family = family;
	far->near = open_ns();
	sys(unshare(CLONE_NEWNET));
	far->ns = open_ns();
	sys(setns(far->near, CLONE_NEWNET));
	shell("ip link set v1 netns /proc/%d/fd/%d", getpid(), far->ns);
	far_shell(far, "ip -batch - <<'END'\n"
		       "link set lo up\n"
		       "link set v1 up\n"
		       "END");
	sys(setns(far->ns, CLONE_NEWNET));
	want_true(in_order("lo"));
	want_true(in_order("v1"));
	sys(setns(far->near, CLONE_NEWNET));
}

void far_shell(const struct far *far, const char *command)
{
	sys(setns(far->ns, CLONE_NEWNET));
	shell("%s", command);
	sys(setns(far->near, CLONE_NEWNET));
}

static void sysctl(const char *name, const char *value)
{
	int fd = (int)sys(open(name, O_WRONLY | O_CLOEXEC));

	want(write(fd, value, strlen(value)), strlen(value));
	close(fd);
}

void far_stall(void)
{
	/* Nobody has the address yet, and one question must do. */
	sysctl("/proc/sys/net/ipv4/neigh/v0/retrans_time_ms", "100000000");
	sysctl("/proc/sys/net/ipv6/neigh/v0/retrans_time_ms", "100000000");
}

void far_release(const struct far *far)
{
	far_shell(far, far->family == AF_INET ?
		  "ip addr add 10.99.0.2/24 dev v1" :
		  "ip addr add fd99::2/64 dev v1 nodad");
	shell("ip neigh replace %s lladdr 02:00:00:00:00:02 dev v0 nud permanent",
	      far->family == AF_INET ? "10.99.0.2" : "fd99::2");
}

int far_udp(const struct far *far, union sockaddr_any *to)
{
	union sockaddr_any any = { .sa.sa_family = (sa_family_t)far->family };
	int s;

	sys(setns(far->ns, CLONE_NEWNET));
	s = udp_unbound(far->family);
	sys(bind(s, &any.sa, far->family == AF_INET ? sizeof(any.v4) :
						      sizeof(any.v6)));
	sys(setns(far->near, CLONE_NEWNET));

	addr_of(s, to);
	if (far->family == AF_INET)
		to->v4.sin_addr.s_addr = htonl(0x0a630002);
	else
		to->v6.sin6_addr = (struct in6_addr){
			.s6_addr = { 0xfd, 0x99, [15] = 2 } };
	return s;
}
