// SPDX-License-Identifier: MIT
/*
 * odgram recv: receives a feed by one line or several, through request queues:
 * no system call from arrival to data.
 *
 * One thread does it all: takes completions, arbitrates (odgram_feed.h), writes
 * first copies to the file, posts the receives again.  Between datagrams it spins
 * or sleeps in the port.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "recv.h"
#include "tool.h"

#define NSEC		1000000000ULL
#define TICK_NS		(NSEC / 5)	/* live line, limits of time, old gaps */

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static uint64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

static void on_feed_event(const struct odg_feed_event *event, void *arg)
{
	const struct channel *c = arg;
	struct receiver *r = c->r;

	if (r->events && event->what != ODG_FEED_NEW)
		recv_print_event(c, event);
	if (event->what != ODG_FEED_LOST)
		return;
	if (r->nr_losses < MAX_LOSSES)
		r->losses[r->nr_losses] = (struct loss){ c->number, event->seq,
							 event->count };
	r->nr_losses++;
}

static int open_feeds(struct receiver *r)
{
	struct odg_feed_options opt = {
		.lines = r->lines.nr / r->nr_channels,
		.window = r->window,
		.hold_ns = r->hold_ns,
		.observer = on_feed_event,
	};
	unsigned int i;
	int ret = 0;

	if (!r->format)
		return 0;
	if (odg_feed_format_parse(r->format, &opt.format)) {
		fprintf(stderr, "odgram recv: --format %s: moldudp64 or OFFSET:WIDTH[:le] wanted\n",
			r->format);
		return TOOL_USAGE;
	}
	for (i = 0; !ret && i < r->nr_channels; i++) {
		opt.arg = &r->channel[i];
		ret = odg_feed_open(&r->channel[i].feed, &opt);
	}
	if (ret)
		fprintf(stderr, "odgram recv: %s\n", strerror(-ret));
	return ret ? TOOL_FAILED : 0;
}

static uint16_t port_of(const struct line *line)
{
	/* at the same place in both families */
	return ((const struct sockaddr_in *)(const void *)&line->at.to)->sin_port;
}

/* write_down - the file's time is the device's if that was asked for and is there */
static void write_down(struct receiver *r, const struct odg_cqe_wide *wide,
		       const struct line *line, const uint8_t *payload)
{
	uint64_t ns = r->lines.hw && wide->cqe.hw_ns ? wide->cqe.hw_ns :
						       wide->cqe.rx_ns;

	r->write_errors += !!capture_write(r->writer, wide, port_of(line), ns,
					   payload);
}

static void take(struct receiver *r, const struct odg_cqe_wide *wide)
{
	const struct odg_cqe *cqe = &wide->cqe;
	uint64_t here = now(CLOCK_REALTIME);
	struct odg_feed *feed;
	struct line *line;
	uint8_t *payload;
	int fresh = 1;

	line = lines_of(&r->lines, cqe->user_data, &payload);
	feed = r->channel[line->channel].feed;
	/* An error of something sent: nothing is, so nothing arrived. */
	if (!cqe->status || cqe->status == -EMSGSIZE) {
		r->datagrams++;
		r->bytes += cqe->len;
		line->datagrams++;
		line->bytes += cqe->len;
		line->dropped += cqe->drops;
		line->truncated += cqe->status != 0;
		r->hw_stamped += cqe->hw_ns != 0;
		/* The clock may have been set back in between. */
		if (wide->done_ns >= cqe->rx_ns)
			latency_add(&r->to_queue, wide->done_ns - cqe->rx_ns);
		if (here >= cqe->rx_ns)
			latency_add(&r->to_program, here - cqe->rx_ns);
		if (feed)
			fresh = odg_feed_push(feed, line->number, payload,
					      cqe->len, now(CLOCK_MONOTONIC));
		if (fresh > 0 && r->writer)
			write_down(r, wide, line, payload);
	}
	lines_repost(&r->lines, line, cqe->user_data);
}

