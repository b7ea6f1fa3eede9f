/* SPDX-License-Identifier: MIT */
#ifndef ODG_BENCH_MANY_H
#define ODG_BENCH_MANY_H

#include "bench.h"

#define MANY_MAX	10000
#define MANY_PAYLOAD	64

/* A way of receiving from many sockets; drain takes one datagram of each. */
struct many {
	const char *name;
	void (*open)(unsigned int count);
	void (*post)(unsigned int count);
	void (*drain)(unsigned int count);
	void (*close)(unsigned int count);
};

/* Ends with an entry without a name.  The first is the floor. */
extern const struct many many_receivers[];
extern int many_fds[MANY_MAX];
extern struct got many_got[MANY_MAX];	/* by socket */

#endif
