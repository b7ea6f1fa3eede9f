// SPDX-License-Identifier: MIT
/*
 * The Winsock face between two network namespaces: groups with a source, and datagrams
 * that were joined.
 */
#define _GNU_SOURCE
#include "winsock_net.h"

#define GROUP4		"232.7.7.7"
#define GROUP6		"ff35::7"
#define TTL		7
#define POSTED		64		/* receives of a subscriber */
#define AHEAD		200		/* datagrams that it and its buffer hold */
#define NOT_YET		0xffffffffU	/* in a datagram that does not count */

static LPFN_WSARECVMSG recv_msg;

static unsigned int number(const char *name, unsigned int otherwise)
{
	const char *s = getenv(name);

	return s && atoi(s) > 0 ? (unsigned int)atoi(s) : otherwise;
}

/* Groups */

static unsigned int count;

/* send_groups - never further ahead than every receiver's buffer holds */
static void send_groups(void)
{
	struct sockaddr_in g4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 g6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	DWORD ttl = TTL, ifindex = if_nametoindex("ob");
	struct in_addr from = { inet_addr("10.77.0.2") };
	SOCKET s4, s6;
	WSADATA wsa;
	uint32_t i;
	int k;

	inet_pton(AF_INET, GROUP4, &g4.sin_addr);
	inet_pton(AF_INET6, GROUP6, &g6.sin6_addr);
	if (WSAStartup(MAKEWORD(2, 2), &wsa))
		_exit(4);
	s4 = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	s6 = WSASocket(AF_INET6, SOCK_DGRAM, 0, NULL, 0, 0);
	if (setsockopt(s4, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof(from)) ||
	    setsockopt(s4, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl)) ||
	    setsockopt(s6, IPPROTO_IPV6, IPV6_MULTICAST_IF, &ifindex, sizeof(ifindex)) ||
	    setsockopt(s6, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof(ttl)))
		_exit(5);
	/* Until all are reached: devices and addresses settle when they like. */
	i = NOT_YET;
	for (k = 0; k < 4 && !atomic_load(&shared->failed); k += atomic_load(&shared->open[k])) {
		sendto(s4, &i, sizeof(i), 0, (struct sockaddr *)&g4, sizeof(g4));
		sendto(s6, &i, sizeof(i), 0, (struct sockaddr *)&g6, sizeof(g6));
		usleep(10000);
	}
	for (i = 0; i < count; i++) {
		for (k = 0; k < 4; k++)
			while (atomic_load(&shared->received[k]) + AHEAD < i &&
			       !atomic_load(&shared->failed))
				usleep(1000);
		if (sendto(s4, &i, sizeof(i), 0, (struct sockaddr *)&g4, sizeof(g4)) != 4 ||
		    sendto(s6, &i, sizeof(i), 0, (struct sockaddr *)&g6, sizeof(g6)) != 4)
			_exit(6);
	}
}

