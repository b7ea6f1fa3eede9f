// SPDX-License-Identifier: MIT
/* What brings feeds (line.h).  No locks: one thread's. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "line.h"

static int complain(enum odg_call call, int err)
{
	char text[400];

	fprintf(stderr, "odgram: %s\n", odg_explain(call, err, text, sizeof(text)));
	return -1;
}

static int complain_errno(const char *what)
{
	fprintf(stderr, "odgram: %s: %s\n", what, strerror(errno));
	return -1;
}

static int join(const struct line *line)
{
	const struct address *at = &line->at;
	int level = at->to.ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int ret;

	if (at->source.ss_family != AF_UNSPEC) {
		struct group_source_req req = {
			.gsr_interface = at->ifindex,
			.gsr_group = at->to,
			.gsr_source = at->source,
		};

		ret = setsockopt(line->sock, level, MCAST_JOIN_SOURCE_GROUP,
				 &req, sizeof(req));
	} else {
		struct group_req req = {
			.gr_interface = at->ifindex,
			.gr_group = at->to,
		};

		ret = setsockopt(line->sock, level, MCAST_JOIN_GROUP, &req,
				 sizeof(req));
	}
	if (ret && errno == ENODEV)
		fputs("odgram: no route to the group: name an interface (@eth0)\n",
		      stderr);
	return ret ? complain_errno("joining the group") : 0;
}

/*
 * narrow - from what is asked for alone: by that interface, and of the groups of
 * this address those that the socket itself has joined
 */
static int narrow(const struct line *line)
{
	bool v6 = line->at.to.ss_family == AF_INET6;
	int ifindex = (int)line->at.ifindex, off = 0;

	if (address_is_multicast(&line->at.to))
		return setsockopt(line->sock, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
				  v6 ? IPV6_MULTICAST_ALL : IP_MULTICAST_ALL,
				  &off, sizeof(off));
	if (ifindex)
		return setsockopt(line->sock, SOL_SOCKET, SO_BINDTOIFINDEX,
				  &ifindex, sizeof(ifindex));
	return 0;
}

/* post_all - the queue's entries point at the line's slots, in order */
static int post_all(struct lines *lines, struct line *line)
{
	uint64_t first = (uint64_t)(line - lines->line) * lines->slots;
	uint32_t i;

	for (i = 0; i < lines->slots; i++)
		lines_repost(lines, line, first + i);
	return odg_rq_submit(&line->rq);
}

static int open_line(struct lines *lines, struct line *line)
{
	static const int on = 1, room = 8 << 20;
	int ret;

	line->sock = socket(line->at.to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (line->sock < 0)
		return complain_errno("socket");
	/*
	 * Several programs on one feed; the stack's own time of arrival; and
	 * room for bursts that find all receives taken, as far as allowed.
	 */
	if (setsockopt(line->sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(line->sock, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) ||
	    setsockopt(line->sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) ||
	    narrow(line))
		return complain_errno("setsockopt");
	if (lines->hw && hwstamp_start(&line->hw, line->sock, line->at.ifindex))
		return -1;
	/* To the group's own address: other groups on this port are not ours. */
	if (bind(line->sock, (struct sockaddr *)&line->at.to, line->at.len))
		return complain_errno("bind");
	ret = odg_rq_open(&line->rq, lines->port, line->sock, lines->slots);
	if (ret)
		return complain(ODG_CALL_BIND, ret);
	ret = post_all(lines, line);
	if (ret)
		return complain(ODG_CALL_POST, ret);
	/* Last: what comes finds everything ready. */
	return address_is_multicast(&line->at.to) ? join(line) : 0;
}

int lines_open(struct lines *lines)
{
	unsigned int i;
	int ret;

	ret = odg_port_open(&lines->port, lines->nr * lines->slots, ODG_CQ_WIDE);
	if (ret)
		return complain(ODG_CALL_OPEN, ret);
	lines->memory_size = (size_t)lines->nr * lines->slots * lines->slot_size;
	lines->memory = mmap(NULL, lines->memory_size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (lines->memory == MAP_FAILED) {
		lines->memory = NULL;
		return complain_errno("memory for the receives");
	}
	lines->region = odg_region_register(lines->port, lines->memory,
					    lines->memory_size, NULL);
	if (lines->region < 0)
		return complain(ODG_CALL_POST, lines->region);
	for (i = 0; i < lines->nr; i++)
		if (open_line(lines, &lines->line[i]))
			return -1;
	return 0;
}

void lines_close(struct lines *lines)
{
	unsigned int i;

	for (i = 0; i < lines->nr; i++) {
		if (lines->line[i].rq.__map)
			odg_rq_close(&lines->line[i].rq);
		if (lines->line[i].sock < 0)
			continue;
		hwstamp_stop(&lines->line[i].hw, lines->line[i].sock);
		close(lines->line[i].sock);
	}
	odg_port_close(lines->port);
	if (lines->memory)
		munmap(lines->memory, lines->memory_size);
}

struct line *lines_of(struct lines *lines, uint64_t user_data, uint8_t **payload)
{
	*payload = lines->memory + user_data * lines->slot_size;
	return &lines->line[user_data / lines->slots];
}

void lines_repost(struct lines *lines, struct line *line, uint64_t user_data)
{
	odg_rq_write(&line->rq, lines->region, user_data * lines->slot_size,
		     lines->slot_size, user_data, 0);
	line->reposted = true;
}

int lines_submit(struct lines *lines)
{
	unsigned int i;
	int ret;

	for (i = 0; i < lines->nr; i++) {
		if (!lines->line[i].reposted)
			continue;
		lines->line[i].reposted = false;
		ret = odg_rq_submit(&lines->line[i].rq);
		if (ret)
			return complain(ODG_CALL_POST, ret);
	}
	return 0;
}
