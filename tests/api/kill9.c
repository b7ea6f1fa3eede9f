// SPDX-License-Identifier: MIT
/*
 * kill -9 of a program with 4,096 pinned receives pending, a hundred times
 * (ODG_KILL_ROUNDS): nothing leaks and the port number is free at once.  The
 * module's removal afterwards is the harness's to try.
 */
#include "helpers.h"

#include <signal.h>
#include <sys/wait.h>

#define OPS 4096

/* 4,096 receives, each with a page of its own, then wait to be killed. */
static void victim(uint16_t port, int ready)
{
	union sockaddr_any a = { .v4 = {
		.sin_family = AF_INET, .sin_port = port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	} };
	struct odg_recv *r = calloc(ODG_MAX_POSTS, sizeof(*r));
	struct odg_seg *seg = calloc(ODG_MAX_POSTS, sizeof(*seg));
	uint8_t *m = mmap(NULL, OPS * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct port p;
	int s = udp_unbound(AF_INET);

	want_true(r && seg && m != MAP_FAILED);
	sys(bind(s, &a.sa, sizeof(a.v4)));
	port_open(&p, OPS, 0);
	for (size_t done = 0; done < OPS; done += ODG_MAX_POSTS) {
		struct odg_post arg = {
			.size = sizeof(arg), .fd = s, .recvs = (uintptr_t)r,
			.count = ODG_MAX_POSTS,
		};

		for (size_t i = 0; i < ODG_MAX_POSTS; i++) {
			seg[i].addr = (uintptr_t)m + (done + i) * PAGE;
			seg[i].len = PAGE;
			r[i] = (struct odg_recv){
				.segs = (uintptr_t)&seg[i], .nr_segs = 1,
				.eventfd = -1,
			};
		}
		want(odg(p.fd, ODG_POST, &arg), ODG_MAX_POSTS);
	}
	want(port_stats(&p).outstanding, OPS);
	want(port_stats(&p).pinned_pages, OPS);
	want(sys(write(ready, "r", 1)), 1);
	for (;;)
		pause();
}

/* Returns the port number that was used. */
static uint16_t kill_one(uint16_t port)
{
	int ready[2], status;
	char c;
	pid_t pid;

	sys(pipe(ready));
	fflush(stdout);
	pid = (pid_t)sys(fork());
	if (!pid) {
		now_in_child();
		close(ready[0]);
		victim(port, ready[1]);
	}
	close(ready[1]);
	want(read(ready[0], &c, 1), 1);
	close(ready[0]);
	sys(kill(pid, SIGKILL));
	sys(waitpid(pid, &status, 0));
	want_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return port;
}

static long available_kib(void)
{
	return proc_number("/proc/meminfo", "MemAvailable");
}

static void kill9_with_4096_receives_pending(void **state)
{
	unsigned long rounds = scaled("ODG_KILL_ROUNDS", 100);
	union sockaddr_any a;
	long memory, pinned;
	uint16_t port;
	int s;

	(void)state;
	s = udp(AF_INET);
	addr_of(s, &a);
	port = a.v4.sin_port;
	close(s);
	/* The first rounds fill caches. */
	for (int i = 0; i < 3; i++)
		kill_one(port);
	pinned = pinned_now();
	memory = available_kib();
	for (unsigned long i = 0; i < rounds; i++) {
		row("round %lu", i);
		kill_one(port);
		s = udp_unbound(AF_INET);
		sys(bind(s, &a.sa, sizeof(a.v4)));
		close(s);
	}
	row("after %lu rounds", rounds);
	eventually(pinned_now() == pinned);
	/* One round's buffers are 16 MiB; two of them would be a trend. */
	eventually(available_kib() > memory - 32 * 1024);
	print_message("# MemAvailable %ld -> %ld KiB\n", memory, available_kib());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(kill9_with_4096_receives_pending),
	};
	return cmocka_run_group_tests_name("kill9", tests, NULL, NULL);
}
