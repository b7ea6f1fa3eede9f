// SPDX-License-Identifier: MIT
/* The sender's side: sockets over loopback, and datagrams one can recognise. */
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"

/* Binds to a free port of loopback and says which. */
void receiver_bind(int fd, struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int big = 8 << 20;

	*at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)));
	MUST(bind(fd, (struct sockaddr *)at, sizeof(*at)));
	MUST(getsockname(fd, (struct sockaddr *)at, &len));
}

int receiver_socket(struct sockaddr_in *at)
{
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	receiver_bind(fd, at);
	return fd;
}

/* gso: bytes of a segment, or 0.  to: whom to connect to, or NULL. */
int sender_socket(const struct sockaddr_in *to, unsigned int gso,
		  struct sockaddr_in *from)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	socklen_t len = sizeof(*from);

	MUST(bind(fd, (const struct sockaddr *)&at, sizeof(at)));
	if (to)
		MUST(connect(fd, (const struct sockaddr *)to, sizeof(*to)));
	if (gso)
		MUST(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &gso, sizeof(gso)));
	MUST(getsockname(fd, (struct sockaddr *)from, &len));
	return fd;
}

/* A number and a pattern that depends on it: no two datagrams are alike. */
void fill(unsigned char *buf, unsigned int payload, uint32_t nr)
{
	for (unsigned int i = 0; i < payload; i++)
		buf[i] = nr * 31 + i;
	memcpy(buf, &nr, payload < sizeof(nr) ? payload : sizeof(nr));
}

void check_sender(const struct got *g, const struct sockaddr_in *from,
		  const char *who)
{
	if (g->port != from->sin_port || g->addr != from->sin_addr.s_addr)
		die("%s: a datagram has the wrong sender", who);
}
