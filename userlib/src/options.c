// SPDX-License-Identifier: MIT
/*
 * setsockopt() and getsockopt() with Windows' meaning (odgram_calls.h).
 *
 * A table holds the options whose form or meaning differs; each row names how it
 * is written and read, and Linux' option for it.  An option that is not there is
 * the same on both and passed on.  What a program may set natively is never kept
 * here: the kernel is asked.  No locks.
 */
#include <errno.h>
#include <net/if.h>
#include <sys/time.h>

#include "internal.h"
#include "odgram_options.h"

/* Not in the C library's headers before 2.36. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#endif
#ifndef UDP_GRO
#define UDP_GRO		104
#endif

/* Linux' smallest SO_RCVBUF and SO_SNDBUF are not larger. */
#define MIN_SIZE	4096

/* One call, with what the table knows of its option. */
struct request {
	const struct odgw_socket *sock;
	int level;			/* Linux' */
	int name;			/* Linux' */
	void *value;
	int len;
};

typedef int (*handler)(struct request *r);

static int native_set(const struct request *r, const void *value, size_t len)
{
	return setsockopt(r->sock->fd, r->level, r->name, value,
			  (socklen_t)len) ? odgw_wsa_from_errno(errno) : 0;
}

static int set_int(const struct request *r, int value)
{
	return native_set(r, &value, sizeof(value));
}

static int get_int(const struct request *r, int *value)
{
	socklen_t len = sizeof(*value);

	return getsockopt(r->sock->fd, r->level, r->name, value, &len) ?
	       odgw_wsa_from_errno(errno) : 0;
}

/* given - the caller's number, of one byte if there is no more */
static int given(const struct request *r)
{
	int value;

	if (r->len < (int)sizeof(value))
		return *(unsigned char *)r->value;
	memcpy(&value, r->value, sizeof(value));
	return value;
}

/* give - a number into as much room as the caller has */
static int give(struct request *r, int value)
{
	if (r->len > (int)sizeof(value))
		r->len = sizeof(value);
	/* Little-endian or not: one byte of it has the low one. */
	if (r->len < (int)sizeof(value)) {
		*(unsigned char *)r->value = (unsigned char)value;
		r->len = 1;
	} else {
		memcpy(r->value, &value, sizeof(value));
	}
	return 0;
}

static int set_bool(struct request *r)
{
	return set_int(r, !!given(r));
}

static int get_bool(struct request *r)
{
	int value, err = get_int(r, &value);

	return err ? err : give(r, !!value);
}

/* Four bytes, not fewer. */
static int set_number(struct request *r)
{
	return r->len < (int)sizeof(int) ? WSAEFAULT : set_int(r, given(r));
}

static int get_number(struct request *r)
{
	int value, err = get_int(r, &value);

	if (!err && r->len < (int)sizeof(int))
		err = WSAEFAULT;
	return err ? err : give(r, value);
}

static int refuse(struct request *r)
{
	(void)r;
	return WSAENOPROTOOPT;
}

static int refuse_as_invalid(struct request *r)
{
	(void)r;
	return WSAEINVAL;
}

/*
 * Linux doubles what it is given, for its own overhead, and raises small sizes to
 * a minimum.  A program reads back what it set, unless the system's maximum
 * (net.core.rmem_max) cut it short.
 */
static int set_size(struct request *r)
{
	int size, err = set_number(r);

	if (err)
		return err;
	size = given(r);
	/* What is above the minimum the kernel knows. */
	odgw_socket_ask_size(r->sock->fd, r->name,
			     size >= 0 && size < MIN_SIZE ? size + 1 : 0);
	return 0;
}

/* 0: nothing waits that finds no receive posted. */
static int set_receive_size(struct request *r)
{
	bool none = !given(r);
	int err = 0;

	if (r->len < (int)sizeof(int))
		return WSAEFAULT;
	if (none != !!(r->sock->attributes & ODGW_NO_QUEUE))
		err = odgw_socket_set(r->sock->fd, ODGW_NO_QUEUE, none);
	return err ? err : set_size(r);
}

