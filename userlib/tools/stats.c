// SPDX-License-Identifier: MIT
/* odgram stats: the sums of the network namespace. */
#include <inttypes.h>
#include <stdio.h>

#include "list.h"
#include "tool.h"

static const struct {
	enum odg_genl_attr attr;
	const char *text;
} lines[] = {
	{ ODG_A_PORTS, "ports open" },
	{ ODG_A_SOCKS, "sockets bound" },
	{ ODG_A_POSTED, "receives posted" },
	{ ODG_A_COMPLETED, "  completed" },
	{ ODG_A_ABORTED, "    without a datagram (error, cancel, close)" },
	{ ODG_A_ARRIVED, "datagrams arrived" },
	{ ODG_A_DIRECT, "  put into a posted buffer at once" },
	{ ODG_A_FROM_QUEUE, "  through the socket's queue" },
	{ ODG_A_NATIVE, "  taken by recv and its relatives" },
	{ ODG_A_QUEUED, "  waiting, or never taken" },
	{ ODG_A_DROPPED, "  dropped by the stack" },
	{ ODG_A_FILTERED, "  refused by a filter" },
	{ ODG_A_DISCARDED, "  discarded on demand" },
	{ ODG_A_TRUNCATED, "datagrams longer than their buffers" },
	{ ODG_A_BYTES, "bytes delivered" },
	{ ODG_A_ICMP, "ICMP errors" },
	{ ODG_A_SEND_POSTED, "sends accepted" },
	{ ODG_A_SENT, "  sent" },
	{ ODG_A_SEND_FAILED, "  ended without sending (error, cancel, close)" },
	{ ODG_A_SEND_DEPTH, "  waiting for room" },
	{ ODG_A_SEND_PENDED, "sends that had to wait for room" },
	{ ODG_A_SENT_BYTES, "bytes sent" },
};

static int to_lines(const struct tool_msg *msg, void *arg)
{
	size_t i;

	(void)arg;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		printf("%16" PRIu64 "  %s\n", tool_number(msg, lines[i].attr),
		       lines[i].text);
	return 0;
}

static int to_json(const struct tool_msg *msg, void *arg)
{
	(void)arg;
	show_json(msg);
	putchar('\n');
	return 0;
}

static int stats(int argc, char **argv)
{
	struct tool_nl nl;
	bool json;
	int ret;

	if (tool_only_json(argc, argv, &json))
		return TOOL_USAGE;
	if (tool_nl_open(&nl))
		return TOOL_FAILED;
	ret = tool_nl_get(&nl, ODG_CMD_TOTALS_GET, 0, json ? to_json : to_lines,
			  NULL);
	tool_nl_close(&nl);
	return ret ? tool_failed(argv[0], ret) : TOOL_OK;
}

const struct tool_command tool_stats = {
	.name = "stats",
	.help = "sums over all sockets of the network namespace, gone ones included",
	.usage = "[--json]",
	.run = stats,
};
