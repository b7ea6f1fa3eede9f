// SPDX-License-Identifier: MIT
/*
 * What a socket pays that has nothing to do with odgram: recvfrom before the
 * module is there, with it, and once another socket is bound to odgram.
 *
 *   plain PHASE TOTAL
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rx_odgram.h"

#define PAYLOAD	64
#define ROUNDS	32
#define REPS	9

static double round_trip(int rx_fd, int tx_fd, const struct sockaddr_in *from)
{
	static uint32_t serial;
	unsigned char tx[PAYLOAD], rx[BURST][PAYLOAD];
	struct sockaddr_in sender;
	socklen_t len;
	double t, cost;

	fill(tx, PAYLOAD, serial++);
	t = now();
	for (int i = 0; i < BURST; i++)
		if (send(tx_fd, tx, PAYLOAD, 0) != PAYLOAD)
			die("plain: not sent");
	for (int i = 0; i < BURST; i++) {
		len = sizeof(sender);
		if (recvfrom(rx_fd, rx[i], PAYLOAD, MSG_DONTWAIT,
			     (struct sockaddr *)&sender, &len) != PAYLOAD)
			die("plain: nothing there");
	}
	cost = since(t);

	for (int i = 0; i < BURST; i++)
		if (memcmp(rx[i], tx, PAYLOAD))
			die("plain: wrong bytes");
	if (sender.sin_port != from->sin_port)
		die("plain: wrong sender");
	return cost / BURST;
}

static double measure(void)
{
	struct sockaddr_in at, from;
	int rx_fd = receiver_socket(&at);
	int tx_fd = sender_socket(&at, 0, &from);
	double sum = 0;

	for (int i = -2; i < ROUNDS; i++) {
		double cost = round_trip(rx_fd, tx_fd, &from);

		if (i >= 0)
			sum += cost;
	}
	close(rx_fd);
	close(tx_fd);
	settle();
	return sum / ROUNDS;
}

int plain_main(int argc, char **argv)
{
	struct odg_port *port = NULL;
	struct sockaddr_in at;
	double totals[REPS];
	int other;

	if (argc != 1)
		die("plain: PHASE");
	progress("plain socket, %s", argv[0]);
	other = receiver_socket(&at);
	if (!strcmp(argv[0], "bound")) {
		ODG_MUST(odg_port_open(&port, 1, 0));
		ODG_MUST(odg_bind(port, other, 0));
	}
	for (int i = 0; i < REPS; i++)
		totals[i] = measure();
	printf("plain\t%s\t%.1f\n", argv[0], median(totals, REPS));
	odg_port_close(port);
	close(other);
	return 0;
}