static int get_size(struct request *r)
{
	int asked = odgw_socket_asked_size(r->sock->fd, r->name) - 1;
	int size, err = get_int(r, &size);

	if (!err && r->len < (int)sizeof(int))
		err = WSAEFAULT;
	if (err)
		return err;
	/* The minimum, and not a size that was set natively. */
	if (asked >= 0 && 2 * asked < size && size <= 2 * MIN_SIZE)
		return give(r, asked);
	return give(r, size / 2);
}

static int set_timeout(struct request *r)
{
	struct timeval tv;
	DWORD ms;

	if (r->len == (int)sizeof(tv))
		return native_set(r, r->value, sizeof(tv));
	if (r->len < (int)sizeof(ms))
		return WSAEFAULT;
	memcpy(&ms, r->value, sizeof(ms));
	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	return native_set(r, &tv, sizeof(tv));
}

static int get_timeout(struct request *r)
{
	struct timeval tv;
	socklen_t len = sizeof(tv);

	if (r->len < (int)sizeof(DWORD))
		return WSAEFAULT;
	if (getsockopt(r->sock->fd, r->level, r->name, &tv, &len))
		return odgw_wsa_from_errno(errno);
	if (r->len < (int)sizeof(tv))
		return give(r, (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000));
	memcpy(r->value, &tv, sizeof(tv));
	r->len = sizeof(tv);
	return 0;
}

/* SO_REUSEADDR and SO_EXCLUSIVEADDRUSE exclude each other. */
static int set_reuse(struct request *r)
{
	if (given(r) && r->sock->attributes & ODGW_EXCLUSIVE)
		return WSAEINVAL;
	return set_bool(r);
}

/* Exclusive is how Linux binds when nobody says SO_REUSEADDR. */
static int set_exclusive(struct request *r)
{
	int reuse, err = get_int(r, &reuse);

	if (err)
		return err;
	if (reuse || odgw_socket_port(r->sock->fd))
		return WSAEINVAL;
	odgw_socket_mark(r->sock->fd, ODGW_EXCLUSIVE, given(r));
	return 0;
}

static int get_exclusive(struct request *r)
{
	return give(r, !!(r->sock->attributes & ODGW_EXCLUSIVE));
}

static int get_error(struct request *r)
{
	int value, err = get_number(r);

	if (err)
		return err;
	value = given(r);
	return give(r, value ? odgw_wsa_from_errno(value) : 0);
}

static int get_max_message(struct request *r)
{
	if (r->len < (int)sizeof(int))
		return WSAEFAULT;
	return give(r, odgw_max_message(r->sock->family));
}

static int get_info_w(struct request *r)
{
	WSAPROTOCOL_INFOW info;
	int room = r->len;

	r->len = sizeof(info);
	if (room < (int)sizeof(info))
		return WSAEFAULT;
	odgw_info_fill(r->sock, &info);
	memcpy(r->value, &info, sizeof(info));
	return 0;
}

static int get_info_a(struct request *r)
{
	WSAPROTOCOL_INFOW wide;
	WSAPROTOCOL_INFOA info;
	int room = r->len;

	r->len = sizeof(info);
	if (room < (int)sizeof(info))
		return WSAEFAULT;
	odgw_info_fill(r->sock, &wide);
	odgw_info_narrow(&wide, &info);
	memcpy(r->value, &info, sizeof(info));
	return 0;
}

