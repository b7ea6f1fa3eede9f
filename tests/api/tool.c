// SPDX-License-Identifier: MIT
/*
 * The odgram tool as people and programs use it: by its JSON, by what it prints, by
 * how it ends, and top in a terminal (tmux).
 */
#include "nl.h"
#include "tool.h"

#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *object_of(int sock)
{
	char inode[64];

	want(odgram("sockets --json"), 0);
	snprintf(inode, sizeof(inode), "\"inode\": %" PRIu64 ",", inode_of(sock));
	return object_with(inode);
}

static void wrong_calls_end_with_2(void **state)
{
	(void)state;
	want(odgram(""), 2);
	want_true(strstr(out, "--help"));
	want(odgram("nonsense"), 2);
	want_true(strstr(out, "no command nonsense"));
	want(odgram("sockets --jsonx"), 2);
	want(odgram("sockets --json more"), 2);
	want(odgram("sockets --json --long"), 2);
	want(odgram("sockets 0"), 2);
	want(odgram("sockets 1 2"), 2);
	want(odgram("ports 1x"), 2);
	want(odgram("ports 99999999999999999999"), 2);
	want(odgram("stats -v"), 2);
	want(odgram("top -d 0"), 2);
	want(odgram("top -d nan"), 2);
	want(odgram("top -n 0"), 2);
	want(odgram("top more"), 2);
	want(odgram("watch -n x"), 2);
	want(odgram("hist"), 2);
	want(odgram("hist show"), 2);
	want(odgram("hist show all"), 2);
	want(odgram("hist on 0"), 2);
	want(odgram("hist on 12x"), 2);
	want(odgram("hist off 1 more"), 2);
	want(odgram("doctor me"), 2);
}

static void help_and_version(void **state)
{
	static const char *const commands[] = {
		"ports", "sockets", "stats", "top", "watch", "hist", "doctor",
		"recv", "replay",
	};

	(void)state;
	want(odgram("--version"), 0);
	want(strncmp(out, "odgram ", 7), 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		want(odgram("--help"), 0);
		want_true(strstr(out, commands[i]));
		want(odgram("%s --help", commands[i]), 0);
		want_true(strstr(out, "usage: odgram"));
	}
	row("nobody reads it");
	want(run("%s --help 2>&1 >/dev/full", tool()), 1);
	want_true(strstr(out, "writing"));
}

/* One interpreter for all: it takes seconds to start on a slow machine. */
static void json_is_json(void **state)
{
	struct fix *f = *state;
	uint64_t id;

	want(odgram("sockets --json"), 0);
	want(strcmp(out, "[]\n"), 0);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want(odg_bind(&f->p, f->tx, 0), 0);
	connect_to(f->tx, f->rx);
	want(odgram("hist on all"), 0);
	id = number(object_of(f->rx), "id");
	want(run("for c in sockets ports stats 'hist show %" PRIu64 "'; do "
		 "%s $c --json || exit; printf '\\0'; done >/tmp/json; "
		 "python3 -ISc 'import json; [json.loads(t) for t in "
		 "open(\"/tmp/json\").read().split(\"\\0\")[:4]]' 2>&1",
		 id, tool()), 0);
}

/* One that goes, and one that fails. */
static void send_some(struct fix *f)
{
	struct tx tx[2];

	tx_init(&tx[0], "sent", 4, NULL, 0);
	tx_init(&tx[1], "fails", 5, NULL, 0);
	tx[0].s.flags = ODG_SEND_REPORT;
	tx[1].s.flags = ODG_SEND_REPORT;
	tx[1].seg.addr = 8;
	want(send_n(&f->p, f->rx, tx, 2), 2);
	native_recv(f->tx, "sent", 4);
	eventually(port_unread(&f->p) == 4);
}

