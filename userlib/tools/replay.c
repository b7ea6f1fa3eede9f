// SPDX-License-Identifier: MIT
/*
 * odgram replay: sends the UDP datagrams of a capture at their own pace.  Plain
 * sockets: it has to work where the module is not.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "capture.h"
#include "tool.h"

#define NSEC		1000000000ULL
#define LONGEST		1e18		/* ns that it waits for a turn: 31 years */
#define MAX_TARGETS	8

/* A place each datagram is sent to, by a socket of its own. */
struct target {
	struct address at;
	int sock;
};

struct replay {
	struct target target[MAX_TARGETS];
	unsigned int nr;
	double speed;			/* 0: as fast as it goes */
	long ttl;
	int v4, v6;			/* sockets for the capture's own addresses */
	uint64_t sent;
	uint64_t failed;
	uint64_t first_ns;		/* capture's time of the first datagram */
	struct timespec began;
};

static int new_socket(const struct replay *p, int family, unsigned int ifindex)
{
	bool v6 = family == AF_INET6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ip_mreqn mreq = { .imr_ifindex = (int)ifindex };
	int ttl = (int)p->ttl, index = (int)ifindex, ret = 0;

	if (fd >= 0 && ifindex)
		ret |= v6 ? setsockopt(fd, level, IPV6_MULTICAST_IF, &index, sizeof(index)) :
			    setsockopt(fd, level, IP_MULTICAST_IF, &mreq, sizeof(mreq));
	if (fd >= 0)
		ret |= setsockopt(fd, level, v6 ? IPV6_MULTICAST_HOPS :
				  IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	if (fd >= 0 && !ret)
		return fd;
	fprintf(stderr, "odgram replay: socket: %s\n", strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* wait_for - the moment of a datagram by the capture's clock */
static void wait_for(const struct replay *p, uint64_t ns)
{
	struct timespec until = p->began;
	double wait;
	uint64_t left;

	if (p->speed <= 0 || ns <= p->first_ns)
		return;
	wait = (double)(ns - p->first_ns) / p->speed;
	left = (uint64_t)(wait < LONGEST ? wait : LONGEST) + (uint64_t)until.tv_nsec;
	until.tv_sec += (time_t)(left / NSEC);
	until.tv_nsec = (long)(left % NSEC);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* send_to - errors of one datagram are counted, the first is shown */
static void send_to(struct replay *p, int fd, const struct capture_datagram *d,
		    const struct sockaddr_storage *to, socklen_t len)
{
	ssize_t n;

	do {
		n = sendto(fd, d->payload, d->len, 0, (const struct sockaddr *)to, len);
		/* An ICMP error that an earlier one drew is no error of this one. */
	} while (n < 0 && (errno == EINTR || errno == ECONNREFUSED));
	if (n >= 0) {
		p->sent++;
	} else if (!p->failed++) {
		fprintf(stderr, "odgram replay: sending: %s\n", strerror(errno));
	}
}

static int send_all(struct replay *p, struct capture_reader *reader)
{
	struct capture_datagram d;
	unsigned int i;
	int ret, *fd;

	while ((ret = capture_next(reader, &d)) == 1) {
		if (!p->sent && !p->failed) {
			p->first_ns = d.ns;
			clock_gettime(CLOCK_MONOTONIC, &p->began);
		}
		wait_for(p, d.ns);
		for (i = 0; i < p->nr; i++)
			send_to(p, p->target[i].sock, &d, &p->target[i].at.to,
				p->target[i].at.len);
		if (p->nr)
			continue;
		fd = d.to.ss_family == AF_INET6 ? &p->v6 : &p->v4;
		if (*fd < 0)
			*fd = new_socket(p, d.to.ss_family, 0);
		if (*fd < 0)
			return -1;
		send_to(p, *fd, &d, &d.to, d.to_len);
	}
	return ret;
}

static const struct option options[] = {
	{ "to", required_argument, NULL, 't' },
	{ "speed", required_argument, NULL, 's' },
	{ "ttl", required_argument, NULL, 'T' },
	{ 0 },
};

static bool add_target(struct replay *p, const char *text)
{
	struct target *t = &p->target[p->nr];

	if (p->nr == MAX_TARGETS) {
		fprintf(stderr, "odgram replay: at most %d times --to\n", MAX_TARGETS);
		return false;
	}
	t->sock = -1;
	if (address_parse(text, &t->at))
		return false;
	if (t->at.source.ss_family != AF_UNSPEC) {
		fprintf(stderr, "odgram replay: --to %s: a source is for receiving\n", text);
		return false;
	}
	p->nr++;
	return true;
}

static bool parse(struct replay *p, int argc, char **argv)
{
	char *end;
	int opt;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "t:s:", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			if (!add_target(p, optarg))
				return false;
			break;
		case 's':
			p->speed = strtod(optarg, &end);
			if (end != optarg && !*end && p->speed >= 0)
				break;
			fprintf(stderr, "odgram replay: --speed %s: a number wanted\n",
				optarg);
			return false;
		case 'T':
			p->ttl = strtol(optarg, &end, 10);
			if (end != optarg && !*end && p->ttl >= 0 && p->ttl <= 255)
				break;
			fprintf(stderr, "odgram replay: --ttl %s: 0 to 255 wanted\n",
				optarg);
			return false;
		default:
			return false;	/* getopt_long() has said why */
		}
	}
	if (argc - optind == 1)
		return true;
	fputs("odgram replay: one capture wanted (see odgram replay --help)\n", stderr);
	return false;
}

static int replay(struct replay *p, const char *path)
{
	struct capture_reader *reader;
	unsigned int i;
	int ret;

	for (i = 0; i < p->nr; i++) {
		p->target[i].sock = new_socket(p, p->target[i].at.to.ss_family,
					       p->target[i].at.ifindex);
		if (p->target[i].sock < 0)
			return TOOL_FAILED;
	}
	reader = capture_open(path);
	if (!reader)
		return TOOL_FAILED;
	ret = send_all(p, reader);
	if (!ret && !p->sent && !p->failed) {
		fprintf(stderr, "odgram replay: %s: no UDP datagram in it\n", path);
		ret = -1;
	}
	printf("%" PRIu64 " datagrams sent, %" PRIu64 " failed, %" PRIu64
	       " packets of the capture passed over\n", p->sent, p->failed,
	       capture_passed_over(reader));
	capture_close(reader);
	return ret || p->failed ? TOOL_FAILED : TOOL_OK;
}

static int run(int argc, char **argv)
{
	struct replay p = { .speed = 1, .ttl = 1, .v4 = -1, .v6 = -1 };
	int ret = TOOL_USAGE;
	unsigned int i;

	if (parse(&p, argc, argv))
		ret = replay(&p, argv[optind]);
	for (i = 0; i < p.nr; i++)
		if (p.target[i].sock >= 0)
			close(p.target[i].sock);
	if (p.v4 >= 0)
		close(p.v4);
	if (p.v6 >= 0)
		close(p.v6);
	return ret;
}

const struct tool_command tool_replay = {
	.name = "replay",
	.help = "send the UDP datagrams of a capture, at their pace or another",
	.usage = "[OPTION...] FILE",
	.options = "  -t, --to ADDRESS:PORT[@INTERFACE]\n"
		   "                  send there, by that interface if it is a group, not to the\n"
		   "                  capture's own addresses; several times: to each of them\n"
		   "  -s, --speed X   times as fast as captured (1); 0: as fast as it goes\n"
		   "      --ttl N     of multicast (1)\n",
	.run = run,
};
