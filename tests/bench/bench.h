/* SPDX-License-Identifier: MIT */
#ifndef ODG_BENCH_H
#define ODG_BENCH_H

#include <netinet/in.h>
#include <stdint.h>

#define BURST		64	/* datagrams sent before the receiver looks */
#define MAX_PAYLOAD	2048
#define WANT_BUFFER	0xee	/* what a buffer holds before a datagram does */

/* What a receiver says about one datagram; it has to say it every time. */
struct got {
	uint32_t len;
	uint16_t port;		/* network order */
	uint32_t addr;		/* network order */
};

/*
 * One way of receiving.  post and drain are timed, the rest is not.  Those that
 * drop (the floor) have neither, and dropped() tells how many they got.
 */
struct receiver {
	const char *name;	/* one word, for the JSON */
	const char *label;
	int needs_module;
	void (*open)(int fd);
	void (*post)(int fd);
	void (*drain)(int fd);
	uint64_t (*dropped)(int fd);
	void (*close)(void);
};

extern const struct receiver odgram_receivers[], native_receivers[];
extern unsigned char rx_buf[BURST][MAX_PAYLOAD];
extern struct got got[BURST];

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);

/* Fails loudly where the bench has no use for going on. */
#define MUST(call) must((call), #call)
long must(long ret, const char *what);

#endif
