// SPDX-License-Identifier: MIT
/* odgram sockets: each socket bound to odgram. */
#include "list.h"
#include "tool.h"

static const struct show_column columns[] = {
	{ "ID", ODG_A_ID, SHOW_NUMBER, false },
	{ "LOCAL", ODG_A_LOCAL_ADDR, SHOW_LOCAL, false },
	{ "PEER", ODG_A_PEER_ADDR, SHOW_PEER, true },
	{ "UID", ODG_A_UID, SHOW_NUMBER, true },
	{ "FIFO", ODG_A_DEPTH, SHOW_NUMBER, false },
	{ "RING", ODG_A_RING_DEPTH, SHOW_NUMBER, false },
	{ "ARRIVED", ODG_A_ARRIVED, SHOW_NUMBER, false },
	{ "DIRECT", ODG_A_DIRECT, SHOW_NUMBER, false },
	{ "BY-QUEUE", ODG_A_FROM_QUEUE, SHOW_NUMBER, false },
	{ "NATIVE", ODG_A_NATIVE, SHOW_NUMBER, true },
	{ "QUEUED", ODG_A_QUEUED, SHOW_NUMBER, true },
	{ "DROPPED", ODG_A_DROPPED, SHOW_NUMBER, false },
	{ "FILTERED", ODG_A_FILTERED, SHOW_NUMBER, true },
	{ "TRUNC", ODG_A_TRUNCATED, SHOW_NUMBER, true },
	{ "SENT", ODG_A_SENT, SHOW_NUMBER, true },
	{ "UNSENT", ODG_A_SEND_DEPTH, SHOW_NUMBER, true },
	{ "LAST", ODG_A_LAST_NS, SHOW_AGE, true },
	{ "LAST-SLOW", ODG_A_SLOW, SHOW_SLOW, false },
};

static int sockets(int argc, char **argv)
{
	return tool_list(argc, argv, ODG_CMD_SOCK_GET, columns,
			 sizeof(columns) / sizeof(columns[0]));
}

const struct tool_command tool_sockets = {
	.name = "sockets",
	.help = "list sockets: addresses, receives posted, where datagrams went",
	.usage = TOOL_LIST_USAGE,
	.options = TOOL_LIST_OPTIONS,
	.run = sockets,
};
