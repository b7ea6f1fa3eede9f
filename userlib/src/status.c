// SPDX-License-Identifier: MIT
/*
 * errno, WSA error codes and NTSTATUS.
 *
 * The kernel speaks errno, OVERLAPPED.Internal holds an NTSTATUS, programs get
 * WSA codes.  All that is known about the three is in the tables below, which
 * are constant: no locks.
 */
#include <errno.h>
#include <stddef.h>

#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define STATUS_ACCESS_VIOLATION		0xC0000005U
#define STATUS_INVALID_HANDLE		0xC0000008U
#define STATUS_INVALID_PARAMETER	0xC000000DU
#define STATUS_NO_MEMORY		0xC0000017U
#define STATUS_ACCESS_DENIED		0xC0000022U
#define STATUS_OBJECT_TYPE_MISMATCH	0xC0000024U
#define STATUS_QUOTA_EXCEEDED		0xC0000044U
#define STATUS_INSUFFICIENT_RESOURCES	0xC000009AU
#define STATUS_DEVICE_NOT_READY		0xC00000A3U
#define STATUS_PIPE_DISCONNECTED	0xC00000B0U
#define STATUS_IO_TIMEOUT		0xC00000B5U
#define STATUS_NOT_SUPPORTED		0xC00000BBU
#define STATUS_NETWORK_BUSY		0xC00000BFU
#define STATUS_REMOTE_DISCONNECT	0xC000013CU
#define STATUS_INVALID_CONNECTION	0xC0000140U
#define STATUS_INVALID_ADDRESS		0xC0000141U
#define STATUS_INVALID_BUFFER_SIZE	0xC0000206U
#define STATUS_INVALID_ADDRESS_COMPONENT 0xC0000207U
#define STATUS_CONNECTION_RESET		0xC000020DU
#define STATUS_NETWORK_UNREACHABLE	0xC000023CU
#define STATUS_HOST_UNREACHABLE		0xC000023DU
#define STATUS_PROTOCOL_UNREACHABLE	0xC000023EU
#define STATUS_PORT_UNREACHABLE		0xC000023FU
#define STATUS_REQUEST_ABORTED		0xC0000240U
#define STATUS_CONNECTION_ABORTED	0xC0000241U
#define STATUS_HOPLIMIT_EXCEEDED	0xC000A012U

/*
 * What a call that failed returns.  "native" rows are also believed when a
 * native call left the value in errno; the others are left behind by calls that
 * succeed, or say nothing about a socket.
 */
static const struct {
	int err;
	int wsa;
	bool native;
} calls[] = {
	{ EINTR,		WSAEINTR,		true },
	{ EBADF,		WSAENOTSOCK,		true },
	{ EACCES,		WSAEACCES,		true },
	{ EPERM,		WSAEACCES,		true },
	{ EFAULT,		WSAEFAULT,		true },
	{ EINVAL,		WSAEINVAL,		true },
	{ EMFILE,		WSAEMFILE,		true },
	{ ENFILE,		WSAEMFILE,		true },
	{ EAGAIN,		WSAEWOULDBLOCK,		true },
	{ EINPROGRESS,		WSAEINPROGRESS,		true },
	{ EALREADY,		WSAEALREADY,		true },
	{ ENOTSOCK,		WSAENOTSOCK,		true },
	{ EDESTADDRREQ,		WSAEDESTADDRREQ,	true },
	{ EMSGSIZE,		WSAEMSGSIZE,		true },
	{ EPROTOTYPE,		WSAEPROTOTYPE,		true },
	{ ENOPROTOOPT,		WSAENOPROTOOPT,		true },
	{ EPROTONOSUPPORT,	WSAEPROTONOSUPPORT,	true },
	{ ESOCKTNOSUPPORT,	WSAESOCKTNOSUPPORT,	true },
	{ EOPNOTSUPP,		WSAEOPNOTSUPP,		true },
	{ EPFNOSUPPORT,		WSAEPFNOSUPPORT,	true },
	{ EAFNOSUPPORT,		WSAEAFNOSUPPORT,	true },
	{ EADDRINUSE,		WSAEADDRINUSE,		true },
	{ EADDRNOTAVAIL,	WSAEADDRNOTAVAIL,	true },
	{ ENETDOWN,		WSAENETDOWN,		true },
	{ ENETUNREACH,		WSAENETUNREACH,		true },
	{ ENETRESET,		WSAENETRESET,		true },
	{ ECONNABORTED,		WSAECONNABORTED,	true },
	{ ECONNRESET,		WSAECONNRESET,		true },
	{ ENOBUFS,		WSAENOBUFS,		true },
	{ ENOMEM,		WSAENOBUFS,		true },
	{ EISCONN,		WSAEISCONN,		true },
	{ ENOTCONN,		WSAENOTCONN,		true },
	{ ESHUTDOWN,		WSAESHUTDOWN,		true },
	{ EPIPE,		WSAESHUTDOWN,		true },
	{ ETOOMANYREFS,		WSAETOOMANYREFS,	true },
	{ ETIMEDOUT,		WSAETIMEDOUT,		true },
	{ ECONNREFUSED,		WSAECONNREFUSED,	true },
	{ EHOSTDOWN,		WSAEHOSTDOWN,		true },
	{ EHOSTUNREACH,		WSAEHOSTUNREACH,	true },
	{ EBUSY,		WSAEOPNOTSUPP,		false },
	{ ENOTTY,		WSAEOPNOTSUPP,		false },
	{ ECANCELED,		WSA_OPERATION_ABORTED,	false },
	{ ETIME,		WSAETIMEDOUT,		false },
};

