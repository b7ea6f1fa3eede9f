// SPDX-License-Identifier: MIT
/* The shape of the interface: layouts, sizes that grow, unknown calls. */
#include "helpers.h"

#include <sys/stat.h>
#include <termios.h>

/* Layouts are ABI: a change here is a change of ODG_ABI_VERSION. */
_Static_assert(sizeof(struct odg_query) == 56, "odg_query");
_Static_assert(sizeof(struct odg_cq_create) == 24, "odg_cq_create");
_Static_assert(sizeof(struct odg_bind) == 16, "odg_bind");
_Static_assert(sizeof(struct odg_seg) == 16, "odg_seg");
_Static_assert(sizeof(struct odg_recv) == 48, "odg_recv");
_Static_assert(sizeof(struct odg_post) == 24, "odg_post");
_Static_assert(sizeof(struct odg_cancel) == 24, "odg_cancel");
_Static_assert(sizeof(struct odg_wait) == 24, "odg_wait");
_Static_assert(sizeof(struct odg_cqe) == 64, "odg_cqe");
_Static_assert(sizeof(struct odg_cqe_wide) == 128, "odg_cqe_wide");
_Static_assert(sizeof(struct odg_port_stats) == 80, "odg_port_stats");
_Static_assert(sizeof(struct odg_sock_stats) == 152, "odg_sock_stats");
_Static_assert(sizeof(struct odg_send) == 72, "odg_send");
_Static_assert(sizeof(struct odg_send_batch) == 24, "odg_send_batch");
_Static_assert(offsetof(struct odg_cqe, status) == 36, "odg_cqe.status");
_Static_assert(offsetof(struct odg_cqe, addr) == 48, "odg_cqe.addr");
_Static_assert(offsetof(struct odg_cqe_wide, done_ns) == 64, "done_ns");
_Static_assert(offsetof(struct odg_cqe_wide, local) == 72, "local");
_Static_assert(offsetof(struct odg_cqe_wide, cpu) == 88, "cpu");

