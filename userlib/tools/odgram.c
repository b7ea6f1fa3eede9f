// SPDX-License-Identifier: MIT
/*
 * The odgram tool: finds the subcommand.  Each of them is a file of its own and a
 * row of the table here.
 */
#include <stdio.h>
#include <string.h>

#include "tool.h"

static const struct tool_command *const commands[] = {
	&tool_ports,
	&tool_sockets,
	&tool_stats,
	&tool_top,
	&tool_watch,
	&tool_hist,
	&tool_doctor,
	&tool_recv,
	&tool_replay,
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(void)
{
	size_t i;

	puts("usage: odgram COMMAND [ARGUMENT...]\n"
	     "\n"
	     "Looks into odgram, overlapped datagram sockets.\n");
	for (i = 0; i < NR_COMMANDS; i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->help);
	puts("\n"
	     "odgram COMMAND --help   its arguments\n"
	     "odgram --version        the version\n"
	     "\n"
	     "Ends with 0: done, 1: failed, 2: called in a wrong way.");
}

static const struct tool_command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(name, commands[i]->name))
			return commands[i];
	return NULL;
}

/* Nobody reads on, or the disk is full: not to be mistaken for success. */
static int flushed(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	perror("odgram: writing");
	return TOOL_FAILED;
}

int main(int argc, char **argv)
{
	const struct tool_command *command;

	if (argc < 2) {
		fputs("odgram: which command? (see odgram --help)\n", stderr);
		return TOOL_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		print_help();
		return flushed(TOOL_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		puts("odgram " ODG_VERSION);
		return flushed(TOOL_OK);
	}

	command = find_command(argv[1]);
	if (!command) {
		fprintf(stderr, "odgram: no command %s (see odgram --help)\n",
			argv[1]);
		return TOOL_USAGE;
	}
	if (argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"))) {
		printf("usage: odgram %s%s%s\n\n%s\n", command->name,
		       *command->usage ? " " : "", command->usage,
		       command->help);
		if (command->options)
			printf("\n%s", command->options);
		return flushed(TOOL_OK);
	}
	return flushed(command->run(argc - 1, argv + 1));
}