/* over - a few times a second: time is up, or nothing comes any more */
static bool over(struct receiver *r, uint64_t t)
{
	unsigned int i;

	for (i = 0; r->format && i < r->nr_channels; i++)
		odg_feed_expire(r->channel[i].feed, t);
	if (!r->quiet)
		recv_print_live(r);
	return (r->max_ns && t - r->started_ns >= r->max_ns) ||
	       (r->idle_ns && r->datagrams && t - r->last_ns >= r->idle_ns);
}

static int receive(struct receiver *r)
{
	struct odg_cq *cq = odg_port_cq(r->lines.port);
	uint64_t tick = now(CLOCK_MONOTONIC), t;
	uint32_t idx, n, i;

	r->started_ns = tick;
	while (!stopped) {
		n = odg_cq_peek(cq, &idx);
		for (i = 0; i < n; i++)
			take(r, odg_cq_read_wide(cq, idx + i));
		if (n) {
			odg_cq_release(cq, n);
			if (lines_submit(&r->lines))
				return TOOL_FAILED;
			if (r->max_datagrams && r->datagrams >= r->max_datagrams)
				break;
		}
		t = now(CLOCK_MONOTONIC);
		if (n)
			r->last_ns = t;
		if (t >= tick) {
			if (over(r, t))
				break;
			tick = t + TICK_NS;
		}
		if (!n && !r->spin)
			odg_wait(r->lines.port, 1, tick);
	}
	for (i = 0; r->format && i < r->nr_channels; i++)
		odg_feed_finish(r->channel[i].feed);
	return TOOL_OK;
}

/* number - of an option; false with a line on stderr */
static bool number(const char *option, const char *text, uint64_t least,
		   uint64_t most, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && *value >= least &&
	    *value <= most)
		return true;
	fprintf(stderr, "odgram recv: --%s %s: %" PRIu64 " to %" PRIu64 " wanted\n",
		option, text, least, most);
	return false;
}

static const struct option options[] = {
	{ "format", required_argument, NULL, 'f' },
	{ "count", required_argument, NULL, 'n' },
	{ "time", required_argument, NULL, 't' },
	{ "idle", required_argument, NULL, 'i' },
	{ "hold", required_argument, NULL, 'H' },
	{ "window", required_argument, NULL, 'W' },
	{ "slots", required_argument, NULL, 'S' },
	{ "size", required_argument, NULL, 'z' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "write", required_argument, NULL, 'w' },
	{ "svg", required_argument, NULL, 'g' },
	{ "spin", no_argument, NULL, 's' },
	{ "hw", no_argument, NULL, 'h' },
	{ "events", no_argument, NULL, 'e' },
	{ "json", optional_argument, NULL, 'j' },
	{ "quiet", no_argument, NULL, 'q' },
	{ 0 },
};

static bool option(struct receiver *r, int opt, const char *arg)
{
	uint64_t v = 0;
	bool good = true;

	switch (opt) {
	case 'f': r->format = arg; break;
	case 'w': r->write_path = arg; break;
	case 'g': r->svg_path = arg; break;
	case 's': r->spin = true; break;
	case 'h': r->lines.hw = true; break;
	case 'e': r->events = true; break;
	case 'j':
		r->json = true;
		r->json_path = arg;
		break;
	case 'q': r->quiet = true; break;
	case 'n':
		good = number("count", arg, 1, UINT64_MAX, &r->max_datagrams);
		break;
	case 't':
		good = number("time", arg, 1, 1000000000, &v);
		r->max_ns = v * NSEC;
		break;
	case 'i':
		good = number("idle", arg, 1, 1000000000, &v);
		r->idle_ns = v * NSEC;
		break;
	case 'H':
		good = number("hold", arg, 1, 1000000000, &v);
		r->hold_ns = v * 1000000;
		break;
	case 'W':
		good = number("window", arg, 1, ODG_FEED_MAX_WINDOW, &v);
		r->window = (uint32_t)v;
		break;
	case 'S':
		good = number("slots", arg, 1, 16384, &v);
		r->lines.slots = (uint32_t)v;
		break;
	case 'z':
		good = number("size", arg, 1, 65536, &v);
		r->lines.slot_size = (uint32_t)v;
		break;
	case 'c':
		good = number("cpu", arg, 0, CPU_SETSIZE - 1, &v);
		r->cpu = (long)v;
		break;
	default:
		return false;	/* getopt_long() has said why */
	}
	return good;
}