static int set_dont_fragment(struct request *r)
{
	return set_int(r, given(r) ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
}

static int get_dont_fragment(struct request *r)
{
	int value, err = get_int(r, &value);

	return err ? err : give(r, value == IP_PMTUDISC_DO ||
				   value == IP_PMTUDISC_PROBE);
}

static int accept_bool(struct request *r)
{
	(void)r;
	return 0;
}

static int give_true(struct request *r)
{
	return give(r, 1);
}

/*
 * index_in - the interface's index, if Windows' 0.x.x.x was given for its
 * address; else 0.  0.0.0.0 is the default interface, which is index 0, too.
 */
static int index_in(struct in_addr addr)
{
	uint32_t value = ntohl(addr.s_addr);

	return value < 1U << 24 ? (int)value : 0;
}

static int set_multicast_if(struct request *r)
{
	struct ip_mreqn mreq = { 0 };

	if (r->len < (int)sizeof(struct in_addr))
		return WSAEFAULT;
	if (r->len > (int)sizeof(struct in_addr))
		return native_set(r, r->value, (size_t)r->len);
	memcpy(&mreq.imr_address, r->value, sizeof(mreq.imr_address));
	mreq.imr_ifindex = index_in(mreq.imr_address);
	if (mreq.imr_ifindex)
		mreq.imr_address.s_addr = INADDR_ANY;
	return native_set(r, &mreq, sizeof(mreq));
}

static int set_membership(struct request *r)
{
	struct ip_mreqn mreq = { 0 };

	if (r->len < (int)sizeof(struct ip_mreq))
		return WSAEFAULT;
	if (r->len > (int)sizeof(struct ip_mreq))
		return native_set(r, r->value, (size_t)r->len);
	memcpy(&mreq, r->value, sizeof(struct ip_mreq));
	mreq.imr_ifindex = index_in(mreq.imr_address);
	if (mreq.imr_ifindex)
		mreq.imr_address.s_addr = INADDR_ANY;
	return native_set(r, &mreq, sizeof(mreq));
}

/* set_source - with an index there is only the newer call for it */
static int set_source(struct request *r)
{
	static const int newer[] = {
		[IP_BLOCK_SOURCE] = MCAST_BLOCK_SOURCE,
		[IP_UNBLOCK_SOURCE] = MCAST_UNBLOCK_SOURCE,
		[IP_ADD_SOURCE_MEMBERSHIP] = MCAST_JOIN_SOURCE_GROUP,
		[IP_DROP_SOURCE_MEMBERSHIP] = MCAST_LEAVE_SOURCE_GROUP,
	};
	struct ip_mreq_source mreq;
	struct group_source_req req = { 0 };
	struct sockaddr_in sin = { .sin_family = AF_INET };

	if (r->len < (int)sizeof(mreq))
		return WSAEFAULT;
	memcpy(&mreq, r->value, sizeof(mreq));
	req.gsr_interface = (uint32_t)index_in(mreq.imr_interface);
	if (!req.gsr_interface)
		return native_set(r, &mreq, sizeof(mreq));
	sin.sin_addr = mreq.imr_multiaddr;
	memcpy(&req.gsr_group, &sin, sizeof(sin));
	sin.sin_addr = mreq.imr_sourceaddr;
	memcpy(&req.gsr_source, &sin, sizeof(sin));
	r->name = newer[r->name];
	return native_set(r, &req, sizeof(req));
}

/* Windows has the interface in the host's byte order here, unlike IP_UNICAST_IF. */
static int set_unicast_if6(struct request *r)
{
	return r->len < (int)sizeof(int) ? WSAEFAULT :
	       set_int(r, (int)htonl((uint32_t)given(r)));
}

static int get_unicast_if6(struct request *r)
{
	int value, err = get_int(r, &value);

	return err ? err : give(r, (int)ntohl((uint32_t)value));
}

/* Of in6_pktinfo's size it is Linux' own, which sets the source address. */
static int set_pktinfo6(struct request *r)
{
	if (r->len > (int)sizeof(int)) {
		r->name = IPV6_PKTINFO;
		return native_set(r, r->value, (size_t)r->len);
	}
	return set_bool(r);
}

/* The stack joins as much as it likes; how much a receive gets is the module's part. */
static int set_coalesced(struct request *r)
{
	DWORD max = (DWORD)given(r);
	int err;

	if (r->len < (int)sizeof(max))
		return WSAEFAULT;
	err = odgw_socket_coalesce(r->sock->fd, max);
	return err ? err : set_int(r, !!max);
}

static int get_coalesced(struct request *r)
{
	if (r->len < (int)sizeof(DWORD))
		return WSAEFAULT;
	return give(r, (int)odgw_socket_coalesced(r->sock->fd));
}

static int set_keep_rest(struct request *r)
{
	return odgw_socket_set(r->sock->fd, ODGW_KEEP_REST, given(r));
}

static int get_keep_rest(struct request *r)
{
	return give(r, !!(r->sock->attributes & ODGW_KEEP_REST));
}

static const struct option {
	int level, name;		/* as the program says it */
	int linux_name;			/* at the same level */
	handler set, get;
} options[] = {
#define SAME(level, name, set, get)	{ level, name, name, set, get }
#define BOOL(level, name)		SAME(level, name, set_bool, get_bool)
	BOOL(SOL_SOCKET, SO_BROADCAST),
	BOOL(SOL_SOCKET, SO_DONTROUTE),
	BOOL(SOL_SOCKET, SO_KEEPALIVE),
	BOOL(SOL_SOCKET, SO_OOBINLINE),
	SAME(SOL_SOCKET, SO_REUSEADDR, set_reuse, get_bool),
	{ SOL_SOCKET, SO_EXCLUSIVEADDRUSE, SO_REUSEADDR, set_exclusive, get_exclusive },
	SAME(SOL_SOCKET, SO_RCVBUF, set_receive_size, get_size),
	SAME(SOL_SOCKET, SO_SNDBUF, set_size, get_size),
	SAME(SOL_SOCKET, SO_RCVTIMEO, set_timeout, get_timeout),
	SAME(SOL_SOCKET, SO_SNDTIMEO, set_timeout, get_timeout),
	SAME(SOL_SOCKET, SO_LINGER, refuse, refuse),
	SAME(SOL_SOCKET, SO_ERROR, refuse, get_error),
	SAME(SOL_SOCKET, SO_MAX_MSG_SIZE, refuse, get_max_message),
	SAME(SOL_SOCKET, SO_PROTOCOL_INFOW, refuse, get_info_w),
	SAME(SOL_SOCKET, SO_PROTOCOL_INFOA, refuse, get_info_a),

	SAME(IPPROTO_IP, IP_HDRINCL, refuse_as_invalid, refuse_as_invalid),
	BOOL(IPPROTO_IP, IP_PKTINFO),
	BOOL(IPPROTO_IP, IP_RECVTTL),
	BOOL(IPPROTO_IP, IP_RECVTOS),
	{ IPPROTO_IP, IP_DONTFRAGMENT, IP_MTU_DISCOVER, set_dont_fragment, get_dont_fragment },
	SAME(IPPROTO_IP, IP_RECEIVE_BROADCAST, accept_bool, give_true),
	SAME(IPPROTO_IP, IP_MULTICAST_IF, set_multicast_if, NULL),
	SAME(IPPROTO_IP, IP_ADD_MEMBERSHIP, set_membership, refuse),
	SAME(IPPROTO_IP, IP_DROP_MEMBERSHIP, set_membership, refuse),
	SAME(IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, set_source, refuse),
	SAME(IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, set_source, refuse),
	SAME(IPPROTO_IP, IP_BLOCK_SOURCE, set_source, refuse),
	SAME(IPPROTO_IP, IP_UNBLOCK_SOURCE, set_source, refuse),

	BOOL(IPPROTO_IPV6, IPV6_V6ONLY),
	BOOL(IPPROTO_IPV6, IPV6_DONTFRAG),
	BOOL(IPPROTO_IPV6, IPV6_RECVTCLASS),
	SAME(IPPROTO_IPV6, IPV6_UNICAST_IF, set_unicast_if6, get_unicast_if6),
	{ IPPROTO_IPV6, IPV6_PKTINFO, IPV6_RECVPKTINFO, set_pktinfo6, get_bool },
	{ IPPROTO_IPV6, IPV6_HOPLIMIT, IPV6_RECVHOPLIMIT, set_bool, get_bool },

	{ IPPROTO_UDP, UDP_SEND_MSG_SIZE, UDP_SEGMENT, set_number, get_number },
	{ IPPROTO_UDP, UDP_RECV_MAX_COALESCED_SIZE, UDP_GRO, set_coalesced, get_coalesced },

	SAME(SOL_ODGRAM, ODG_KEEP_REST, set_keep_rest, get_keep_rest),
#undef SAME
#undef BOOL
};

static const struct option *find(int level, int name)
{
	size_t i;

	for (i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i].level == level && options[i].name == name)
			return &options[i];
	return NULL;
}

