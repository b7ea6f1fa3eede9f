/* SPDX-License-Identifier: MIT */
/* The odgram tool: what its subcommands share. */
#ifndef ODG_TOOL_H
#define ODG_TOOL_H

/* How the tool ends. */
#define TOOL_OK		0
#define TOOL_FAILED	1	/* said why on stderr */
#define TOOL_USAGE	2	/* called in a wrong way; said so on stderr */

/**
 * struct tool_command - a subcommand
 * @name: what to call it by
 * @help: what it does, in a line
 * @usage: its arguments, in a line
 * @options: a line for each argument that needs one, or NULL
 * @run: does it; argv[0] is @name, and "--help" is not for it to handle.  Returns
 *	TOOL_*.
 */
struct tool_command {
	const char *name;
	const char *help;
	const char *usage;
	const char *options;
	int (*run)(int argc, char **argv);
};

extern const struct tool_command tool_doctor;
extern const struct tool_command tool_hist;
extern const struct tool_command tool_ports;
extern const struct tool_command tool_recv;
extern const struct tool_command tool_replay;
extern const struct tool_command tool_sockets;
extern const struct tool_command tool_stats;
extern const struct tool_command tool_top;
extern const struct tool_command tool_watch;

#endif /* ODG_TOOL_H */
