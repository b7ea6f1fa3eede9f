// SPDX-License-Identifier: MIT
/* odgram hist: the latency histogram of a socket, from arrival to completion. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "list.h"
#include "tool.h"

#define BAR 50

/* Where bucket i begins, ns; odgram_netlink.h says why. */
static uint64_t low(unsigned int i)
{
	if (i < ODG_HIST_SUB)
		return i;
	return (uint64_t)(ODG_HIST_SUB + i % ODG_HIST_SUB)
	       << (i / ODG_HIST_SUB - 1);
}

static const char *duration(char *text, size_t size, uint64_t ns)
{
	if (ns < 1000)
		snprintf(text, size, "%" PRIu64 " ns", ns);
	else if (ns < 1000000)
		snprintf(text, size, "%.2f us", (double)ns / 1e3);
	else if (ns < 1000000000)
		snprintf(text, size, "%.2f ms", (double)ns / 1e6);
	else
		snprintf(text, size, "%.2f s", (double)ns / 1e9);
	return text;
}

struct shown {
	uint64_t count;
	uint64_t bucket[ODG_HIST_BUCKETS];
};

/* The upper end of the bucket that holds this part of all, ns. */
static uint64_t quantile(const struct shown *h, double part)
{
	uint64_t below = 0;
	unsigned int i;

	for (i = 0; i < ODG_HIST_BUCKETS - 1; i++) {
		below += h->bucket[i];
		if ((double)below >= part * (double)h->count)
			break;
	}
	return low(i + 1);
}

static int load(const struct tool_msg *msg, struct shown *h)
{
	const struct nlattr *a = msg->attr[ODG_A_HIST];

	if (!a || mnl_attr_get_payload_len(a) != sizeof(h->bucket))
		return -EBADMSG;
	h->count = tool_number(msg, ODG_A_HIST_COUNT);
	memcpy(h->bucket, mnl_attr_get_payload(a), sizeof(h->bucket));
	return 0;
}

static int to_text(const struct tool_msg *msg, void *arg)
{
	static const double parts[] = { 0.5, 0.9, 0.99, 0.999 };
	uint64_t most = 0;
	char text[24];
	struct shown h;
	unsigned int i;

	(void)arg;
	if (load(msg, &h))
		return -EBADMSG;
	printf("datagrams  %" PRIu64 "\n", h.count);
	if (!h.count)
		return 0;
	printf("mean       %s\n", duration(text, sizeof(text),
		tool_number(msg, ODG_A_HIST_SUM) / h.count));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		printf("%-5g %%  <= %s\n", parts[i] * 100,
		       duration(text, sizeof(text), quantile(&h, parts[i])));
	printf("longest    %s\n\n", duration(text, sizeof(text),
		tool_number(msg, ODG_A_HIST_MAX)));

	for (i = 0; i < ODG_HIST_BUCKETS; i++)
		most = h.bucket[i] > most ? h.bucket[i] : most;
	for (i = 0; i < ODG_HIST_BUCKETS; i++) {
		if (!h.bucket[i])
			continue;
		printf("%10s  %10" PRIu64 "  %.*s\n", duration(text, sizeof(text), low(i)),
		       h.bucket[i],
		       (int)((double)h.bucket[i] * BAR / (double)most + 0.5),
		       "##################################################");
	}
	return 0;
}

static int to_json(const struct tool_msg *msg, void *arg)
{
	const char *before = "";
	struct shown h;
	unsigned int i;

	(void)arg;
	if (load(msg, &h))
		return -EBADMSG;
	printf("{\"id\": %" PRIu64 ", \"count\": %" PRIu64 ", \"sum_ns\": %" PRIu64
	       ", \"max_ns\": %" PRIu64 ", \"buckets\": [",
	       tool_number(msg, ODG_A_ID), h.count,
	       tool_number(msg, ODG_A_HIST_SUM), tool_number(msg, ODG_A_HIST_MAX));
	for (i = 0; i < ODG_HIST_BUCKETS; i++) {
		if (!h.bucket[i])
			continue;
		printf("%s{\"from_ns\": %" PRIu64 ", \"to_ns\": %" PRIu64
		       ", \"count\": %" PRIu64 "}", before, low(i), low(i + 1),
		       h.bucket[i]);
		before = ", ";
	}
	puts("]}");
	return 0;
}

/* Ids of all sockets, for "all". */
struct ids {
	uint32_t *id;
	size_t nr;
};

static int collect(const struct tool_msg *msg, void *arg)
{
	struct ids *ids = arg;
	uint32_t *grown = reallocarray(ids->id, ids->nr + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	ids->id = grown;
	ids->id[ids->nr++] = (uint32_t)tool_number(msg, ODG_A_ID);
	return 0;
}

static int set(struct tool_nl *nl, uint32_t id, bool on)
{
	struct ids ids = {};
	size_t i;
	int ret;

	if (id)
		return tool_nl_set_hist(nl, id, on);
	ret = tool_nl_dump(nl, ODG_CMD_SOCK_GET, collect, &ids);
	for (i = 0; !ret && i < ids.nr; i++) {
		ret = tool_nl_set_hist(nl, ids.id[i], on);
		/* gone meanwhile */
		if (ret == -ENOENT)
			ret = 0;
	}
	free(ids.id);
	return ret;
}

static int usage(void)
{
	fputs("odgram hist: on, off or show, and a socket's number (see odgram hist --help)\n",
	      stderr);
	return TOOL_USAGE;
}

static int hist(int argc, char **argv)
{
	bool show = argc > 2 && !strcmp(argv[1], "show");
	bool on = argc > 2 && !strcmp(argv[1], "on");
	bool json = show && argc == 4 && !strcmp(argv[3], "--json");
	struct tool_nl nl;
	unsigned long id;
	char *end;
	int ret;

	if (argc != 3 + json || (!show && !on && strcmp(argv[1], "off")))
		return usage();
	id = strtoul(argv[2], &end, 10);
	if (!show && !strcmp(argv[2], "all"))
		id = 0;
	else if (*end || !id || id > UINT32_MAX)
		return usage();

	if (tool_nl_open(&nl))
		return TOOL_FAILED;
	if (show)
		ret = tool_nl_get(&nl, ODG_CMD_HIST_GET, (uint32_t)id,
				  json ? to_json : to_text, NULL);
	else
		ret = set(&nl, (uint32_t)id, on);
	tool_nl_close(&nl);
	if (ret == -ENOENT) {
		fprintf(stderr, "odgram hist: no socket %lu of yours%s (see odgram sockets)\n",
			id, show ? ", or its histogram is off: odgram hist on" : "");
		return TOOL_FAILED;
	}
	return ret ? tool_failed(argv[0], ret) : TOOL_OK;
}

const struct tool_command tool_hist = {
	.name = "hist",
	.help = "latency histograms, from arrival to completion",
	.usage = "on ID|all | off ID|all | show ID [--json]",
	.options = "  ID   a socket's number, as odgram sockets shows it\n"
		   "  on   begin anew; off is the default and costs nothing\n",
	.run = hist,
};
