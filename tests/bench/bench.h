/* SPDX-License-Identifier: MIT */
#ifndef ODG_BENCH_H
#define ODG_BENCH_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define BURST		64	/* datagrams sent before the receiver looks */
#define MAX_PAYLOAD	2048
#define WANT_BUFFER	0xee	/* what a buffer holds before a datagram does */

/* What a receiver says about one datagram; it has to say it every time. */
struct got {
	const void *data;
	uint32_t len;
	uint16_t port;		/* sender's, network order */
	uint32_t addr;		/* sender's, network order */
	uint32_t ifindex;	/* these two only if it claims to tell them */
	uint64_t ns;
};

/* Receivers put the datagrams of a burst here, in the order they came. */
extern unsigned char rx_buf[BURST][MAX_PAYLOAD];
extern struct got got[BURST];

/* receiver.flags */
#define TELLS_MORE	0x1	/* arrival time and interface, too */

/*
 * One way of receiving.  post and drain are timed, the rest is not.  Those that
 * drop (the floors) have neither, and dropped() tells how many they got.
 */
struct receiver {
	const char *name;	/* one word, for the JSON */
	const char *label;
	unsigned int flags;
	int (*make)(void);	/* the socket; NULL: socket(2) */
	void (*open)(int fd);
	void (*post)(int fd);
	void (*drain)(int fd);
	uint64_t (*dropped)(int fd);
	void (*close)(void);
};

/* Each ends with an entry without a name.  The first is the floor. */
extern const struct receiver floor_receivers[], ring_receivers[],
	rio_receivers[], post_receivers[], winsock_receivers[],
	socket_receivers[], uring_receivers[];

/* util.c */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void progress(const char *fmt, ...);

/*
 * Fails loudly where the bench has no use for going on.  To look is inline, as it is
 * in a program that is measured, whoever made the call.
 */
#define MUST(call) must((call), #call)
#define ODG_MUST(call) odg_must((call), #call)

static inline long must(long ret, const char *what)
{
	if (__builtin_expect(ret < 0, 0))
		die("%s: %s", what, strerror(errno));
	return ret;
}

/* The same for calls that return a negative errno value. */
static inline int odg_must(int ret, const char *what)
{
	if (__builtin_expect(ret < 0, 0))
		die("%s: %s", what, strerror(-ret));
	return ret;
}

double now(void);		/* nanoseconds: instructions, under icount */
double since(double start);	/* less what looking at the clock costs */
void settle(void);
double median(double *values, int count);
void need_files(unsigned int count);

/* counters.c: since the previous call; counting costs, so never while timing */
struct counts {
	double syscalls, switches;
};

void counters_open(void);
struct counts counters_read(void);
void counters_close(void);

/* load.c */
int receiver_socket(struct sockaddr_in *at);
void receiver_bind(int fd, struct sockaddr_in *at);
int sender_socket(const struct sockaddr_in *to, unsigned int gso,
		  struct sockaddr_in *from);
void fill(unsigned char *buf, unsigned int payload, uint32_t nr);
void check_sender(const struct got *g, const struct sockaddr_in *from,
		  const char *who);

/* burst.c: the parts of a burst */
const struct receiver *burst_receiver(const char *name);
void burst_load(unsigned int bytes, bool segment);
unsigned int burst_bytes(void);
int burst_socket(const struct receiver *rx, struct sockaddr_in *at);
void burst_prepare(void);
void burst_send(int fd);
void burst_check(const struct receiver *rx, const struct sockaddr_in *from);

/* The experiments; argv holds what follows their name. */
int burst_main(int argc, char **argv);
int woken_main(int argc, char **argv);
int depth_main(int argc, char **argv);
int fifo_main(int argc, char **argv);
int memory_main(int argc, char **argv);
int sockets_main(int argc, char **argv);
int plain_main(int argc, char **argv);
int latency_main(int argc, char **argv);

#endif
