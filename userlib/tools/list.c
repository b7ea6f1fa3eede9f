// SPDX-License-Identifier: MIT
/* What the subcommands share that show each message of a dump. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "list.h"
#include "tool.h"

int tool_only_json(int argc, char **argv, bool *json)
{
	*json = argc == 2 && !strcmp(argv[1], "--json");
	if (argc == 1 || *json)
		return TOOL_OK;
	fprintf(stderr, "odgram %s: no argument %s (see odgram %s --help)\n",
		argv[0], argv[argc > 2 && !strcmp(argv[1], "--json") ? 2 : 1],
		argv[0]);
	return TOOL_USAGE;
}

int tool_failed(const char *command, int err)
{
	fprintf(stderr, "odgram %s: %s\n", command, strerror(-err));
	return TOOL_FAILED;
}

static int to_table(const struct tool_msg *msg, void *arg)
{
	return show_add(arg, msg);
}

/* An array of objects, one a line. */
static int to_json(const struct tool_msg *msg, void *arg)
{
	const char **before = arg;

	fputs(*before, stdout);
	show_json(msg);
	*before = ",\n";
	return 0;
}

int tool_list(int argc, char **argv, uint8_t cmd,
	      const struct show_column *columns, size_t nr_columns)
{
	struct show_table table = {
		.columns = columns, .nr_columns = nr_columns,
	};
	const char *before = "[\n";
	struct tool_nl nl;
	bool json;
	int ret;

	if (tool_only_json(argc, argv, &json))
		return TOOL_USAGE;
	if (tool_nl_open(&nl))
		return TOOL_FAILED;
	if (json)
		ret = tool_nl_dump(&nl, cmd, to_json, &before);
	else
		ret = tool_nl_dump(&nl, cmd, to_table, &table);
	if (!ret && json)
		puts(before[0] == '[' ? "[]" : "\n]");
	else if (!ret)
		show_print(&table);
	show_free(&table);
	tool_nl_close(&nl);
	return ret ? tool_failed(argv[0], ret) : TOOL_OK;
}
