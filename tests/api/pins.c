// SPDX-License-Identifier: MIT
/*
 * Pages stay pinned between posts of the same buffer, and whatever the program does
 * to its memory meanwhile, a post reaches what a store to that address would.
 */
#include "helpers.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NOBODY 65534

static uint8_t *pages_at(void *at, size_t n)
{
	uint8_t *m = mmap(at, n * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0),
			  -1, 0);

	want_true(m != MAP_FAILED);
	return m;
}

static uint8_t *pages(size_t n)
{
	return pages_at(NULL, n);
}

static void aim(struct op *op, uint8_t *at, size_t len)
{
	op_init(op);
	op->seg[0].addr = (uintptr_t)at;
	op->seg[0].len = (uint32_t)len;
}

static int post_at(const struct port *p, int sock, uint8_t *at, size_t len)
{
	struct op op;

	aim(&op, at, len);
	return post(p, sock, &op);
}

/* A datagram for the oldest receive; what it left at this address. */
static void arrives(struct fix *f, const uint8_t *at, const char *text)
{
	const struct odg_cqe *c;
	size_t len = strlen(text);

	send_to(f->tx, f->rx, text, len);
	c = reap(&f->p);
	want(c->status, 0);
	want(c->len, len);
	want(memcmp(at, text, len), 0);
	want(at[len], POISON);
}

/* One whole receive at this address, which has to be writable. */
static void receive(struct fix *f, uint8_t *at, const char *text)
{
	memset(at, POISON, PAGE);
	want(post_at(&f->p, f->rx, at, PAGE), 1);
	arrives(f, at, text);
}

static uint64_t kept(struct fix *f)
{
	return port_stats(&f->p).kept_pages;
}

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
	want(kept(f), 1);
	want(port_stats(&f->p).pinned_pages, 0);
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

static void munmap_and_mmap_at_the_same_address(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();
	uint8_t *m = pages(4);

	receive(f, m, "old page");
	sys(munmap(m, 4 * PAGE));
	want(kept(f), 0);
	want(post_at(&f->p, f->rx, m, PAGE), -EFAULT);
	eventually(pinned_now() == before);
	pages_at(m, 4);
	receive(f, m, "new page");

	row("mapped over");
	pages_at(m, 4);
	want(kept(f), 0);
	receive(f, m, "newest page");
}

static void receive_in_flight_keeps_what_is_unmapped(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();
	uint8_t *m = pages(1);

	want(post_at(&f->p, f->rx, m, PAGE), 1);
	sys(munmap(m, PAGE));
	want(kept(f), 0);
	want(pinned_now(), before + 1);
	pages_at(m, 1);
	memset(m, POISON, PAGE);
	send_str(f->tx, f->rx, "goes to the old page");
	want(reap(&f->p)->status, 0);
	want_true(is_poison(m, PAGE));
	eventually(pinned_now() == before);
	receive(f, m, "new page");
}

static void mprotect_read_only_is_EFAULT(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(3);

	receive(f, m + PAGE, "writable");
	sys(mprotect(m, 3 * PAGE, PROT_READ));
	want(post_at(&f->p, f->rx, m + PAGE, PAGE), -EFAULT);
	want(kept(f), 0);
	sys(mprotect(m, 3 * PAGE, PROT_READ | PROT_WRITE));
	receive(f, m + PAGE, "writable again");
	sys(mprotect(m, 3 * PAGE, PROT_NONE));
	want(post_at(&f->p, f->rx, m + PAGE, PAGE), -EFAULT);
}