static int open_device(void)
{
	return (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
}

static void query_reports_version_limits_and_offsets(void **state)
{
	struct odg_query q;
	int fd = open_device();

	(void)state;
	memset(&q, POISON, sizeof(q));
	q.size = sizeof(q);
	want(odg(fd, ODG_QUERY, &q), 0);
	want(q.abi_version, ODG_ABI_VERSION);
	want(q.features, 0);
	want(q.max_segs, ODG_MAX_SEGS);
	want(q.max_posts, ODG_MAX_POSTS);
	want(q.max_cq_entries, ODG_MAX_CQ_ENTRIES);
	/* The indices are words of their own; an entry is a cache line. */
	want(q.cq_off_prod % 4, 0);
	want(q.cq_off_cons % 4, 0);
	want(q.cq_off_entries % sizeof(struct odg_cqe), 0);
	want_true(q.cq_off_prod != q.cq_off_cons);
	want_true(q.cq_off_prod + 4 <= q.cq_off_entries);
	want_true(q.cq_off_cons + 4 <= q.cq_off_entries);
	want_true(q.cq_off_loud + 4 <= q.cq_off_entries);
	want_true(q.cq_off_arm + 4 <= q.cq_off_entries);
	want_true(q.cq_off_errors % 8 == 0);
	want_true(q.cq_off_errors / 64 == q.cq_off_changes / 64);
	want_true(q.cq_off_errors != q.cq_off_changes);
	want_true(q.cq_off_changes % 8 == 0);
	want_true(q.cq_off_changes + 8 <= q.cq_off_entries);
	want_true(q.cq_off_changes / 64 != q.cq_off_cons / 64);
	want_true(q.cq_off_changes / 64 != q.cq_off_prod / 64);
	/* who writes at different times does not share a cache line */
	want_true(q.cq_off_arm / 64 != q.cq_off_cons / 64);
	want_true(q.cq_off_arm / 64 != q.cq_off_prod / 64);
	close(fd);
}

/* Pinning memory and looking into sockets is for a group, not for the world. */
static void device_is_closed_to_others(void **state)
{
	struct stat st;

	(void)state;
	sys(stat("/dev/odgram", &st));
	want_true(S_ISCHR(st.st_mode));
	want(st.st_mode & 0007, 0);
}

/* Each call with a valid argument; the value is its size, ret its answer. */
union any_arg {
	uint8_t bytes[256];
	uint32_t size;
	struct odg_query query;
	struct odg_cq_create cq_create;
	struct odg_bind bind;
	struct odg_post post;
	struct odg_cancel cancel;
	struct odg_wait wait;
	struct odg_port_stats port_stats;
	struct odg_sock_stats sock_stats;
	struct odg_notify notify;
	struct odg_send_batch send;
};

static const struct call {
	const char *name;
	unsigned long cmd;
	uint32_t size;
	int ret;
} calls[] = {
	{ "QUERY", ODG_QUERY, sizeof(struct odg_query), 0 },
	{ "CQ_CREATE", ODG_CQ_CREATE, sizeof(struct odg_cq_create), 0 },
	{ "BIND", ODG_BIND, sizeof(struct odg_bind), 0 },
	{ "UNBIND", ODG_UNBIND, sizeof(struct odg_bind), 0 },
	{ "POST", ODG_POST, sizeof(struct odg_post), 1 },
	{ "CANCEL", ODG_CANCEL, sizeof(struct odg_cancel), 1 },
	{ "WAIT", ODG_WAIT, sizeof(struct odg_wait), 0 },
	{ "PORT_STATS", ODG_PORT_STATS, sizeof(struct odg_port_stats), 0 },
	{ "SOCK_STATS", ODG_SOCK_STATS, sizeof(struct odg_sock_stats), 0 },
	{ "NOTIFY", ODG_NOTIFY, sizeof(struct odg_notify), 0 },
	{ "SEND", ODG_SEND, sizeof(struct odg_send_batch), 1 },
};

struct scene {
	struct fix *f;
	int fresh;		/* a port without a queue */
	int fd;			/* the descriptor to call on */
	union any_arg a;
	struct tx tx;
	union sockaddr_any to;
};

static void scene_set(struct scene *s, const struct call *c)
{
	struct fix *f;
	void *state;

	setup_v4(&state);
	row("%s", c->name);
	s->f = f = state;
	s->fresh = open_device();
	s->fd = f->p.fd;
	memset(&s->a, 0, sizeof(s->a));
	s->a.size = c->size;
	switch (c->cmd) {
	case ODG_CQ_CREATE:
		s->fd = s->fresh;
		s->a.cq_create.entries = 8;
		break;
	case ODG_BIND:
		s->a.bind.fd = f->rx;
		break;
	case ODG_UNBIND:
		want(odg_bind(&f->p, f->rx, 0), 0);
		s->a.bind.fd = f->rx;
		break;
	case ODG_POST:
		s->a.post.fd = f->rx;
		s->a.post.recvs = (uintptr_t)&f->op[0].r;
		s->a.post.count = 1;
		break;
	case ODG_CANCEL:
		post_pending(&f->p, f->rx, &f->op[0]);
		s->a.cancel.mode = ODG_CANCEL_ID;
		s->a.cancel.fd = -1;
		s->a.cancel.id = f->op[0].r.id;
		break;
	case ODG_SEND:
		tx_init(&s->tx, "x", 1, &s->to.sa, addr_of(f->rx, &s->to));
		s->a.send.fd = f->tx;
		s->a.send.sends = (uintptr_t)&s->tx.s;
		s->a.send.count = 1;
		break;
	case ODG_SOCK_STATS:
		want(odg_bind(&f->p, f->rx, 0), 0);
		s->a.sock_stats.fd = f->rx;
		break;
	case ODG_NOTIFY:
		s->a.notify.eventfd = -1;
		break;
	}
}

static void scene_clear(struct scene *s)
{
	void *state = s->f;

	close(s->fresh);
	teardown(&state);
}

static void size_rules(void **state)
{
	static const struct rule {
		const char *name;
		int delta;		/* of the size; the tail stays zero ... */
		int dirty;		/* ... but for this byte behind it */
		int error;		/* 0: the call's own answer */
	} rules[] = {
		{ "exact", 0, -1, 0 },
		{ "larger by a word, zero", 8, -1, 0 },
		{ "larger by a lot, zero", 100, -1, 0 },
		{ "larger by a byte, zero", 1, -1, 0 },
		{ "larger, first tail byte set", 8, 0, -E2BIG },
		{ "larger, last tail byte set", 8, 7, -E2BIG },
		{ "dirt behind the size", 0, 0, 0 },
		{ "a word short", -4, -1, -EINVAL },
		{ "a byte short", -1, -1, -EINVAL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(rules); j++) {
			const struct call *c = &calls[i];
			const struct rule *r = &rules[j];
			struct scene s;

			scene_set(&s, c);
			row("%s, %s", c->name, r->name);
			s.a.size = (uint32_t)((int)c->size + r->delta);
			if (r->dirty >= 0)
				s.a.bytes[c->size + (uint32_t)r->dirty] = 1;
			want(odg(s.fd, c->cmd, &s.a), r->error ? r->error : c->ret);
			scene_clear(&s);
		}
	}
}

static void size_zero_and_size_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		for (uint32_t size = 0; size <= 4; size += 4) {
			struct scene s;

			scene_set(&s, &calls[i]);
			row("%s, size %u", calls[i].name, size);
			s.a.size = size;
			want(odg(s.fd, calls[i].cmd, &s.a), -EINVAL);
			scene_clear(&s);
		}
	}
}

