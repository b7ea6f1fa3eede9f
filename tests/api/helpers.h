/* SPDX-License-Identifier: MIT */
/*
 * What the programs of this directory share.  They talk to /dev/odgram by
 * ioctl alone, so that a mistake of the library cannot hide one of the module.
 *
 * Rules of the house:
 * - Every output is poisoned before the call that fills it (POISON).
 * - A test waits for conditions, never for a guessed time; reap(), eventually()
 *   and the rest give up after limit_ns(), which the variable ODG_SLOW (a
 *   factor) stretches.
 * - One input of a row is invalid, everything else valid; the errno is exact.
 */
#ifndef ODG_TESTS_API_HELPERS_H
#define ODG_TESTS_API_HELPERS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/odgram.h>

#define POISON		0xa5
#define POISON32	0xdeadbeefU
#define POISON64	0xdeadbeefdeadbeefULL
#define PAGE		4096UL
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* --- checking ---------------------------------------------------------- */

/*
 * want(what, value): as assert_int_equal(), but shows signed values and errno
 * names, the row() it happened in, and works in children and threads, too.
 */
#define want(got, expected) \
	want_at((long long)(got), (long long)(expected), #got, __FILE__, __LINE__)
#define want_true(cond) \
	want_at(!!(cond), 1, #cond, __FILE__, __LINE__)
void want_at(long long got, long long expected, const char *what,
	     const char *file, int line);

/* sys(call): the call's value; the test fails if it is -1. */
#define sys(call) sys_at((long)(call), #call, __FILE__, __LINE__)
long sys_at(long ret, const char *what, const char *file, int line);

/* Names the row of a table (or the round of a loop) failures are in. */
void row(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

uint64_t now_ns(clockid_t clock);
uint64_t limit_ns(void);		/* how long to wait for what must come */
void nap(void);				/* between two looks at a condition */
unsigned long env_number(const char *name, unsigned long otherwise);
/* The variable, or so many; fewer where ODG_SLOW says it is a slow kernel. */
unsigned long scaled(const char *name, unsigned long otherwise);

#define eventually(cond) do {						\
	uint64_t end_ = now_ns(CLOCK_MONOTONIC) + limit_ns();		\
	while (!(cond)) {						\
		if (now_ns(CLOCK_MONOTONIC) > end_)			\
			want_at(0, 1, "in time: " #cond, __FILE__, __LINE__); \
		nap();							\
	}								\
} while (0)

/*
 * In a loop that ends when all has come: fails when @seen, some sum of what came until
 * now, has not changed for limit_ns().  *p is zero at first.
 */
struct progress {
	uint64_t seen, until;
};

void want_progress(struct progress *p, uint64_t seen);

/* Runs fn in a child; a want() that fails there fails the test here. */
void in_child(void (*fn)(void *arg), void *arg);
void skip_child(const char *why) __attribute__((noreturn));
/* For forks that in_child() does not make: want() then ends the child. */
void now_in_child(void);
/* A shell command that has to succeed. */
void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Waits until a thread of this process sleeps in the kernel. */
void wait_asleep(int tid);
/* A number from a "name: number" or "name number" line of a /proc file. */
long proc_number(const char *file, const char *name);
/* Pages pinned now by anybody, from /proc/vmstat. */
long pinned_now(void);

/* --- ports ------------------------------------------------------------- */

struct port {
	int fd;
	uint8_t *map;
	size_t map_size;
	uint32_t entries, cqe_size;
	uint32_t *prod, *cons, *loud, *arm;
	uint64_t *changes, *errors;
	uint8_t *cqes;
	uint32_t seq;			/* the next completion's */
	bool joins;			/* completions may hold several datagrams */
	struct odg_cqe_wide last;	/* what reap() returned */
};

/* ioctl(2) that returns -errno. */
int odg(int fd, unsigned long cmd, void *arg);

void port_open(struct port *p, unsigned int entries, unsigned int flags);
void port_close(struct port *p);
uint32_t port_unread(const struct port *p);
void port_release(struct port *p, uint32_t n);
/* The entry at index (free-running), without releasing it. */
const struct odg_cqe *port_entry(const struct port *p, uint32_t index);
struct odg_port_stats port_stats(const struct port *p);
struct odg_sock_stats sock_stats(const struct port *p, int sock);
/* 0, or how far the sum that odg_sock_stats promises is off. */
long stats_gap(const struct odg_sock_stats *s);
void want_stats_sum(const struct port *p, int sock);

int odg_wait(const struct port *p, unsigned int min, uint64_t timeout_ns);
int odg_bind(const struct port *p, int sock, unsigned int flags);
int odg_unbind(const struct port *p, int sock);
int cancel_id(const struct port *p, uint64_t id);
int cancel_socket(const struct port *p, int sock);
int cancel_thread(const struct port *p, int tid);
int cancel_socket_thread(const struct port *p, int sock, int tid);

/* --- operations -------------------------------------------------------- */

#define OP_SEGS	8
#define OP_DATA	2048

struct op {
	struct odg_recv r;	/* state and id as the last post left them */
	struct odg_seg seg[OP_SEGS];
	struct odg_cqe_wide result;
	uint8_t data[OP_DATA];
};

/* One segment of all of data, poisoned; user_data is made unique. */
void op_init(struct op *op);
/* n segments of these lengths, one behind the other in data. */
void op_segs(struct op *op, unsigned int n, const uint32_t *lens);
/* Asks for the completion at op->result. */
void op_result(struct op *op);

/*
 * Posts ops in order; returns what the ioctl did.  The arrays it hands to the
 * kernel are scribbled on before it returns: they belong to the caller then.
 */
int post_n(const struct port *p, int sock, struct op *op, unsigned int n);
int post(const struct port *p, int sock, struct op *op);
/* Must pend. */
void post_pending(const struct port *p, int sock, struct op *op);

/* Waits for the next completion, checks what holds for all, releases it. */
const struct odg_cqe *reap(struct port *p);
/* The next completion is op's, status 0, and has exactly these bytes. */
const struct odg_cqe *reap_data(struct port *p, const struct op *op,
				const void *data, size_t len);
/* The next completion is op's, with this status, and no data. */
const struct odg_cqe *reap_status(struct port *p, const struct op *op, int status);
/* A completion at op->result with exactly these bytes. */
void want_result(const struct op *op, const void *data, size_t len);
void want_data(const struct odg_cqe *c, const struct op *op,
	       const void *data, size_t len);
bool is_poison(const void *mem, size_t len);
/* No completion is there. */
void want_none(const struct port *p);

/* --- sends --------------------------------------------------------------- */

#define TX_DATA	1400

struct tx {
	struct odg_send s;	/* state and id as the last call left them */
	struct odg_seg seg;
	struct odg_cqe_wide result;
	uint8_t data[TX_DATA];
};

/* These bytes, to there; user_data is made unique. */
void tx_init(struct tx *tx, const void *data, size_t len,
	     const struct sockaddr *to, socklen_t tolen);
/* Asks for the completion at tx->result. */
void tx_result(struct tx *tx);
/* As post_n(); the bytes of those that wait are scribbled on as well. */
int send_n(const struct port *p, int sock, struct tx *tx, unsigned int n);
/* The next completion is tx's, with this status, and so many bytes sent. */
void reap_sent(struct port *p, const struct tx *tx, int status, size_t len);

/* --- sockets ----------------------------------------------------------- */

union sockaddr_any {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* A UDP socket bound to the loopback address of the family. */
int udp(int family);
/* A UDP socket that is not bound. */
int udp_unbound(int family);
socklen_t addr_of(int sock, union sockaddr_any *a);
uint16_t port_of(int sock);		/* network order */
void connect_to(int from, int to);
void send_to(int from, int to, const void *data, size_t len);
#define send_str(from, to, s) send_to(from, to, s, strlen(s))
/*
 * Waits until all that was sent over lo, and the errors that it drew, has been dealt
 * with to the end: all of it goes by one CPU, in order (tests/vm/guest).
 */
void settle(void);
/* Sends and waits until the datagram is in to's own queue. */
void send_queued(int from, int to, const void *data, size_t len);
#define queue_str(from, to, s) send_queued(from, to, s, strlen(s))
/* recv(2) of exactly this. */
void native_recv(int sock, const void *data, size_t len);
void set_opt(int sock, int level, int name, int value);
/* SO_MEMINFO of a socket: SK_MEMINFO_*. */
uint32_t meminfo(int sock, int which);
/* Waits until this many datagrams have reached a bound socket. */
void wait_arrived(const struct port *p, int sock, uint64_t n);
uint64_t eventfd_count(int fd);		/* and reset it; 0 if it is not set */

/* --- namespaces; for children of in_child() ------------------------------ */

/* Its own, with lo and v0 (10.99.0.1, fd99::1); ends with the child. */
void own_namespace(void);

/* One more at the other end of v0, which is called v1 there; ends likewise. */
struct far {
	int family;
	int near, ns;		/* descriptors of both */
};

void far_create(struct far *far, int family);
/* shell() over there. */
void far_shell(const struct far *far, const char *command);
/* What is sent to the far end waits in v0 until far_release(). */
void far_stall(void);
/* Gives v1 its address (10.99.0.2 or fd99::2), and lets all go that waits. */
void far_release(const struct far *far);
/* A socket over there, bound to any address, and the address to reach it by. */
int far_udp(const struct far *far, union sockaddr_any *to);

/* --- fixture ----------------------------------------------------------- */

#define FIX_OPS 16

struct fix {
	struct port p;		/* 64 entries, wide */
	int family;
	int rx, tx;		/* tx sends to rx */
	struct op op[FIX_OPS];
};

int setup_v4(void **state);
int setup_v6(void **state);
/* Closes all and checks that each op accepted completed exactly once. */
int teardown(void **state);

/* Rows of the table in main(): a test on a fresh fixture. */
#define T(name)  { #name, name, setup_v4, teardown, NULL }
#define T6(name) { #name "_ipv6", name, setup_v6, teardown, NULL }
#define T46(name) T(name), T6(name)
/* ... and one that needs none. */
#define T0(name) { #name, name, NULL, NULL, NULL }

#endif