static int set_passed_on(struct request *r)
{
	/* recvfrom(2) would not take apart what is joined. */
	if (r->level == IPPROTO_UDP && r->name == UDP_GRO)
		odgw_socket_not_direct(r->sock);
	return native_set(r, r->value, (size_t)r->len);
}

static int get_passed_on(struct request *r)
{
	socklen_t len = (socklen_t)r->len;

	if (getsockopt(r->sock->fd, r->level, r->name, r->value, &len))
		return odgw_wsa_from_errno(errno);
	r->len = (int)len;
	return 0;
}

/* handle - @r has what the program said; see the table for what is meant */
static int handle(struct request *r, bool set)
{
	const struct option *option = find(r->level, r->name);
	handler fn = NULL;

	if (r->level != SOL_SOCKET && r->level != IPPROTO_IP &&
	    r->level != IPPROTO_IPV6 && r->level != IPPROTO_UDP &&
	    r->level != SOL_ODGRAM)
		return WSAEINVAL;
	if (option) {
		fn = set ? option->set : option->get;
		r->name = option->linux_name;
	}
	if (!fn)
		fn = set ? set_passed_on : get_passed_on;
	return fn(r);
}

static bool is_open_type(int level, int name)
{
	return level == SOL_SOCKET && name == SO_OPENTYPE;
}