/* is_sound - what only the whole of the arguments shows */
static bool is_sound(const struct receiver *r)
{
	unsigned int i;

	if (r->events && !r->format) {
		fputs("odgram recv: --events needs --format\n", stderr);
		return false;
	}
	if ((uint64_t)r->lines.nr * r->lines.slots > ODG_MAX_CQ_ENTRIES ||
	    (uint64_t)r->lines.nr * r->lines.slots * r->lines.slot_size > INT32_MAX) {
		fprintf(stderr, "odgram recv: %u groups of %u slots of %u bytes: at most %u slots and 2 GiB together\n",
			r->lines.nr, r->lines.slots, r->lines.slot_size,
			ODG_MAX_CQ_ENTRIES);
		return false;
	}
	for (i = 0; r->lines.hw && i < r->lines.nr; i++)
		if (!r->lines.line[i].at.ifindex) {
			fprintf(stderr, "odgram recv: --hw: line %c has no interface (@eth0)\n",
				'A' + (int)r->lines.line[i].number);
			return false;
		}
	return true;
}

/* add_line - the groups of a line, separated by commas, are one of each channel */
static bool add_line(struct receiver *r, unsigned int number, char *groups)
{
	unsigned int channel = 0;
	struct line *line;
	char *group;

	for (; (group = strsep(&groups, ",")); channel++) {
		line = reallocarray(r->lines.line, r->lines.nr + 1, sizeof(*line));
		if (!line) {
			fputs("odgram recv: no memory\n", stderr);
			return false;
		}
		r->lines.line = line;
		line += r->lines.nr++;
		*line = (struct line){
			.number = number,
			.channel = channel,
			.sock = -1,
		};
		if (address_parse(group, &line->at))
			return false;
	}
	if (number && channel != r->nr_channels) {
		fprintf(stderr, "odgram recv: line %c has %u groups, line A %u\n",
			'A' + (int)number, channel, r->nr_channels);
		return false;
	}
	r->nr_channels = channel;
	return true;
}

static bool add_channels(struct receiver *r)
{
	unsigned int i;

	r->channel = calloc(r->nr_channels, sizeof(*r->channel));
	if (!r->channel) {
		fputs("odgram recv: no memory\n", stderr);
		return false;
	}
	for (i = 0; i < r->nr_channels; i++)
		r->channel[i] = (struct channel){ .r = r, .number = i };
	return true;
}

static bool parse(struct receiver *r, int argc, char **argv)
{
	int opt, first;

	optind = 1;
	while ((opt = getopt_long(argc, argv, "f:n:t:i:c:w:sejq", options, NULL)) != -1)
		if (!option(r, opt, optarg))
			return false;
	first = optind;
	if (first == argc || argc - first > ODG_FEED_MAX_LINES) {
		fprintf(stderr, "odgram recv: 1 to %d lines wanted (see odgram recv --help)\n",
			ODG_FEED_MAX_LINES);
		return false;
	}
	for (; optind < argc; optind++)
		if (!add_line(r, (unsigned int)(optind - first), argv[optind]))
			return false;
	return add_channels(r) && is_sound(r);
}

/* open_json - now, and not when all has been received */
static int open_json(struct receiver *r)
{
	if (!r->json)
		return 0;
	r->json_out = r->json_path ? fopen(r->json_path, "we") : stdout;
	if (r->json_out)
		return setvbuf(r->json_out, NULL, _IOLBF, 0);
	fprintf(stderr, "odgram recv: %s: %s\n", r->json_path, strerror(errno));
	return -1;
}

