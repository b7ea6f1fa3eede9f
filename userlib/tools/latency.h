/* SPDX-License-Identifier: MIT */
/*
 * A histogram of times: log-linear, so each bucket is a 16th of its power of two
 * wide and a percentile read from it is right to 6 %.  Nanoseconds.  One thread.
 */
#ifndef ODG_LATENCY_H
#define ODG_LATENCY_H

#include <stdint.h>
#include <stdio.h>

#define LATENCY_BUCKETS	(61 * 16)

struct latency {
	uint64_t count;
	uint64_t min;
	uint64_t max;
	uint64_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *lat, uint64_t ns);

/* The time that @part of all (0 .. 1) did not exceed; 0 if there are none. */
uint64_t latency_percentile(const struct latency *lat, double part);

/* A row a power of two, with a bar. */
void latency_print(const struct latency *lat, const char *title, FILE *out);

/* Plots buckets with gnuplot.  0, or -1 with a line on stderr. */
int latency_plot(const struct latency *lat, const char *title, const char *path);

#endif /* ODG_LATENCY_H */
