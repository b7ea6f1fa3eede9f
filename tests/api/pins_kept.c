// SPDX-License-Identifier: MIT
/*
 * Pages stay pinned between posts of the same buffer: once each, so many, as long as
 * the limit lets them, and no longer than the port.
 */
#include "pins.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* How many pages anybody has pinned since the machine started. */
static long pinned_ever(void)
{
	/* folds the counters */
	pinned_now();
	return proc_number("/proc/vmstat", "nr_foll_pin_acquired");
}

static void same_buffer_is_pinned_once(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(2);
	long before;

	receive(f, m, "first");
	eventually(port_stats(&f->p).pinned_pages == 0);
	want(kept(f), 1);
	before = pinned_ever();
	for (int i = 0; i < 20; i++)
		receive(f, m, "again");
	want(pinned_ever(), before);
	want(kept(f), 1);

	row("another offset, and across to the next page");
	memset(m, POISON, 2 * PAGE);
	want(post_at(&f->p, f->rx, m + 100, 50), 1);
	want(post_at(&f->p, f->rx, m + PAGE - 2, 50), 1);
	want(port_stats(&f->p).pinned_pages, 3);
	arrives(f, m + 100, "in the middle");
	arrives(f, m + PAGE - 2, "over the edge");
	want(pinned_ever(), before + 1);
	want(kept(f), 2);
}

static void two_receives_share_a_page(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(1);

	memset(m, POISON, PAGE);
	want(post_at(&f->p, f->rx, m, 100), 1);
	want(post_at(&f->p, f->rx, m + 2000, 100), 1);
	want(kept(f), 1);
	want(port_stats(&f->p).pinned_pages, 2);
	arrives(f, m, "one");
	arrives(f, m + 2000, "two");
}

static void table_is_bounded(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();
	uint8_t *m = pages(600);

	for (int i = 0; i < 600; i++) {
		want(post_at(&f->p, f->rx, m + i * PAGE, PAGE), 1);
		want(cancel_socket(&f->p, f->rx), 1);
		reap(&f->p);
		want_true(kept(f) <= 2 * f->p.entries);
	}
	row("the last ones are there");
	want(kept(f), 2 * f->p.entries);
	eventually(pinned_now() == before + 2 * f->p.entries);

	row("a very long receive keeps nothing");
	want(post_at(&f->p, f->rx, m, 600 * PAGE), 1);
	want(port_stats(&f->p).pinned_pages, 600);
	want(kept(f), 2 * f->p.entries);
	want(cancel_socket(&f->p, f->rx), 1);
	reap(&f->p);
	eventually(pinned_now() == before + 2 * f->p.entries);
	sys(munmap(m, 600 * PAGE));
	want(kept(f), 0);
	eventually(pinned_now() == before);
}

static void cancelled_post(struct port *p, int sock, uint8_t *at, size_t n)
{
	want(post_at(p, sock, at, n * PAGE), 1);
	want(cancel_socket(p, sock), 1);
	reap(p);
}

static void limit_in_child(void *arg)
{
	struct odg_cq_create c = { .size = sizeof(c), .entries = 64 };
	struct odg_region_add r = { .size = sizeof(r) };
	uint8_t *m = pages(64);
	struct fix *f = arg;
	struct port p, q;
	int fd;

	become_nobody(16 * PAGE);
	port_open(&p, 8, 0);
	port_open(&q, 8, 0);
	row("many rounds of other pages fit, since the old ones make room");
	for (int i = 0; i < 40; i++)
		cancelled_post(&p, f->rx, m + i * PAGE, 4);
	want_true(port_stats(&p).kept_pages > 4);

	row("for another port of the user");
	want(post_at(&q, f->rx, m, 12 * PAGE), 1);
	want(port_stats(&p).kept_pages, 0);
	row("what a receive needs is not taken");
	want(post_at(&p, f->rx, m + 20 * PAGE, 8 * PAGE), -ENOMEM);
	want(port_stats(&q).kept_pages, 12);
	send_str(f->tx, f->rx, "all there");
	want(reap(&q)->status, 0);
	want(memcmp(m, "all there", 9), 0);

	row("for a region");
	cancelled_post(&p, f->rx, m, 12);
	r.addr = (uintptr_t)(m + 30 * PAGE);
	r.len = 12 * PAGE;
	want(odg(p.fd, ODG_REGION_ADD, &r), 0);
	want(odg(p.fd, ODG_REGION_DEL,
		 &(struct odg_region_del){ .size = 8, .id = r.id }), 0);

	row("for a queue");
	cancelled_post(&p, f->rx, m, 12);
	fd = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	c.entries = 512;
	want(odg(fd, ODG_CQ_CREATE, &c), 0);
	close(fd);
	port_close(&q);
	port_close(&p);
}

static void kept_pages_make_room_within_the_limit(void **state)
{
	long before = pinned_now();

	sys(chmod("/dev/odgram", 0666));
	in_child(limit_in_child, *state);
	sys(chmod("/dev/odgram", 0600));
	eventually(pinned_now() == before);
}

static void close_unpins_what_is_kept(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();
	uint8_t *m = pages(8);
	struct port p;

	port_open(&p, 8, 0);
	for (int i = 0; i < 8; i++)
		cancelled_post(&p, f->rx, m + i * PAGE, 1);
	want(port_stats(&p).kept_pages, 8);
	port_close(&p);
	want(pinned_now(), before);
}

/* Killed with pages kept and receives in flight. */
static void victim(struct fix *f, int ready)
{
	uint8_t *m = pages(32);
	struct port p;

	port_open(&p, 32, 0);
	for (int i = 0; i < 16; i++)
		cancelled_post(&p, f->rx, m + i * PAGE, 1);
	for (int i = 8; i < 24; i++)
		want(post_at(&p, f->rx, m + i * PAGE, PAGE), 1);
	want(port_stats(&p).kept_pages, 24);
	want(write(ready, "r", 1), 1);
	for (;;)
		pause();
}

static void kill_unpins_what_is_kept(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();

	for (int i = 0; i < 10; i++) {
		int ready[2], status;
		pid_t pid;
		char c;

		sys(pipe(ready));
		fflush(stdout);
		pid = (pid_t)sys(fork());
		if (!pid) {
			now_in_child();
			victim(f, ready[1]);
		}
		close(ready[1]);
		want(read(ready[0], &c, 1), 1);
		close(ready[0]);
		sys(kill(pid, SIGKILL));
		sys(waitpid(pid, &status, 0));
		want_true(WIFSIGNALED(status));
	}
	eventually(pinned_now() == before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(same_buffer_is_pinned_once),
		T(two_receives_share_a_page),
		T(table_is_bounded),
		T(kept_pages_make_room_within_the_limit),
		T(close_unpins_what_is_kept),
		T(kill_unpins_what_is_kept),
	};
	return cmocka_run_group_tests_name("pins kept", tests, NULL, NULL);
}