static void bad_argument_pointer_is_EFAULT(void **state)
{
	uint8_t *map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	want_true(map != MAP_FAILED);
	sys(mprotect(map + PAGE, PAGE, PROT_NONE));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const struct call *c = &calls[i];
		void *straddling = map + PAGE - c->size + 4;
		const struct { const char *name; void *at; } bad[] = {
			{ "NULL", NULL },
			{ "PROT_NONE", map + PAGE },
			{ "straddling", straddling },
			{ "kernel", (void *)0xffff888000000000ULL },
			{ "not canonical", (void *)0x8000000000000000ULL },
		};

		for (size_t j = 0; j < ARRAY_SIZE(bad); j++) {
			struct scene s;

			scene_set(&s, c);
			row("%s, %s", c->name, bad[j].name);
			if (bad[j].at == straddling)
				memcpy(straddling, &s.a, c->size - 4);
			want(odg(s.fd, c->cmd, bad[j].at), -EFAULT);
			scene_clear(&s);
		}
	}
	munmap(map, 2 * PAGE);
}

static void answer_into_read_only_memory_is_EFAULT(void **state)
{
	static const unsigned long cmds[] = {
		ODG_QUERY, ODG_PORT_STATS, ODG_SOCK_STATS,
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		union any_arg *ro;
		struct scene s;
		bool writes = false;

		for (size_t j = 0; j < ARRAY_SIZE(cmds); j++)
			writes |= calls[i].cmd == cmds[j];
		if (!writes)
			continue;
		scene_set(&s, &calls[i]);
		ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		want_true(ro != MAP_FAILED);
		*ro = s.a;
		sys(mprotect(ro, PAGE, PROT_READ));
		want(odg(s.fd, calls[i].cmd, ro), -EFAULT);
		munmap(ro, PAGE);
		scene_clear(&s);
	}
}

/* A queue whose size nobody could be told must not exist. */
static void cq_create_into_read_only_memory_leaves_no_queue(void **state)
{
	struct odg_cq_create c = { .size = sizeof(c), .entries = 4 };
	struct odg_cq_create *ro;
	int fd = open_device();

	(void)state;
	ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	want_true(ro != MAP_FAILED);
	*ro = c;
	sys(mprotect(ro, PAGE, PROT_READ));
	want(odg(fd, ODG_CQ_CREATE, ro), -EFAULT);
	want(odg(fd, ODG_CQ_CREATE, &c), 0);
	munmap(ro, PAGE);
	close(fd);
}

static void unknown_calls_are_ENOTTY(void **state)
{
	static const unsigned long cmds[] = {
		_IO(ODG_IOC_TYPE, 0x60), _IO(ODG_IOC_TYPE, 0x7f),
		_IO(ODG_IOC_TYPE, 0xff), _IO('x', 0),
		_IOWR(ODG_IOC_TYPE, 0, struct odg_query), TCGETS,
	};
	struct fix *f = *state;
	uint8_t arg[256] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(cmds); i++) {
		row("cmd %#lx", cmds[i]);
		want(odg(f->p.fd, cmds[i], arg), -ENOTTY);
	}
}

