// SPDX-License-Identifier: MIT
/*
 * Echo servers and a relay written with the Winsock face, against clients that know
 * nothing of it: ours, sockperf and iperf3 (those two are skipped if they are not
 * installed).  All on the loopback.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
/* The clients here are native. */
#define ODGRAM_NATIVE_CALLS
#include <winsock2.h>
#include <ws2tcpip.h>

#include "winsock_env.h"

#define ECHOES	200

static struct sockaddr_in loopback(const char *addr, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, addr, &at.sin_addr);
	return at;
}

/* start_example - running, and it says where */
static pid_t start_example(const char *program, int *port)
{
	char count[10], line[20] = "";
	int pipes[2];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	snprintf(count, sizeof(count), "%d", ECHOES);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (!pid) {
		dup2(pipes[1], 1);
		execl(program, program, "0", count, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	while (!strchr(line, '\n') &&
	       (n = read(pipes[0], line + len, sizeof(line) - 1 - len)) > 0)
		len += (size_t)n;
	close(pipes[0]);
	assert_int_equal(sscanf(line, "port %d\n", port), 1);
	return pid;
}

static void echoes(const char *program)
{
	struct timeval patience = { .tv_sec = 8 * slow() };
	int i, port, status, s = socket(AF_INET, SOCK_DGRAM, 0);
	pid_t pid = start_example(program, &port);
	struct sockaddr_in at = loopback("127.0.0.1", port);
	char out[1400], in[1400];

	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(connect(s, (struct sockaddr *)&at, sizeof(at)), 0);
	for (i = 0; i < ECHOES; i++) {
		size_t len = 1 + (size_t)(i * 7 % 1400);

		memset(out, 'a' + i % 26, len);
		memset(in, 0xa5, sizeof(in));
		assert_int_equal(send(s, out, len, 0), len);
		assert_int_equal(recv(s, in, sizeof(in), 0), len);
		assert_memory_equal(in, out, len);
	}
	close(s);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void echo_by_events(void **state)
{
	(void)state;
	echoes("build/userlib/examples/echo-event");
}

static void echo_by_routines(void **state)
{
	(void)state;
	echoes("build/userlib/examples/echo-routine");
}

static void echo_by_a_completion_port(void **state)
{
	(void)state;
	echoes("build/userlib/examples/echo-iocp");
}

/* A server of our own: from one socket to another, or back. */

struct relay {
	SOCKET from, to;
	struct sockaddr_in *peer;	/* where it came from, kept for the other way */
	struct sockaddr_in *answer_to;	/* NULL: @to is connected */
	void (*change)(char *data, DWORD len);
	atomic_uint passed;
	atomic_bool stop;
	pthread_t thread;
};

static void *relay(void *arg)
{
	static _Thread_local char data[65536];
	struct relay *r = arg;
	WSAOVERLAPPED ov = { .Internal = 0 };
	struct sockaddr_in from;
	DWORD n, flags;

	ov.hEvent = WSACreateEvent();
	while (!atomic_load(&r->stop)) {
		WSABUF buf = { sizeof(data), data };
		int len = sizeof(from);

		flags = 0;
		if (WSARecvFrom(r->from, &buf, 1, NULL, &flags, (SOCKADDR *)&from, &len, &ov,
				NULL) && WSAGetLastError() != WSA_IO_PENDING)
			break;
		while (WSAWaitForMultipleEvents(1, &ov.hEvent, TRUE, 50, FALSE) ==
		       WSA_WAIT_TIMEOUT)
			if (atomic_load(&r->stop))
				goto out;
		if (!WSAGetOverlappedResult(r->from, &ov, &n, TRUE, &flags))
			continue;
		if (r->peer)
			*r->peer = from;
		if (r->change)
			r->change(data, n);
		buf.len = n;
		if (WSASendTo(r->to, &buf, 1, &n, 0, (SOCKADDR *)r->answer_to,
			      r->answer_to ? (int)sizeof(*r->answer_to) : 0, NULL, NULL))
			break;
		atomic_fetch_add(&r->passed, 1);
	}
out:
	return NULL;
}

static int port_of(int s)
{
	struct sockaddr_in at;
	socklen_t len = sizeof(at);

	assert_int_equal(getsockname(s, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static SOCKET bound(const char *addr, int port)
{
	struct sockaddr_in at = loopback(addr, port);
	SOCKET s = WSASocket(AF_INET, SOCK_DGRAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);

	assert_int_equal(bind((int)s, (struct sockaddr *)&at, sizeof(at)), 0);
	return s;
}

/* twin - a TCP socket with the same name as a UDP one; -1: it is another's */
static int twin(const char *addr, SOCKET s)
{
	struct sockaddr_in at = loopback(addr, port_of((int)s));
	int tcp = socket(AF_INET, SOCK_STREAM, 0);

	if (!bind(tcp, (struct sockaddr *)&at, sizeof(at)))
		return tcp;
	close(tcp);
	return -1;
}

/* bound_twins - a UDP and a TCP socket with one name */
static SOCKET bound_twins(const char *addr, int *tcp)
{
	SOCKET s = bound(addr, 0);

	while ((*tcp = twin(addr, s)) < 0) {
		closesocket(s);
		s = bound(addr, 0);
	}
	return s;
}

/* free_port - of UDP and TCP, for a program that does not find one itself */
static int free_port(const char *addr)
{
	int port, tcp;
	SOCKET s = bound_twins(addr, &tcp);

	port = port_of((int)s);
	close(tcp);
	closesocket(s);
	return port;
}

/* End it; what is pending is cancelled with the socket. */
static void stop(struct relay *r)
{
	atomic_store(&r->stop, true);
	pthread_join(r->thread, NULL);
}

/* output_of - a command's, the whole of it; skips the test if it is not installed */
static const char *output_of(const char *program, const char *fmt, ...)
{
	static char out[65536];
	char line[400];
	va_list args;
	size_t len;
	FILE *f;

	snprintf(line, sizeof(line), "command -v %s >/dev/null", program);
	if (system(line)) {
		print_message("# %s is not installed\n", program);
		skip();
	}
	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	f = popen(line, "r");
	assert_non_null(f);
	len = fread(out, 1, sizeof(out) - 1, f);
	out[len] = 0;
	if (pclose(f))
		fail_msg("%s:\n%s", line, out);
	return out;
}

static long number_after(const char *text, const char *what)
{
	const char *at = strstr(text, what);

	if (!at)
		fail_msg("no \"%s\" in:\n%s", what, text);
	return atol(at + strlen(what));
}

/* Else the client takes the echo for a datagram of another client. */
static void from_server(char *data, DWORD len)
{
	if (len > 9)
		data[9] &= ~1;
}

static void sockperf_ping_pong(void **state)
{
	struct sockaddr_in client;
	struct relay r = { .peer = &client, .answer_to = &client, .change = from_server };
	const char *out;
	int seconds = 1;
	WSADATA wsa;

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	r.from = r.to = bound("127.0.0.1", 0);
	assert_int_equal(pthread_create(&r.thread, NULL, relay, &r), 0);
	do {
		assert_true(seconds < 100);
		seconds *= 2;
		out = output_of("sockperf", "sockperf ping-pong -i 127.0.0.1 -p %d -t %d 2>&1",
				port_of((int)r.from), seconds);
	} while (number_after(out, "SentMessages=") <= 10);
	stop(&r);
	assert_int_equal(number_after(out, "# dropped messages = "), 0);
	assert_int_equal(number_after(out, "# duplicated messages = "), 0);
	assert_int_equal(number_after(out, "# out-of-order messages = "), 0);
	/* Whatever it sent came by us. */
	assert_true(atomic_load(&r.passed) >= number_after(out, "ReceivedMessages="));
	assert_int_equal(WSACleanup(), 0);
}

/* forward - TCP between two descriptors, until one ends */
static void forward(int a, int b)
{
	struct pollfd p[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
	char data[4096];
	ssize_t n;
	int i;

	while (poll(p, 2, -1) > 0)
		for (i = 0; i < 2; i++) {
			if (!p[i].revents)
				continue;
			n = read(p[i].fd, data, sizeof(data));
			if (n <= 0 || write(p[!i].fd, data, (size_t)n) != n)
				return;
		}
}

/* control_channel - iperf3's, which is TCP: a process passes it on, natively */
static pid_t control_channel(int l, const struct sockaddr_in *to)
{
	pid_t pid;

	assert_int_equal(listen(l, 4), 0);
	pid = fork();
	if (!pid) {
		int front = accept(l, NULL, NULL), back = socket(AF_INET, SOCK_STREAM, 0);

		while (connect(back, (struct sockaddr *)to, sizeof(*to)))
			usleep(10000);
		forward(front, back);
		_exit(0);
	}
	close(l);
	return pid;
}

/*
 * iperf3's client sends to 127.0.0.2, where we receive and pass on to its server on
 * 127.0.0.1; the server counts what is missing.
 */
static void iperf3_through_a_relay(void **state)
{
	struct sockaddr_in client, server;
	struct relay there = { .peer = &client }, back = { .answer_to = &client };
	pid_t control, iperf;
	const char *out;
	char port[10];
	WSADATA wsa;
	int tcp;

	(void)state;
	assert_int_equal(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	output_of("iperf3", "true");
	server = loopback("127.0.0.1", free_port("127.0.0.1"));
	snprintf(port, sizeof(port), "%d", ntohs(server.sin_port));
	iperf = fork();
	if (!iperf) {
		execlp("iperf3", "iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port,
		       "--logfile", "/dev/null", (char *)NULL);
		_exit(127);
	}
	there.from = back.to = bound_twins("127.0.0.2", &tcp);
	control = control_channel(tcp, &server);
	there.to = back.from = bound("127.0.0.1", 0);
	assert_int_equal(connect((int)there.to, (struct sockaddr *)&server, sizeof(server)), 0);
	assert_int_equal(pthread_create(&there.thread, NULL, relay, &there), 0);
	assert_int_equal(pthread_create(&back.thread, NULL, relay, &back), 0);
	out = output_of("iperf3", "iperf3 -u -c 127.0.0.2 -p %d -b 200k -l 500 -k 100 -J 2>&1",
			port_of((int)there.from));
	stop(&there);
	stop(&back);
	/* Behind the intervals */
	out = strstr(out, "\"end\":\t{");
	assert_non_null(out);
	assert_int_equal(number_after(out, "\"lost_packets\":"), 0);
	assert_int_equal(number_after(out, "\"packets\":"), 100);
	/* And the one by which the two greet each other. */
	assert_true(atomic_load(&there.passed) >= 101);
	kill(control, SIGKILL);
	kill(iperf, SIGKILL);
	waitpid(control, NULL, 0);
	waitpid(iperf, NULL, 0);
	assert_int_equal(WSACleanup(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_by_events),
		cmocka_unit_test(echo_by_routines),
		cmocka_unit_test(echo_by_a_completion_port),
		cmocka_unit_test(sockperf_ping_pong),
		cmocka_unit_test(iperf3_through_a_relay),
	};

	return cmocka_run_group_tests_name("winsock echo", tests, NULL, NULL);
}