static int prepare(struct receiver *r)
{
	struct sigaction sa = { .sa_handler = stop };
	cpu_set_t cpus;
	int ret;

	ret = open_feeds(r);
	if (ret)
		return ret;
	if (r->cpu >= 0) {
		CPU_ZERO(&cpus);
		CPU_SET((size_t)r->cpu, &cpus);
		if (sched_setaffinity(0, sizeof(cpus), &cpus)) {
			fprintf(stderr, "odgram recv: CPU %ld: %s\n", r->cpu,
				strerror(errno));
			return TOOL_FAILED;
		}
	}
	if (open_json(r))
		return TOOL_FAILED;
	if (r->write_path) {
		r->writer = capture_create(r->write_path);
		if (!r->writer)
			return TOOL_FAILED;
	}
	/* Without SA_RESTART: a signal ends the wait. */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	return lines_open(&r->lines) ? TOOL_FAILED : TOOL_OK;
}

static int report(struct receiver *r)
{
	if (!r->quiet)
		fputs("\r\033[K", stderr);
	if (!r->json || r->json_path)
		recv_print_text(r, stdout);
	if (r->json)
		recv_print_json(r, r->json_out);
	if (r->svg_path && latency_plot(&r->to_program, "arrival to program",
					r->svg_path))
		return TOOL_FAILED;
	return TOOL_OK;
}

/* close_json - a summary that is not whole is no success; main() sees to stdout */
static int close_json(const struct receiver *r)
{
	if (!r->json_out || r->json_out == stdout ||
	    !(ferror(r->json_out) | fclose(r->json_out)))
		return TOOL_OK;
	fprintf(stderr, "odgram recv: %s: not all could be written\n", r->json_path);
	return TOOL_FAILED;
}

static int run(int argc, char **argv)
{
	struct receiver *r = calloc(1, sizeof(*r));
	int ret = TOOL_USAGE;
	unsigned int i;

	if (!r) {
		fputs("odgram recv: no memory\n", stderr);
		return TOOL_FAILED;
	}
	r->cpu = -1;
	r->lines.slots = 1024;
	r->lines.slot_size = 2048;
	if (parse(r, argc, argv)) {
		r->quiet |= !isatty(STDERR_FILENO);
		ret = prepare(r);
		if (!ret) {
			fputs("odgram recv: ready\n", stderr);
			ret = receive(r);
		}
		if (!ret)
			ret = report(r);
	}
	if (r->writer && (capture_finish(r->writer) || r->write_errors))
		ret = TOOL_FAILED;
	if (close_json(r))
		ret = TOOL_FAILED;
	lines_close(&r->lines);
	for (i = 0; r->channel && i < r->nr_channels; i++)
		odg_feed_close(r->channel[i].feed);
	free(r->channel);
	free(r->lines.line);
	free(r);
	return ret;
}

const struct tool_command tool_recv = {
	.name = "recv",
	.help = "receive a feed by one line or several",
	.usage = "[OPTION...] LINE...",
	.options = "  LINE is " ADDRESS_SYNTAX ":\n"
		   "  a multicast group is joined. The first is line A, the next B, to H. Several\n"
		   "  groups, separated by commas, are as many feeds: the first of each line, the\n"
		   "  second, ...\n"
		   "\n"
		   "  -f, --format FORMAT  where the sequence number is: moldudp64, or\n"
		   "                       OFFSET:WIDTH, in bytes, with :le for little endian;\n"
		   "                       the lines are then arbitrated\n"
		   "      --window N       messages the feed may go on before a gap is lost (65536)\n"
		   "      --hold MS        ... or this long\n"
		   "  -n, --count N        stop after N datagrams\n"
		   "  -t, --time SECONDS   stop after this long\n"
		   "  -i, --idle SECONDS   stop when nothing came for this long\n"
		   "  -s, --spin           do not sleep: fastest, and keeps a CPU busy\n"
		   "  -c, --cpu N          run on this CPU\n"
		   "  -w, --write FILE     first copies: FILE.pcap, else bare payloads\n"
		   "      --hw             ... with the device's times; each line names its interface\n"
		   "      --svg FILE       plot the times from arrival to program (gnuplot)\n"
		   "  -e, --events         a line for each gap, and when it is filled or lost\n"
		   "  -j, --json[=FILE]    summary and events as JSON, in place of text or into a file\n"
		   "  -q, --quiet          no live line\n"
		   "      --slots N        receives posted per line (1024)\n"
		   "      --size BYTES     of each (2048)\n",
	.run = run,
};