static void mremap_moves_the_page(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(1), *to = pages(1);

	receive(f, m, "before");
	want_true(mremap(m, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to);
	want(post_at(&f->p, f->rx, m, PAGE), -EFAULT);
	receive(f, to, "where it is now");
	pages_at(m, 1);
	receive(f, m, "a page of its own");
	want(memcmp(to, "where it is now", 15), 0);
}

static void madvise_gives_a_new_page(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(2);

	receive(f, m, "before");
	sys(madvise(m, 2 * PAGE, MADV_DONTNEED));
	want(kept(f), 0);
	want(m[0], 0);
	receive(f, m, "after");

	row("never touched by the program");
	sys(madvise(m, 2 * PAGE, MADV_DONTNEED));
	want(post_at(&f->p, f->rx, m, PAGE), 1);
	send_str(f->tx, f->rx, "there");
	want(reap(&f->p)->status, 0);
	want(memcmp(m, "there", 5), 0);
}

/* A shared file: what a new page of it holds, read(2) sees as well. */
static void truncated_and_punched_file(void **state)
{
	struct fix *f = *state;
	int fd = (int)sys(memfd_create("pins", MFD_CLOEXEC));
	char buf[16];
	uint8_t *m;

	sys(ftruncate(fd, PAGE));
	m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	want_true(m != MAP_FAILED);
	receive(f, m, "in a file");

	row("punched");
	sys(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	want(kept(f), 0);
	receive(f, m, "new page");
	want(pread(fd, buf, 8, 0), 8);
	want(memcmp(buf, "new page", 8), 0);

	row("truncated");
	sys(ftruncate(fd, 0));
	want(kept(f), 0);
	want(post_at(&f->p, f->rx, m, PAGE), -EFAULT);
	sys(ftruncate(fd, PAGE));
	receive(f, m, "and grown");
	want(pread(fd, buf, 9, 0), 9);
	want(memcmp(buf, "and grown", 9), 0);
	close(fd);
}

/* A child that has the parent's memory, touches a page or not, and waits. */
static pid_t child_that_waits(uint8_t *touch, int *end)
{
	int ready[2], until[2];
	pid_t pid;
	char c;

	sys(pipe2(ready, O_CLOEXEC));
	sys(pipe2(until, O_CLOEXEC));
	fflush(stdout);
	pid = (pid_t)sys(fork());
	if (!pid) {
		uint8_t seen[8];

		close(until[1]);
		if (touch)
			memcpy(touch, "child's", 8);
		if (write(ready[1], "r", 1) != 1 ||
		    read(until[0], &c, 1) != 0)
			_exit(1);
		memcpy(seen, touch ? touch : (uint8_t *)"child's", 8);
		_exit(memcmp(seen, "child's", 8) ? 2 : 0);
	}
	close(until[0]);
	close(ready[1]);
	want(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*end = until[1];
	return pid;
}

static void child_ends_well(pid_t pid, int end)
{
	int status;

	close(end);
	sys(waitpid(pid, &status, 0));
	want(status, 0);
}

static void fork_leaves_the_parent_its_page(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(2);
	pid_t pid;
	int end;

	row("the child writes first");
	receive(f, m, "before");
	pid = child_that_waits(m, &end);
	receive(f, m, "while it lives");
	child_ends_well(pid, end);
	receive(f, m, "and after");

	row("the parent writes first");
	pid = child_that_waits(NULL, &end);
	m[0] = 'x';
	receive(f, m, "while it lives");
	child_ends_well(pid, end);

	row("the post writes first");
	memset(m, POISON, PAGE);
	pid = child_that_waits(NULL, &end);
	want(post_at(&f->p, f->rx, m, PAGE), 1);
	arrives(f, m, "while it lives");
	child_ends_well(pid, end);

	row("a receive in flight");
	memset(m, POISON, PAGE);
	want(post_at(&f->p, f->rx, m, PAGE), 1);
	pid = child_that_waits(m, &end);
	arrives(f, m, "the parent's");
	child_ends_well(pid, end);
}

/* The port's cache is its opener's; a child's posts reach the child's memory. */
static void child_posts_into_its_own_memory(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(1);
	int status;
	pid_t pid;

	receive(f, m, "parent's");
	fflush(stdout);
	pid = (pid_t)sys(fork());
	if (!pid) {
		now_in_child();
		for (int i = 0; i < 5; i++)
			receive(f, m, "the child's");
		_exit(0);
	}
	sys(waitpid(pid, &status, 0));
	want(status, 0);
	want(memcmp(m, "parent's", 8), 0);
	f->p.seq += 5;
	receive(f, m, "parent's again");
}

static void compaction_changes_nothing(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(16);

	for (int i = 0; i < 16; i++)
		receive(f, m + i * PAGE, "before");
	shell("echo 1 >/proc/sys/vm/compact_memory");
	for (int i = 0; i < 16; i++)
		receive(f, m + i * PAGE, "after");
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

/* In a child: a user without rights, who may lock this many pages. */
static void become_nobody(size_t limit)
{
	struct rlimit rl = { .rlim_cur = limit * PAGE, .rlim_max = limit * PAGE };

	sys(setrlimit(RLIMIT_MEMLOCK, &rl));
	sys(setresgid(NOBODY, NOBODY, NOBODY));
	sys(setresuid(NOBODY, NOBODY, NOBODY));
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

	become_nobody(16);
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

/* Another thread changes the map without pause, near the buffer and far. */
struct churn {
	uint8_t *near;
	bool stop;
	unsigned long rounds;
};

static void *churner(void *arg)
{
	struct churn *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		uint8_t *far = pages(3);

		memset(far, 1, 3 * PAGE);
		mprotect(c->near, PAGE, PROT_READ);
		munmap(far, 3 * PAGE);
		mprotect(c->near, PAGE, PROT_READ | PROT_WRITE);
		if (c->rounds % 64 == 0) {
			pid_t pid = fork();

			if (!pid)
				_exit(0);
			waitpid(pid, NULL, 0);
		}
		__atomic_fetch_add(&c->rounds, 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

/* What it leaves unmapped for a moment is a hole too small for the churner. */
static void change(uint8_t *m, uint8_t *aside, unsigned int how)
{
	switch (how % 6) {
	case 0:
		break;
	case 1:
		sys(munmap(m, PAGE));
		pages_at(m, 1);
		break;
	case 2:
		sys(madvise(m, PAGE, MADV_DONTNEED));
		break;
	case 3:
		sys(mprotect(m, PAGE, PROT_READ));
		sys(mprotect(m, PAGE, PROT_READ | PROT_WRITE));
		break;
	case 4:
		pages_at(m, 1);
		break;
	case 5:
		/* to another place and back */
		want_true(mremap(m, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				 aside) == aside);
		want_true(mremap(aside, PAGE, PAGE,
				 MREMAP_MAYMOVE | MREMAP_FIXED, m) == m);
		break;
	}
}

static void each_post_reaches_the_page_of_that_moment(void **state)
{
	unsigned long rounds = scaled("ODG_PIN_ROUNDS", 2000);
	struct fix *f = *state;
	uint8_t *m = pages(20);
	struct churn c = { .near = m + 18 * PAGE };
	unsigned int dice = 1, which;
	pthread_t thread;

	want(pthread_create(&thread, NULL, churner, &c), 0);
	for (unsigned long i = 0; i < rounds; i++) {
		char text[32];

		row("round %lu", i);
		dice = dice * 1103515245 + 12345;
		which = (dice >> 8) % 4;
		change(m + which * PAGE, m + (8 + 2 * which) * PAGE, dice >> 16);
		snprintf(text, sizeof(text), "round %lu", i);
		receive(f, m + (dice >> 24) % 4 * PAGE, text);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
	want(pthread_join(thread, NULL), 0);
	want_true(c.rounds > 0);
}

static uint64_t changes(const struct port *p)
{
	return __atomic_load_n(p->changes, __ATOMIC_ACQUIRE);
}

static void *unmap_page(void *m)
{
	sys(munmap(m, PAGE));
	return NULL;
}

/* ODG_CQ_WATCH: no change of memory that is there goes uncounted. */
static void a_watching_port_counts_changes(void **state)
{
	struct port p, other;
	uint8_t *m, *there;
	pthread_t thread;
	uint64_t before;
	pid_t pid;

	(void)state;
	port_open(&p, 1, ODG_CQ_WATCH);
	want_true(changes(&p) != 0);
	port_open(&other, 1, 0);
	want(changes(&other), 0);

#define COUNTS(what, call) do {			\
	row(what);				\
	before = changes(&p);			\
	call;					\
	want_true(changes(&p) > before);	\
} while (0)
	m = pages(4);
	memset(m, POISON, 4 * PAGE);
	COUNTS("mprotect", sys(mprotect(m, PAGE, PROT_READ)));
	COUNTS("madvise", sys(madvise(m + PAGE, PAGE, MADV_DONTNEED)));
	COUNTS("mmap over it", pages_at(m + 2 * PAGE, 1));
	there = pages(1);
	COUNTS("mremap", want_true(mremap(m + 3 * PAGE, PAGE, PAGE,
					  MREMAP_MAYMOVE | MREMAP_FIXED,
					  there) == there));
	COUNTS("munmap by another thread",
	       want(pthread_create(&thread, NULL, unmap_page, there), 0);
	       want(pthread_join(thread, NULL), 0));
	COUNTS("munmap", sys(munmap(m, 3 * PAGE)));
	COUNTS("fork", pid = fork(); if (!pid) _exit(0));
	sys(waitpid(pid, NULL, 0));
#undef COUNTS

	row("the other port does not");
	want(changes(&other), 0);
	row("what the program writes there is its own loss");
	*p.changes = 7;
	m = pages(1);
	memset(m, POISON, PAGE);
	sys(munmap(m, PAGE));
	want_true(changes(&p) > before);
	port_close(&other);
	port_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(same_buffer_is_pinned_once),
		T(two_receives_share_a_page),
		T(munmap_and_mmap_at_the_same_address),
		T(receive_in_flight_keeps_what_is_unmapped),
		T(mprotect_read_only_is_EFAULT),
		T(mremap_moves_the_page),
		T(madvise_gives_a_new_page),
		T(truncated_and_punched_file),
		T(fork_leaves_the_parent_its_page),
		T(child_posts_into_its_own_memory),
		T(compaction_changes_nothing),
		T(table_is_bounded),
		T(kept_pages_make_room_within_the_limit),
		T(close_unpins_what_is_kept),
		T(kill_unpins_what_is_kept),
		T(each_post_reaches_the_page_of_that_moment),
		T(a_watching_port_counts_changes),
	};
	return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
