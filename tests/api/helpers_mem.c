// SPDX-License-Identifier: MIT
/* Memory that comes, goes and changes; see helpers_mem.h. */
#include "helpers_mem.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define NOBODY 65534

uint8_t *pages_at(void *at, size_t n)
{
	uint8_t *m = mmap(at, n * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0),
			  -1, 0);

	want_true(m != MAP_FAILED);
	return m;
}

uint8_t *pages(size_t n)
{
	return pages_at(NULL, n);
}

pid_t child_that_waits(uint8_t *touch, int *end)
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

void child_ends_well(pid_t pid, int end)
{
	int status;

	close(end);
	sys(waitpid(pid, &status, 0));
	want(status, 0);
}

void become_nobody(size_t limit)
{
	struct rlimit rl = { .rlim_cur = limit, .rlim_max = limit };

	sys(setrlimit(RLIMIT_MEMLOCK, &rl));
	sys(setresgid(NOBODY, NOBODY, NOBODY));
	sys(setresuid(NOBODY, NOBODY, NOBODY));
}

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

void change_page(uint8_t *m, uint8_t *aside, unsigned int how)
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

void churn_start(struct churn *c, uint8_t *near)
{
	*c = (struct churn){ .near = near };
	want(pthread_create(&c->thread, NULL, churner, c), 0);
}

void churn_stop(struct churn *c)
{
	__atomic_store_n(&c->stop, true, __ATOMIC_RELEASE);
	want(pthread_join(c->thread, NULL), 0);
	want_true(c->rounds > 0);
}