/* Why the device could not be opened. */
static const struct {
	int err;
	int wsa;
} opens[] = {
	{ ENOENT,		WSASYSNOTREADY },	/* module not loaded */
	{ ENODEV,		WSASYSNOTREADY },
	{ ENXIO,		WSASYSNOTREADY },
	{ EPROTONOSUPPORT,	WSASYSNOTREADY },	/* of another version */
};

/* How a completion ended. */
static const struct {
	int err;
	uint32_t status;
} completions[] = {
	{ 0,			STATUS_SUCCESS },
	{ EMSGSIZE,		STATUS_BUFFER_OVERFLOW },
	{ ECANCELED,		STATUS_CANCELLED },
	{ ECONNREFUSED,		STATUS_PORT_UNREACHABLE },
	{ EHOSTUNREACH,		STATUS_HOST_UNREACHABLE },
	{ EHOSTDOWN,		STATUS_HOST_UNREACHABLE },
	{ ENETUNREACH,		STATUS_NETWORK_UNREACHABLE },
	{ ENONET,		STATUS_NETWORK_UNREACHABLE },
	{ ENOPROTOOPT,		STATUS_PROTOCOL_UNREACHABLE },
	{ EPROTO,		STATUS_PROTOCOL_UNREACHABLE },
	{ ENETRESET,		STATUS_HOPLIMIT_EXCEEDED },
	{ EFAULT,		STATUS_ACCESS_VIOLATION },
	{ EACCES,		STATUS_ACCESS_DENIED },
	{ EPERM,		STATUS_ACCESS_DENIED },
	{ ENETDOWN,		STATUS_NETWORK_BUSY },
	{ ENOMEM,		STATUS_INSUFFICIENT_RESOURCES },
	{ ENOBUFS,		STATUS_INSUFFICIENT_RESOURCES },
	{ ESHUTDOWN,		STATUS_PIPE_DISCONNECTED },
};