static void reserved_fields_and_flags_must_be_zero(void **state)
{
	struct fix *f = *state;
	struct odg_bind b = { .size = sizeof(b), .fd = f->rx };
	struct odg_cq_create c = { .size = sizeof(c), .entries = 4 };
	struct odg_cancel x = {
		.size = sizeof(x), .mode = ODG_CANCEL_SOCKET, .fd = f->rx,
	};
	int fresh = open_device();

	row("BIND that joins, and what is seen to in the hook");
	b.max_joined = 1;
	b.flags = ODG_BIND_DISCARD;
	want(odg(f->p.fd, ODG_BIND, &b), -EINVAL);
	b.flags = ODG_BIND_DROP_OLDEST;
	want(odg(f->p.fd, ODG_BIND, &b), -EINVAL);
	b.flags = ODG_BIND_NO_QUEUE;
	want(odg(f->p.fd, ODG_BIND, &b), -EINVAL);
	row("BIND flags");
	b.max_joined = 0;
	b.flags = 0x08000000;
	want(odg(f->p.fd, ODG_BIND, &b), -EINVAL);
	b.flags = 0x80000000;
	want(odg(f->p.fd, ODG_BIND, &b), -EINVAL);
	row("a refused BIND has not bound");
	want(odg_unbind(&f->p, f->rx), -ENOENT);

	want(odg_bind(&f->p, f->rx, 0), 0);
	row("UNBIND flags");
	b.flags = ODG_BIND_DISCARD;
	want(odg(f->p.fd, ODG_UNBIND, &b), -EINVAL);
	row("UNBIND max_joined");
	b.flags = 0;
	b.max_joined = 1;
	want(odg(f->p.fd, ODG_UNBIND, &b), -EINVAL);

	row("CQ_CREATE flags");
	c.flags = 8;
	want(odg(fresh, ODG_CQ_CREATE, &c), -EINVAL);
	c.flags = 0x80000000;
	want(odg(fresh, ODG_CQ_CREATE, &c), -EINVAL);

	post_pending(&f->p, f->rx, &f->op[0]);
	row("CANCEL mode 0");
	x.mode = 0;
	want(odg(f->p.fd, ODG_CANCEL, &x), -EINVAL);
	row("CANCEL mode 4");
	x.mode = 4;
	want(odg(f->p.fd, ODG_CANCEL, &x), -EINVAL);
	row("CANCEL by socket with an id");
	x.mode = ODG_CANCEL_SOCKET;
	x.id = f->op[0].r.id;
	want(odg(f->p.fd, ODG_CANCEL, &x), -EINVAL);
	row("CANCEL by socket with a thread that is none");
	x.id = 0;
	x.tid = -1;
	want(odg(f->p.fd, ODG_CANCEL, &x), -EINVAL);
	row("CANCEL by id with a socket");
	x.mode = ODG_CANCEL_ID;
	x.tid = 0;
	x.id = f->op[0].r.id;
	want(odg(f->p.fd, ODG_CANCEL, &x), -EINVAL);
	row("CANCEL by thread with a socket");
	x.mode = ODG_CANCEL_THREAD;
	x.id = 0;
	x.tid = getpid();
	want(odg(f->p.fd, ODG_CANCEL, &x), -EINVAL);
	row("none of them cancelled");
	want(port_stats(&f->p).outstanding, 1);
	close(fresh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(query_reports_version_limits_and_offsets),
		T0(device_is_closed_to_others),
		T0(size_rules),
		T0(size_zero_and_size_only),
		T0(bad_argument_pointer_is_EFAULT),
		T0(answer_into_read_only_memory_is_EFAULT),
		T0(cq_create_into_read_only_memory_leaves_no_queue),
		T(unknown_calls_are_ENOTTY),
		T(reserved_fields_and_flags_must_be_zero),
	};
	return cmocka_run_group_tests_name("abi", tests, NULL, NULL);
}
