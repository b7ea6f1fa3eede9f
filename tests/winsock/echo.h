/* SPDX-License-Identifier: MIT */
/*
 * For an echo server of userlib/examples as it stands, on Windows and here: it is
 * included after this, and its main() and printf() are echo_main() and say_port().
 */
#ifndef ECHO_H
#define ECHO_H

#include "harness.h"

#define main	echo_main
#define printf	say_port
#define post	post_slot

enum { ECHOES = 100 };

int echo_main(int argc, char **argv);

static volatile LONG port, ended;

static int say_port(const char *how, int at)
{
	EQ(strcmp(how, "port %d\n"), 0);
	port = at;
	return 0;
}

static void serve(void *unused)
{
	char name[] = "echo", at[] = "0", times[10];
	char *args[] = { name, at, times, NULL };

	(void)unused;
	snprintf(times, sizeof(times), "%d", ECHOES);
	EQ(echo_main(3, args), 0);
	ended = 1;
}

static void echoes(void)
{
	static char out[1400], in[1400];
	struct thread *server = thread_start(serve, NULL);
	DWORD patience = LIMIT;
	struct sockaddr_in to;
	SOCKET client = udp(0);
	int i;

	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	UNTIL(port);
	to.sin_port = htons((u_short)port);
	EQ(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	EQ(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, (char *)&patience, sizeof(patience)), 0);
	for (i = 0; i < ECHOES; i++) {
		int len = 1 + i * 7 % 1400;

		memset(out, 'a' + i % 26, len);
		memset(in, POISON_BYTE, sizeof(in));
		EQ(send(client, out, len, 0), len);
		EQ(recv(client, in, sizeof(in), 0), len);
		CHECK(!memcmp(in, out, len));
	}
	thread_join(server);
	CHECK(ended);
}

#endif /* ECHO_H */
