/* SPDX-License-Identifier: MIT */
#ifndef ODG_TOOL_LIST_H
#define ODG_TOOL_LIST_H

#include "show.h"

/* Is --json the only argument?  false if there is none; TOOL_USAGE and said so. */
int tool_only_json(int argc, char **argv, bool *json);

/* A subcommand that shows each message of a dump, or the one of a number.  TOOL_*. */
#define TOOL_LIST_USAGE		"[--json | --long] [ID]"
#define TOOL_LIST_OPTIONS	"  --json  for programs; all fields\n" \
				"  --long  for people, all fields\n" \
				"  ID      only the one of this number\n"
int tool_list(int argc, char **argv, uint8_t cmd,
	      const struct show_column *columns, size_t nr_columns);

/* A count, in digits and not 0; false: it is none. */
bool tool_count(const char *text, unsigned long *count);

/* Says what went wrong with a request; TOOL_FAILED. */
int tool_failed(const char *command, int err);

#endif /* ODG_TOOL_LIST_H */
