// SPDX-License-Identifier: MIT
/* odgram watch: events as they happen, one a line. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "list.h"
#include "tool.h"

struct watch {
	bool json;
	unsigned long left;	/* events to show; 0: no end */
};

static void print_time(void)
{
	struct timespec now;
	struct tm tm;
	char text[16];

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s.%03ld  ", text, now.tv_nsec / 1000000);
}

static void print_event(const struct tool_msg *msg)
{
	unsigned int event = (unsigned int)tool_number(msg, ODG_A_EVENT);
	char local[SHOW_CELL];

	print_time();
	printf("%-9s  ", show_event(event));
	if (event == ODG_EVENT_PORT_DIED) {
		printf("port %" PRIu64 " of pid %" PRIu64 ", uid %" PRIu64
		       ": closed with %" PRIu64 " receives outstanding\n",
		       tool_number(msg, ODG_A_ID), tool_number(msg, ODG_A_PID),
		       tool_number(msg, ODG_A_UID),
		       tool_number(msg, ODG_A_OUTSTANDING));
		return;
	}
	show_endpoint(local, sizeof(local), msg, ODG_A_LOCAL_ADDR,
		      ODG_A_LOCAL_PORT);
	printf("socket %" PRIu64 " at %s, uid %" PRIu64 ": ",
	       tool_number(msg, ODG_A_ID), local, tool_number(msg, ODG_A_UID));
	if (event == ODG_EVENT_DROP)
		printf("%" PRIu64 " dropped so far\n",
		       tool_number(msg, ODG_A_DROPPED));
	else
		printf("%s\n",
		       show_slow((unsigned int)tool_number(msg, ODG_A_SLOW)));
}

/* -ECANCELED: enough. */
static int on_event(const struct tool_msg *msg, void *arg)
{
	struct watch *watch = arg;

	if (!msg->attr[ODG_A_EVENT])
		return 0;
	if (watch->json) {
		show_json(msg);
		putchar('\n');
	} else {
		print_event(msg);
	}
	if (fflush(stdout))
		return -errno;
	if (watch->left && !--watch->left)
		return -ECANCELED;
	return 0;
}

static int parse_args(int argc, char **argv, struct watch *watch)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "n:", options, NULL)) != -1) {
		if (c == 'j') {
			watch->json = true;
		} else if (c == 'n') {
			if (!tool_count(optarg, &watch->left))
				return TOOL_USAGE;
		} else {
			return TOOL_USAGE;
		}
	}
	return optind < argc ? TOOL_USAGE : TOOL_OK;
}

static int watch(int argc, char **argv)
{
	struct watch state = {};
	struct tool_nl nl;
	int ret;

	if (parse_args(argc, argv, &state)) {
		fputs("odgram watch: wrong arguments (see odgram watch --help)\n",
		      stderr);
		return TOOL_USAGE;
	}
	if (tool_nl_open(&nl))
		return TOOL_FAILED;
	ret = tool_nl_join(&nl);
	if (ret == -EPERM) {
		fputs("odgram watch: this needs CAP_NET_ADMIN: sudo odgram watch\n",
		      stderr);
		tool_nl_close(&nl);
		return TOOL_FAILED;
	}
	if (!ret)
		do
			ret = tool_nl_listen(&nl, on_event, &state);
		while (ret == -ENOBUFS &&
		       fputs("odgram watch: events were lost\n", stderr) >= 0);
	tool_nl_close(&nl);
	return ret == -ECANCELED ? TOOL_OK : tool_failed(argv[0], ret);
}

const struct tool_command tool_watch = {
	.name = "watch",
	.help = "show events as they happen: starved, drop, port-died",
	.usage = "[--json] [-n COUNT]",
	.options = "  -n, --count COUNT   end after so many\n"
		   "      --json          each event an object on a line\n",
	.run = watch,
};
