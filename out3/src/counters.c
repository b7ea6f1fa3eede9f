// SPDX-License-Identifier: MIT
/*
 * System calls and context switches of this thread, counted by the kernel: the
 * raw_syscalls:sys_enter tracepoint and a software event.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define TRACEPOINT "/sys/kernel/tracing/events/raw_syscalls/sys_enter/id"

static int syscalls_fd = -1, switches_fd = -1;
static struct counts last, own;		/* own: what reading them adds */

static int event(unsigned int type, unsigned long long config)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = type,
		.config = config,
	};

	return MUST(syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			    PERF_FLAG_FD_CLOEXEC));
}

static double count_of(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) != sizeof(value))
		die("a counter cannot be read");
	return value;
}

struct counts counters_read(void)
{
	struct counts c, delta;

	c.syscalls = count_of(syscalls_fd);
	c.switches = count_of(switches_fd);
	delta.syscalls = c.syscalls - last.syscalls - own.syscalls;
	delta.switches = c.switches - last.switches - own.switches;
	last = c;
	return delta;
}

void counters_open(void)
{
	FILE *f = fopen(TRACEPOINT, "r");
	int id;

	if (!f || fscanf(f, "%d", &id) != 1)
		die(TRACEPOINT ": not there (is tracefs mounted?)");
	fclose(f);
	syscalls_fd = event(PERF_TYPE_TRACEPOINT, id);
	switches_fd = event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES);
	memset(&own, 0, sizeof(own));
	counters_read();
	own = counters_read();
}

void counters_close(void)
{
	close(syscalls_fd);
	close(switches_fd);
}
