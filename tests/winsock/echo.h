/* SPDX-License-Identifier: MIT */
/*
 * For an echo server of userlib/examples as it stands, on Windows and here: it is
 * included after this, and its main() and printf() are echo_main() and say_ready().
 */
#ifndef ECHO_H
#define ECHO_H

#include "harness.h"

#define main	echo_main
#define printf	say_ready
#define post	post_slot

enum { ECHO_PORT = 29021, ECHOES = 100 };

int echo_main(int argc, char **argv);

static volatile LONG ready, ended;

static int say_ready(const char *what)
{
	EQ(strcmp(what, "ready\n"), 0);
	ready = 1;
	return 0;
}

static void serve(void *unused)
{
	char name[] = "echo", at[10], times[10];
	char *args[] = { name, at, times, NULL };

	(void)unused;
	snprintf(at, sizeof(at), "%d", ECHO_PORT);
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
	to.sin_port = htons(ECHO_PORT);
	EQ(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	EQ(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, (char *)&patience, sizeof(patience)), 0);
	UNTIL(ready);
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
