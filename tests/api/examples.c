// SPDX-License-Identifier: MIT
/*
 * The programs of userlib/examples that a reader tries first, run as they stand:
 * each listens on port 27015, gets datagrams, and says what it got.
 */
#include "helpers.h"

#include <sys/wait.h>

#define AT_PORT 27015

static bool somebody_listens(void)
{
	char line[256];
	bool found = false;
	FILE *f = fopen("/proc/net/udp", "r");

	while (f && fgets(line, sizeof(line), f))
		found |= strstr(line, ":6987 00000000:0000") != NULL;
	if (f)
		fclose(f);
	return found;
}

/* Runs the program, sends it the texts, and returns what it printed. */
static void run(const char *program, const char *const *texts, char *out,
		size_t size)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons(AT_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int pipes[2], status, sock = udp(AF_INET);
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	memset(out, POISON, size);
	sys(pipe(pipes));
	pid = (pid_t)sys(fork());
	if (!pid) {
		dup2(pipes[1], 1);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(pipes[1]);
	eventually(somebody_listens());
	for (; *texts; texts++)
		sys(sendto(sock, *texts, strlen(*texts), 0,
			   (struct sockaddr *)&at, sizeof(at)));
	while ((n = read(pipes[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = 0;
	close(pipes[0]);
	close(sock);
	sys(waitpid(pid, &status, 0));
	want(status, 0);
}

static void first_program_says_what_it_received(void **state)
{
	static const char *const texts[] = { "hello", NULL };
	char out[256];

	(void)state;
	run("build/userlib/examples/first", texts, out, sizeof(out));
	want(strncmp(out, "5 bytes from port ", 18), 0);
	want_true(strstr(out, ": hello\n"));
}

static void ring_program_counts_what_it_received(void **state)
{
	static const char *const texts[] = { "one", "three", "", "end", NULL };
	char out[256];

	(void)state;
	run("build/userlib/examples/ring", texts, out, sizeof(out));
	want(strcmp(out, "4 datagrams, 11 bytes\n"), 0);
}

static void rio_program_says_what_it_received(void **state)
{
	static const char *const texts[] = { "hello", "", "end", NULL };
	char out[256];

	(void)state;
	run("build/userlib/examples/rio", texts, out, sizeof(out));
	want(strncmp(out, "5 bytes from port ", 18), 0);
	want_true(strstr(out, ": hello\n0 bytes from port "));
	want_true(strstr(out, ": \n3 bytes from port "));
}

static void pool_program_counts_what_it_received(void **state)
{
	static const char *const texts[] = { "one", "three", "", "end", NULL };
	char out[256];

	(void)state;
	run("build/userlib/examples/pool", texts, out, sizeof(out));
	want(strcmp(out, "4 datagrams, 11 bytes\n"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_program_says_what_it_received),
		cmocka_unit_test(ring_program_counts_what_it_received),
		cmocka_unit_test(rio_program_says_what_it_received),
		cmocka_unit_test(pool_program_counts_what_it_received),
	};

	return cmocka_run_group_tests_name("examples", tests, NULL, NULL);
}
