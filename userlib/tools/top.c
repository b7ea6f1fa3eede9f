// SPDX-License-Identifier: MIT
/*
 * odgram top: the busiest sockets, again and again.
 *
 * In a terminal each frame overwrites the one before, on the terminal's other
 * screen; elsewhere frames follow each other.  Rates are what came between two
 * dumps by the time between them.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "list.h"
#include "tool.h"

#define OTHER_SCREEN	"\033[?1049h\033[?25l"
#define OWN_SCREEN	"\033[?25h\033[?1049l"
#define HOME		"\033[H"
#define CLEAR_LINE	"\033[K"
#define CLEAR_BELOW	"\033[J"
#define REVERSE		"\033[7m"
#define NORMAL		"\033[0m"

/* Lines of a frame that are not a socket's. */
#define HEAD_LINES	3

/* What a socket has counted, and then how much of that a second. */
struct top_row {
	uint32_t id;
	uint64_t posted;	/* now, in FIFO and ring */
	double arrived, direct, from_queue, dropped, bytes;
	uint64_t slow;
	char local[SHOW_CELL];
};

struct top_rows {
	struct top_row *row;
	size_t nr, room;
	struct timespec when;
};

struct top {
	double delay;
	unsigned long left;	/* frames to show; 0: no end */
	bool json;		/* a frame is an object on a line */
	bool screen;		/* stdout is a terminal, and people read */
	bool keys;		/* stdin is one */
	struct termios saved;
};

static volatile sig_atomic_t stopped;

static void stop(int sig)
{
	(void)sig;
	stopped = 1;
}

static int take(const struct tool_msg *msg, void *arg)
{
	struct top_rows *rows = arg;
	struct top_row *row;

	if (rows->nr == rows->room) {
		size_t room = rows->room ? 2 * rows->room : 64;

		row = reallocarray(rows->row, room, sizeof(*row));
		if (!row)
			return -ENOMEM;
		rows->row = row;
		rows->room = room;
	}
	row = &rows->row[rows->nr++];
	*row = (struct top_row){
		.id = (uint32_t)tool_number(msg, ODG_A_ID),
		.posted = tool_number(msg, ODG_A_DEPTH) +
			  tool_number(msg, ODG_A_RING_DEPTH),
		.arrived = (double)tool_number(msg, ODG_A_ARRIVED),
		.direct = (double)tool_number(msg, ODG_A_DIRECT),
		.from_queue = (double)tool_number(msg, ODG_A_FROM_QUEUE),
		.dropped = (double)tool_number(msg, ODG_A_DROPPED),
		.bytes = (double)tool_number(msg, ODG_A_BYTES),
		.slow = tool_number(msg, ODG_A_SLOW),
	};
	show_endpoint(row->local, sizeof(row->local), msg, ODG_A_LOCAL_ADDR,
		      ODG_A_LOCAL_PORT);
	return 0;
}

static double rate(double now, double before, double seconds)
{
	/* less where one is counted here and not yet there */
	return now > before ? (now - before) / seconds : 0;
}

/* To what it is a second.  A socket that is new came with all it has. */
static void to_rate(struct top_row *now, const struct top_row *before,
		    double seconds)
{
	static const struct top_row nothing;

	if (!before)
		before = &nothing;
	now->arrived = rate(now->arrived, before->arrived, seconds);
	now->direct = rate(now->direct, before->direct, seconds);
	now->from_queue = rate(now->from_queue, before->from_queue, seconds);
	now->dropped = rate(now->dropped, before->dropped, seconds);
	now->bytes = rate(now->bytes, before->bytes, seconds);
}

static int busier(const void *a, const void *b)
{
	const struct top_row *x = a, *y = b;

	if (x->arrived != y->arrived)
		return x->arrived < y->arrived ? 1 : -1;
	return x->id < y->id ? -1 : 1;
}

