// SPDX-License-Identifier: MIT
/* What the subcommands share that show each message of a dump. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "tool.h"

static bool complain(const char *command, const char *arg)
{
	fprintf(stderr, "odgram %s: wrong argument %s (see odgram %s --help)\n",
		command, arg, command);
	return false;
}

int tool_only_json(int argc, char **argv, bool *json)
{
	*json = argc == 2 && !strcmp(argv[1], "--json");
	if (argc == 1 || *json)
		return TOOL_OK;
	complain(argv[0], argv[argc > 2 && !strcmp(argv[1], "--json") ? 2 : 1]);
	return TOOL_USAGE;
}

bool tool_count(const char *text, unsigned long *count)
{
	char *end;

	errno = 0;
	*count = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *count;
}

int tool_failed(const char *command, int err)
{
	fprintf(stderr, "odgram %s: %s\n", command, tool_nl_error(err));
	return TOOL_FAILED;
}

/* How a list is shown, and of what. */
struct list {
	struct show_table table;
	enum { TABLE, JSON, LONG } form;
	const char *before;	/* JSON: what stands between two objects */
	uint64_t id;		/* only this one; 0: all */
	bool found;
};

static int show(const struct tool_msg *msg, void *arg)
{
	struct list *list = arg;

	if (list->id && list->id != tool_number(msg, ODG_A_ID))
		return 0;
	list->found = true;
	switch (list->form) {
	case TABLE:
		return show_add(&list->table, msg);
	case JSON:
		/* an array of objects, one a line */
		fputs(list->before, stdout);
		show_json(msg);
		list->before = ",\n";
		break;
	case LONG:
		show_long(msg);
		break;
	}
	return 0;
}

static bool parse(int argc, char **argv, struct list *list)
{
	char *end;
	int i;

	for (i = 1; i < argc; i++) {
		if (!list->form && !strcmp(argv[i], "--json")) {
			list->form = JSON;
		} else if (!list->form && !strcmp(argv[i], "--long")) {
			list->form = LONG;
		} else {
			errno = 0;
			if (!list->id && argv[i][0] >= '1' && argv[i][0] <= '9')
				list->id = strtoull(argv[i], &end, 10);
			if (list->id && !errno && !*end && i == argc - 1)
				break;
			return complain(argv[0], argv[i]);
		}
	}
	return true;
}

int tool_list(int argc, char **argv, uint8_t cmd,
	      const struct show_column *columns, size_t nr_columns)
{
	struct list list = {
		.table = { .columns = columns, .nr_columns = nr_columns },
		.before = "[\n",
	};
	struct tool_nl nl;
	int ret;

	if (!parse(argc, argv, &list))
		return TOOL_USAGE;
	if (tool_nl_open(&nl))
		return TOOL_FAILED;
	ret = tool_nl_dump(&nl, cmd, show, &list);
	if (!ret && list.form == JSON)
		puts(list.before[0] == '[' ? "[]" : "\n]");
	else if (!ret && list.form == TABLE && (list.found || !list.id))
		show_print(&list.table);
	show_free(&list.table);
	tool_nl_close(&nl);
	if (ret)
		return tool_failed(argv[0], ret);
	if (!list.id || list.found)
		return TOOL_OK;
	fprintf(stderr, "odgram %s: none of yours has number %" PRIu64 "\n", argv[0],
		list.id);
	return TOOL_FAILED;
}
