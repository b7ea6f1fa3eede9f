/* SPDX-License-Identifier: MIT */
/* The odgram tool, run by tests: what it printed, and how it ended. */
#ifndef ODG_TESTS_API_TOOL_H
#define ODG_TESTS_API_TOOL_H

#include "helpers.h"

#include <stdarg.h>
#include <sys/wait.h>

/* From the repository's folder, which is where scripts/vm runs us. */
static inline const char *tool(void)
{
	const char *path = getenv("ODG_TOOL");

	return path ? path : "build/userlib/odgram";
}

static char out[256 * 1024];	/* what it printed, stderr included */

/* Runs a shell command; its exit status. */
static inline int run(const char *fmt, ...)
{
	char command[512];
	size_t len;
	va_list ap;
	FILE *pipe;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	row("%s", command);
	pipe = popen(command, "re");
	want_true(pipe);
	len = fread(out, 1, sizeof(out) - 1, pipe);
	out[len] = '\0';
	status = pclose(pipe);
	want_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The tool's exit status. */
#define odgram(args, ...) run("%s " args " 2>&1", tool(), ##__VA_ARGS__)

/* The line of the array of objects that has this. */
static inline const char *object_with(const char *part)
{
	static char line[4096];
	const char *at = strstr(out, part), *from, *to;

	if (!at)
		return NULL;
	for (from = at; from > out && from[-1] != '\n'; from--)
		;
	to = strchrnul(at, '\n');
	want_true((size_t)(to - from) < sizeof(line));
	memcpy(line, from, (size_t)(to - from));
	line[to - from] = '\0';
	return line;
}

static inline uint64_t number(const char *object, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\": ", name);
	at = strstr(object, key);
	row("\"%s\" in %s", name, object);
	want_true(at);
	return strtoull(at + strlen(key), NULL, 10);
}

/* A server of its own for each: the last one may still be on its way out. */
static int terminal;

#define tmux(args, ...) run("tmux -L odg%d " args, terminal, ##__VA_ARGS__)
/* ... of that size, where a command runs. */
#define terminal_with(size, command, ...) do {				\
	terminal++;							\
	want(run("LC_ALL=C.UTF-8 TERM=xterm tmux -L odg%d new-session -d " \
		 size " '" command "'", terminal, ##__VA_ARGS__), 0);	\
} while (0)

/* What the terminal shows stands in out; a look takes its time. */
static inline bool pane_has(const char *text, const char *other)
{
	tmux("capture-pane -p -t 0");
	return strstr(out, text) && strstr(out, other);
}

#endif
