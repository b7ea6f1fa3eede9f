// SPDX-License-Identifier: MIT
/* Time, failing, and what else everything here needs. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

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
 * Lets the kernel do what it put off (work items, RCU, static keys), so that it
 * does not do it in the next receiver's time.
 */
void settle(void)
{
	const struct timespec ts = { .tv_nsec = 20000000 };

	nanosleep(&ts, NULL);
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