/* The sums a program reads are exact. */
static void json_counters_add_up(void **state)
{
	struct fix *f = *state;
	struct odg_sock_stats s;
	const char *o;
	uint64_t id;

	want(odg_bind(&f->p, f->rx, 0), 0);
	queue_str(f->tx, f->rx, "1");
	queue_str(f->tx, f->rx, "22");
	native_recv(f->rx, "1", 1);
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	send_str(f->tx, f->rx, "333");
	eventually(port_unread(&f->p) == 2);
	s = sock_stats(&f->p, f->rx);
	o = object_of(f->rx);
	want_true(o);
	want(number(o, "arrived"), number(o, "direct") + number(o, "from_queue") +
	     number(o, "filtered") + number(o, "discarded") +
	     number(o, "dropped") + number(o, "queued") + number(o, "native"));
	want(number(o, "arrived"), s.arrived);
	want(number(o, "arrived"), 3);
	want(number(o, "direct"), s.direct);
	want(number(o, "bytes"), 5);
	want(number(o, "depth"), 2);
	want(number(o, "posted"), 4);
	want(number(o, "local_port"), ntohs(port_of(f->rx)));
	want_true(strstr(o, "\"slow\": \"nothing_posted\""));
	want_true(strstr(o, f->family == AF_INET ? "\"local_addr\": \"127.0.0.1\"" :
						   "\"local_addr\": \"::1\""));
	row("the port");
	want(odgram("ports --json"), 0);
	o = object_with("\"outstanding\": 2,");
	want_true(o);
	want(number(o, "pid"), getpid());
	want(number(o, "unread"), 2);
	want_true(number(o, "pinned_bytes") > 0);
	want(number(o, "registered_bytes"), 0);
	row("sends");
	connect_to(f->rx, f->tx);
	send_some(f);
	o = object_of(f->rx);
	want(number(o, "send_posted"), 2);
	want(number(o, "sent"), 1);
	want(number(o, "sent_bytes"), 4);
	want(number(o, "send_failed"), 1);
	want(number(o, "send_pended"), 0);
	want(number(o, "send_depth"), 0);
	row("one alone");
	id = number(o, "id");
	want(odgram("sockets --json %" PRIu64, id), 0);
	want(number(out, "id"), id);
	want_true(!strchr(strchr(out, '{') + 1, '{'));
	want(odgram("sockets %" PRIu64, id), 0);
	want_true(strstr(out, "LOCAL"));
	want(odgram("sockets 2147483646"), 1);
	want_true(strstr(out, "none of yours has number 2147483646"));
	row("all of it, for people");
	want(odgram("sockets --long %" PRIu64, id), 0);
	want_true(strstr(out, "  sent  1\n"));
	want_true(strstr(out, "  arrived  3\n"));
	want_true(strstr(out, "  slow  no receive posted\n"));
	want_true(strstr(out, f->family == AF_INET ? "local  127.0.0.1:" :
						     "local  [::1]:"));
	want(odgram("ports --long"), 0);
	want_true(strstr(out, "  command  tool\n"));
	row("for people");
	want(odgram("sockets"), 0);
	want_true(strstr(out, "LOCAL"));
	want_true(strstr(out, f->family == AF_INET ? "127.0.0.1:" : "[::1]:"));
	want_true(strstr(out, "no receive posted"));
	want(odgram("ports"), 0);
	want_true(strstr(out, "OUTSTANDING"));
	want(odgram("stats"), 0);
	want_true(strstr(out, "datagrams arrived"));
	want_true(strstr(out, "sends accepted"));
}

static void histogram(void **state)
{
	struct fix *f = *state;
	uint64_t id;

	want(odg_bind(&f->p, f->rx, 0), 0);
	id = number(object_of(f->rx), "id");
	want(odgram("hist show %" PRIu64, id), 1);
	want_true(strstr(out, "is off"));
	want(odgram("hist on %" PRIu64, id), 0);
	for (int i = 0; i < 3; i++) {
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		send_str(f->tx, f->rx, "x");
		reap_data(&f->p, &f->op[0], "x", 1);
	}
	want(odgram("hist show %" PRIu64, id), 0);
	want_true(strstr(out, "datagrams  3"));
	want_true(strstr(out, "99.9  %"));
	want_true(strchr(out, '#'));
	want(odgram("hist show %" PRIu64 " --json", id), 0);
	want(number(out, "count"), 3);
	want(odgram("hist off %" PRIu64, id), 0);
	want(odgram("hist on 2147483646"), 1);
	want_true(strstr(out, "no socket"));
}

static void watch_prints_events(void **state)
{
	struct fix *f = *state;
	int file[2];
	char text[512] = "";
	pid_t pid;

	want(odg_bind(&f->p, f->rx, 0), 0);
	queue_str(f->tx, f->rx, "1");
	want(post(&f->p, f->rx, &f->op[0]), 1);
	sys(pipe(file));
	pid = (pid_t)sys(fork());
	if (!pid) {
		dup2(file[1], STDOUT_FILENO);
		execl(tool(), "odgram", "watch", "--json", "-n", "1", NULL);
		_exit(127);
	}
	close(file[1]);
	/* until it listens nobody is told, so again and again */
	do {
		struct pollfd pfd = { .fd = file[0], .events = POLLIN };

		send_str(f->tx, f->rx, "x");
		if (poll(&pfd, 1, 50) > 0)
			break;
	} while (!waitpid(pid, NULL, WNOHANG));
	want_true(read(file[0], text, sizeof(text) - 1) > 0);
	want_true(strstr(text, "\"event\": \"starved\""));
	want_true(strstr(text, "\"slow\": \"nothing_posted\""));
	close(file[0]);
	eventually(waitpid(pid, NULL, WNOHANG) != 0);
	reap(&f->p);
}

static void without_rights(void *arg)
{
	(void)arg;
	sys(setgroups(0, NULL));
	sys(setresgid(12345, 12345, 12345));
	sys(setresuid(12345, 12345, 12345));
	want(odgram("watch -n 1"), 1);
	want_true(strstr(out, "CAP_NET_ADMIN"));
	want(odgram("sockets --json"), 0);
	want(strcmp(out, "[]\n"), 0);
	row("the device is not theirs");
	want(odgram("recv 127.0.0.1:9"), 1);
	want_true(strstr(out, "/dev/odgram"));
	want(odgram("doctor"), 1);
	want_true(strstr(out, "WRONG  device"));
	want_true(strstr(out, "odgram"));
}

