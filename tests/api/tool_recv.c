// SPDX-License-Identifier: MIT
/*
 * "odgram recv" as people and programs use it: datagrams numbered here, in front, by
 * four bytes; what it says of them while they come and in the end.
 */
#include "tool.h"

#include <arpa/inet.h>
#include <grp.h>
#include <net/if.h>
#include <pthread.h>

#define FORMAT	"-f 0:4 --slots 64 --size 256"
#define OUT	"/tmp/recv.out"
#define ERR	"/tmp/recv.err"

static char err[16 * 1024];

static void load(const char *path, char *text, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t len = 0;

	if (file) {
		len = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[len] = '\0';
}

/* Has it said that? */
static bool says(const char *text)
{
	load(ERR, err, sizeof(err));
	return strstr(err, text);
}

/* Starts it; it is ready then. */
static pid_t receiver(const char *fmt, ...)
{
	char args[300];
	va_list ap;
	pid_t pid;

	va_start(ap, fmt);
	vsnprintf(args, sizeof(args), fmt, ap);
	va_end(ap);
	row("recv %s", args);
	/* not what one before has said */
	unlink(OUT);
	unlink(ERR);
	pid = (pid_t)sys(fork());
	if (!pid) {
		char command[512];

		snprintf(command, sizeof(command), "exec %s recv %s >" OUT " 2>" ERR,
			 tool(), args);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	eventually(says("odgram recv: ready\n"));
	return pid;
}

/* Its exit status; what it printed stands in out and err. */
static int ended(pid_t pid)
{
	int status;

	eventually(waitpid(pid, &status, WNOHANG) == pid);
	load(OUT, out, sizeof(out));
	load(ERR, err, sizeof(err));
	want_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int stopped(pid_t pid)
{
	sys(kill(pid, SIGINT));
	return ended(pid);
}

/* A port that nobody has, and a socket that sends there. */
struct line {
	uint16_t port;
	int sock;
};

static struct line line_to(const char *address)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct line line;
	int probe = udp(AF_INET);

	line.port = ntohs(port_of(probe));
	close(probe);
	line.sock = udp_unbound(AF_INET);
	to.sin_port = htons(line.port);
	inet_pton(AF_INET, address, &to.sin_addr);
	sys(connect(line.sock, (struct sockaddr *)&to, sizeof(to)));
	return line;
}

static void number_out(const struct line *line, uint32_t seq)
{
	uint32_t data[2] = { htonl(seq), 0x78787878 };

	want(sys(send(line->sock, data, sizeof(data), 0)), sizeof(data));
}

static void numbers_out(const struct line *line, uint32_t from, uint32_t to)
{
	for (; from <= to; from++)
		number_out(line, from);
}

static void gaps_are_told_as_they_come(void **state)
{
	struct line a = line_to("127.0.0.1"), b = line_to("127.0.0.1");
	pid_t pid;

	(void)state;
	pid = receiver(FORMAT " --events --window 32 127.0.0.1:%u 127.0.0.1:%u",
		       a.port, b.port);
	numbers_out(&a, 1, 2);
	number_out(&a, 6);
	eventually(says("gap      3 to 5  (line A)\n"));
	number_out(&b, 4);
	eventually(says("filled   4  (line B)\n"));
	want_true(!says("lost"));
	numbers_out(&a, 7, 40);
	eventually(says("lost     3\n") && says("lost     5\n"));
	row("all has been received when the last is missed");
	number_out(&a, 42);
	eventually(says("gap      41  (line A)\n"));
	want(stopped(pid), 0);
	want_true(strstr(out, "39 messages, 0 further copies; 4 were missing: 1 came, 3 lost\n"));
	want_true(strstr(out, "\nlost 3\nlost 5\nlost 41\n"));
	want_true(strstr(out, "arrival to program\n"));
	close(a.sock);
	close(b.sock);
}

static void events_and_summary_as_json(void **state)
{
	struct line a = line_to("127.0.0.1");
	const char *o;
	pid_t pid;

	(void)state;
	pid = receiver(FORMAT " --events --json -n 3 127.0.0.1:%u", a.port);
	numbers_out(&a, 100, 101);
	number_out(&a, 104);
	want(ended(pid), 0);
	o = object_with("\"event\": \"gap\"");
	want_true(o);
	want(number(o, "seq"), 102);
	want(number(o, "count"), 2);
	want_true(strstr(o, "\"line\": \"A\""));
	o = object_with("\"event\": \"lost\"");
	want_true(o);
	want(number(o, "seq"), 102);
	want_true(!strstr(o, "\"line\""));
	o = object_with("\"datagrams\"");
	want_true(o);
	want(number(o, "lost"), 2);
	want(number(o, "messages"), 3);
	want_true(!says("gap"));
	want(run("python3 -ISc 'import json; [json.loads(t) for t in open(\"" OUT "\")]'"), 0);
	row("into a file, and text besides");
	pid = receiver(FORMAT " --events --json=/tmp/recv.json -n 2 127.0.0.1:%u", a.port);
	number_out(&a, 1);
	number_out(&a, 3);
	want(ended(pid), 0);
	want_true(strstr(out, "lost 2\n"));
	load("/tmp/recv.json", out, sizeof(out));
	want_true(object_with("\"event\": \"gap\""));
	want(number(object_with("\"datagrams\""), "lost"), 1);
	close(a.sock);
}

static void numbers_jump_backwards(void **state)
{
	struct line a = line_to("127.0.0.1");
	pid_t pid;

	(void)state;
	pid = receiver(FORMAT " --events --window 32 127.0.0.1:%u", a.port);
	number_out(&a, 1000);
	row("one that is wrong is not believed");
	number_out(&a, 1);
	number_out(&a, 1001);
	row("eight are");
	numbers_out(&a, 1, 8);
	eventually(says("restart  8  (line A)\n"));
	want(stopped(pid), 0);
	want_true(strstr(out, "0 malformed, 8 out of range, 1 restarts\n"));
	want_true(strstr(out, "3 messages"));
	close(a.sock);
}

static void shorter_than_the_number(void **state)
{
	struct line a = line_to("127.0.0.1");
	pid_t pid;

	(void)state;
	pid = receiver(FORMAT " --json -n 5 127.0.0.1:%u", a.port);
	want(sys(send(a.sock, "", 0, 0)), 0);
	want(sys(send(a.sock, "abc", 3, 0)), 3);
	numbers_out(&a, 1, 3);
	want(ended(pid), 0);
	want(number(out, "malformed"), 2);
	want(number(out, "messages"), 3);
	want(number(out, "lost"), 0);
	close(a.sock);
}

/* The first copies, in a file that another program reads. */
static void what_is_written_is_what_came(void **state)
{
	struct line a = line_to("127.0.0.1"), b = line_to("127.0.0.1");
	static const uint32_t want_raw[] = { 1, 3, 2 };
	int rx = udp(AF_INET);
	uint32_t raw[6];
	pid_t pid;

	(void)state;
	set_opt(rx, SOL_SOCKET, SO_RCVBUF, 1 << 20);
	pid = receiver(FORMAT " -n 5 -w /tmp/recv.raw 127.0.0.1:%u 127.0.0.1:%u",
		       a.port, b.port);
	number_out(&a, 1);
	number_out(&b, 1);
	number_out(&b, 3);
	number_out(&a, 3);
	number_out(&a, 2);
	want(ended(pid), 0);
	load("/tmp/recv.raw", out, sizeof(out));
	memcpy(raw, out, sizeof(raw));
	for (int i = 0; i < 3; i++)
		want(ntohl(raw[2 * i]), want_raw[i]);
	pid = receiver(FORMAT " -n 3 -w /tmp/recv.pcap 127.0.0.1:%u", a.port);
	numbers_out(&a, 7, 9);
	want(ended(pid), 0);
	want(odgram("replay -s 0 -t 127.0.0.1:%u /tmp/recv.pcap", ntohs(port_of(rx))), 0);
	want_true(strstr(out, "3 datagrams sent, 0 failed, 0 packets"));
	for (uint32_t seq = 7; seq <= 9; seq++) {
		uint32_t data[2] = { htonl(seq), 0x78787878 };

		native_recv(rx, data, sizeof(data));
	}
	row("nowhere to write");
	pid = receiver(FORMAT " -n 1 -w /dev/full 127.0.0.1:%u", a.port);
	number_out(&a, 1);
	want(ended(pid), 1);
	want_true(strstr(err, "/dev/full: not all could be written"));
	pid = receiver(FORMAT " -n 1 --json=/dev/full 127.0.0.1:%u", a.port);
	number_out(&a, 1);
	want(ended(pid), 1);
	want_true(strstr(err, "/dev/full: not all could be written"));
	close(a.sock);
	close(b.sock);
	close(rx);
}

static void plot(void **state)
{
	struct line a = line_to("127.0.0.1");
	pid_t pid;

	(void)state;
	if (run("command -v gnuplot"))
		skip();
	pid = receiver("--slots 64 -q -n 20 -c 0 --spin --svg /tmp/recv.svg 127.0.0.1:%u",
		       a.port);
	numbers_out(&a, 1, 20);
	want(ended(pid), 0);
	load("/tmp/recv.svg", out, sizeof(out));
	want_true(strstr(out, "<svg"));
	want_true(strstr(out, "arrival to program"));
	close(a.sock);
}

/* Two feeds with numbers of their own, each by two lines. */
static void channels(void **state)
{
	struct line a1 = line_to("127.0.0.1"), a2 = line_to("127.0.0.1");
	struct line b1 = line_to("127.0.0.1"), b2 = line_to("127.0.0.1");
	pid_t pid;

	(void)state;
	pid = receiver(FORMAT " -e 127.0.0.1:%u,127.0.0.1:%u 127.0.0.1:%u,127.0.0.1:%u",
		       a1.port, a2.port, b1.port, b2.port);
	numbers_out(&a1, 1, 3);
	numbers_out(&b1, 1, 3);
	numbers_out(&a2, 1000, 1001);
	number_out(&b2, 1004);
	eventually(says("gap      1002 to 1003  (line B2)\n"));
	number_out(&a2, 1003);
	eventually(says("filled   1003  (line A2)\n"));
	want(stopped(pid), 0);
	want_true(strstr(err, "lost     1002  (channel 2)\n"));
	want_true(strstr(out, "7 messages, 3 further copies; 2 were missing: 1 came, 1 lost\n"));
	want_true(strstr(out, "channel 2: lost 1002\n"));
	want_true(strstr(out, "\nA2 "));
	close(a1.sock);
	close(a2.sock);
	close(b1.sock);
	close(b2.sock);
}

#define GROUPS 60

static void many(void *arg)
{
	char list[GROUPS * 24] = "", *end = list;
	struct line a;
	pid_t pid;

	(void)arg;
	own_namespace();
	a = line_to("127.0.0.1");
	for (int i = 1; i <= GROUPS; i++)
		end += sprintf(end, "%s239.1.2.%d:%u@v0", i > 1 ? "," : "", i, a.port);
	setenv("GROUPS_OF_A", list, 1);
	pid = receiver(FORMAT " --json -n %u $GROUPS_OF_A", GROUPS);
	for (int i = 1; i <= GROUPS; i++) {
		struct ip_mreqn by = { .imr_ifindex = (int)if_nametoindex("v0") };
		struct sockaddr_in to = {
			.sin_family = AF_INET,
			.sin_port = htons(a.port),
			.sin_addr.s_addr = htonl(0xef010200 + (uint32_t)i),
		};
		uint32_t seq = htonl(7);

		sys(connect(a.sock, &(struct sockaddr){ .sa_family = AF_UNSPEC },
			    sizeof(struct sockaddr)));
		sys(setsockopt(a.sock, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)));
		want(sys(sendto(a.sock, &seq, 4, 0, (struct sockaddr *)&to, sizeof(to))), 4);
	}
	want(ended(pid), 0);
	want(number(out, "messages"), GROUPS);
	want(number(out, "duplicates"), 0);
	want_true(strstr(out, "\"channel\": 60, \"datagrams\": 1, "));
	close(a.sock);
}

/* More than one socket could join. */
static void many_groups(void **state)
{
	(void)state;
	in_child(many, NULL);
}

/* A group by one interface is another line than the same group by another. */
static void one_group_by_two_interfaces(void *arg)
{
	struct ip_mreqn by = { 0 };
	struct line a;
	pid_t pid;

	(void)arg;
	own_namespace();
	a = line_to("127.0.0.1");
	row("no way there");
	want(odgram("recv 239.1.1.1:%u", a.port), 1);
	want_true(strstr(out, "name an interface"));
	want(odgram("recv [ff02::99]:%u", a.port), 1);
	row("not ours");
	want(odgram("recv 192.0.2.1:%u", a.port), 1);
	want_true(strstr(out, "bind: "));

	close(a.sock);
	a = line_to("127.0.0.1");
	pid = receiver(FORMAT " --json -n 6 239.1.1.1:%u@v0 239.1.1.1:%u@v1 [ff02::99]:%u@v0",
		       a.port, a.port, a.port);
	close(a.sock);
	a.sock = udp_unbound(AF_INET);
	for (int i = 0; i < 5; i++) {
		struct sockaddr_in to = {
			.sin_family = AF_INET,
			.sin_port = htons(a.port),
			.sin_addr.s_addr = inet_addr("239.1.1.1"),
		};
		uint32_t seq = htonl(1 + (uint32_t)i);

		by.imr_ifindex = (int)if_nametoindex(i < 3 ? "v0" : "v1");
		sys(setsockopt(a.sock, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof(by)));
		want(sys(sendto(a.sock, &seq, 4, 0, (struct sockaddr *)&to, sizeof(to))), 4);
	}
	want(run("printf '\\0\\0\\0\\6' >/tmp/six; python3 -IS -c 'import socket; "
		 "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); "
		 "s.sendto(open(\"/tmp/six\", \"rb\").read(), (\"ff02::99\", %u, 0, "
		 "socket.if_nametoindex(\"v0\")))' 2>&1", a.port), 0);
	want(ended(pid), 0);
	row("%s", out);
	want_true(strstr(out, "\"lines\": [{\"line\": \"A\", \"channel\": 1, \"datagrams\": 3, "));
	want_true(strstr(out, "}, {\"line\": \"B\", \"channel\": 1, \"datagrams\": 2, "));
	want_true(strstr(out, "}, {\"line\": \"C\", \"channel\": 1, \"datagrams\": 1, "));
	want(number(out, "messages"), 6);
	close(a.sock);
}

static void lines_are_told_apart_by_interface(void **state)
{
	(void)state;
	in_child(one_group_by_two_interfaces, NULL);
}

static void what_cannot_be(void **state)
{
	struct line a = line_to("127.0.0.1");

	(void)state;
	row("a clock that is not there");
	want(odgram("recv --hw 127.0.0.1:%u", a.port), 2);
	want_true(strstr(out, "line A has no interface"));
	want(odgram("recv --hw 127.0.0.1:%u@lo", a.port), 1);
	want_true(strstr(out, "lo has no clock"));
	row("a CPU that is not there");
	want(odgram("recv -c 1023 127.0.0.1:%u", a.port), 1);
	want_true(strstr(out, "CPU 1023"));
	row("more than may be pinned, for who has no capability");
	want(run("setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock sh -c "
		 "'ulimit -l 64; exec %s recv 127.0.0.1:%u' 2>&1", tool(), a.port), 1);
	want_true(strstr(out, "RLIMIT_MEMLOCK") || strstr(out, "ulimit -l"));
	close(a.sock);
}

struct sender {
	struct line line;
	bool stop;
};

static void *sender(void *arg)
{
	struct sender *s = arg;
	uint32_t seq = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		uint32_t data = htonl(seq++);

		/* refused when the receiver has ended */
		send(s->line.sock, &data, sizeof(data), 0);
		/*
		 * One gap: what more of them said would move it out of sight, so what is
		 * sent behind it is little enough to wait for a receiver that is not run.
		 */
		seq += seq == 50;
		for (int i = 0; i < (seq < 50 ? 1 : 20); i++)
			nap();
	}
	return NULL;
}

