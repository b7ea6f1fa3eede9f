// SPDX-License-Identifier: MIT
/*
 * WSAStartup() and WSACleanup(): counted, the last one tidies up.
 *
 * The lock makes the last cleanup and a first startup after it follow each
 * other; odgw_started() reads the count without it.
 */
#include "queue.h"

#define HIGHEST		MAKEWORD(2, 2)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
atomic_uint odgw_startups;

/* negotiate - the version to speak, or 0 */
static WORD negotiate(WORD wanted)
{
	BYTE major = LOBYTE(wanted), minor = HIBYTE(wanted);

	if (major == 0)
		return 0;
	if (major == 1)
		return MAKEWORD(1, minor > 1 ? 1 : minor);
	return major > 2 || minor > 2 ? HIGHEST : wanted;
}

int WSAAPI WSAStartup(WORD wVersionRequested, LPWSADATA data)
{
	WORD version = negotiate(wVersionRequested);
	struct odgw_probe probe;

	odgw_enter();
	if (!version)
		return odgw_leave_failed(0), WSAVERNOTSUPPORTED;
	odgw_probe_init(&probe);
	if (!data || !odgw_probe_write(&probe, data, sizeof(*data)))
		return odgw_leave_failed(0), WSAEFAULT;

	*data = (WSADATA){
		.wVersion = version,
		.wHighVersion = HIGHEST,
		.szDescription = "odgram: overlapped datagrams for Linux",
		.szSystemStatus = "Running",
	};
	/* Filled only for programs of the 1.1 days. */
	if (LOBYTE(version) == 1) {
		data->iMaxSockets = 32767;
		data->iMaxUdpDg = 65467;
	}

	pthread_mutex_lock(&lock);
	atomic_fetch_add_explicit(&odgw_startups, 1, memory_order_release);
	pthread_mutex_unlock(&lock);
	return odgw_leave_failed(0);
}

/*
 * The ports go first: their ops then end without completions, so no event is
 * set.  Closing the sockets ends what other threads are blocked in.
 */
int WSAAPI WSACleanup(void)
{
	if (odgw_enter())
		return odgw_leave(WSANOTINITIALISED), SOCKET_ERROR;

	pthread_mutex_lock(&lock);
	if (atomic_load(&odgw_startups) && atomic_fetch_sub(&odgw_startups, 1) == 1) {
		odgw_queues_shutdown();
		odgw_rio_shutdown();
		odgw_socket_close_all();
	}
	pthread_mutex_unlock(&lock);
	return odgw_leave(0);
}

void odgw_startup_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_startup_unlock(void)
{
	pthread_mutex_unlock(&lock);
}
