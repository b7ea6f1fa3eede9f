// SPDX-License-Identifier: MIT
/* WSAJoinLeaf() and groups. */
#include "harness.h"

#define LEAF	(WSA_FLAG_MULTIPOINT_C_LEAF | WSA_FLAG_MULTIPOINT_D_LEAF)

static struct sockaddr_in group;

/* leaf - R is one, not bound; S sends from the loopback to the loopback */
static void leaf(DWORD flags)
{
	struct in_addr lo;

	pair();
	closesocket(R);
	R = udp(WSA_FLAG_OVERLAPPED | flags);
	lo.s_addr = htonl(INADDR_LOOPBACK);
	EQ(setsockopt(S, IPPROTO_IP, IP_MULTICAST_IF, (char *)&lo, sizeof(lo)), 0);
	memset(&group, 0, sizeof(group));
	group.sin_family = AF_INET;
	group.sin_addr.s_addr = htonl(0xefff0163);
	group.sin_port = htons(27017);
}

static int join(const void *name, int len, DWORD flags)
{
	return WSAJoinLeaf(R, name, len, NULL, NULL, NULL, NULL, flags) == R ?
	       0 : WSAGetLastError();
}

static int join_group(DWORD flags)
{
	return join(&group, sizeof(group), flags);
}

/* is_member - as the system tells, where it does */
static bool is_member(void)
{
#ifdef _WIN32
	return true;
#else
	char line[200];
	bool found = false;
	FILE *f = fopen("/proc/net/igmp", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		found |= strstr(line, "6301FFEF") != NULL;
	fclose(f);
	return found;
#endif
}

/* With a route for groups; the loopback is the only interface in the VM. */
static void routed(void)
{
#ifndef _WIN32
	if (system("ip link set lo up multicast on && "
		   "ip route replace 224.0.0.0/4 dev lo") != 0)
		SKIP("needs root, and a machine of its own");
#endif
}

TEST(bj1_not_a_leaf)
{
	leaf(0);
	EQ(join_group(JL_BOTH), WSAEINVAL);
}

TEST(bj2_bj3_a39_same_socket_and_bound)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct op *op = op_ev(10);

	routed();
	leaf(LEAF);
	EQ(join_group(JL_BOTH), 0);
	EQ(getsockname(R, (struct sockaddr *)&a, &len), 0);
	CHECK(a.sin_port != 0);
	EQ(post(op), WSA_IO_PENDING);
}

TEST(bj4_bj9_receiver_is_member_until_it_closes)
{
	routed();
	leaf(LEAF);
	EQ(join_group(JL_RECEIVER_ONLY), 0);
	CHECK(is_member());
	EQ(closesocket(R), 0);
#ifndef _WIN32
	CHECK(!is_member());
#endif
}

TEST(bj4_sender_is_no_member)
{
	routed();
	leaf(LEAF);
	EQ(join_group(JL_SENDER_ONLY), 0);
#ifndef _WIN32
	CHECK(!is_member());
#endif
}

TEST(bj5_twice)
{
	routed();
	leaf(LEAF);
	EQ(join_group(JL_BOTH), 0);
	EQ(join_group(JL_BOTH), WSAEISCONN);
}

TEST(bj6_bad_groups)
{
	struct sockaddr_in6 six;
	WSABUF data = { 1, (char *)"x" };

	routed();
	leaf(LEAF);
	EQ(join(NULL, sizeof(group), JL_BOTH), WSAEFAULT);
	EQ(join(&group, 8, JL_BOTH), WSAEFAULT);
	memset(&six, 0, sizeof(six));
	six.sin6_family = AF_INET6;
	EQ(join(&six, sizeof(six), JL_BOTH), WSAEAFNOSUPPORT);
	EQ(join_group(0), WSAEINVAL);
	EQ(WSAJoinLeaf(R, (struct sockaddr *)&group, sizeof(group), &data, NULL, NULL, NULL,
		       JL_BOTH), INVALID_SOCKET);
	EQ(WSAGetLastError(), WSAEPROTONOSUPPORT);
	group.sin_addr.s_addr = 0;
	EQ(join_group(JL_BOTH), WSAEADDRNOTAVAIL);
	EQ(WSAJoinLeaf(INVALID_SOCKET, (struct sockaddr *)&group, sizeof(group), NULL, NULL,
		       NULL, NULL, JL_BOTH), INVALID_SOCKET);
	EQ(WSAGetLastError(), WSAENOTSOCK);
}

TEST(bj7_no_data_from_the_group)
{
	char room[8];
	WSABUF data = { sizeof(room), room };

	routed();
	leaf(LEAF);
	CHECK(WSAJoinLeaf(R, (struct sockaddr *)&group, sizeof(group), NULL, &data, NULL,
			  NULL, JL_BOTH) == R);
	EQ(data.len, 0);
}

TEST(bj8_bj12_nonblocking_joins_at_once)
{
	routed();
	leaf(LEAF);
	nonblocking(R, true);
	EQ(join_group(JL_BOTH), 0);
	EQ(join_group(JL_BOTH), WSAEISCONN);
}

/* listener - a member bound to the group's port, on the loopback */
static SOCKET listener(void)
{
	struct sockaddr_in at = group;
	struct ip_mreq mreq;
	SOCKET s = udp(WSA_FLAG_OVERLAPPED);
	BOOL on = TRUE;

	at.sin_addr.s_addr = htonl(INADDR_ANY);
	EQ(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, (char *)&on, sizeof(on)), 0);
	EQ(bind(s, (struct sockaddr *)&at, sizeof(at)), 0);
	mreq.imr_multiaddr = group.sin_addr;
	mreq.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
	EQ(setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, (char *)&mreq, sizeof(mreq)), 0);
	return s;
}

TEST(bj10_sends_go_to_the_group)
{
	struct op *op = op_ev(10);
	WSABUF b = { 5, (char *)"leafy" };
	SOCKET l;
	DWORD n;

	routed();
	leaf(LEAF);
	l = listener();
	EQ(post_on(l, op), WSA_IO_PENDING);
	EQ(join_group(JL_SENDER_ONLY), 0);
	EQ(WSASend(R, &b, 1, &n, 0, NULL, NULL), 0);
	R = udp(WSA_FLAG_OVERLAPPED);
	EQ(done(op), 0);
	CHECK(!memcmp(op->data, "leafy", 5));
}

/* Several processes on one feed, each with all of it. */
TEST(bj4_two_members_on_one_port)
{
	struct op *a = op_ev(10), *b = op_ev(10);
	SOCKET one, two;

	routed();
	leaf(0);
	one = listener();
	two = listener();
	EQ(post_on(one, a), WSA_IO_PENDING);
	EQ(post_on(two, b), WSA_IO_PENDING);
	snd_from(S, &group, 4, 'm');
	EQ(done(a), 0);
	EQ(done(b), 0);
	CHECK(filled(a->data, 'm', 4));
	CHECK(filled(b->data, 'm', 4));
}

TEST(bj11_loopback_is_the_senders)
{
	struct op *op = op_ev(10);
	DWORD off = 0;
	SOCKET l;

	if (under_windows())
		SKIP("there it is the receiver's, and Wine passes it on to its host");
	routed();
	leaf(0);
	l = listener();
	EQ(post_on(l, op), WSA_IO_PENDING);
	EQ(setsockopt(l, IPPROTO_IP, IP_MULTICAST_LOOP, (char *)&off, sizeof(off)), 0);
	snd_from(S, &group, 4, 'm');
	EQ(done(op), 0);
}
