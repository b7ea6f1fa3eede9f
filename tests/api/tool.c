// SPDX-License-Identifier: MIT
/*
 * The odgram tool as people and programs use it: by its JSON, by what it prints, by
 * how it ends, and top in a terminal (tmux).
 */
#include "nl.h"

#include <grp.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/wait.h>

/* From the repository's folder, which is where scripts/vm runs us. */
static const char *tool(void)
{
	const char *path = getenv("ODG_TOOL");

	return path ? path : "build/userlib/odgram";
}

static char out[256 * 1024];	/* what it printed, stderr included */

/* Runs a shell command; its exit status. */
static int run(const char *fmt, ...)
{
	char command[512];
	size_t len;
	va_list ap;
	FILE *pipe;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	row("%s", command);
	pipe = popen(command, "re");
	want_true(pipe);
	len = fread(out, 1, sizeof(out) - 1, pipe);
	out[len] = '\0';
	status = pclose(pipe);
	want_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The tool's exit status. */
#define odgram(args, ...) run("%s " args " 2>&1", tool(), ##__VA_ARGS__)

/* The line of the array of objects that has this. */
static const char *object_with(const char *part)
{
	static char line[4096];
	const char *at = strstr(out, part), *from, *to;

	if (!at)
		return NULL;
	for (from = at; from > out && from[-1] != '\n'; from--)
		;
	to = strchrnul(at, '\n');
	want_true((size_t)(to - from) < sizeof(line));
	memcpy(line, from, (size_t)(to - from));
	line[to - from] = '\0';
	return line;
}

static uint64_t number(const char *object, const char *name)
{
	char key[64];
	const char *at;

	snprintf(key, sizeof(key), "\"%s\": ", name);
	at = strstr(object, key);
	row("\"%s\" in %s", name, object);
	want_true(at);
	return strtoull(at + strlen(key), NULL, 10);
}

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
	want(odgram("ports 1"), 2);
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

/* The sums a program reads are exact. */
static void json_counters_add_up(void **state)
{
	struct fix *f = *state;
	const char *o;
	struct odg_sock_stats s;

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
	row("for people");
	want(odgram("sockets"), 0);
	want_true(strstr(out, "LOCAL"));
	want_true(strstr(out, f->family == AF_INET ? "127.0.0.1:" : "[::1]:"));
	want_true(strstr(out, "no receive posted"));
	want(odgram("ports"), 0);
	want_true(strstr(out, "OUTSTANDING"));
	want(odgram("stats"), 0);
	want_true(strstr(out, "datagrams arrived"));
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

/* What the terminal shows stands in out; a look takes its time. */
static bool pane_has(const char *text, const char *other)
{
	run("tmux -L odg capture-pane -p -t 0");
	return strstr(out, text) && strstr(out, other);
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
	want(run("LC_ALL=C.UTF-8 TERM=xterm tmux -L odg new-session -d -x 120 -y 20 '%s top -d 0.2; echo ended $?; sleep 600'",
		 tool()), 0);
	eventually(pane_has("1 socket  0 datagrams/s", local));
	row("it moves");
	want(pthread_create(&thread, NULL, traffic, &t), 0);
	eventually(pane_has("1 socket  ", " datagrams/s") &&
		   !strstr(out, " 0 datagrams/s"));
	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	row("q ends it, and the screen is as before");
	want(run("tmux -L odg send-keys -t 0 q"), 0);
	eventually(pane_has("ended 0", ""));
	want_true(!strstr(out, "ARRIVED/s"));
	want(run("tmux -L odg kill-server"), 0);
	row("not in a terminal");
	want(odgram("top -d 0.1 -n 2"), 0);
	want_true(strstr(out, "odgram top"));
	want_true(!strchr(out, '\033'));
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
		T(top_in_a_terminal),
	};
	return cmocka_run_group_tests_name("tool", tests, NULL, NULL);
}
