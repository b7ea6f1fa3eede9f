// SPDX-License-Identifier: MIT
/* Time, failing, and what else everything here needs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static void say(const char *head, const char *fmt, va_list ap)
{
	fputs(head, stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("bench: ", fmt, ap);
	va_end(ap);
	exit(1);
}

/* For who waits; scripts/bench hands it on. */
void progress(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("progress ", fmt, ap);
	va_end(ap);
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return 1e9 * ts.tv_sec + ts.tv_nsec;
}

double since(double start)
{
	static double cost = -1;
	double end = now(), t;

	if (cost < 0) {
		cost = 1e9;
		for (int i = 0; i < 100; i++) {
			t = now();
			t = now() - t;
			if (t < cost)
				cost = t;
		}
	}
	return end - start - cost;
}

/*
 * Where a burst's buffers lie among the slabs decides how often the allocator goes its
 * long way, and it depends on what ran before: up to 20 instructions a datagram.
 */
static void tidy_slabs(void)
{
	static const char *const caches[] = {
		"skbuff_head_cache", "kmalloc-512", "kmalloc-1k", "kmalloc-2k",
		"kmalloc-4k",
	};

	for (size_t i = 0; i < sizeof(caches) / sizeof(caches[0]); i++) {
		char name[64];
		int fd;

		snprintf(name, sizeof(name), "/sys/kernel/slab/%s/shrink", caches[i]);
		fd = open(name, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "1", 1) != 1)
			die("%s: %s", name, strerror(errno));
		close(fd);
	}
}

/*
 * Lets the kernel do what it put off (work items, RCU, static keys), so that it
 * does not do it in the next receiver's time, and has it find the same memory.
 */
void settle(void)
{
	const struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL);
	tidy_slabs();
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts them, too. */
double median(double *values, int count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

void need_files(unsigned int count)
{
	const struct rlimit limit = { count, count };

	MUST(setrlimit(RLIMIT_NOFILE, &limit));
}