static SOCKET member(int family)
{
	struct sockaddr_in at4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	SOCKET s = WSASocket(family, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	DWORD on = 1, room = 200000;

	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	/* for AHEAD: Linux charges a small datagram with a page's quarter */
	assert_int_equal(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	if (family == AF_INET) {
		IP_MREQ_SOURCE req = { .imr_multiaddr.s_addr = inet_addr(GROUP4) };

		req.imr_sourceaddr.s_addr = inet_addr("10.77.0.2");
		/* Windows' way to name an interface by its index */
		req.imr_interface.s_addr = htonl(if_nametoindex("oa"));
		assert_int_equal(bind(s, (SOCKADDR *)&at4, sizeof(at4)), 0);
		assert_int_equal(setsockopt(s, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &req,
					    sizeof(req)), 0);
		assert_int_equal(setsockopt(s, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
		assert_int_equal(setsockopt(s, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
	} else {
		struct sockaddr_in6 g = { .sin6_family = AF_INET6 };
		GROUP_SOURCE_REQ req = { .gsr_interface = if_nametoindex("oa") };

		inet_pton(AF_INET6, GROUP6, &g.sin6_addr);
		memcpy(&req.gsr_group, &g, sizeof(g));
		inet_pton(AF_INET6, "fd77::2", &g.sin6_addr);
		memcpy(&req.gsr_source, &g, sizeof(g));
		assert_int_equal(bind(s, (SOCKADDR *)&at6, sizeof(at6)), 0);
		assert_int_equal(setsockopt(s, IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, &req,
					    sizeof(req)), 0);
		assert_int_equal(setsockopt(s, IPPROTO_IPV6, IPV6_PKTINFO, &on, sizeof(on)),
				 0);
		assert_int_equal(setsockopt(s, IPPROTO_IPV6, IPV6_HOPLIMIT, &on,
					    sizeof(on)), 0);
	}
	return s;
}

struct subscriber {
	SOCKET s;
	HANDLE port;
	pthread_t thread;
	int family;
	DWORD ifindex;
	unsigned int nr;
	const char *wrong;		/* what was, NULL if nothing */
	uint32_t got;			/* the last datagram's number */
};

/* told - both control messages are there and say what is so */
static bool told(WSAMSG *msg, const struct subscriber *sub)
{
	bool info = false, ttl = false;
	WSACMSGHDR *c;
	int value;

	for (c = WSA_CMSG_FIRSTHDR(msg); c; c = WSA_CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			IN_PKTINFO in;

			memcpy(&in, WSA_CMSG_DATA(c), sizeof(in));
			info = in.ipi_addr.s_addr == inet_addr(GROUP4) &&
			       in.ipi_ifindex == sub->ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_addr group;
			IN6_PKTINFO in;

			inet_pton(AF_INET6, GROUP6, &group);
			memcpy(&in, WSA_CMSG_DATA(c), sizeof(in));
			info = !memcmp(&in.ipi6_addr, &group, sizeof(group)) &&
			       in.ipi6_ifindex == sub->ifindex;
		} else if ((sub->family == AF_INET && c->cmsg_type == IP_TTL) ||
			   (sub->family == AF_INET6 && c->cmsg_type == IPV6_HOPLIMIT)) {
			memcpy(&value, WSA_CMSG_DATA(c), sizeof(value));
			ttl = value == TTL;
		}
	}
	return info && ttl;
}

/* One receive, posted again and again. */
struct slot {
	WSAOVERLAPPED ov;		/* first: a packet names it */
	WSAMSG msg;
	WSABUF buf;
	uint32_t number;		/* the datagram */
	char control[200];
};

static bool post(SOCKET s, struct slot *slot)
{
	*slot = (struct slot){
		.buf = { sizeof(slot->number), (char *)&slot->number },
		.msg = {
			.lpBuffers = &slot->buf,
			.dwBufferCount = 1,
			.Control = { sizeof(slot->control), slot->control },
		},
	};
	return !recv_msg(s, &slot->msg, NULL, &slot->ov, NULL) ||
	       WSAGetLastError() == WSA_IO_PENDING;
}

/* judge - the datagram that is expected, or one that does not count; or why not */
static const char *judge(struct subscriber *sub, struct slot *slot)
{
	unsigned int expected = atomic_load(&shared->received[sub->nr]);

	if (slot->ov.Internal || slot->ov.InternalHigh != sizeof(slot->number))
		return "a receive failed";
	sub->got = slot->number;
	if (slot->number == NOT_YET) {
		atomic_store(&shared->open[sub->nr], true);
		return NULL;
	}
	if (slot->number != expected)
		return "one is missing";
	if (!(slot->msg.dwFlags & MSG_MCAST))
		return "not told that it is of a group";
	if (!told(&slot->msg, sub))
		return "address, interface or TTL";
	atomic_store(&shared->received[sub->nr], expected + 1);
	return NULL;
}

static void *subscribe(void *arg)
{
	struct subscriber *sub = arg;
	OVERLAPPED_ENTRY packets[POSTED];
	ULONG n, i;

	while (atomic_load(&shared->received[sub->nr]) < count && !sub->wrong) {
		if (!GetQueuedCompletionStatusEx(sub->port, packets, POSTED, &n,
						 8000 * slow(), FALSE)) {
			sub->wrong = "nothing comes any more";
			break;
		}
		for (i = 0; i < n && !sub->wrong; i++) {
			struct slot *slot = (struct slot *)packets[i].lpOverlapped;

			sub->wrong = judge(sub, slot);
			if (!sub->wrong && !post(sub->s, slot))
				sub->wrong = "a post failed";
		}
	}
	if (sub->wrong)
		atomic_store(&shared->failed, true);
	return NULL;
}

static void subscriber_start(struct subscriber *sub)
{
	static struct slot slots[4][POSTED];
	GUID id = WSAID_WSARECVMSG;
	DWORD n;
	int i;

	sub->s = member(sub->family);
	sub->ifindex = if_nametoindex("oa");
	assert_int_equal(WSAIoctl(sub->s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id),
				  &recv_msg, sizeof(recv_msg), &n, NULL, NULL), 0);
	sub->port = CreateIoCompletionPort((HANDLE)sub->s, NULL, 0, 0);
	assert_non_null(sub->port);
	for (i = 0; i < POSTED; i++)
		assert_true(post(sub->s, &slots[sub->nr][i]));
	assert_int_equal(pthread_create(&sub->thread, NULL, subscribe, sub), 0);
}

static void source_specific_groups_with_two_subscribers(void **state)
{
	struct subscriber sub[4];
	WSADATA wsa;
	unsigned int i;

	(void)state;
	/* four receive each, which a debug kernel takes its time for */
	count = number("ODG_GROUP_COUNT", slow() <= 10 ? 50000 : 500);
	two_namespaces(send_groups);
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	for (i = 0; i < 4; i++) {
		sub[i] = (struct subscriber){ .family = i < 2 ? AF_INET : AF_INET6, .nr = i };
		subscriber_start(&sub[i]);
	}
	start();
	for (i = 0; i < 4; i++)
		pthread_join(sub[i].thread, NULL);
	for (i = 0; i < 4; i++)
		if (sub[i].wrong)
			fail_msg("subscriber %u, after %u, got %u: %s", i,
				 atomic_load(&shared->received[i]), sub[i].got,
				 sub[i].wrong);
	b_ends_well();
	for (i = 0; i < 4; i++) {
		assert_int_equal(closesocket(sub[i].s), 0);
		assert_true(CloseHandle(sub[i].port));
	}
	assert_int_equal(WSACleanup(), 0);
}

/* Joined datagrams */

#define BURST	1000		/* bytes, in datagrams of PIECE */
#define PIECE	200

/* send_bursts - one to each family, each time A is ready for more */
static void send_bursts(void)
{
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	char data[BURST];
	DWORD piece = PIECE;
	SOCKET s4, s6;
	WSADATA wsa;
	int i;

	for (i = 0; i < BURST; i++)
		data[i] = (char)(i % 251);
	inet_pton(AF_INET, "10.77.0.1", &to4.sin_addr);
	inet_pton(AF_INET6, "fd77::1", &to6.sin6_addr);
	WSAStartup(MAKEWORD(2, 2), &wsa);
	s4 = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, 0);
	s6 = WSASocket(AF_INET6, SOCK_DGRAM, 0, NULL, 0, 0);
	if (setsockopt(s4, IPPROTO_UDP, UDP_SEND_MSG_SIZE, &piece, sizeof(piece)) ||
	    setsockopt(s6, IPPROTO_UDP, UDP_SEND_MSG_SIZE, &piece, sizeof(piece)))
		_exit(4);
	for (i = 0; i < 3; i++) {
		wait_ready(5 + i);
		if (sendto(s4, data, BURST, 0, (struct sockaddr *)&to4, sizeof(to4)) != BURST ||
		    sendto(s6, data, BURST, 0, (struct sockaddr *)&to6, sizeof(to6)) != BURST)
			_exit(5);
	}
}

/* coalesced_info - its value; 0: there is none */
static DWORD coalesced_info(WSAMSG *msg)
{
	DWORD size = 0;
	WSACMSGHDR *c;

	for (c = WSA_CMSG_FIRSTHDR(msg); c; c = WSA_CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_COALESCED_INFO) {
			assert_int_equal(c->cmsg_len, WSA_CMSG_LEN(sizeof(size)));
			memcpy(&size, WSA_CMSG_DATA(c), sizeof(size));
		}
	return size;
}

/* receive_burst - in receives of @each bytes, but for the last */
static void receive_burst(SOCKET s, DWORD each, DWORD info)
{
	char data[2 * BURST], control[200];
	WSABUF buf = { sizeof(data), data };
	DWORD n, at, i;

	for (at = 0; at < BURST; at += n) {
		WSAMSG msg = {
			.lpBuffers = &buf,
			.dwBufferCount = 1,
			.Control = { sizeof(control), control },
		};

		memset(data, 0xa5, sizeof(data));
		assert_int_equal(recv_msg(s, &msg, &n, NULL, NULL), 0);
		assert_int_equal(n, each < BURST - at ? each : BURST - at);
		assert_int_equal(coalesced_info(&msg), n > PIECE ? info : 0);
		for (i = 0; i < n; i++)
			assert_int_equal((unsigned char)data[i], (at + i) % 251);
	}
}

static void want_coalesced_size(SOCKET s, DWORD size)
{
	DWORD is = 0xa5a5a5a5;
	int len = sizeof(is);

	assert_int_equal(setsockopt(s, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, &size,
				    sizeof(size)), 0);
	assert_int_equal(getsockopt(s, IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, &is, &len), 0);
	assert_int_equal(len, sizeof(is));
	assert_int_equal(is, size);
}

static void coalesced_datagrams_are_told_of(void **state)
{
	static const struct {
		DWORD size, each, info;
	} rows[3] = {
		{ 65535, BURST, PIECE }, { 2 * PIECE + 50, 2 * PIECE, PIECE }, { 0, PIECE, 0 },
	};
	struct sockaddr_in at4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	DWORD patience = 8000 * slow(), n;
	GUID id = WSAID_WSARECVMSG;
	SOCKET s[2];
	WSADATA wsa;
	int i, k;

	(void)state;
	two_namespaces(send_bursts);
	start();
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	s[0] = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	s[1] = WSASocket(AF_INET6, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
	assert_int_equal(bind(s[0], (SOCKADDR *)&at4, sizeof(at4)), 0);
	assert_int_equal(bind(s[1], (SOCKADDR *)&at6, sizeof(at6)), 0);
	assert_int_equal(WSAIoctl(s[0], SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id),
				  &recv_msg, sizeof(recv_msg), &n, NULL, NULL), 0);
	for (k = 0; k < 2; k++)
		assert_int_equal(setsockopt(s[k], SOL_SOCKET, SO_RCVTIMEO, &patience,
					    sizeof(patience)), 0);
	for (i = 0; i < 3; i++) {
		for (k = 0; k < 2; k++)
			want_coalesced_size(s[k], rows[i].size);
		atomic_store(&shared->ready, 5 + i);
		for (k = 0; k < 2; k++)
			receive_burst(s[k], rows[i].each, rows[i].info);
	}
	b_ends_well();
	assert_int_equal(WSACleanup(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(source_specific_groups_with_two_subscribers),
		cmocka_unit_test(coalesced_datagrams_are_told_of),
	};

	if (share())
		return 1;
	return cmocka_run_group_tests_name("winsock net", tests, NULL, NULL);
}
