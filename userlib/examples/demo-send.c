// SPDX-License-Identifier: MIT
/*
 * The sender of "make demo": plain sockets, as on any machine.
 *
 * Sends COUNT datagrams to one address in bursts of four, so that several
 * receives of the receiver are in use at once.  Each carries its number.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "demo.h"

#define BURST	4

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	unsigned char buf[DEMO_MAX];
	int fd, count;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fprintf(stderr, "usage: demo-send ADDRESS PORT COUNT\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[2]));
	count = atoi(argv[3]);

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0) {
		perror("demo-send: socket");
		return 1;
	}
	for (int i = 0; i < count; i++) {
		size_t len = demo_fill(buf, i);

		if (sendto(fd, buf, len, 0, (struct sockaddr *)&to,
			   sizeof(to)) != (ssize_t)len) {
			fprintf(stderr, "demo-send: to %s: %s\n", argv[1],
				strerror(errno));
			return 1;
		}
		if (i % BURST == BURST - 1)
			nanosleep(&pause, NULL);
	}
	close(fd);
	return 0;
}
