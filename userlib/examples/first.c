// SPDX-License-Identifier: MIT
// Receives one datagram: cc first.c $(pkg-config --cflags --libs odgram)
#include <arpa/inet.h>
#include <odgram.h>
#include <stdio.h>

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(27015) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0), err;
	struct odg_port *port;
	char buf[1500], text[200];
	uint32_t idx;

	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)))
		return perror("port 27015"), 1;
	if ((err = odg_port_open(&port, 64, 0)))
		return fprintf(stderr, "%s\n", odg_explain(ODG_CALL_OPEN, err, text, sizeof(text))), 1;
	if ((err = odg_post_buf(port, sock, buf, sizeof(buf), 0)))
		return fprintf(stderr, "%s\n", odg_explain(ODG_CALL_POST, err, text, sizeof(text))), 1;
	if (odg_wait(port, 1, ODG_WAIT_FOREVER) > 0 && odg_cq_peek(odg_port_cq(port), &idx)) {
		const struct odg_cqe *cqe = odg_cq_read(odg_port_cq(port), idx);
		printf("%u bytes from port %u: %.*s\n", cqe->len, ntohs(cqe->port), cqe->len, buf);
		odg_cq_release(odg_port_cq(port), 1);
	}
	odg_port_close(port);
}