static int set_option(SOCKET s, int level, int name, const void *value, int len)
{
	struct request r = {
		.level = level,
		.name = name,
		.value = (void *)value,
		.len = len,
	};
	struct odgw_socket sock;
	struct odgw_probe probe;
	int err = is_open_type(level, name) ? 0 :
		  odgw_socket_lookup(s, &sock);

	if (err)
		return err;
	odgw_probe_init(&probe);
	if (!value || len < 1 || !odgw_probe_read(&probe, value, (size_t)len))
		return WSAEFAULT;
	if (is_open_type(level, name)) {
		if (len < (int)sizeof(int))
			return WSAEFAULT;
		*odgw_socket_open_type() = given(&r);
		return 0;
	}
	r.sock = &sock;
	return sock.udp ? handle(&r, true) : set_passed_on(&r);
}

int odg_ws_setsockopt(SOCKET s, int level, int name, const void *value,
		      socklen_t len)
{
	int err = odgw_enter();

	if (!err)
		err = set_option(s, level, name, value, (int)len);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

static int get_option(SOCKET s, int level, int name, void *value, int *len)
{
	struct request r = { .level = level, .name = name, .value = value };
	struct odgw_socket sock;
	struct odgw_probe probe;
	int err = is_open_type(level, name) ? 0 :
		  odgw_socket_lookup(s, &sock);

	if (err)
		return err;
	odgw_probe_init(&probe);
	if (!value || !len || !odgw_probe_write(&probe, len, sizeof(*len)) ||
	    *len < 1 || !odgw_probe_write(&probe, value, (size_t)*len))
		return WSAEFAULT;
	r.len = *len;
	if (is_open_type(level, name)) {
		if (r.len < (int)sizeof(int))
			return WSAEFAULT;
		err = give(&r, *odgw_socket_open_type());
	} else {
		r.sock = &sock;
		err = sock.udp ? handle(&r, false) : get_passed_on(&r);
	}
	/* Of a structure that did not fit, the size it needs. */
	*len = r.len;
	return err;
}

int odg_ws_getsockopt(SOCKET s, int level, int name, void *value,
		      odg_length_ptr len)
{
	int err = odgw_enter();

	if (!err)
		err = get_option(s, level, name, value, len.windows);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
