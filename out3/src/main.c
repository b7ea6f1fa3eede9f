// SPDX-License-Identifier: MIT
/*
 * What one received datagram costs, each way of receiving beside the others.
 *
 * Each experiment is a file; scripts/bench says in which order they run.  Sender
 * and receiver share one CPU, so a datagram has passed the whole receive path
 * when its send returns.  Under qemu -icount shift=0 a nanosecond is an
 * instruction.
 *
 * Prints lines of words separated by tabs, which report.awk reads; their first
 * words are drawn at the head of each experiment's file.
 */
#include <stdio.h>
#include <string.h>

#include "bench.h"

static const struct {
	const char *name, *arguments;
	int (*run)(int argc, char **argv);
} experiments[] = {
	{ "burst", "PAYLOAD single|gso REPETITIONS [RECEIVER...]", burst_main },
	{ "woken", "REPETITIONS", woken_main },
	{ "depth", "", depth_main },
	{ "fifo", "DATAGRAMS DEPTH", fifo_main },
	{ "memory", "", memory_main },
	{ "sockets", "", sockets_main },
	{ "plain", "unloaded|loaded|bound", plain_main },
	{ "latency", "RUNS PINGS", latency_main },
};

int main(int argc, char **argv)
{
	const size_t n = sizeof(experiments) / sizeof(experiments[0]);

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < n; i++)
		if (!strcmp(argv[1], experiments[i].name))
			return experiments[i].run(argc - 2, argv + 2);
	fputs("Run through scripts/bench; alone it needs root, and counts time.\n",
	      stderr);
	for (size_t i = 0; i < n; i++)
		fprintf(stderr, "usage: bench %s %s\n", experiments[i].name,
			experiments[i].arguments);
	return 2;
}
