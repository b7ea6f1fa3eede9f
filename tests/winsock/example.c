// SPDX-License-Identifier: MIT
/*
 * A receiver as Winsock's manuals write one: nothing of the harness in it but
 * who sends, and what the program prints.
 */
#ifndef UNICODE
#define UNICODE
#endif

#define WIN32_LEAN_AND_MEAN

#include <winsock2.h>
#include <Ws2tcpip.h>
#include <stdio.h>

#include "harness.h"

enum { EXAMPLE_PORT = 27015 };

static volatile DWORD received;

static void send_until_received(void *unused)
{
	struct sockaddr_in to;
	SOCKET s = udp(0);

	(void)unused;
	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(EXAMPLE_PORT);
	/* Nothing says that it is ready: what comes before is lost. */
	while (!received) {
		nap(QUIET);
		snd_from(s, &to, 17, 'x');
	}
	closesocket(s);
}

static int __cdecl program(void)
{
	WSADATA wsaData;
	WSABUF DataBuf;
	WSAOVERLAPPED Overlapped;
	SOCKET RecvSocket = INVALID_SOCKET;
	struct sockaddr_in RecvAddr;
	struct sockaddr_in SenderAddr;
	int SenderAddrSize = sizeof(SenderAddr);
	u_short Port = EXAMPLE_PORT;
	char RecvBuf[1024];
	int BufLen = 1024;
	DWORD BytesRecv = 0;
	DWORD Flags = 0;
	int rc, err;
	int retval = 0;

	rc = WSAStartup(MAKEWORD(2, 2), &wsaData);
	if (rc != 0) {
		wprintf(L"WSAStartup failed with error: %ld\n", (long)rc);
		return 1;
	}
	SecureZeroMemory((PVOID)&Overlapped, sizeof(WSAOVERLAPPED));
	Overlapped.hEvent = WSACreateEvent();
	if (Overlapped.hEvent == NULL) {
		WSACleanup();
		return 1;
	}
	RecvSocket = WSASocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, NULL, 0,
			       WSA_FLAG_OVERLAPPED);
	if (RecvSocket == INVALID_SOCKET) {
		WSACloseEvent(Overlapped.hEvent);
		WSACleanup();
		return 1;
	}
	RecvAddr.sin_family = AF_INET;
	RecvAddr.sin_port = htons(Port);
	RecvAddr.sin_addr.s_addr = htonl(INADDR_ANY);
	rc = bind(RecvSocket, (SOCKADDR *)&RecvAddr, sizeof(RecvAddr));
	if (rc != 0) {
		retval = 1;
	} else {
		DataBuf.len = BufLen;
		DataBuf.buf = RecvBuf;
		rc = WSARecvFrom(RecvSocket, &DataBuf, 1, &BytesRecv, &Flags,
				 (SOCKADDR *)&SenderAddr, &SenderAddrSize,
				 &Overlapped, NULL);
		if (rc != 0) {
			err = WSAGetLastError();
			if (err != WSA_IO_PENDING) {
				retval = 1;
			} else {
				rc = WSAWaitForMultipleEvents(1, &Overlapped.hEvent, TRUE,
							      INFINITE, TRUE);
				if (rc == (int)WSA_WAIT_FAILED)
					retval = 1;
				rc = WSAGetOverlappedResult(RecvSocket, &Overlapped,
							    &BytesRecv, FALSE, &Flags);
				if (rc == FALSE)
					retval = 1;
				else
					received = BytesRecv;
			}
		}
	}
	WSACloseEvent(Overlapped.hEvent);
	closesocket(RecvSocket);
	WSACleanup();
	return retval;
}

TEST(a92_a94_a95_a96_a97_a98_a99_a_program_as_in_the_manual)
{
	struct thread *t = thread_start(send_until_received, NULL);

	EQ(program(), 0);
	EQ(received, 17);
	thread_join(t);
}