/* A copy of now with rates, the busiest first.  Both are in order of id. */
static struct top_row *rates(const struct top_rows *now,
			     const struct top_rows *before)
{
	double seconds = (double)(now->when.tv_sec - before->when.tv_sec) +
		(double)(now->when.tv_nsec - before->when.tv_nsec) / 1e9;
	struct top_row *out = calloc(now->nr + 1, sizeof(*out));
	size_t i, old = 0;

	if (!out)
		return NULL;
	for (i = 0; i < now->nr; i++) {
		const struct top_row *was = NULL;

		out[i] = now->row[i];
		while (old < before->nr && before->row[old].id < out[i].id)
			old++;
		if (old < before->nr && before->row[old].id == out[i].id)
			was = &before->row[old];
		to_rate(&out[i], was, seconds > 0 ? seconds : 1);
	}
	qsort(out, now->nr, sizeof(*out), busier);
	return out;
}

/* As much as fits: a line that goes on in the next would move the frame. */
static __attribute__((format(printf, 3, 4))) void
print_line(const struct top *top, int columns, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (top->screen)
		printf("%.*s" NORMAL CLEAR_LINE "\n", columns, text);
	else
		puts(text);
}

static int widest(const struct top_row *row, size_t nr)
{
	size_t most = strlen("LOCAL"), i;

	for (i = 0; i < nr; i++) {
		size_t len = strlen(row[i].local);

		most = len > most ? len : most;
	}
	return (int)most;
}

static void print_frame(const struct top *top, const struct top_row *row,
			size_t nr)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	double arrived = 0, direct = 0, dropped = 0;
	size_t i, show = nr;
	time_t now = time(NULL);
	char clock[16];
	struct tm tm;
	int width;

	for (i = 0; i < nr; i++) {
		arrived += row[i].arrived;
		direct += row[i].direct;
		dropped += row[i].dropped;
	}
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (top->screen) {
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
		if (!size.ws_col)
			size.ws_col = 80;
		if (size.ws_row > HEAD_LINES &&
		    show + HEAD_LINES > size.ws_row)
			show = (size_t)size.ws_row - HEAD_LINES;
		fputs(HOME, stdout);
	}
	print_line(top, size.ws_col,
		   "odgram top  %s  %zu socket%s  %.0f datagrams/s, %.0f %% at once, %.0f dropped/s%s",
		   clock, nr, nr == 1 ? "" : "s", arrived,
		   arrived > 0 ? direct / arrived * 100 : 0, dropped,
		   top->keys ? "  (q ends)" : "");
	width = widest(row, show);
	if (top->screen)
		fputs(REVERSE, stdout);
	print_line(top, size.ws_col, "%6s  %-*s  %9s  %9s  %10s  %9s  %9s  %7s  %-19s",
		   "ID", width, "LOCAL", "ARRIVED/s", "AT-ONCE/s", "BY-QUEUE/s",
		   "DROPPED/s", "MB/s", "POSTED", "LAST-SLOW");
	for (i = 0; i < show; i++)
		print_line(top, size.ws_col,
			   "%6u  %-*s  %9.0f  %9.0f  %10.0f  %9.0f  %9.2f  %7" PRIu64 "  %s",
			   row[i].id, width, row[i].local, row[i].arrived,
			   row[i].direct, row[i].from_queue, row[i].dropped,
			   row[i].bytes / 1e6, row[i].posted,
			   show_slow((unsigned int)row[i].slow));
	fputs(top->screen ? CLEAR_BELOW : "\n", stdout);
}

