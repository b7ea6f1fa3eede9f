// SPDX-License-Identifier: MIT
/* A log-linear histogram of times (latency.h).  No locks: one thread's. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "latency.h"

#define SUB_BITS	4
#define SUB		(1U << SUB_BITS)
#define BAR		40

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int shift;

	if (ns < SUB)
		return (unsigned int)ns;
	shift = 63U - (unsigned int)__builtin_clzll(ns) - SUB_BITS;
	return (shift + 1) * SUB + (unsigned int)(ns >> shift) - SUB;
}

/* floor_of - the least time of a bucket */
static uint64_t floor_of(unsigned int i)
{
	if (i < SUB)
		return i;
	return (uint64_t)(SUB + i % SUB) << (i / SUB - 1);
}

void latency_add(struct latency *lat, uint64_t ns)
{
	if (!lat->count || ns < lat->min)
		lat->min = ns;
	if (ns > lat->max)
		lat->max = ns;
	lat->count++;
	lat->bucket[bucket_of(ns)]++;
}

uint64_t latency_percentile(const struct latency *lat, double part)
{
	uint64_t want = (uint64_t)(part * (double)lat->count), seen = 0;
	unsigned int i;

	for (i = 0; i < LATENCY_BUCKETS; i++) {
		seen += lat->bucket[i];
		if (lat->bucket[i] && seen >= want)
			return floor_of(i) < lat->min ? lat->min : floor_of(i);
	}
	return lat->max;
}

static void print_ns(uint64_t ns, FILE *out)
{
	if (ns < 10000)
		fprintf(out, "%6" PRIu64 " ns", ns);
	else if (ns < 10000000)
		fprintf(out, "%6" PRIu64 " us", ns / 1000);
	else
		fprintf(out, "%6" PRIu64 " ms", ns / 1000000);
}

/* octave - how many in one power of two */
static uint64_t octave(const struct latency *lat, unsigned int first)
{
	uint64_t n = 0;
	unsigned int i;

	for (i = first; i < first + SUB; i++)
		n += lat->bucket[i];
	return n;
}

void latency_print(const struct latency *lat, const char *title, FILE *out)
{
	static const double parts[] = { 0.5, 0.9, 0.99, 0.999 };
	uint64_t most = 1;
	unsigned int i;

	if (!lat->count)
		return;
	fprintf(out, "%s\n ", title);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		fprintf(out, "  p%g", parts[i] * 100);
		print_ns(latency_percentile(lat, parts[i]), out);
	}
	fputs("  max", out);
	print_ns(lat->max, out);
	fputc('\n', out);

	for (i = 0; i < LATENCY_BUCKETS; i += SUB)
		if (octave(lat, i) > most)
			most = octave(lat, i);
	for (i = 0; i < LATENCY_BUCKETS; i += SUB) {
		uint64_t n = octave(lat, i);
		int bar = (int)((n * BAR + most - 1) / most);

		if (!n)
			continue;
		fputs("  from ", out);
		print_ns(floor_of(i), out);
		fprintf(out, " %-*.*s %" PRIu64 "\n", BAR, bar,
			"########################################", n);
	}
}

int latency_plot(const struct latency *lat, const char *title, const char *path)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction before;
	FILE *plot;
	unsigned int i;
	int status;

	if (strpbrk(path, "\"\\")) {
		fprintf(stderr, "odgram: %s: no quotes or backslashes, please\n",
			path);
		return -1;
	}
	plot = popen("gnuplot", "we");
	if (!plot) {
		fprintf(stderr, "odgram: gnuplot: %s\n", strerror(errno));
		return -1;
	}
	/* Where it is not installed, nobody reads: that is no end of ours. */
	sigaction(SIGPIPE, &ignore, &before);
	fprintf(plot, "set terminal svg size 800,360 background 'white' noenhanced\n"
		"set output \"%s\"\nset title '%s'\nset logscale x\n"
		"set xlabel 'microseconds'\nset ylabel 'datagrams'\n"
		"set grid\nunset key\nset style fill solid 0.8 noborder\n"
		"plot '-' using 1:2 with boxes lc '#4477aa'\n", path, title);
	for (i = 0; i < LATENCY_BUCKETS; i++)
		if (lat->bucket[i])
			fprintf(plot, "%g %" PRIu64 "\n",
				(double)(floor_of(i) + 1) / 1000, lat->bucket[i]);
	fputs("e\n", plot);
	status = pclose(plot);
	sigaction(SIGPIPE, &before, NULL);
	if (!status)
		return 0;
	fprintf(stderr, "odgram: gnuplot did not draw %s (is gnuplot installed?)\n",
		path);
	return -1;
}
