// SPDX-License-Identifier: MIT
/* Checking, processes, ports and operations; sockets are in helpers_net.c. */
#include "helpers.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#define SKIPPED 77

static char row_name[128];
static pid_t main_pid;
static bool forked;

__attribute__((constructor)) static void remember_pid(void)
{
	main_pid = getpid();
}

void row(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(row_name, sizeof(row_name), fmt, ap);
	va_end(ap);
}

static void failed(const char *file, int line)
{
	/* cmocka's way out, a longjmp, is right in the main thread only. */
	if (forked || syscall(SYS_gettid) != main_pid) {
		fflush(stdout);
		_exit(1);
	}
	_fail(file, line);
}

static const char *errno_name(long long v)
{
	const char *name = v < 0 && v > -4096 ? strerrorname_np((int)-v) : NULL;

	return name ? name : "";
}

void want_at(long long got, long long expected, const char *what,
	     const char *file, int line)
{
	if (got == expected)
		return;
	print_error("%s:%d: %s%s%s is %lld %s, not %lld %s\n", file, line,
		    row_name, *row_name ? ": " : "", what, got, errno_name(got),
		    expected, errno_name(expected));
	failed(file, line);
}

long sys_at(long ret, const char *what, const char *file, int line)
{
	if (ret != -1)
		return ret;
	print_error("%s:%d: %s%s%s: %s\n", file, line, row_name,
		    *row_name ? ": " : "", what, strerror(errno));
	failed(file, line);
	return ret;
}

uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

unsigned long env_number(const char *name, unsigned long otherwise)
{
	const char *s = getenv(name);

	return s && *s ? strtoul(s, NULL, 0) : otherwise;
}

unsigned long scaled(const char *name, unsigned long otherwise)
{
	unsigned long slow = env_number("ODG_SLOW", 1);

	/* 10 is a plain kernel under TCG. */
	return env_number(name, slow > 10 ? otherwise * 10 / slow : otherwise);
}

uint64_t limit_ns(void)
{
	return 5000000000ULL * env_number("ODG_SLOW", 1);
}

void want_progress(struct progress *p, uint64_t seen)
{
	uint64_t now = now_ns(CLOCK_MONOTONIC);

	if (!p->until || p->seen != seen)
		*p = (struct progress){ .seen = seen, .until = now + limit_ns() };
	want_true(now < p->until);
}

void nap(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

void now_in_child(void)
{
	forked = true;
}

void in_child(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)sys(fork());
	if (!pid) {
		now_in_child();
		fn(arg);
		fflush(stdout);
		_exit(0);
	}
	sys(waitpid(pid, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	want_at(status, 0, "status of the child", __FILE__, __LINE__);
}

void skip_child(const char *why)
{
	print_message("# skipped: %s\n", why);
	fflush(stdout);
	_exit(SKIPPED);
}

void shell(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	status = system(cmd);
	want_at(status, 0, cmd, __FILE__, __LINE__);
}

void wait_asleep(int tid)
{
	char name[64], line[512];
	char *state;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/self/task/%d/stat", tid);
	for (;;) {
		f = fopen(name, "r");
		want_true(f);
		want_true(fgets(line, sizeof(line), f));
		fclose(f);
		state = strrchr(line, ')');
		if (state && state[2] == 'S')
			return;
		nap();
	}
}

long proc_number(const char *file, const char *name)
{
	size_t n = strlen(name);
	long value = -1;
	char line[256];
	FILE *f;

	f = fopen(file, "r");
	want_true(f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, n) || (line[n] != ':' && line[n] != ' '))
			continue;
		value = strtol(line + n + 1, NULL, 10);
		break;
	}
	fclose(f);
	return value;
}

long pinned_now(void)
{
	int refresh = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);

	/* The counters are per CPU; this folds them. */
	if (refresh >= 0) {
		want(write(refresh, "1", 1), 1);
		close(refresh);
	}
	return proc_number("/proc/vmstat", "nr_foll_pin_acquired") -
	       proc_number("/proc/vmstat", "nr_foll_pin_released");
}