static void in_a_terminal(void **state)
{
	struct sender s = { .line = line_to("127.0.0.1") };
	pthread_t thread;

	(void)state;
	if (run("command -v tmux"))
		skip();
	terminal_with("-x 100 -y 40", "%s recv " FORMAT " -e 127.0.0.1:%u; "
		      "echo ended $?; sleep 600", tool(), s.line.port);
	eventually(pane_has("odgram recv: ready", "0 datagrams, 0 bytes; 0 messages"));
	row("the line moves, gaps stand above it");
	want(pthread_create(&thread, NULL, sender, &s), 0);
	eventually(pane_has("gap      50  (line A)", " missing, 0 lost"));
	want_true(!strstr(out, "\n0 datagrams"));
	row("^C ends it with the summary");
	want(tmux("send-keys -t 0 C-c"), 0);
	eventually(pane_has("ended 0", "arrival to program"));
	want_true(strstr(out, "lost 50\n"));
	want_true(strstr(out, "  p99"));
	want_true(strstr(out, "####"));
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	want(tmux("kill-server"), 0);
	close(s.line.sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(gaps_are_told_as_they_come),
		T0(events_and_summary_as_json),
		T0(numbers_jump_backwards),
		T0(shorter_than_the_number),
		T0(what_is_written_is_what_came),
		T0(plot),
		T0(channels),
		T0(many_groups),
		T0(lines_are_told_apart_by_interface),
		T0(what_cannot_be),
		T0(in_a_terminal),
	};
	return cmocka_run_group_tests_name("tool_recv", tests, NULL, NULL);
}
