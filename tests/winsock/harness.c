// SPDX-License-Identifier: MIT
/* The harness: tests, each in a process, time, threads, memory; see harness.h. */
#define __USE_MINGW_ANSI_STDIO 1
#include "harness.h"

#include <stdarg.h>

#ifdef _WIN32
#include <fcntl.h>
#include <io.h>
#include <process.h>
#else
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#endif

/* The child printed its result line itself. */
#define EXIT_PASSED	3
#define EXIT_FAILED	4

DWORD LIMIT, QUIET;

static struct test *tests;
static const char *current = "?";
static int current_nr;

void test_add(struct test *t)
{
	struct test **at = &tests;

	/* Constructors run in any order. */
	while (*at && (*at)->line < t->line)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
}

/* test_end - from any thread; destructors and exit handlers do not run */
static void __attribute__((noreturn)) test_end(int status)
{
	fflush(stdout);
#ifdef _WIN32
	TerminateProcess(GetCurrentProcess(), status);
	for (;;)
		Sleep(1000);
#else
	_exit(status);
#endif
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\nnot ok %d - %s\n", current_nr, current);
	test_end(EXIT_FAILED);
}

void test_skip(const char *why)
{
	printf("ok %d - %s # SKIP %s\n", current_nr, current, why);
	test_end(EXIT_PASSED);
}

void check_eq(const char *file, int line, const char *what, long long is,
	      const char *want_text, long long want)
{
	if (is != want)
		test_fail(file, line, "%s is %lld (0x%llx), not %s, %lld", what,
			  is, is, want_text, want);
}

bool under_windows(void)
{
#ifdef _WIN32
	return true;
#else
	return false;
#endif
}

bool under_wine(void)
{
#ifdef _WIN32
	HMODULE ntdll = GetModuleHandleA("ntdll.dll");

	return ntdll && GetProcAddress(ntdll, "wine_get_version");
#else
	return false;
#endif
}

/* Time */

static int slow_factor(void)
{
	const char *s = getenv("ODG_SLOW");
	int n = s ? atoi(s) : 1;

	return n > 0 ? n : 1;
}

long long now_ms(void)
{
#ifdef _WIN32
	return (long long)GetTickCount64();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
#endif
}

static void slice(DWORD ms)
{
#ifdef _WIN32
	Sleep(ms);
#else
	struct timespec ts = { 0, ms * 1000000L };

	while (nanosleep(&ts, &ts))
		;
#endif
}

/* In slices: a machine that stands still for a while takes one of them, and others go on. */
void nap(DWORD ms)
{
	slice(ms % 10);
	for (ms /= 10; ms; ms--)
		slice(10);
}

/* Threads */

struct thread {
	void (*fn)(void *);
	void *arg;
#ifdef _WIN32
	HANDLE handle;
#else
	pthread_t id;
	int tid;
#endif
};

#ifdef _WIN32
static DWORD WINAPI thread_main(void *arg)
{
	struct thread *t = arg;

	t->fn(t->arg);
	return 0;
}
#else
static void *thread_main(void *arg)
{
	struct thread *t = arg;

	__atomic_store_n(&t->tid, (int)syscall(SYS_gettid), __ATOMIC_RELAXED);
	t->fn(t->arg);
	return NULL;
}
#endif

struct thread *thread_start(void (*fn)(void *), void *arg)
{
	struct thread *t = calloc(1, sizeof(*t));

	CHECK(t != NULL);
	t->fn = fn;
	t->arg = arg;
#ifdef _WIN32
	t->handle = CreateThread(NULL, 0, thread_main, t, 0, NULL);
	CHECK(t->handle != NULL);
#else
	EQ(pthread_create(&t->id, NULL, thread_main, t), 0);
#endif
	return t;
}

#ifndef _WIN32
static bool sleeps(int tid)
{
	char name[64], line[512], *state;
	bool got;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	f = fopen(name, "r");
	CHECK(f != NULL);
	got = fgets(line, sizeof(line), f);
	fclose(f);
	state = got ? strrchr(line, ')') : NULL;
	return state && state[2] == 'S';
}
#endif

void thread_waits(struct thread *t)
{
#ifdef _WIN32
	(void)t;
	nap(QUIET);
#else
	UNTIL(__atomic_load_n(&t->tid, __ATOMIC_RELAXED));
	UNTIL(sleeps(t->tid));
#endif
}

void thread_join(struct thread *t)
{
#ifdef _WIN32
	EQ(WaitForSingleObject(t->handle, INFINITE), WAIT_OBJECT_0);
	CloseHandle(t->handle);
#else
	EQ(pthread_join(t->id, NULL), 0);
#endif
	free(t);
}

void thread_exit(void)
{
#ifdef _WIN32
	ExitThread(0);
#else
	pthread_exit(NULL);
#endif
}

unsigned long thread_id(void)
{
#ifdef _WIN32
	return GetCurrentThreadId();
#else
	return (unsigned long)pthread_self();
#endif
}

/* Memory */

size_t page_size(void)
{
	return 4096;
}

