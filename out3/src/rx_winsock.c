// SPDX-License-Identifier: MIT
/*
 * The library's Winsock face, used as Windows' manual recommends: the datagram
 * waits already, or the receive pends and an event, a completion routine or a
 * completion port tells of its end.
 */
#include <winsock2.h>

#include "bench.h"

static WSAOVERLAPPED ov[BURST];
static WSAEVENT events[BURST];
static WSABUF bufs[BURST];
static struct sockaddr_in from[BURST];
static INT fromlen[BURST];
static DWORD flags[BURST];

static void must_win(bool ok, const char *what)
{
	if (!ok)
		die("%s: error %d", what, WSAGetLastError());
}

static int make(void)
{
	WSADATA data;
	SOCKET s;

	must_win(!WSAStartup(MAKEWORD(2, 2), &data), "WSAStartup");
	s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
		      WSA_FLAG_OVERLAPPED);
	must_win(s != INVALID_SOCKET, "WSASocket");
	return (int)s;
}

static void open_plain(int fd)
{
	(void)fd;
	for (int i = 0; i < BURST; i++) {
		bufs[i].buf = (CHAR *)rx_buf[i];
		bufs[i].len = MAX_PAYLOAD;
	}
}

static void open_events(int fd)
{
	open_plain(fd);
	for (int i = 0; i < BURST; i++) {
		events[i] = WSACreateEvent();
		must_win(events[i] != WSA_INVALID_EVENT, "WSACreateEvent");
	}
}

static void close_plain(void)
{
	must_win(!WSACleanup(), "WSACleanup");
}

static void close_events(void)
{
	for (int i = 0; i < BURST; i++)
		must_win(WSACloseEvent(events[i]), "WSACloseEvent");
	close_plain();
}

/* Returns what the call returned; fills len if it was done at once. */
static int receive(int fd, int i, WSAOVERLAPPED *o, DWORD *len,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	fromlen[i] = sizeof(from[i]);
	flags[i] = 0;
	return WSARecvFrom(fd, &bufs[i], 1, len, &flags[i],
			   (struct sockaddr *)&from[i], &fromlen[i], o, routine);
}

static void receive_pending(int fd, int i,
			    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	must_win(receive(fd, i, &ov[i], NULL, routine) == SOCKET_ERROR &&
		 WSAGetLastError() == WSA_IO_PENDING, "WSARecvFrom");
}

static void take(int i, DWORD len)
{
	got[i] = (struct got){
		.data = rx_buf[i],
		.len = len,
		.addr = from[i].sin_addr.s_addr,
		.port = from[i].sin_port,
	};
}

static void plain_drain(int fd)
{
	DWORD len;

	for (int i = 0; i < BURST; i++) {
		must_win(!receive(fd, i, NULL, &len, NULL), "WSARecvFrom");
		take(i, len);
	}
}

static void with_event(int i)
{
	ov[i] = (WSAOVERLAPPED){ .hEvent = events[i] };
}

static void now_drain(int fd)
{
	DWORD len;

	for (int i = 0; i < BURST; i++) {
		with_event(i);
		must_win(!receive(fd, i, &ov[i], &len, NULL), "WSARecvFrom");
		take(i, len);
	}
}

static void event_post(int fd)
{
	for (int i = 0; i < BURST; i++) {
		with_event(i);
		receive_pending(fd, i, NULL);
	}
}

static void event_drain(int fd)
{
	DWORD len, fl;

	for (int i = 0; i < BURST; i++) {
		must_win(WSAWaitForMultipleEvents(1, &events[i], TRUE,
						  WSA_INFINITE, FALSE) ==
			 WSA_WAIT_EVENT_0, "WSAWaitForMultipleEvents");
		must_win(WSAGetOverlappedResult(fd, &ov[i], &len, FALSE, &fl),
			 "WSAGetOverlappedResult");
		take(i, len);
	}
}

static int nr_called;

static void CALLBACK routine(DWORD error, DWORD len, LPWSAOVERLAPPED o, DWORD fl)
{
	(void)fl;
	must_win(!error, "the routine");
	take(o - ov, len);
	nr_called++;
}

static void routine_post(int fd)
{
	for (int i = 0; i < BURST; i++) {
		ov[i] = (WSAOVERLAPPED){ 0 };
		receive_pending(fd, i, routine);
	}
}

static void routine_drain(int fd)
{
	(void)fd;
	for (nr_called = 0; nr_called < BURST;)
		must_win(SleepEx(INFINITE, TRUE) == WAIT_IO_COMPLETION, "SleepEx");
}

static HANDLE iocp;

static void iocp_open(int fd)
{
	open_plain(fd);
	iocp = CreateIoCompletionPort((HANDLE)(UINT_PTR)fd, NULL, 0, 1);
	must_win(iocp, "CreateIoCompletionPort");
}

static void iocp_post(int fd)
{
	for (int i = 0; i < BURST; i++) {
		ov[i] = (WSAOVERLAPPED){ 0 };
		receive_pending(fd, i, NULL);
	}
}

static void iocp_drain(int fd)
{
	OVERLAPPED_ENTRY entries[BURST];
	ULONG n;

	(void)fd;
	for (int done = 0; done < BURST; done += n) {
		must_win(GetQueuedCompletionStatusEx(iocp, entries, BURST, &n,
						     INFINITE, FALSE),
			 "GetQueuedCompletionStatusEx");
		for (ULONG k = 0; k < n; k++)
			take(entries[k].lpOverlapped - ov,
			     entries[k].dwNumberOfBytesTransferred);
	}
}

static void iocp_close(void)
{
	must_win(CloseHandle(iocp), "CloseHandle");
	close_plain();
}

const struct receiver winsock_receivers[] = {
	{
		.name = "wsa-now",
		.label = "WSARecvFrom, data waits",
		.make = make,
		.open = open_plain,
		.drain = plain_drain,
		.close = close_plain,
	},
	{
		.name = "wsa-now-event",
		.label = "WSARecvFrom + event, data waits",
		.make = make,
		.open = open_events,
		.drain = now_drain,
		.close = close_events,
	},
	{
		.name = "wsa-event",
		.label = "WSARecvFrom + event + wait + result",
		.make = make,
		.open = open_events,
		.post = event_post,
		.drain = event_drain,
		.close = close_events,
	},
	{
		.name = "wsa-routine",
		.label = "WSARecvFrom + routine + SleepEx",
		.make = make,
		.open = open_plain,
		.post = routine_post,
		.drain = routine_drain,
		.close = close_plain,
	},
	{
		.name = "wsa-iocp",
		.label = "WSARecvFrom + port, 64 a call",
		.make = make,
		.open = iocp_open,
		.post = iocp_post,
		.drain = iocp_drain,
		.close = iocp_close,
	},
	{ 0 }
};
