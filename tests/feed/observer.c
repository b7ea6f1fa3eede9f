// SPDX-License-Identifier: MIT
/*
 * usage: observer MESSAGES INTERFACE-A GROUP-A INTERFACE-B GROUP-B PORT
 *
 * The truth to hold "odgram recv" against: receives the same MoldUDP64 feed by
 * plain sockets and recv(2), keeps a byte for each message and line, and does all
 * sums at the end.  Prints "ready", receives until SIGTERM, prints JSON with the
 * names "odgram recv --json" uses.  Fails if it lost a datagram itself.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

static unsigned long messages;
static uint8_t *copies[2];		/* of each message, by line; up to 255 */

static int open_line(const char *interface, const char *group, const char *port)
{
	int on = 1, room = 64 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = inet_addr(group),
	};
	struct group_req req = { .gr_interface = if_nametoindex(interface) };

	memcpy(&req.gr_group, &at, sizeof(at));
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) ||
	    setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &req, sizeof(req))) {
		perror(group);
		exit(1);
	}
	return fd;
}

/* receive - one datagram if there is one; true if there was */
static int receive(int fd, int line, unsigned long *datagrams)
{
	char control[CMSG_SPACE(sizeof(uint32_t))];
	unsigned long seq = 0;
	unsigned int count, i;
	uint8_t p[2048];
	struct iovec iov = { p, sizeof(p) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 20 || CMSG_FIRSTHDR(&msg)) {
		fprintf(stderr, "observer: %s\n",
			n < 0 ? strerror(errno) : "lost a datagram, or a short one");
		exit(1);
	}
	++*datagrams;
	for (i = 0; i < 8; i++)
		seq = seq << 8 | p[10 + i];
	count = (unsigned int)(p[18] << 8 | p[19]);
	for (i = 0; count != 0xffff && i < count; i++)
		copies[line][seq + i]++;
	return 1;
}

int main(int argc, char **argv)
{
	unsigned long datagrams[2] = { 0 }, seen = 0, lost = 0, all = 0, i, run = 0;
	unsigned long missing[2] = { 0 }, repeated[2] = { 0 };
	struct pollfd fds[3] = { 0 };
	sigset_t term;
	int line;

	if (argc != 7)
		return fputs("usage: see observer.c\n", stderr), 2;
	messages = strtoul(argv[1], NULL, 10);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	for (line = 0; line < 2; line++) {
		copies[line] = calloc(messages + 6, 1);
		fds[line].fd = open_line(argv[2 + 2 * line], argv[3 + 2 * line], argv[6]);
		fds[line].events = POLLIN;
	}
	fds[2].fd = signalfd(-1, &term, 0);
	fds[2].events = POLLIN;
	puts("ready");
	fflush(stdout);

	while (!fds[2].revents) {
		poll(fds, 3, -1);
		for (line = 0; line < 2; line++)
			while (receive(fds[line].fd, line, &datagrams[line]))
				;
	}
	for (i = 1; i <= messages; i++) {
		all += copies[0][i] + copies[1][i];
		seen += copies[0][i] || copies[1][i];
		for (line = 0; line < 2; line++) {
			missing[line] += !copies[line][i];
			repeated[line] += copies[line][i] > 1 ? copies[line][i] - 1 : 0;
		}
	}
	lost = messages - seen;
	printf("{\"datagrams\": %lu, \"messages\": %lu, \"duplicates\": %lu, \"lost\": %lu, "
	       "\"lines\": [{\"datagrams\": %lu, \"repeated\": %lu, \"missing\": %lu}, "
	       "{\"datagrams\": %lu, \"repeated\": %lu, \"missing\": %lu}], \"losses\": [",
	       datagrams[0] + datagrams[1], seen, all - seen, lost, datagrams[0],
	       repeated[0], missing[0], datagrams[1], repeated[1], missing[1]);
	for (i = 1, lost = 0; i <= messages + 1; i++) {
		if (i <= messages && !copies[0][i] && !copies[1][i]) {
			run++;
			continue;
		}
		if (run)
			printf("%s[%lu, %lu]", lost++ ? ", " : "", i - run, run);
		run = 0;
	}
	puts("]}");
	return 0;
}