char *pages(unsigned int count)
{
#ifdef _WIN32
	char *p = VirtualAlloc(NULL, count * page_size(), MEM_COMMIT,
			       PAGE_READWRITE);

	CHECK(p != NULL);
#else
	char *p = mmap(NULL, count * page_size(), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
#endif
	return p;
}

void protect(char *page, enum page how)
{
#ifdef _WIN32
	static const DWORD to[] = { PAGE_NOACCESS, PAGE_READONLY, PAGE_READWRITE };
	DWORD old;

	CHECK(VirtualProtect(page, page_size(), to[how], &old));
#else
	static const int to[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

	EQ(mprotect(page, page_size(), to[how]), 0);
#endif
}

void *no_access(void)
{
	char *p = pages(1);

	protect(p, PAGE_NONE);
	return p + 64;
}

/* One test, in a process of its own */

#ifdef _WIN32
/* No debugger and no window: the parent says how it ended. */
static LONG WINAPI die_quietly(EXCEPTION_POINTERS *e)
{
	fflush(stdout);
	TerminateProcess(GetCurrentProcess(), e->ExceptionRecord->ExceptionCode);
	return EXCEPTION_EXECUTE_HANDLER;
}
#endif

static int run_here(struct test *t, int nr)
{
	WSADATA wsa;

	current = t->name;
	current_nr = nr;
	if (t->startup)
		EQ(WSAStartup(MAKEWORD(2, 2), &wsa), 0);
	t->run();
	printf("ok %d - %s\n", nr, t->name);
	fflush(stdout);
	return EXIT_PASSED;
}

static int failed;

static void said_nothing(struct test *t, int nr, const char *how, unsigned int code)
{
	printf("# %s %s (0x%x)\nnot ok %d - %s\n", t->name, how, code, nr, t->name);
	failed++;
}

static void said(struct test *t, int nr, unsigned int status)
{
	if (status == EXIT_FAILED)
		failed++;
	else if (status != EXIT_PASSED)
		said_nothing(t, nr, "died", status);
}

#ifdef _WIN32
static void run_apart(const char *self, struct test *t, int nr, DWORD limit)
{
	char line[1024];
	STARTUPINFOA si;
	PROCESS_INFORMATION pi;
	DWORD code = 0;
	int tries = 0;

	memset(&si, 0, sizeof(si));
	si.cb = sizeof(si);
	(void)self;
	strcpy(line, "\"");
	if (!GetModuleFileNameA(NULL, line + 1, 512))
		abort();
	snprintf(line + strlen(line), 256, "\" --one %d %s", nr, t->name);
	fflush(stdout);
	/* Now and then Wine loses a process that it starts: the test has not begun. */
	while (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &si, &pi)) {
		if (GetLastError() == ERROR_INTERNAL_ERROR && ++tries < 5)
			continue;
		said_nothing(t, nr, "could not be started", GetLastError());
		return;
	}
	if (WaitForSingleObject(pi.hProcess, limit) == WAIT_TIMEOUT) {
		TerminateProcess(pi.hProcess, 99);
		WaitForSingleObject(pi.hProcess, INFINITE);
		said_nothing(t, nr, "hung", limit);
	} else {
		GetExitCodeProcess(pi.hProcess, &code);
		said(t, nr, code);
	}
	CloseHandle(pi.hProcess);
	CloseHandle(pi.hThread);
}
#else
static void run_apart(const char *self, struct test *t, int nr, DWORD limit)
{
	int status = 0;
	pid_t pid;

	(void)self;
	fflush(stdout);
	pid = fork();
	if (!pid) {
		/* tests/where.c says where it was, and it ends by that */
		alarm((limit + 999) / 1000);
		exit(run_here(t, nr));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		said_nothing(t, nr, "could not be started", 0);
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		said_nothing(t, nr, "hung", limit);
	else
		said(t, nr, WIFEXITED(status) ? WEXITSTATUS(status) : 0x10000U + status);
}
#endif

/* PROGRAM [NAME-PART...]: all tests, or those whose name has one of the parts */
int main(int argc, char **argv)
{
	int i, nr = 0, total = 0, slow = slow_factor();
	struct test *t;

#ifdef _WIN32
	_setmode(_fileno(stdout), _O_BINARY);
#endif
	LIMIT = 3000 * slow;
	QUIET = 100 * (slow < 4 ? slow : 4);
	if (argc == 4 && !strcmp(argv[1], "--one")) {
#ifdef _WIN32
		SetUnhandledExceptionFilter(die_quietly);
#endif
		for (t = tests; t; t = t->next)
			if (!strcmp(t->name, argv[3]))
				return run_here(t, atoi(argv[2]));
		return 98;
	}
	for (t = tests; t; t = t->next) {
		bool wanted = argc < 2;

		for (i = 1; i < argc; i++)
			wanted |= !!strstr(t->name, argv[i]);
		t->line = wanted;
		total += wanted;
	}
	printf("1..%d\n", total);
	for (t = tests; t; t = t->next)
		if (t->line)
			run_apart(argv[0], t, ++nr, 10000 * slow);
	fflush(stdout);
	return failed != 0;
}
