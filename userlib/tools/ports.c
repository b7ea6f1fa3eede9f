// SPDX-License-Identifier: MIT
/* odgram ports: each open /dev/odgram. */
#include "list.h"
#include "tool.h"

static const struct show_column columns[] = {
	{ "ID", ODG_A_ID, SHOW_NUMBER, false },
	{ "PID", ODG_A_PID, SHOW_NUMBER, false },
	{ "UID", ODG_A_UID, SHOW_NUMBER, true },
	{ "ENTRIES", ODG_A_ENTRIES, SHOW_NUMBER, false },
	{ "OUTSTANDING", ODG_A_OUTSTANDING, SHOW_NUMBER, false },
	{ "UNREAD", ODG_A_UNREAD, SHOW_NUMBER, true },
	{ "PINNED", ODG_A_PINNED, SHOW_BYTES, false },
	{ "KEPT", ODG_A_KEPT, SHOW_BYTES, true },
	{ "REGISTERED", ODG_A_REGISTERED, SHOW_BYTES, true },
	{ "POSTED", ODG_A_POSTED, SHOW_NUMBER, true },
	{ "COMPLETED", ODG_A_COMPLETED, SHOW_NUMBER, true },
	{ "CANCELLED", ODG_A_CANCELLED, SHOW_NUMBER, true },
	{ "ABORTED", ODG_A_ABORTED, SHOW_NUMBER, true },
	{ "BAD-CONS", ODG_A_BAD_CONS, SHOW_NUMBER, true },
	{ "COMMAND", ODG_A_PID, SHOW_COMMAND, false },
};

static int ports(int argc, char **argv)
{
	return tool_list(argc, argv, ODG_CMD_PORT_GET, columns,
			 sizeof(columns) / sizeof(columns[0]));
}

const struct tool_command tool_ports = {
	.name = "ports",
	.help = "list completion queues: whose, how full, what became of receives",
	.usage = TOOL_LIST_USAGE,
	.options = TOOL_LIST_OPTIONS,
	.run = ports,
};
