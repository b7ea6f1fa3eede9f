/* SPDX-License-Identifier: MIT */
/* The kernel's way to tell of a datagram what odgram's completions tell. */
#ifndef ODG_BENCH_INFO_H
#define ODG_BENCH_INFO_H

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "bench.h"

#define INFO_ROOM (CMSG_SPACE(sizeof(struct timespec)) + \
		   CMSG_SPACE(sizeof(struct in_pktinfo)))

static inline void info_ask(int fd)
{
	const int on = 1;

	MUST(setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)));
	MUST(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)));
}

static inline void info_take(const struct cmsghdr *cmsg, struct got *g)
{
	struct in_pktinfo where;
	struct timespec when;

	if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_TIMESTAMPNS) {
		memcpy(&when, CMSG_DATA(cmsg), sizeof(when));
		g->ns = when.tv_sec * 1000000000ULL + when.tv_nsec;
	} else if (cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
		memcpy(&where, CMSG_DATA(cmsg), sizeof(where));
		g->ifindex = where.ipi_ifindex;
	}
}

#endif
