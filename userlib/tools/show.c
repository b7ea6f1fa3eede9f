// SPDX-License-Identifier: MIT
/*
 * How the tool shows a message: as a row for people, as JSON for programs.
 *
 * JSON has a field for each attribute, named after it; no string in it needs to be
 * escaped (addresses, and words of ours).  The long form has the same fields.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "show.h"

#define NR(array) (sizeof(array) / sizeof((array)[0]))

const char *show_slow(unsigned int slow)
{
	static const char *const words[] = {
		[ODG_SLOW_NONE] = "-",
		[ODG_SLOW_NOTHING_POSTED] = "no receive posted",
		[ODG_SLOW_QUEUE] = "queue not empty",
		[ODG_SLOW_NO_ROOM] = "no completion room",
		[ODG_SLOW_BAD_ENTRY] = "bad ring entries",
		[ODG_SLOW_FILTER] = "filter",
		[ODG_SLOW_LONG] = "longer than receive",
		[ODG_SLOW_NOT_PINNED] = "page not pinned",
	};

	return slow < NR(words) ? words[slow] : "?";
}

const char *show_event(unsigned int event)
{
	static const char *const words[] = {
		[ODG_EVENT_STARVED] = "starved",
		[ODG_EVENT_DROP] = "drop",
		[ODG_EVENT_PORT_DIED] = "port-died",
	};

	return event < NR(words) && words[event] ? words[event] : "?";
}

static const char *address(char *text, socklen_t size, const void *addr,
			   size_t len)
{
	if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, addr, text, size))
		text[0] = '\0';
	return text;
}

void show_endpoint(char *text, size_t size, const struct tool_msg *msg, int addr,
		   int port)
{
	const struct nlattr *a = msg->attr[addr], *p = msg->attr[port];
	size_t len = a ? mnl_attr_get_payload_len(a) : 0;
	char name[INET6_ADDRSTRLEN];

	if ((len != 4 && len != 16) || !p) {
		snprintf(text, size, "-");
		return;
	}
	snprintf(text, size, len == 4 ? "%s:%u" : "[%s]:%u",
		 address(name, sizeof(name), mnl_attr_get_payload(a), len),
		 ntohs(mnl_attr_get_u16(p)));
}

static void age(char *cell, uint64_t ns)
{
	struct timespec now;
	double seconds;

	clock_gettime(CLOCK_REALTIME, &now);
	seconds = (double)now.tv_sec - (double)(ns / 1000000000) +
		  ((double)now.tv_nsec - (double)(ns % 1000000000)) / 1e9;
	if (!ns)
		strcpy(cell, "never");
	else
		snprintf(cell, SHOW_CELL, "%.1f s ago", seconds < 0 ? 0 : seconds);
}

static void bytes(char *cell, uint64_t n)
{
	static const char units[] = " KMGTPE";
	double scaled = (double)n;
	size_t unit = 0;

	while (scaled >= 1024 && units[unit + 1]) {
		scaled /= 1024;
		unit++;
	}
	if (unit)
		snprintf(cell, SHOW_CELL, "%.*f%c", scaled < 10, scaled, units[unit]);
	else
		snprintf(cell, SHOW_CELL, "%" PRIu64, n);
}

/* A process calls itself what it likes: nothing that a terminal would obey. */
static void command(char *cell, uint64_t pid)
{
	char path[32], *c;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", (unsigned int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(cell, SHOW_CELL, file))
		strcpy(cell, "-");
	if (file)
		fclose(file);
	cell[strcspn(cell, "\n")] = '\0';
	for (c = cell; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

void show_cell(char *cell, const struct show_column *column,
	       const struct tool_msg *msg)
{
	uint64_t number = tool_number(msg, column->attr);

	switch (column->kind) {
	case SHOW_NUMBER:
		if (msg->attr[column->attr])
			snprintf(cell, SHOW_CELL, "%" PRIu64, number);
		else
			strcpy(cell, "-");
		break;
	case SHOW_BYTES:
		bytes(cell, number);
		break;
	case SHOW_LOCAL:
		show_endpoint(cell, SHOW_CELL, msg, ODG_A_LOCAL_ADDR,
			      ODG_A_LOCAL_PORT);
		break;
	case SHOW_PEER:
		show_endpoint(cell, SHOW_CELL, msg, ODG_A_PEER_ADDR,
			      ODG_A_PEER_PORT);
		break;
	case SHOW_SLOW:
		snprintf(cell, SHOW_CELL, "%s", show_slow((unsigned int)number));
		break;
	case SHOW_AGE:
		age(cell, number);
		break;
	case SHOW_COMMAND:
		command(cell, number);
		break;
	}
}

int show_add(struct show_table *table, const struct tool_msg *msg)
{
	size_t i;

	if (table->nr_rows == table->room) {
		size_t room = table->room ? 2 * table->room : 64;
		void *cells = reallocarray(table->cells, room,
					   table->nr_columns * SHOW_CELL);

		if (!cells)
			return -ENOMEM;
		table->cells = cells;
		table->room = room;
	}
	for (i = 0; i < table->nr_columns; i++)
		show_cell(table->cells[table->nr_rows * table->nr_columns + i],
			  &table->columns[i], msg);
	table->nr_rows++;
	return 0;
}

/* Most columns of a table. */
#define MAX_COLUMNS	32
#define GAP		2	/* between two of them */

/* How wide each column is; 0 for one that is left out. */
struct layout {
	int width[MAX_COLUMNS];
	size_t last;		/* of those that are there */
};

/* Numbers stand to the right, words to the left; nothing behind the last. */
static void print_cell(const struct show_table *table, const struct layout *layout,
		       size_t column, const char *text)
{
	enum show_kind kind = table->columns[column].kind;
	int width = layout->width[column];

	if (!width)
		return;
	if (kind == SHOW_NUMBER || kind == SHOW_BYTES)
		printf("%*s", width, text);
	else
		printf("%-*s", column == layout->last ? 0 : width, text);
	printf("%*s", column == layout->last ? 0 : GAP, "");
	if (column == layout->last)
		putchar('\n');
}

static int full_width(const struct show_table *table, size_t column)
{
	size_t most = strlen(table->columns[column].head), row;

	for (row = 0; row < table->nr_rows; row++) {
		size_t len = strlen(table->cells[row * table->nr_columns + column]);

		most = len > most ? len : most;
	}
	return (int)most;
}

/* From the right, what can be spared, until the rest fits.  How many. */
static unsigned int leave_out(const struct show_table *table, struct layout *layout,
			      int total)
{
	struct winsize size = { 0 };
	unsigned int out = 0;
	size_t i;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ||
	    !size.ws_col)
		return 0;
	for (i = table->nr_columns; i-- > 0 && total > size.ws_col;) {
		if (!table->columns[i].spare)
			continue;
		total -= layout->width[i] + GAP;
		layout->width[i] = 0;
		out++;
	}
	return out;
}

void show_print(const struct show_table *table)
{
	struct layout layout = { .last = 0 };
	int total = -GAP;
	unsigned int out;
	size_t row, i;

	for (i = 0; i < table->nr_columns; i++) {
		layout.width[i] = full_width(table, i);
		total += layout.width[i] + GAP;
	}
	out = leave_out(table, &layout, total);
	for (i = 0; i < table->nr_columns; i++)
		if (layout.width[i])
			layout.last = i;
	for (i = 0; i < table->nr_columns; i++)
		print_cell(table, &layout, i, table->columns[i].head);
	for (row = 0; row < table->nr_rows; row++)
		for (i = 0; i < table->nr_columns; i++)
			print_cell(table, &layout, i,
				   table->cells[row * table->nr_columns + i]);
	if (out)
		fprintf(stderr, "(%u columns left out: the terminal is narrow; --long shows all)\n",
			out);
}

void show_free(struct show_table *table)
{
	free(table->cells);
}

/* --- JSON -------------------------------------------------------------- */

enum json_kind { JSON_NUMBER, JSON_ADDR, JSON_PORT, JSON_SLOW, JSON_EVENT };

static const struct {
	enum odg_genl_attr attr;
	const char *name;
	enum json_kind kind;
} fields[] = {
	{ ODG_A_EVENT, "event", JSON_EVENT },
	{ ODG_A_PORTS, "ports", JSON_NUMBER },
	{ ODG_A_SOCKS, "sockets", JSON_NUMBER },
	{ ODG_A_ID, "id", JSON_NUMBER },
	{ ODG_A_PID, "pid", JSON_NUMBER },
	{ ODG_A_UID, "uid", JSON_NUMBER },
	{ ODG_A_INODE, "inode", JSON_NUMBER },
	{ ODG_A_LOCAL_ADDR, "local_addr", JSON_ADDR },
	{ ODG_A_LOCAL_PORT, "local_port", JSON_PORT },
	{ ODG_A_PEER_ADDR, "peer_addr", JSON_ADDR },
	{ ODG_A_PEER_PORT, "peer_port", JSON_PORT },
	{ ODG_A_IFINDEX, "ifindex", JSON_NUMBER },
	{ ODG_A_ENTRIES, "entries", JSON_NUMBER },
	{ ODG_A_OUTSTANDING, "outstanding", JSON_NUMBER },
	{ ODG_A_UNREAD, "unread", JSON_NUMBER },
	{ ODG_A_PINNED, "pinned_bytes", JSON_NUMBER },
	{ ODG_A_KEPT, "kept_bytes", JSON_NUMBER },
	{ ODG_A_REGISTERED, "registered_bytes", JSON_NUMBER },
	{ ODG_A_DEPTH, "depth", JSON_NUMBER },
	{ ODG_A_RING_ENTRIES, "ring_entries", JSON_NUMBER },
	{ ODG_A_RING_DEPTH, "ring_depth", JSON_NUMBER },
	{ ODG_A_POSTED, "posted", JSON_NUMBER },
	{ ODG_A_COMPLETED, "completed", JSON_NUMBER },
	{ ODG_A_CANCELLED, "cancelled", JSON_NUMBER },
	{ ODG_A_ABORTED, "aborted", JSON_NUMBER },
	{ ODG_A_BAD_CONS, "bad_cons", JSON_NUMBER },
	{ ODG_A_ARRIVED, "arrived", JSON_NUMBER },
	{ ODG_A_DIRECT, "direct", JSON_NUMBER },
	{ ODG_A_FROM_QUEUE, "from_queue", JSON_NUMBER },
	{ ODG_A_FILTERED, "filtered", JSON_NUMBER },
	{ ODG_A_DISCARDED, "discarded", JSON_NUMBER },
	{ ODG_A_DROPPED, "dropped", JSON_NUMBER },
	{ ODG_A_QUEUED, "queued", JSON_NUMBER },
	{ ODG_A_NATIVE, "native", JSON_NUMBER },
	{ ODG_A_TRUNCATED, "truncated", JSON_NUMBER },
	{ ODG_A_PIECES, "pieces", JSON_NUMBER },
	{ ODG_A_ICMP, "icmp", JSON_NUMBER },
	{ ODG_A_BYTES, "bytes", JSON_NUMBER },
	{ ODG_A_SEND_POSTED, "send_posted", JSON_NUMBER },
	{ ODG_A_SENT, "sent", JSON_NUMBER },
	{ ODG_A_SENT_BYTES, "sent_bytes", JSON_NUMBER },
	{ ODG_A_SEND_FAILED, "send_failed", JSON_NUMBER },
	{ ODG_A_SEND_PENDED, "send_pended", JSON_NUMBER },
	{ ODG_A_SEND_DEPTH, "send_depth", JSON_NUMBER },
	{ ODG_A_LAST_NS, "last_ns", JSON_NUMBER },
	{ ODG_A_HIST_ON, "hist_on", JSON_NUMBER },
	{ ODG_A_HIST_COUNT, "count", JSON_NUMBER },
	{ ODG_A_HIST_SUM, "sum_ns", JSON_NUMBER },
	{ ODG_A_HIST_MAX, "max_ns", JSON_NUMBER },
	{ ODG_A_SLOW, "slow", JSON_SLOW },
};

static void json_value(const struct tool_msg *msg, enum odg_genl_attr attr,
		       enum json_kind kind)
{
	static const char *const slow[] = {
		[ODG_SLOW_NONE] = "none",
		[ODG_SLOW_NOTHING_POSTED] = "nothing_posted",
		[ODG_SLOW_QUEUE] = "queue",
		[ODG_SLOW_NO_ROOM] = "no_room",
		[ODG_SLOW_BAD_ENTRY] = "bad_entry",
		[ODG_SLOW_FILTER] = "filter",
		[ODG_SLOW_LONG] = "long",
		[ODG_SLOW_NOT_PINNED] = "not_pinned",
	};
	const struct nlattr *a = msg->attr[attr];
	uint64_t number = tool_number(msg, attr);
	char text[INET6_ADDRSTRLEN];

	switch (kind) {
	case JSON_NUMBER:
		printf("%" PRIu64, number);
		break;
	case JSON_ADDR:
		printf("\"%s\"", address(text, sizeof(text),
					 mnl_attr_get_payload(a),
					 mnl_attr_get_payload_len(a)));
		break;
	case JSON_PORT:
		printf("%u", ntohs(mnl_attr_get_u16(a)));
		break;
	case JSON_SLOW:
		printf("\"%s\"", number < NR(slow) ? slow[number] : "?");
		break;
	case JSON_EVENT:
		printf("\"%s\"", show_event((unsigned int)number));
		break;
	}
}

static void json_groups(const struct tool_msg *msg)
{
	bool v4 = tool_number(msg, ODG_A_FAMILY) == AF_INET;
	char text[INET6_ADDRSTRLEN];
	unsigned int i;

	fputs(", \"groups\": [", stdout);
	for (i = 0; i < msg->nr_groups; i++) {
		struct odg_genl_group group;

		memcpy(&group, mnl_attr_get_payload(msg->groups[i]), sizeof(group));
		printf("%s{\"addr\": \"%s\", \"ifindex\": %u}", i ? ", " : "",
		       address(text, sizeof(text), group.addr, v4 ? 4 : 16),
		       group.ifindex);
	}
	putchar(']');
}

void show_json(const struct tool_msg *msg)
{
	const char *before = "{";
	size_t i;

	for (i = 0; i < NR(fields); i++) {
		if (!msg->attr[fields[i].attr])
			continue;
		printf("%s\"%s\": ", before, fields[i].name);
		json_value(msg, fields[i].attr, fields[i].kind);
		before = ", ";
	}
	if (msg->nr_groups)
		json_groups(msg);
	putchar('}');
}

static void long_groups(const struct tool_msg *msg)
{
	bool v4 = tool_number(msg, ODG_A_FAMILY) == AF_INET;
	char addr[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
	unsigned int i;

	for (i = 0; i < msg->nr_groups; i++) {
		struct odg_genl_group group;

		memcpy(&group, mnl_attr_get_payload(msg->groups[i]), sizeof(group));
		printf("%18s  %s", "group", address(addr, sizeof(addr), group.addr,
						    v4 ? 4 : 16));
		if (group.ifindex && if_indextoname(group.ifindex, name))
			printf(" by %s", name);
		putchar('\n');
	}
}

void show_long(const struct tool_msg *msg)
{
	static const struct show_column in_words[] = {
		{ "local", ODG_A_LOCAL_ADDR, SHOW_LOCAL, false },
		{ "peer", ODG_A_PEER_ADDR, SHOW_PEER, false },
		{ "command", ODG_A_PID, SHOW_COMMAND, false },
		{ "last", ODG_A_LAST_NS, SHOW_AGE, false },
		{ "slow", ODG_A_SLOW, SHOW_SLOW, false },
	};
	char cell[SHOW_CELL];
	size_t i;

	for (i = 0; i < NR(fields); i++) {
		if (!msg->attr[fields[i].attr] || fields[i].kind != JSON_NUMBER)
			continue;
		printf("%18s  %" PRIu64 "\n", fields[i].name,
		       tool_number(msg, fields[i].attr));
	}
	for (i = 0; i < NR(in_words); i++) {
		if (!msg->attr[in_words[i].attr])
			continue;
		show_cell(cell, &in_words[i], msg);
		printf("%18s  %s\n", in_words[i].head, cell);
	}
	long_groups(msg);
	putchar('\n');
}
