// SPDX-License-Identifier: MIT
/*
 * WSAPROTOCOL_INFO: what a socket is, and WSADuplicateSocket(), which uses it to
 * hand a socket to another process.
 *
 * What WSADuplicateSocket() returns names a descriptor of this process.  Whoever
 * gives it to WSASocket() gets a second descriptor by pidfd_getfd(2), which the
 * kernel allows to whom it would allow ptrace(2).  The ProviderId tells such a
 * structure from one that a program made up.  No locks.
 */
#include <unistd.h>

#include "internal.h"

static const GUID duplicated = {
	0x6f64672d, 0x6475, 0x7000,
	{ 0x91, 0x7a, 0x23, 0x5e, 0x0b, 0xc4, 0x68, 0x1d }
};

static const WCHAR udp4[] = L"odgram UDP/IP";
static const WCHAR udp6[] = L"odgram UDP/IPv6";

void odgw_info_fill(const struct odgw_socket *sock, LPWSAPROTOCOL_INFOW info)
{
	int size = odgw_address_size(sock->family);

	*info = (WSAPROTOCOL_INFOW){
		.dwServiceFlags1 = XP1_CONNECTIONLESS | XP1_MESSAGE_ORIENTED |
				   XP1_SUPPORT_BROADCAST |
				   XP1_SUPPORT_MULTIPOINT | XP1_IFS_HANDLES,
		.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO,
		.ProtocolChain.ChainLen = 1,
		.iVersion = 2,
		.iAddressFamily = sock->family,
		.iMaxSockAddr = size,
		.iMinSockAddr = size,
		.iSocketType = SOCK_DGRAM,
		.iProtocol = IPPROTO_UDP,
		.iNetworkByteOrder = BIGENDIAN,
		.iSecurityScheme = SECURITY_PROTOCOL_NONE,
		.dwMessageSize = MAX_MESSAGE_V4,
	};
	wcscpy(info->szProtocol, sock->family == AF_INET ? udp4 : udp6);
}

void odgw_info_narrow(const WSAPROTOCOL_INFOW *wide, LPWSAPROTOCOL_INFOA info)
{
	int i;

	/* The two differ in their last member only. */
	memcpy(info, wide, offsetof(WSAPROTOCOL_INFOW, szProtocol));
	for (i = 0; i <= WSAPROTOCOL_LEN; i++)
		info->szProtocol[i] = (CHAR)wide->szProtocol[i];
}

bool odgw_info_names(const WSAPROTOCOL_INFOW *info, pid_t *pid, int *fd)
{
	if (memcmp(&info->ProviderId, &duplicated, sizeof(duplicated)))
		return false;
	*pid = (pid_t)info->dwCatalogEntryId;
	*fd = (int)info->dwProviderReserved;
	return true;
}

/* duplicate - @out: where @wide, which is filled in, is to go, in whichever form */
static int duplicate(SOCKET s, void *out, size_t size, LPWSAPROTOCOL_INFOW wide)
{
	struct odgw_socket sock;
	struct odgw_probe probe;
	int err;

	odgw_probe_init(&probe);
	if (!out || !odgw_probe_write(&probe, out, size))
		return WSAEFAULT;
	err = odgw_socket_lookup_udp(s, &sock);
	if (err)
		return err;
	odgw_socket_not_direct(&sock);
	odgw_info_fill(&sock, wide);
	wide->ProviderId = duplicated;
	wide->dwCatalogEntryId = (DWORD)getpid();
	wide->dwProviderReserved = (DWORD)sock.fd;
	return 0;
}

/* @pid is not needed: who asks is checked when the structure is used. */
int WSAAPI WSADuplicateSocketW(SOCKET s, DWORD pid, LPWSAPROTOCOL_INFOW info)
{
	WSAPROTOCOL_INFOW wide;
	int err = odgw_enter();

	(void)pid;
	if (!err)
		err = duplicate(s, info, sizeof(*info), &wide);
	if (!err)
		*info = wide;
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}

int WSAAPI WSADuplicateSocketA(SOCKET s, DWORD pid, LPWSAPROTOCOL_INFOA info)
{
	WSAPROTOCOL_INFOW wide;
	int err = odgw_enter();

	(void)pid;
	if (!err)
		err = duplicate(s, info, sizeof(*info), &wide);
	if (!err)
		odgw_info_narrow(&wide, info);
	return odgw_leave(err) ? SOCKET_ERROR : 0;
}