/* --- ports ------------------------------------------------------------- */

int odg(int fd, unsigned long cmd, void *arg)
{
	int ret = ioctl(fd, cmd, arg);

	return ret == -1 ? -errno : ret;
}

void port_open(struct port *p, unsigned int entries, unsigned int flags)
{
	struct odg_cq_create c = {
		.size = sizeof(c), .flags = flags, .entries = entries,
		.cqe_size = POISON32, .mmap_size = POISON64,
	};
	struct odg_query q = { .size = sizeof(q) };

	memset(p, 0, sizeof(*p));
	p->fd = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	want(odg(p->fd, ODG_QUERY, &q), 0);
	want(odg(p->fd, ODG_CQ_CREATE, &c), 0);
	p->entries = c.entries;
	p->cqe_size = c.cqe_size;
	p->map_size = c.mmap_size;
	want_true(c.mmap_size >= q.cq_off_entries +
				 (uint64_t)c.entries * c.cqe_size);
	p->map = mmap(NULL, p->map_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		      p->fd, ODG_MMAP_CQ);
	if (p->map == MAP_FAILED) {
		p->map = NULL;
		sys(-1);
	}
	p->prod = (uint32_t *)(p->map + q.cq_off_prod);
	p->cons = (uint32_t *)(p->map + q.cq_off_cons);
	p->loud = (uint32_t *)(p->map + q.cq_off_loud);
	p->arm = (uint32_t *)(p->map + q.cq_off_arm);
	p->changes = (uint64_t *)(p->map + q.cq_off_changes);
	p->errors = (uint64_t *)(p->map + q.cq_off_errors);
	p->cqes = p->map + q.cq_off_entries;
}

void port_close(struct port *p)
{
	/* The mapping holds the open file: without this the port lives on. */
	if (p->map)
		sys(munmap(p->map, p->map_size));
	if (p->fd > 0)
		sys(close(p->fd));
	memset(p, 0, sizeof(*p));
}

uint32_t port_unread(const struct port *p)
{
	return __atomic_load_n(p->prod, __ATOMIC_ACQUIRE) - *p->cons;
}

void port_release(struct port *p, uint32_t n)
{
	__atomic_store_n(p->cons, *p->cons + n, __ATOMIC_RELEASE);
}

const struct odg_cqe *port_entry(const struct port *p, uint32_t index)
{
	return (const struct odg_cqe *)
		(p->cqes + (size_t)(index & (p->entries - 1)) * p->cqe_size);
}

struct odg_port_stats port_stats(const struct port *p)
{
	struct odg_port_stats s;

	memset(&s, POISON, sizeof(s));
	s.size = sizeof(s);
	want(odg(p->fd, ODG_PORT_STATS, &s), 0);
	return s;
}

struct odg_sock_stats sock_stats(const struct port *p, int sock)
{
	struct odg_sock_stats s;

	memset(&s, POISON, sizeof(s));
	s.size = sizeof(s);
	s.fd = sock;
	want(odg(p->fd, ODG_SOCK_STATS, &s), 0);
	return s;
}

long stats_gap(const struct odg_sock_stats *s)
{
	return (long)(s->arrived - s->direct - s->from_queue - s->filtered -
		      s->discarded - s->dropped - s->queued - s->native);
}

void want_stats_sum(const struct port *p, int sock)
{
	struct odg_sock_stats s = sock_stats(p, sock);

	if (stats_gap(&s))
		print_error("arrived %llu direct %llu from_queue %llu filtered %llu discarded %llu dropped %llu queued %u native %llu\n",
			    s.arrived, s.direct, s.from_queue, s.filtered,
			    s.discarded, s.dropped, s.queued, s.native);
	want(stats_gap(&s), 0);
}

