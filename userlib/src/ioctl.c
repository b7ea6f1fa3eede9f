// SPDX-License-Identifier: MIT
/*
 * WSAIoctl() and ioctlsocket().
 *
 * A table has a function for each code that is served; it gets the buffers once
 * they are found good and says how much it wrote.  No locks.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "route.h"

#define MAX_ADDRESSES		64

#define STATUS_NOT_SUPPORTED	0xC00000BBU

/* One call, as its function sees it. */
struct request {
	const struct odgw_socket *sock;
	const void *in;
	DWORD in_len;
	void *out;
	DWORD out_len;
	DWORD written;		/* to out; of an error, what would be needed */
	LPWSAOVERLAPPED ov;	/* NULL on a socket that is not overlapped */
	LPWSAOVERLAPPED_COMPLETION_ROUTINE routine;
	bool told;		/* its function has taken care of ov */
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
	if (!value && odgw_netevents_selected(r->sock->fd))
		return WSAEINVAL;
	return ioctl(r->sock->fd, FIONBIO, &value) ?
	       odgw_wsa_from_errno(errno) : 0;
}

/*
 * readable - the bytes of all that waits.  Linux tells those of the next datagram,
 * which is what is left for a socket that the module does not serve.
 */
static int readable(const struct odgw_socket *sock, DWORD *bytes)
{
	struct odg_sock_stats stats;
	int next;

	if (sock->udp && odgw_queue_stats(sock->fd, &stats)) {
		*bytes = stats.queued_bytes < UINT32_MAX ?
			 (DWORD)stats.queued_bytes : UINT32_MAX;
		return 0;
	}
	if (ioctl(sock->fd, FIONREAD, &next))
		return odgw_wsa_from_errno(errno);
	*bytes = (DWORD)next;
	return 0;
}

