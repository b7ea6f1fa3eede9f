// SPDX-License-Identifier: MIT
// Receives datagrams packed one behind the other, until one that says "end":
// cc pool.c $(pkg-config --cflags --libs odgram)
#include <arpa/inet.h>
#include <odgram_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIECES	4
#define PIECE	65536U
#define LARGEST	2048U

static char mem[PIECES][PIECE];

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
	unsigned int piece = 0;
	struct odg_port *port;
	struct odg_rq rq;
	uint32_t idx, n;

	if (sock < 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)))
		return perror("port 27015"), 1;
	must(ODG_CALL_OPEN, odg_port_open(&port, 4096, 0));
	region = must(ODG_CALL_POST, odg_region_register(port, mem, sizeof(mem), NULL));
	must(ODG_CALL_BIND, odg_rq_open(&rq, port, sock, PIECES));

	for (unsigned int i = 0; i < PIECES; i++)
		odg_rq_write_standing(&rq, region, i * PIECE, PIECE, LARGEST,
				      (uintptr_t)mem[i], 0);
	must(ODG_CALL_POST, odg_rq_submit(&rq));

	while (!end) {
		while (!(n = odg_cq_peek(odg_port_cq(port), &idx)))
			;
		for (uint32_t i = 0; i < n; i++) {
			const struct odg_cqe *cqe = odg_cq_read(odg_port_cq(port), idx + i);
			const char *data = (const char *)(uintptr_t)cqe->user_data;

			datagrams++;
			bytes += cqe->len;
			end |= cqe->len == 3 && !memcmp(data, "end", 3);
			if (cqe->flags & ODG_CQE_MORE)
				continue;
			/* used up: done with its datagrams, so it stands again */
			odg_rq_write_standing(&rq, region, piece * PIECE, PIECE,
					      LARGEST, (uintptr_t)mem[piece], 0);
			piece = (piece + 1) % PIECES;
		}
		odg_cq_release(odg_port_cq(port), n);
		must(ODG_CALL_POST, odg_rq_submit(&rq));
	}
	printf("%lu datagrams, %lu bytes\n", datagrams, bytes);
	odg_rq_close(&rq);
	odg_port_close(port);
}
