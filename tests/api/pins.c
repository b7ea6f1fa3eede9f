// SPDX-License-Identifier: MIT
/*
 * Pages stay pinned between posts of the same buffer, but whatever the program does
 * to its memory meanwhile, a post reaches what a store to that address would.
 */
#include "helpers_ring.h"
#include "pins.h"

#include <pthread.h>
#include <sys/wait.h>

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

/* What is written back somewhere belongs to who writes it, and he has to be asked. */
static void memory_of_a_file_on_a_disk_is_EFAULT(void **state)
{
	struct rq_fix q;
	uint8_t *m;
	int fd;

	/* the file of the disk itself, of whatever else is one */
	if (system("modprobe -q brd rd_nr=1 rd_size=64 2>/dev/null"))
		skip();
	fd = (int)sys(open("/dev/ram0", O_RDWR | O_CLOEXEC));
	m = pages(2);
	want_true(mmap(m + PAGE, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, fd, 0) == m + PAGE);
	close(fd);
	memset(m, POISON, 2 * PAGE);
	setup_ring_with(&q, *state, 4, ODG_RQ_ADDRESSES);

	row("registered");
	region_add(&q.f->p, m, 2 * PAGE, -EFAULT);
	region_add(&q.f->p, m + PAGE, 1, -EFAULT);
	row("by address");
	ring_write_addr(&q.r, 1, m + PAGE, PAGE);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "waits");
	reap_ring(&q, 1, -EFAULT, 0);
	native_recv(q.f->rx, "waits", 5);
	row("posted");
	want(post_at(&q.f->p, q.f->rx, m + PAGE, PAGE), -EFAULT);
	want(post_at(&q.f->p, q.f->rx, m, 2 * PAGE), -EFAULT);
	want_true(is_poison(m, 2 * PAGE));
	row("what need not be pinned may go there");
	queue_str(q.f->tx, q.f->rx, "queued");
	want(post_at(&q.f->p, q.f->rx, m + PAGE, PAGE), 1);
	want(reap(&q.f->p)->len, 6);
	want(memcmp(m + PAGE, "queued", 6), 0);
	munmap(m, 2 * PAGE);
	drop_ring(&q);
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

static void each_post_reaches_the_page_of_that_moment(void **state)
{
	unsigned long rounds = scaled("ODG_PIN_ROUNDS", 2000);
	struct fix *f = *state;
	uint8_t *m = pages(21) + PAGE;
	unsigned int dice = 1, which;
	struct churn c;

	churn_start(&c, m + 18 * PAGE);
	for (unsigned long i = 0; i < rounds; i++) {
		char text[32];

		row("round %lu", i);
		dice = dice * 1103515245 + 12345;
		which = (dice >> 8) % 4;
		change_page(m + which * PAGE, m + (8 + 2 * which) * PAGE, dice >> 16);
		snprintf(text, sizeof(text), "round %lu", i);
		receive(f, m + (dice >> 24) % 4 * PAGE, text);
	}
	churn_stop(&c);
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
		T(munmap_and_mmap_at_the_same_address),
		T(receive_in_flight_keeps_what_is_unmapped),
		T(mprotect_read_only_is_EFAULT),
		T(mremap_moves_the_page),
		T(madvise_gives_a_new_page),
		T(truncated_and_punched_file),
		T(memory_of_a_file_on_a_disk_is_EFAULT),
		T(fork_leaves_the_parent_its_page),
		T(child_posts_into_its_own_memory),
		T(compaction_changes_nothing),
		T(each_post_reaches_the_page_of_that_moment),
		T(a_watching_port_counts_changes),
	};
	return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
