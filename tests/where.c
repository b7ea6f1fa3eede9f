// SPDX-License-Identifier: MIT
/*
 * Linked to each test program: one that is ended by its time limit says where it was, by
 * function and line, innermost first.  tests/vm/tap.awk tells of it.
 */
#include <execinfo.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FRAMES	32

extern const char __executable_start, etext;

static void say_where(int sig)
{
	char command[400 + FRAMES * 20];
	void *at[FRAMES];
	int len, n = backtrace(at, FRAMES);

	/* one line, as others may speak at the same time */
	len = sprintf(command, "echo \"# process %d was in $(addr2line -fpse /proc/%d/exe",
		      getpid(), getpid());
	for (int i = 1; i < n; i++) {
		uintptr_t pc = (uintptr_t)at[i], start = (uintptr_t)&__executable_start;

		/* the call, not where it returns to */
		if (pc > start && pc < (uintptr_t)&etext)
			len += sprintf(command + len, " %#lx",
				       (unsigned long)(pc - start - 1));
	}
	sprintf(command + len, " | sed -E '/^(main|_start) /d; s/ at ([^ ]*).*/ (\\1)/' |"
		" paste -sd'<' | sed 's/</ < /g')\"");
	if (system(command))
		perror("addr2line");
	signal(sig, SIG_DFL);
	raise(sig);
}

__attribute__((constructor)) static void listen_to_the_limit(void)
{
	void *at;

	/* the first call of it allocates */
	backtrace(&at, 1);
	signal(SIGTERM, say_where);
	signal(SIGALRM, say_where);
}
