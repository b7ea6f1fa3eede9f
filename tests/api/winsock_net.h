/* SPDX-License-Identifier: MIT */
/*
 * Two network namespaces, for tests of the Winsock face:
 *
 *	here (A)  veth "oa", 10.77.0.1, fd77::1  <->  "ob", 10.77.0.2, fd77::2 (B)
 *
 * B is a child process.  Each test makes its own pair; the namespaces, and with
 * them the devices, go when the processes end.
 *
 * They know each other from the start.  Datagrams that wait for an answer to "who has
 * this address?" are overtaken by later ones when it comes, and fail when it is late.
 */
#ifndef ODG_TESTS_API_WINSOCK_NET_H
#define ODG_TESTS_API_WINSOCK_NET_H

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <mswsock.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include "in_order.h"
#include "winsock_env.h"

#define PORT		27020

/* What the two processes share. */
static struct shared {
	atomic_int ready;		/* steps of setting up */
	atomic_bool open[4];		/* the way to a subscriber */
	atomic_uint received[4];
	atomic_bool failed;
} *shared;

static inline void wait_ready(int step)
{
	while (atomic_load(&shared->ready) < step && !atomic_load(&shared->failed))
		usleep(1000);
}

static pid_t b;

static inline void in_b(void (*fn)(void))
{
	if (unshare(CLONE_NEWNET))
		_exit(2);
	atomic_store(&shared->ready, 1);
	wait_ready(2);
	if (system("ip -batch - <<'END'\n"
		   "link set lo up\n"
		   "addr add 10.77.0.2/24 dev ob\n"
		   "addr add fd77::2/64 dev ob nodad\n"
		   "link set ob up\n"
		   "neigh add 10.77.0.1 lladdr 02:00:00:00:00:01 dev ob\n"
		   "neigh add fd77::1 lladdr 02:00:00:00:00:01 dev ob\n"
		   "END") ||
	    !in_order("ob"))
		_exit(3);
	atomic_store(&shared->ready, 3);
	wait_ready(4);
	fn();
	_exit(0);
}

/* two_namespaces - this process is A; B runs fn when start() is called */
static inline void two_namespaces(void (*fn)(void))
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	memset(shared, 0, sizeof(*shared));
	b = fork();
	if (!b)
		in_b(fn);
	wait_ready(1);
	shell("ip -batch - <<'END'\n"
	      "link set lo up\n"
	      "link add oa address 02:00:00:00:00:01 type veth"
	      " peer name ob address 02:00:00:00:00:02 netns %d\n"
	      "END", (int)b);
	atomic_store(&shared->ready, 2);
	wait_ready(3);
	shell("ip -batch - <<'END'\n"
	      "addr add 10.77.0.1/24 dev oa\n"
	      "addr add fd77::1/64 dev oa nodad\n"
	      "link set oa up\n"
	      "neigh add 10.77.0.2 lladdr 02:00:00:00:00:02 dev oa\n"
	      "neigh add fd77::2 lladdr 02:00:00:00:00:02 dev oa\n"
	      "END");
	assert_true(in_order("oa"));
	/* Carrier, and IPv6 addresses that may be used. */
	shell("for i in $(seq 500); do ip -6 route get fd77::2 >/dev/null 2>&1 &&"
	      " ip link show oa | grep -q 'state UP' && exit 0; sleep 0.02; done; exit 1");
}

static inline void start(void)
{
	atomic_store(&shared->ready, 4);
}

static inline void b_ends_well(void)
{
	int status;

	assert_int_equal(waitpid(b, &status, 0), b);
	assert_int_equal(status, 0);
}

/* Before the tests run. */
static inline int share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return shared == MAP_FAILED;
}

#endif
