// SPDX-License-Identifier: MIT
/* Each tracepoint says what happened, and nothing while it is off. */
#include "nl.h"

#include <sys/stat.h>

#define TRACING "/sys/kernel/tracing/"

static void put(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACING "%s", file);
	fd = (int)sys(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
	want(sys(write(fd, text, strlen(text))), strlen(text));
	close(fd);
}

/* How many lines of the trace have both. */
static int lines_with(const char *one, const char *other)
{
	FILE *file = fopen(TRACING "trace", "re");
	char line[1024];
	int n = 0;

	want_true(file);
	while (fgets(line, sizeof(line), file)) {
		/* each field is followed by one */
		line[strcspn(line, "\n")] = ' ';
		n += strstr(line, one) && strstr(line, other);
	}
	fclose(file);
	return n;
}

/* A field as the trace shows it. */
static const char *field(const char *name, uint64_t value, bool hex)
{
	static char text[8][64];
	static unsigned int next;
	char *t = text[next++ % 8];

	snprintf(t, sizeof(text[0]), hex ? "%s=0x%llx " : "%s=%llu ", name,
		 (unsigned long long)value);
	return t;
}

static void every_tracepoint_is_hit(void **state)
{
	struct fix *f = *state;
	const char *sock, *data[4];
	int dead;
	struct nl nl;

	if (access(TRACING "trace", F_OK))
		shell("mount -t tracefs none %s", TRACING);
	if (access(TRACING "events/odgram", F_OK))
		skip();
	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	sock = field("sock", nl_sock(&nl, f->rx).id, false);
	put("events/odgram/enable", "1");
	put("trace", "\n");
	for (int i = 0; i < 4; i++)
		data[i] = field("user_data", f->op[i].r.user_data, true);

	queue_str(f->tx, f->rx, "1");
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	send_str(f->tx, f->rx, "22");
	eventually(port_unread(&f->p) == 2);
	want(cancel_id(&f->p, f->op[2].r.id), 1);
	/* an ICMP error: nobody has that port */
	dead = udp(f->family);
	connect_to(f->rx, dead);
	close(dead);
	sys(send(f->rx, "x", 1, 0));
	eventually(port_unread(&f->p) == 4);
	op_init(&f->op[4]);
	post_pending(&f->p, f->rx, &f->op[4]);
	close(f->rx);
	eventually(port_unread(&f->p) == 5);

	want(lines_with("odg_pass_on:", sock), 1);
	want(lines_with("odg_pass_on:", "why=nothing_posted"), 1);
	want(lines_with("odg_post:", sock), 5);
	want(lines_with("odg_post:", data[0]), 1);
	want(lines_with("odg_post:", "pends=0"), 1);
	want(lines_with("odg_deliver:", data[0]), 1);
	want(lines_with("odg_deliver:", data[1]), 1);
	want(lines_with("odg_deliver:", "direct=1"), 1);
	want(lines_with("odg_deliver:", "len=2 full_len=2"), 1);
	for (int i = 0; i < 4; i++)
		want(lines_with("odg_complete:", data[i]), 1);
	want(lines_with("odg_complete:", "status=-125"), 2);
	want(lines_with("odg_cancel:", data[2]), 1);
	want(lines_with("odg_icmp:", "status=-111"), 1);
	want(lines_with("odg_abort:", "user_data="), 1);

	row("off");
	put("events/odgram/enable", "0");
	put("trace", "\n");
	f->rx = udp(f->family);
	op_init(&f->op[5]);
	post_pending(&f->p, f->rx, &f->op[5]);
	want(lines_with("odg_", ""), 0);
	for (int i = 0; i < 5; i++)
		reap(&f->p);
	nl_close(&nl);
}

/* perf and trace-cmd read the formats, and know no constant of ours by its name. */
static void formats_name_no_constants(void **state)
{
	(void)state;
	if (access(TRACING "events/odgram", F_OK))
		skip();
	shell("! grep ODG_ %sevents/odgram/*/format", TRACING);
	shell("grep -q '\"long\".*\"not_pinned\"' %sevents/odgram/odg_pass_on/format",
	      TRACING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(every_tracepoint_is_hit),
		T0(formats_name_no_constants),
	};
	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