static int get_readable(struct request *r)
{
	DWORD bytes;
	int err = readable(r->sock, &bytes);

	return err ? err : store(r, &bytes, sizeof(bytes));
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

	return r->ov ? WSAEOPNOTSUPP : store(r, &s, sizeof(s));
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

static int set_circular(struct request *r)
{
	return odgw_socket_set(r->sock->fd, ODGW_DROP_OLDEST, true);
}

/* set_reports - whether errors of one kind are reported */
static int set_reports(struct request *r, unsigned int off)
{
	int value, err = number(r, &value);

	return err ? err : odgw_socket_set(r->sock->fd, off, !value);
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

/* RIO's functions, all in one structure. */
static int get_extensions(struct request *r)
{
	GUID id;

	if (r->in_len < sizeof(id))
		return WSAEFAULT;
	memcpy(&id, r->in, sizeof(id));
	return odgw_extension_fill(&id, r->out, r->out_len, &r->written);
}

/* The list that is made: first the structure, then the addresses it points to. */
struct list {
	struct odgw_local locals[MAX_ADDRESSES];
	int n;
	bool loopback;		/* also those of the loopback */
};

static void add_local(const struct odgw_local *local, void *arg)
{
	struct list *list = arg;

	if (list->n < MAX_ADDRESSES && local->flags & IFF_UP &&
	    (list->loopback || !(local->flags & IFF_LOOPBACK)))
		list->locals[list->n++] = *local;
}

static int get_address_list(struct request *r)
{
	int err, i, size = odgw_address_size(r->sock->family);
	struct list list = { .n = 0 };
	SOCKET_ADDRESS_LIST *out = r->out;
	DWORD head, need;

	if (r->out_len && r->out_len < sizeof(INT))
		return WSAEINVAL;
	err = odgw_route_addresses(r->sock->family, add_local, &list);
	/* A machine that has nothing else has its loopback. */
	list.loopback = !list.n;
	if (!err && list.loopback)
		err = odgw_route_addresses(r->sock->family, add_local, &list);
	if (err)
		return err;
	head = (DWORD)(offsetof(SOCKET_ADDRESS_LIST, Address) +
		       (size_t)list.n * sizeof(SOCKET_ADDRESS));
	need = head + (DWORD)(list.n * size);
	r->written = need;
	if (r->out_len < need)
		return WSAEFAULT;
	out->iAddressCount = list.n;
	for (i = 0; i < list.n; i++) {
		out->Address[i].lpSockaddr =
			(LPSOCKADDR)((char *)r->out + head + (size_t)(i * size));
		out->Address[i].iSockaddrLength = size;
		memcpy(out->Address[i].lpSockaddr, &list.locals[i].address,
		       (size_t)size);
	}
	return 0;
}

static struct sockaddr_in netmask_of(unsigned int prefix)
{
	uint32_t bits = prefix ? ~0U << (32 - prefix) : 0;

	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(bits),
	};
}

static int get_interface_list(struct request *r)
{
	struct list list = { .loopback = true };
	INTERFACE_INFO info;
	DWORD need;
	int err, i;

	if (r->sock->family != AF_INET)
		return WSAENOPROTOOPT;
	err = odgw_route_addresses(AF_INET, add_local, &list);
	if (err)
		return err;
	need = (DWORD)((size_t)list.n * sizeof(info));
	r->written = need;
	if (r->out_len < need)
		return WSAEFAULT;
	for (i = 0; i < list.n; i++) {
		const struct odgw_local *local = &list.locals[i];

		info = (INTERFACE_INFO){ .iiFlags = local->flags };
		memcpy(&info.iiAddress, &local->address,
		       sizeof(struct sockaddr_in));
		if (local->broadcast.ss_family)
			memcpy(&info.iiBroadcastAddress, &local->broadcast,
			       sizeof(struct sockaddr_in));
		info.iiNetmask.AddressIn = netmask_of(local->prefix);
		memcpy((char *)r->out + (size_t)i * sizeof(info), &info,
		       sizeof(info));
	}
	return 0;
}

static int check_destination(const struct request *r)
{
	if (r->in_len > INT32_MAX)
		return WSAEFAULT;
	return odgw_address_check(r->sock, r->in, (int)r->in_len);
}

static int query_route(struct request *r)
{
	struct sockaddr_storage from;
	int err = check_destination(r);

	if (!err)
		err = odgw_route_source(r->in, &from);
	return err ? err :
	       store(r, &from, (DWORD)odgw_address_size(r->sock->family));
}

static int await_route(struct request *r)
{
	int err = check_destination(r);

	if (err)
		return err;
	r->told = true;
	return odgw_change_wait(r->sock, r->in, r->ov, r->routine);
}

static int await_addresses(struct request *r)
{
	r->told = true;
	return odgw_change_wait(r->sock, NULL, r->ov, r->routine);
}

static const struct {
	DWORD code;
	int (*run)(struct request *r);
} codes[] = {
	{ FIONBIO,			set_nonblocking },
	{ FIONREAD,			get_readable },
	{ SIO_ADDRESS_LIST_CHANGE,	await_addresses },
	{ SIO_ADDRESS_LIST_QUERY,	get_address_list },
	{ SIO_BASE_HANDLE,		get_base_handle },
	{ SIO_ENABLE_CIRCULAR_QUEUEING,	set_circular },
	{ SIO_GET_BROADCAST_ADDRESS,	get_broadcast },
	{ SIO_GET_EXTENSION_FUNCTION_POINTER, get_extension },
	{ SIO_GET_INTERFACE_LIST,	get_interface_list },
	{ SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, get_extensions },
	{ SIO_MULTICAST_SCOPE,		set_scope },
	{ SIO_MULTIPOINT_LOOPBACK,	set_loopback },
	{ SIO_ROUTING_INTERFACE_CHANGE,	await_route },
	{ SIO_ROUTING_INTERFACE_QUERY,	query_route },
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

/*
 * tell - what the OVERLAPPED and its channel say: nothing was transferred.  A code
 * that is not served is told of as well; other errors end the call alone.
 */
static int tell(const struct request *r, int err)
{
	struct odgw_op op = { .overlapped = r->ov };
	struct odgw_end end = { .status = STATUS_SUCCESS };
	int ret;

	if (err && err != WSAEOPNOTSUPP)
		return err;
	if (err)
		end.status = STATUS_NOT_SUPPORTED;
	ret = odgw_overlapped_end(r->sock, &op, r->routine, &end);
	return ret ? ret : err ? WSA_IO_PENDING : 0;
}

static int control(SOCKET s, DWORD code, struct request *r, DWORD *bytes)
{
	struct odgw_socket sock;
	struct odgw_probe probe;
	int err;

	odgw_probe_init(&probe);
	if (!bytes || !odgw_probe_write(&probe, bytes, sizeof(*bytes)) ||
	    (r->ov && !odgw_probe_write(&probe, r->ov, sizeof(*r->ov))))
		return WSAEFAULT;
	err = odgw_socket_lookup_udp(s, &sock);
	if (!err)
		err = check_buffers(r);
	if (err)
		return err;
	r->sock = &sock;
	if (!sock.overlapped)
		r->ov = NULL;
	err = run(code, r);
	/* On a bad buffer it stays, unless it says what is needed. */
	if (err != WSAEFAULT || r->written)
		*bytes = r->written;
	return r->ov && !r->told ? tell(r, err) : err;
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
		.ov = ov,
		.routine = routine,
	};
	int err = odgw_enter();

	if (!err)
		err = control(s, code, &r, bytes);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

static int control_plain(SOCKET s, long cmd, u_long *argp)
{
	struct odgw_socket sock;
	struct odgw_probe probe;
	int err = odgw_socket_lookup(s, &sock);
	struct request r = { .sock = &sock };
	DWORD bytes;
	int on;

	if (err)
		return err;
	odgw_probe_init(&probe);
	if (!argp || !odgw_probe_write(&probe, argp, sizeof(*argp)))
		return WSAEFAULT;
	switch (cmd) {
	case FIONBIO:
		on = *argp != 0;
		r.in = &on;
		r.in_len = sizeof(on);
		return set_nonblocking(&r);
	case FIONREAD:
		err = readable(&sock, &bytes);
		if (!err)
			*argp = bytes;
		return err;
	default:
		return WSAEOPNOTSUPP;
	}
}

int WSAAPI ioctlsocket(SOCKET s, long cmd, u_long *argp)
{
	int err = odgw_enter();

	if (!err)
		err = control_plain(s, cmd, argp);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