/* The first row with a WSA code is the status that stands for it. */
static const struct {
	uint32_t status;
	int wsa;
	int win32;
} statuses[] = {
	{ STATUS_SUCCESS, 0, 0 },
	{ STATUS_PENDING, WSA_IO_INCOMPLETE, ERROR_IO_INCOMPLETE },
	{ STATUS_BUFFER_OVERFLOW, WSAEMSGSIZE, ERROR_MORE_DATA },
	{ STATUS_CANCELLED, WSA_OPERATION_ABORTED, ERROR_OPERATION_ABORTED },
	{ STATUS_PORT_UNREACHABLE, WSAECONNRESET, ERROR_PORT_UNREACHABLE },
	{ STATUS_HOST_UNREACHABLE, WSAEHOSTUNREACH, ERROR_HOST_UNREACHABLE },
	{ STATUS_NETWORK_UNREACHABLE, WSAENETUNREACH, ERROR_NETWORK_UNREACHABLE },
	{ STATUS_PROTOCOL_UNREACHABLE, WSAENETUNREACH, ERROR_PROTOCOL_UNREACHABLE },
	{ STATUS_HOPLIMIT_EXCEEDED, WSAENETRESET, ERROR_HOST_UNREACHABLE },
	{ STATUS_ACCESS_VIOLATION, WSAEFAULT, ERROR_NOACCESS },
	{ STATUS_INVALID_PARAMETER, WSAEINVAL, ERROR_INVALID_PARAMETER },
	{ STATUS_DEVICE_NOT_READY, WSAEWOULDBLOCK, ERROR_NOT_READY },
	{ STATUS_PIPE_DISCONNECTED, WSAESHUTDOWN, ERROR_PIPE_NOT_CONNECTED },
	{ STATUS_IO_TIMEOUT, WSAETIMEDOUT, ERROR_SEM_TIMEOUT },
	{ STATUS_NOT_SUPPORTED, WSAEOPNOTSUPP, ERROR_NOT_SUPPORTED },
	{ STATUS_INVALID_CONNECTION, WSAENOTCONN, ERROR_UNEXP_NET_ERR },
	{ STATUS_INVALID_ADDRESS, WSAEADDRNOTAVAIL, ERROR_UNEXP_NET_ERR },
	{ STATUS_INVALID_ADDRESS_COMPONENT, WSAEADDRNOTAVAIL, ERROR_INVALID_NETNAME },
	{ STATUS_INSUFFICIENT_RESOURCES, WSAENOBUFS, ERROR_NO_SYSTEM_RESOURCES },
	{ STATUS_NO_MEMORY, WSAENOBUFS, ERROR_NOT_ENOUGH_MEMORY },
	{ STATUS_QUOTA_EXCEEDED, WSAENOBUFS, ERROR_NOT_ENOUGH_QUOTA },
	{ STATUS_ACCESS_DENIED, WSAEACCES, ERROR_ACCESS_DENIED },
	{ STATUS_INVALID_BUFFER_SIZE, WSAEMSGSIZE, ERROR_INVALID_USER_BUFFER },
	{ STATUS_NETWORK_BUSY, WSAENETDOWN, ERROR_NETWORK_BUSY },
	{ STATUS_REQUEST_ABORTED, WSAEINTR, ERROR_REQUEST_ABORTED },
	{ STATUS_CONNECTION_ABORTED, WSAECONNABORTED, ERROR_CONNECTION_ABORTED },
	{ STATUS_CONNECTION_RESET, WSAECONNRESET, ERROR_NETNAME_DELETED },
	{ STATUS_REMOTE_DISCONNECT, WSAECONNRESET, ERROR_NETNAME_DELETED },
	{ STATUS_INVALID_HANDLE, WSAENOTSOCK, ERROR_INVALID_HANDLE },
	{ STATUS_OBJECT_TYPE_MISMATCH, WSAENOTSOCK, ERROR_INVALID_HANDLE },
	/* Win32 codes dressed up as statuses. */
	{ 0x80070000U + WSA_IO_INCOMPLETE, WSA_IO_INCOMPLETE,
	  ERROR_IO_INCOMPLETE },
	{ 0xC0070000U + WSA_IO_INCOMPLETE, WSA_IO_INCOMPLETE,
	  ERROR_IO_INCOMPLETE },
	{ 0xC0010000U + WSA_IO_INCOMPLETE, WSA_IO_INCOMPLETE,
	  ERROR_IO_INCOMPLETE },
};

static int positive(int err)
{
	return err < 0 ? -err : err;
}

int odgw_wsa_from_errno(int err)
{
	size_t i;

	err = positive(err);
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].err == err)
			return calls[i].wsa;
	return WSASYSCALLFAILURE;
}

int odgw_wsa_from_native(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].err == err)
			return calls[i].native ? calls[i].wsa : 0;
	return 0;
}

int odgw_wsa_from_open(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(opens); i++)
		if (opens[i].err == positive(err))
			return opens[i].wsa;
	return odgw_wsa_from_errno(err);
}

/* A warning or an error: the top bit is set. */
bool odgw_status_is_error(uint32_t status)
{
	return status >> 31;
}

DWORD odgw_flags_from_status(uint32_t status)
{
	return status == STATUS_RECEIVE_PARTIAL ? MSG_PARTIAL : 0;
}

int odgw_wsa_from_status(uint32_t status)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].wsa;
	return odgw_status_is_error(status) ? WSAEINVAL : 0;
}

int odgw_win32_from_status(uint32_t status)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].status == status)
			return statuses[i].win32;
	return odgw_status_is_error(status) ? ERROR_MR_MID_NOT_FOUND : 0;
}

uint32_t odgw_status_from_wsa(int err)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i].wsa == err)
			return statuses[i].status;
	return STATUS_INVALID_PARAMETER;
}

uint32_t odgw_status_from_cqe(const struct odg_cqe *cqe)
{
	size_t i;

	if (!cqe->status)
		return cqe->flags & ODG_CQE_PARTIAL ? STATUS_RECEIVE_PARTIAL :
						      STATUS_SUCCESS;
	for (i = 0; i < ARRAY_SIZE(completions); i++)
		if (completions[i].err == -cqe->status)
			return completions[i].status;
	return STATUS_INVALID_PARAMETER;
}
