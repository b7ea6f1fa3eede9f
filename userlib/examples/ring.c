// SPDX-License-Identifier: MIT
// Receives without a system call while datagrams are there, until one that says "end":
// cc ring.c $(pkg-config --cflags --libs odgram)
#include <arpa/inet.h>
#include <odgram_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS	256
#define SLOT	2048

static char mem[SLOTS][SLOT];

static int must(enum odg_call call, int ret)
{
	char text[200];

	if (ret >= 0)
		return ret;
	fprintf(stderr, "%s\n", odg_explain(call, ret, text, sizeof(text)));
	exit(1);
}

int main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(27015) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0), region, end = 0;
	unsigned long datagrams = 0, bytes = 0;
	struct odg_port *port;
	struct odg_rq rq;
	uint32_t idx, n;

	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)))
		return perror("port 27015"), 1;
	must(ODG_CALL_OPEN, odg_port_open(&port, 2 * SLOTS, 0));
	region = must(ODG_CALL_POST, odg_region_register(port, mem, sizeof(mem), NULL));
	must(ODG_CALL_BIND, odg_rq_open(&rq, port, sock, SLOTS));

	for (uint64_t i = 0; i < SLOTS; i++)
		odg_rq_write(&rq, region, i * SLOT, SLOT, i, 0);
	must(ODG_CALL_POST, odg_rq_submit(&rq));

	while (!end) {
		while (!(n = odg_cq_peek(odg_port_cq(port), &idx)))
			must(ODG_CALL_WAIT, odg_wait_spin(port, 1, ODG_WAIT_FOREVER, 50));
		for (uint32_t i = 0; i < n; i++) {
			const struct odg_cqe *cqe = odg_cq_read(odg_port_cq(port), idx + i);
			uint64_t slot = cqe->user_data;

			datagrams++;
			bytes += cqe->len;
			end |= cqe->len == 3 && !memcmp(mem[slot], "end", 3);
			odg_rq_write(&rq, region, slot * SLOT, SLOT, slot, 0);
		}
		odg_cq_release(odg_port_cq(port), n);
		must(ODG_CALL_POST, odg_rq_submit(&rq));
	}
	printf("%lu datagrams, %lu bytes\n", datagrams, bytes);
	odg_rq_close(&rq);
	odg_port_close(port);
}
