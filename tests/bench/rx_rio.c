// SPDX-License-Identifier: MIT
/* Windows' registered I/O over odgram's rings. */
#include <winsock2.h>
#include <mswsock.h>
#include <string.h>

#include "bench.h"

static RIO_EXTENSION_FUNCTION_TABLE rio;
static RIO_BUFFERID data_id, from_id;
static RIO_CQ cq;
static RIO_RQ rq;
static SOCKADDR_INET from[BURST];

static void must_win(bool ok, const char *what)
{
	if (!ok)
		die("%s: error %d", what, WSAGetLastError());
}

static int make(void)
{
	GUID id = WSAID_MULTIPLE_RIO;
	WSADATA data;
	DWORD bytes;
	SOCKET s;

	must_win(!WSAStartup(MAKEWORD(2, 2), &data), "WSAStartup");
	s = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
		      WSA_FLAG_REGISTERED_IO);
	must_win(s != INVALID_SOCKET, "WSASocket");
	rio.cbSize = sizeof(rio);
	must_win(!WSAIoctl(s, SIO_GET_MULTIPLE_EXTENSION_FUNCTION_POINTER, &id,
			   sizeof(id), &rio, sizeof(rio), &bytes, NULL, NULL),
		 "WSAIoctl");
	return (int)s;
}

static void rio_open(int fd)
{
	data_id = rio.RIORegisterBuffer((PCHAR)rx_buf, sizeof(rx_buf));
	from_id = rio.RIORegisterBuffer((PCHAR)from, sizeof(from));
	must_win(data_id != RIO_INVALID_BUFFERID &&
		 from_id != RIO_INVALID_BUFFERID, "RIORegisterBuffer");
	cq = rio.RIOCreateCompletionQueue(2 * BURST, NULL);
	must_win(cq != RIO_INVALID_CQ, "RIOCreateCompletionQueue");
	rq = rio.RIOCreateRequestQueue(fd, BURST, 1, 0, 1, cq, cq, NULL);
	must_win(rq != RIO_INVALID_RQ, "RIOCreateRequestQueue");
}

/* All but the last deferred, as Windows' manual recommends. */
static void rio_post(int fd)
{
	(void)fd;
	for (int i = 0; i < BURST; i++) {
		RIO_BUF data = { data_id, i * MAX_PAYLOAD, MAX_PAYLOAD };
		RIO_BUF addr = { from_id, i * sizeof(from[0]), sizeof(from[0]) };

		must_win(rio.RIOReceiveEx(rq, &data, 1, NULL, &addr, NULL, NULL,
					  i < BURST - 1 ? RIO_MSG_DEFER : 0,
					  (PVOID)(UINT_PTR)i), "RIOReceiveEx");
	}
}

static void rio_drain(int fd)
{
	RIORESULT results[BURST];
	ULONG n;

	(void)fd;
	n = rio.RIODequeueCompletion(cq, results, BURST);
	if (n != BURST)
		die("RIO: %u completions", n);
	for (ULONG k = 0; k < n; k++) {
		UINT_PTR i = results[k].RequestContext;

		if (results[k].Status)
			die("RIO: status %d", results[k].Status);
		got[k] = (struct got){
			.data = rx_buf[i],
			.len = results[k].BytesTransferred,
			.addr = from[i].Ipv4.sin_addr.s_addr,
			.port = from[i].Ipv4.sin_port,
		};
	}
}

static void rio_close(void)
{
	rio.RIOCloseCompletionQueue(cq);
	rio.RIODeregisterBuffer(data_id);
	rio.RIODeregisterBuffer(from_id);
	must_win(!WSACleanup(), "WSACleanup");
}

const struct receiver rio_receivers[] = {
	{
		.name = "rio",
		.label = "RIOReceiveEx + RIODequeueCompletion",
		.make = make,
		.open = rio_open,
		.post = rio_post,
		.drain = rio_drain,
		.close = rio_close,
	},
	{ 0 }
};
