// SPDX-License-Identifier: MIT
/*
 * WSAIoctl() and ioctlsocket().
 *
 * A table has a function for each code that is served; it gets the buffers once
 * they are found good and says how much it wrote.  No locks.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "internal.h"

/* One call, as its function sees it. */
struct request {
	const struct odgw_socket *sock;
	const void *in;
	DWORD in_len;
	void *out;
	DWORD out_len;
	DWORD written;		/* to out; of an error, what would be needed */
	bool overlapped;
};

/* number - what was given, of at least four bytes */
static int number(const struct request *r, int *value)
{
	if (r->in_len < sizeof(*value))
		return WSAEFAULT;
	memcpy(value, r->in, sizeof(*value));
	return 0;
}

static int store(struct request *r, const void *data, DWORD len)
{
	if (r->out_len < len)
		return WSAEFAULT;
	memcpy(r->out, data, len);
	r->written = len;
	return 0;
}

static int set_nonblocking(struct request *r)
{
	int value, err = number(r, &value);

	if (err)
		return err;
	value = !!value;
	return ioctl(r->sock->fd, FIONBIO, &value) ?
	       odgw_wsa_from_errno(errno) : 0;
}

/* Of the next datagram, as on Linux; Windows has the sum of all. */
static int get_readable(struct request *r)
{
	int value;

	if (ioctl(r->sock->fd, FIONREAD, &value))
		return odgw_wsa_from_errno(errno);
	return store(r, &value, sizeof(value));
}

static int get_broadcast(struct request *r)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = INADDR_BROADCAST,
	};

	if (r->sock->family != AF_INET)
		return WSAENOPROTOOPT;
	return store(r, &sin, sizeof(sin));
}

/* What an overlapped call may not ask, on Windows either. */
static int get_base_handle(struct request *r)
{
	SOCKET s = (SOCKET)r->sock->fd;

	return r->overlapped ? WSAEOPNOTSUPP : store(r, &s, sizeof(s));
}

static int get_extension(struct request *r)
{
	void *fn;
	GUID id;
	int err;

	if (r->in_len < sizeof(id) || r->out_len < sizeof(fn))
		return WSAEFAULT;
	memcpy(&id, r->in, sizeof(id));
	err = odgw_extension_find(&id, &fn);
	return err ? err : store(r, &fn, sizeof(fn));
}

static int set_multicast(struct request *r, int v4_name, int v6_name, int value)
{
	int err;

	if (r->sock->family == AF_INET)
		err = setsockopt(r->sock->fd, IPPROTO_IP, v4_name, &value,
				 sizeof(value));
	else
		err = setsockopt(r->sock->fd, IPPROTO_IPV6, v6_name, &value,
				 sizeof(value));
	return err ? odgw_wsa_from_errno(errno) : 0;
}

static int set_loopback(struct request *r)
{
	int value, err = number(r, &value);

	return err ? err : set_multicast(r, IP_MULTICAST_LOOP,
					 IPV6_MULTICAST_LOOP, !!value);
}

static int set_scope(struct request *r)
{
	int value, err = number(r, &value);

	return err ? err : set_multicast(r, IP_MULTICAST_TTL,
					 IPV6_MULTICAST_HOPS, value);
}

/* set_reports - whether errors of one kind are reported */
static int set_reports(struct request *r, unsigned int off)
{
	int value, err = number(r, &value);

	if (err)
		return err;
	odgw_socket_mark(r->sock->fd, off, !value);
	return odgw_socket_attach(r->sock->fd);
}

static int set_connreset(struct request *r)
{
	return set_reports(r, ODGW_NO_UNREACH);
}

static int set_netreset(struct request *r)
{
	return set_reports(r, ODGW_NO_NETRESET);
}

static int set_timestamping(struct request *r)
{
	TIMESTAMPING_CONFIG config;

	if (r->in_len < sizeof(config))
		return WSAEFAULT;
	memcpy(&config, r->in, sizeof(config));
	/* When a datagram left is not told. */
	if (config.Flags & ~(ULONG)TIMESTAMPING_FLAG_RX)
		return WSAEOPNOTSUPP;
	odgw_socket_mark(r->sock->fd, ODGW_TIMESTAMPS, config.Flags);
	return 0;
}

static const struct {
	DWORD code;
	int (*run)(struct request *r);
} codes[] = {
	{ FIONBIO,			set_nonblocking },
	{ FIONREAD,			get_readable },
	{ SIO_BASE_HANDLE,		get_base_handle },
	{ SIO_GET_BROADCAST_ADDRESS,	get_broadcast },
	{ SIO_GET_EXTENSION_FUNCTION_POINTER, get_extension },
	{ SIO_MULTICAST_SCOPE,		set_scope },
	{ SIO_MULTIPOINT_LOOPBACK,	set_loopback },
	{ SIO_TIMESTAMPING,		set_timestamping },
	{ SIO_UDP_CONNRESET,		set_connreset },
	{ SIO_UDP_NETRESET,		set_netreset },
};

static int run(DWORD code, struct request *r)
{
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].run(r);
	return WSAEOPNOTSUPP;
}

static int check_buffers(const struct request *r)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	if (r->out_len && (!r->out ||
			   !odgw_probe_write(&probe, r->out, r->out_len)))
		return WSAEFAULT;
	if (r->in_len && (!r->in || !odgw_probe_read(&probe, r->in, r->in_len)))
		return WSAEFAULT;
	return 0;
}

static int control(SOCKET s, DWORD code, struct request *r, DWORD *bytes)
{
	struct odgw_socket sock;
	struct odgw_probe probe;
	int err;

	odgw_probe_init(&probe);
	if (!bytes || !odgw_probe_write(&probe, bytes, sizeof(*bytes)))
		return WSAEFAULT;
	err = odgw_socket_lookup_udp(s, &sock);
	if (!err)
		err = check_buffers(r);
	if (err)
		return err;
	r->sock = &sock;
	err = run(code, r);
	/* On a bad buffer it stays, unless it says what is needed. */
	if (err != WSAEFAULT || r->written)
		*bytes = r->written;
	return err;
}

int WSAAPI WSAIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_len, LPVOID out,
		    DWORD out_len, LPDWORD bytes, LPWSAOVERLAPPED ov,
		    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct request r = {
		.in = in,
		.in_len = in_len,
		.out = out,
		.out_len = out_len,
		.overlapped = ov,
	};
	int err = odgw_enter();

	(void)routine;
	if (!err)
		err = control(s, code, &r, bytes);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

static int control_plain(SOCKET s, long cmd, u_long *argp)
{
	struct odgw_socket sock;
	struct odgw_probe probe;
	int value, err = odgw_socket_lookup(s, &sock);

	if (err)
		return err;
	odgw_probe_init(&probe);
	if (!argp || !odgw_probe_write(&probe, argp, sizeof(*argp)))
		return WSAEFAULT;
	if (cmd != FIONBIO && cmd != FIONREAD)
		return WSAEOPNOTSUPP;
	value = *argp != 0;
	if (ioctl(sock.fd, (unsigned long)cmd, &value))
		return odgw_wsa_from_errno(errno);
	if (cmd == FIONREAD)
		*argp = (u_long)value;
	return 0;
}

int WSAAPI ioctlsocket(SOCKET s, long cmd, u_long *argp)
{
	int err = odgw_enter();

	if (!err)
		err = control_plain(s, cmd, argp);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