static void without_rights_it_says_so(void **state)
{
	(void)state;
	in_child(without_rights, NULL);
}

static void doctor_finds_all_well(void **state)
{
	(void)state;
	want(odgram("doctor"), 0);
	want_true(strstr(out, "ok     module"));
	want_true(strstr(out, "ok     device"));
	want_true(!strstr(out, "WRONG"));
	row("little memory may be locked");
	want(run("ulimit -l 64; %s doctor", tool()), 0);
	want_true(strstr(out, "ulimit -l"));
}

/* What a process calls itself is not for the terminal of another to obey. */
static void a_name_moves_no_cursor(void **state)
{
	char name[16];

	(void)state;
	sys(prctl(PR_GET_NAME, name));
	sys(prctl(PR_SET_NAME, "a\033[2J\x9b\tb"));
	want(odgram("ports"), 0);
	want_true(strstr(out, "  a?[2J??b\n"));
	want(odgram("ports --long"), 0);
	want_true(strstr(out, "  a?[2J??b\n"));
	sys(prctl(PR_SET_NAME, name));
}

struct traffic {
	struct fix *f;
	bool stop;
};

static void *traffic(void *arg)
{
	struct traffic *t = arg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		send_str(t->f->tx, t->f->rx, "x");
		nap();
	}
	return NULL;
}

/* That are not empty. */
static int lines(const char *text)
{
	int n = 0;

	for (text += strspn(text, "\n"); *text; text += strspn(text, "\n")) {
		text += strcspn(text, "\n");
		n++;
	}
	return n;
}

static void top_in_a_terminal(void **state)
{
	struct fix *f = *state;
	struct traffic t = { .f = f };
	pthread_t thread;
	char local[64];

	if (run("command -v tmux"))
		skip();
	want(odg_bind(&f->p, f->rx, 0), 0);
	snprintf(local, sizeof(local), "127.0.0.1:%u", ntohs(port_of(f->rx)));
	terminal_with("-x 120 -y 20", "%s top -d 0.2; echo ended $?; sleep 600", tool());
	eventually(pane_has("1 socket  0 datagrams/s", local));
	row("it moves");
	want(pthread_create(&thread, NULL, traffic, &t), 0);
	eventually(pane_has("1 socket  ", " datagrams/s") &&
		   !strstr(out, " 0 datagrams/s"));
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	row("q ends it, and the screen is as before");
	want(tmux("send-keys -t 0 q"), 0);
	eventually(pane_has("ended 0", ""));
	want_true(!strstr(out, "ARRIVED/s"));
	want(tmux("kill-server"), 0);
	row("a narrow one: each line of the frame is one of the terminal's");
	terminal_with("-x 80 -y 20", "%s top -d 0.2", tool());
	eventually(pane_has("\n    ID  LOCAL ", local) &&
		   strstr(out, "  DROPPED/s") && lines(out) == 3);
	want(tmux("kill-server"), 0);
	row("not in a terminal");
	want(odgram("top -d 0.1 -n 2"), 0);
	want_true(strstr(out, "odgram top"));
	want_true(!strchr(out, '\033'));
	row("for programs");
	want(odgram("top --json -d 0.1 -n 1"), 0);
	want_true(strstr(out, "{\"time_ns\": "));
	want_true(strstr(out, local));
	want(number(out, "posted_now"), 0);
}

/* Each line of a table is one of the terminal's. */
static void a_table_in_a_terminal(void **state)
{
	struct fix *f = *state;

	if (run("command -v tmux"))
		skip();
	want(odg_bind(&f->p, f->rx, 0), 0);
	terminal_with("-x 90 -y 20", "%s sockets; sleep 600", tool());
	eventually(pane_has("columns left out", "ID  LOCAL ") &&
		   strstr(out, " DROPPED  LAST-SLOW\n"));
	want_true(!strstr(out, "TRUNC"));
	want(tmux("kill-server"), 0);
	row("a wide one");
	terminal_with("-x 220 -y 20", "%s sockets; echo; sleep 600", tool());
	eventually(pane_has("LAST-SLOW\n", "127.0.0.1:") && strstr(out, "TRUNC"));
	want_true(!strstr(out, "left out"));
	want(tmux("kill-server"), 0);
	row("not in a terminal");
	want(odgram("sockets"), 0);
	want_true(strstr(out, "TRUNC"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(wrong_calls_end_with_2),
		T0(help_and_version),
		T(json_is_json),
		T46(json_counters_add_up),
		T(histogram),
		T(watch_prints_events),
		T0(without_rights_it_says_so),
		T(doctor_finds_all_well),
		T(a_name_moves_no_cursor),
		T(top_in_a_terminal),
		T(a_table_in_a_terminal),
	};
	return cmocka_run_group_tests_name("tool", tests, NULL, NULL);
}
