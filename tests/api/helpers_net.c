// SPDX-License-Identifier: MIT
/* Sockets for the tests. */
#include "helpers.h"

#include <linux/sock_diag.h>

int udp_unbound(int family)
{
	return (int)sys(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

int udp(int family)
{
	union sockaddr_any a = { .sa.sa_family = (sa_family_t)family };
	int s = udp_unbound(family);

	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		sys(bind(s, &a.sa, sizeof(a.v4)));
	} else {
		a.v6.sin6_addr = in6addr_loopback;
		sys(bind(s, &a.sa, sizeof(a.v6)));
	}
	return s;
}

socklen_t addr_of(int sock, union sockaddr_any *a)
{
	socklen_t len = sizeof(*a);

	sys(getsockname(sock, &a->sa, &len));
	return len;
}

uint16_t port_of(int sock)
{
	union sockaddr_any a;

	addr_of(sock, &a);
	return a.sa.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port;
}

void connect_to(int from, int to)
{
	union sockaddr_any a;
	socklen_t len = addr_of(to, &a);

	sys(connect(from, &a.sa, len));
}

void send_to(int from, int to, const void *data, size_t len)
{
	union sockaddr_any a;
	socklen_t alen = addr_of(to, &a);

	want(sys(sendto(from, data, len, 0, &a.sa, alen)), len);
}

uint32_t meminfo(int sock, int which)
{
	uint32_t v[SK_MEMINFO_VARS];
	socklen_t len = sizeof(v);

	sys(getsockopt(sock, SOL_SOCKET, SO_MEMINFO, v, &len));
	return v[which];
}

void settle(void)
{
	int s = udp(AF_INET);

	/* the second comes behind the errors that were drawn before the first */
	for (int i = 0; i < 2; i++) {
		send_to(s, s, "last", 4);
		native_recv(s, "last", 4);
	}
	close(s);
}

void send_queued(int from, int to, const void *data, size_t len)
{
	uint32_t before = meminfo(to, SK_MEMINFO_RMEM_ALLOC);

	send_to(from, to, data, len);
	eventually(meminfo(to, SK_MEMINFO_RMEM_ALLOC) > before);
	/* it is charged before it is queued */
	settle();
}

void native_recv(int sock, const void *data, size_t len)
{
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	static char buf[65536];

	want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
	want(sys(recv(sock, buf, sizeof(buf), MSG_DONTWAIT)), len);
	want(memcmp(buf, data, len), 0);
}

void set_opt(int sock, int level, int name, int value)
{
	sys(setsockopt(sock, level, name, &value, sizeof(value)));
}

void wait_arrived(const struct port *p, int sock, uint64_t n)
{
	eventually(sock_stats(p, sock).arrived >= n);
	want(sock_stats(p, sock).arrived, n);
}

uint64_t eventfd_count(int fd)
{
	eventfd_t n = 0;

	return eventfd_read(fd, &n) ? 0 : n;
}