int odg_wait(const struct port *p, unsigned int min, uint64_t timeout_ns)
{
	struct odg_wait w = {
		.size = sizeof(w), .min = min, .timeout_ns = timeout_ns,
	};

	return odg(p->fd, ODG_WAIT, &w);
}

int odg_bind(const struct port *p, int sock, unsigned int flags)
{
	struct odg_bind b = { .size = sizeof(b), .fd = sock, .flags = flags };

	return odg(p->fd, ODG_BIND, &b);
}

int odg_unbind(const struct port *p, int sock)
{
	struct odg_bind b = { .size = sizeof(b), .fd = sock };

	return odg(p->fd, ODG_UNBIND, &b);
}

int cancel_id(const struct port *p, uint64_t id)
{
	struct odg_cancel c = {
		.size = sizeof(c), .mode = ODG_CANCEL_ID, .fd = -1, .id = id,
	};

	return odg(p->fd, ODG_CANCEL, &c);
}

int cancel_socket(const struct port *p, int sock)
{
	return cancel_socket_thread(p, sock, 0);
}

int cancel_socket_thread(const struct port *p, int sock, int tid)
{
	struct odg_cancel c = {
		.size = sizeof(c), .mode = ODG_CANCEL_SOCKET, .fd = sock,
		.tid = tid,
	};

	return odg(p->fd, ODG_CANCEL, &c);
}

int cancel_thread(const struct port *p, int tid)
{
	struct odg_cancel c = {
		.size = sizeof(c), .mode = ODG_CANCEL_THREAD, .fd = -1,
		.tid = tid,
	};

	return odg(p->fd, ODG_CANCEL, &c);
}

/* --- operations -------------------------------------------------------- */

void op_init(struct op *op)
{
	static uint64_t serial = 0x5eed000000000000ULL;

	memset(op, POISON, sizeof(*op));
	memset(op->seg, 0, sizeof(op->seg));
	op->seg[0].addr = (uintptr_t)op->data;
	op->seg[0].len = OP_DATA;
	op->r = (struct odg_recv){
		.user_data = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED),
		.segs = (uintptr_t)op->seg, .nr_segs = 1, .eventfd = -1,
		.state = POISON32, .id = POISON64,
	};
}

void op_segs(struct op *op, unsigned int n, const uint32_t *lens)
{
	uint8_t *at = op->data;

	want_true(n <= OP_SEGS);
	for (unsigned int i = 0; i < n; i++) {
		op->seg[i] = (struct odg_seg){
			.addr = (uintptr_t)at, .len = lens[i],
		};
		at += lens[i];
	}
	op->r.nr_segs = n;
}

void op_result(struct op *op)
{
	op->r.result = (uintptr_t)&op->result;
}

int post_n(const struct port *p, int sock, struct op *op, unsigned int n)
{
	struct odg_recv *r = calloc(n, sizeof(*r));
	struct odg_seg *seg = calloc((size_t)n * OP_SEGS, sizeof(*seg));
	struct odg_post arg = {
		.size = sizeof(arg), .fd = sock, .recvs = (uintptr_t)r,
		.count = n,
	};
	int ret;

	want_true(r && seg);
	for (unsigned int i = 0; i < n; i++) {
		r[i] = op[i].r;
		r[i].state = POISON32;
		r[i].id = POISON64;
		if (r[i].segs != (uintptr_t)op[i].seg)
			continue;
		memcpy(seg + (size_t)i * OP_SEGS, op[i].seg, sizeof(op[i].seg));
		r[i].segs = (uintptr_t)(seg + (size_t)i * OP_SEGS);
	}
	ret = odg(p->fd, ODG_POST, &arg);
	for (unsigned int i = 0; i < n; i++) {
		op[i].r.state = r[i].state;
		op[i].r.id = r[i].id;
	}
	memset(r, 0xcc, n * sizeof(*r));
	memset(seg, 0xcc, (size_t)n * OP_SEGS * sizeof(*seg));
	free(r);
	free(seg);
	return ret;
}