static void json_frame(const struct top_row *row, size_t nr)
{
	struct timespec now;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &now);
	printf("{\"time_ns\": %" PRIu64 ", \"sockets\": [",
	       (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	for (i = 0; i < nr; i++)
		printf("%s{\"id\": %u, \"local\": \"%s\", \"arrived\": %.1f, \"direct\": %.1f, \"from_queue\": %.1f, \"dropped\": %.1f, \"bytes\": %.1f, \"posted_now\": %" PRIu64 "}",
		       i ? ", " : "", row[i].id, row[i].local, row[i].arrived,
		       row[i].direct, row[i].from_queue, row[i].dropped,
		       row[i].bytes, row[i].posted);
	puts("]}");
}

/* True when it is over: q, a signal, or nobody reads. */
static bool rest(const struct top *top)
{
	struct pollfd pfd = { .fd = top->keys ? STDIN_FILENO : -1,
			      .events = POLLIN };
	char key;

	if (fflush(stdout))
		return true;
	if (poll(&pfd, 1, (int)(top->delay * 1000)) > 0 &&
	    (read(STDIN_FILENO, &key, 1) != 1 || key == 'q'))
		return true;
	return stopped;
}

static int run(struct top *top, struct tool_nl *nl)
{
	struct top_rows rows[2] = {};
	struct top_row *frame;
	bool over = false;
	int ret, i = 0;

	/* the first dump only says where counting begins */
	clock_gettime(CLOCK_MONOTONIC, &rows[0].when);
	ret = tool_nl_dump(nl, ODG_CMD_SOCK_GET, take, &rows[0]);
	over = ret || rest(top);
	while (!over) {
		i = !i;
		rows[i].nr = 0;
		clock_gettime(CLOCK_MONOTONIC, &rows[i].when);
		ret = tool_nl_dump(nl, ODG_CMD_SOCK_GET, take, &rows[i]);
		if (ret)
			break;
		frame = rates(&rows[i], &rows[!i]);
		if (!frame) {
			ret = -ENOMEM;
			break;
		}
		if (top->json)
			json_frame(frame, rows[i].nr);
		else
			print_frame(top, frame, rows[i].nr);
		free(frame);
		over = (top->left && !--top->left) || rest(top);
	}
	free(rows[0].row);
	free(rows[1].row);
	return ret;
}

static void screen_begin(struct top *top)
{
	/* no SA_RESTART: a signal ends the rest between two frames */
	struct sigaction action = { .sa_handler = stop };
	struct termios raw;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	top->screen = !top->json && isatty(STDOUT_FILENO);
	top->keys = top->screen && !tcgetattr(STDIN_FILENO, &top->saved);
	if (top->keys) {
		raw = top->saved;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	if (top->screen)
		fputs(OTHER_SCREEN HOME CLEAR_BELOW, stdout);
}

static void screen_end(const struct top *top)
{
	if (top->screen)
		fputs(OWN_SCREEN, stdout);
	if (top->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &top->saved);
}

static int parse_args(int argc, char **argv, struct top *top)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "count", required_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "d:n:", options, NULL)) != -1) {
		if (c == 'd') {
			top->delay = strtod(optarg, &end);
			if (*end || !(top->delay >= 0.1 && top->delay <= 3600))
				return TOOL_USAGE;
		} else if (c == 'n') {
			if (!tool_count(optarg, &top->left))
				return TOOL_USAGE;
		} else if (c == 'j') {
			top->json = true;
		} else {
			return TOOL_USAGE;
		}
	}
	return optind < argc ? TOOL_USAGE : TOOL_OK;
}

static int top(int argc, char **argv)
{
	struct top state = { .delay = 1 };
	struct tool_nl nl;
	int ret;

	if (parse_args(argc, argv, &state)) {
		fputs("odgram top: wrong arguments (see odgram top --help)\n",
		      stderr);
		return TOOL_USAGE;
	}
	if (tool_nl_open(&nl))
		return TOOL_FAILED;
	screen_begin(&state);
	ret = run(&state, &nl);
	screen_end(&state);
	tool_nl_close(&nl);
	return ret ? tool_failed(argv[0], ret) : TOOL_OK;
}

const struct tool_command tool_top = {
	.name = "top",
	.help = "show the busiest sockets, again and again; q ends it",
	.usage = "[--json] [-d SECONDS] [-n COUNT]",
	.options = "  -d, --delay SECONDS   between two frames, 0.1 to 3600; 1 by default\n"
		   "  -n, --count COUNT     end after so many frames\n"
		   "      --json            each frame an object on a line, all by the second\n",
	.run = top,
};