int post(const struct port *p, int sock, struct op *op)
{
	return post_n(p, sock, op, 1);
}

void post_pending(const struct port *p, int sock, struct op *op)
{
	want(post(p, sock, op), 1);
	want(op->r.state, ODG_RECV_PENDING);
	want_true(op->r.id != 0 && op->r.id != POISON64);
}

const struct odg_cqe *reap(struct port *p)
{
	struct odg_cqe_wide *w = &p->last;

	want_true(odg_wait(p, 1, now_ns(CLOCK_MONOTONIC) + limit_ns()) >= 1);
	want_true(port_unread(p) >= 1);
	memset(w, POISON, sizeof(*w));
	memcpy(w, port_entry(p, *p->cons), p->cqe_size);
	port_release(p, 1);
	want(w->cqe.seq, p->seq++);
	if (!p->joins)
		want(w->cqe.seg_len, 0);
	return &w->cqe;
}

bool is_poison(const void *mem, size_t len)
{
	const uint8_t *b = mem;

	for (size_t i = 0; i < len; i++)
		if (b[i] != POISON)
			return false;
	return true;
}

void want_data(const struct odg_cqe *c, const struct op *op,
	       const void *data, size_t len)
{
	want(c->user_data, op->r.user_data);
	want(c->status, 0);
	want(c->len, len);
	want(c->full_len, len);
	want(memcmp(op->data, data, len), 0);
	want_true(is_poison(op->data + len, OP_DATA - len));
}

const struct odg_cqe *reap_data(struct port *p, const struct op *op,
				const void *data, size_t len)
{
	const struct odg_cqe *c = reap(p);

	want_data(c, op, data, len);
	return c;
}

const struct odg_cqe *reap_status(struct port *p, const struct op *op, int status)
{
	const struct odg_cqe *c = reap(p);

	want(c->user_data, op->r.user_data);
	want(c->status, status);
	want(c->len, 0);
	want(c->full_len, 0);
	want(c->rx_ns, 0);
	want_true(is_poison(op->data, OP_DATA));
	return c;
}

void want_result(const struct op *op, const void *data, size_t len)
{
	want(op->r.state, ODG_RECV_DONE);
	want(op->r.id, 0);
	want(op->result.cqe.seq, 0);
	want_data(&op->result.cqe, op, data, len);
}

void want_none(const struct port *p)
{
	struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

	want(port_unread(p), 0);
	want(odg_wait(p, 1, 0), -ETIME);
	want(poll(&pfd, 1, 0), 0);
}

/* --- fixture ----------------------------------------------------------- */

static int setup(void **state, int family)
{
	struct fix *f = calloc(1, sizeof(*f));

	want_true(f);
	*state = f;
	row("%s", "");
	f->family = family;
	f->rx = udp(family);
	f->tx = udp(family);
	for (int i = 0; i < FIX_OPS; i++)
		op_init(&f->op[i]);
	port_open(&f->p, 64, ODG_CQ_WIDE);
	return 0;
}

int setup_v4(void **state)
{
	return setup(state, AF_INET);
}

int setup_v6(void **state)
{
	return setup(state, AF_INET6);
}

int teardown(void **state)
{
	struct fix *f = *state;
	struct odg_port_stats s;

	if (f->rx >= 0)
		close(f->rx);
	if (f->tx >= 0)
		close(f->tx);
	if (f->p.fd > 0) {
		/* Invariant 2: with its socket gone, no op may be left. */
		eventually(port_stats(&f->p).outstanding == 0);
		s = port_stats(&f->p);
		want(s.completed, s.posted);
		/* Finished ops are unpinned by a later call or a work item. */
		eventually(port_stats(&f->p).pinned_pages == 0);
	}
	port_close(&f->p);
	free(f);
	return 0;
}
