// SPDX-License-Identifier: MIT
/* Posting: which sockets, which arguments, and what a refusal leaves behind. */
#include "helpers.h"

#include <linux/udp.h>
#include <sched.h>
#include <sys/epoll.h>

static void wrong_descriptors(void **state)
{
	struct fix *f = *state;
	int unconnected = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const struct { const char *name; int fd, error; } rows[] = {
		{ "-1", -1, -EBADF },
		{ "INT_MIN", (int)0x80000000, -EBADF },
		{ "never opened", 1000, -EBADF },
		{ "a file", open("/dev/null", O_RDWR | O_CLOEXEC), -ENOTSOCK },
		{ "a directory", open("/", O_RDONLY | O_CLOEXEC), -ENOTSOCK },
		{ "an eventfd", eventfd(0, EFD_CLOEXEC), -ENOTSOCK },
		{ "an epoll", epoll_create1(EPOLL_CLOEXEC), -ENOTSOCK },
		{ "the port itself", f->p.fd, -ENOTSOCK },
		/* Without operations a descriptor that O_PATH opened is closed. */
		{ "O_PATH", open("/dev/null", O_PATH | O_CLOEXEC), -EBADF },
		{ "TCP", socket(AF_INET, SOCK_STREAM, 0), -EOPNOTSUPP },
		{ "TCP v6", socket(AF_INET6, SOCK_STREAM, 0), -EOPNOTSUPP },
		{ "unix datagram", socket(AF_UNIX, SOCK_DGRAM, 0), -EOPNOTSUPP },
		{ "unix stream", socket(AF_UNIX, SOCK_STREAM, 0), -EOPNOTSUPP },
		{ "UDP-Lite", socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE),
		  -EOPNOTSUPP },
		{ "raw", socket(AF_INET, SOCK_RAW, IPPROTO_UDP), -EOPNOTSUPP },
		{ "raw v6", socket(AF_INET6, SOCK_RAW, IPPROTO_UDP), -EOPNOTSUPP },
		{ "ping", socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP), -EOPNOTSUPP },
		{ "packet", socket(AF_PACKET, SOCK_DGRAM, 0), -EOPNOTSUPP },
		{ "netlink", socket(AF_NETLINK, SOCK_DGRAM, 0), -EOPNOTSUPP },
		{ "UDP without a local port", unconnected, -EINVAL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = rows[i].fd;

		/* What this kernel does not have cannot be refused here. */
		if (fd == -1 && i > 0)
			continue;
		row("post to %s", rows[i].name);
		want(post(&f->p, fd, &f->op[0]), rows[i].error);
		if (fd == unconnected)
			continue;
		row("bind %s", rows[i].name);
		want(odg_bind(&f->p, fd, 0), rows[i].error);
		row("unbind %s", rows[i].name);
		want(odg_unbind(&f->p, fd), rows[i].error);
		row("cancel on %s", rows[i].name);
		want(cancel_socket(&f->p, fd), rows[i].error);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].fd >= 0 && rows[i].fd != 1000 &&
		    rows[i].fd != f->p.fd)
			close(rows[i].fd);
	want(port_stats(&f->p).posted, 0);
}

static void a25_unbound_is_EINVAL_and_works_once_bound(void **state)
{
	union sockaddr_any any = { .sa.sa_family = AF_INET };
	struct fix *f = *state;
	int s = udp_unbound(AF_INET);

	want(post(&f->p, s, &f->op[0]), -EINVAL);
	sys(bind(s, &any.sa, sizeof(any.v4)));
	post_pending(&f->p, s, &f->op[0]);
	send_str(f->tx, s, "now");
	reap_data(&f->p, &f->op[0], "now", 3);
	close(s);
}

static void a37_a_first_send_binds(void **state)
{
	struct fix *f = *state;
	int s = udp_unbound(f->family);

	send_str(s, f->tx, "hello");
	native_recv(f->tx, "hello", 5);
	post_pending(&f->p, s, &f->op[0]);
	close(s);
	reap_status(&f->p, &f->op[0], -ECANCELED);
}

static void shut_down_for_reading_is_ESHUTDOWN(void **state)
{
	struct fix *f = *state;

	connect_to(f->rx, f->tx);
	sys(shutdown(f->rx, SHUT_RD));
	want(post(&f->p, f->rx, &f->op[0]), -ESHUTDOWN);
	want(port_stats(&f->p).outstanding, 0);
}

static void foreign_encapsulations_are_EBUSY(void **state)
{
	static const struct { const char *name; int type; } rows[] = {
		{ "ESP in UDP", UDP_ENCAP_ESPINUDP },
		{ "L2TP", UDP_ENCAP_L2TPINUDP },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int s = udp(f->family);

		row("%s", rows[i].name);
		set_opt(s, IPPROTO_UDP, UDP_ENCAP, rows[i].type);
		want(odg_bind(&f->p, s, 0), -EBUSY);
		want(post(&f->p, s, &f->op[0]), -EBUSY);
		want(odg_unbind(&f->p, s), -ENOENT);
		close(s);
	}
}

/* --- arguments --------------------------------------------------------- */

/*
 * Every refusal is tried with nothing queued (nothing may pend) and with a
 * datagram queued (it has to stay there for the next receive).
 */
static void want_refused(struct fix *f, struct op *op, int error)
{
	struct op good;

	want(post(&f->p, f->rx, op), error);
	want(op->r.state, POISON32);
	want(op->r.id, POISON64);
	want(port_stats(&f->p).outstanding, 0);

	/* Longer than any valid part of the buffers in these tables. */
	send_queued(f->tx, f->rx, f->op[15].data, OP_DATA);
	want(post(&f->p, f->rx, op), error);
	want(port_stats(&f->p).outstanding, 0);
	want(port_stats(&f->p).unread, 0);
	op_init(&good);
	op_result(&good);
	want(post(&f->p, f->rx, &good), 1);
	want_result(&good, f->op[15].data, OP_DATA);
	want_none(&f->p);
	want_stats_sum(&f->p, f->rx);
}

static void bad_arguments_of_an_op(void **state)
{
	struct fix *f = *state;
	struct odg_seg seg = {
		.addr = (uintptr_t)f->op[1].data, .len = OP_DATA,
	};
	struct odg_seg two[2] = {
		{ .addr = (uintptr_t)f->op[1].data, .len = 0x7fffffff },
		{ .addr = (uintptr_t)f->op[1].data, .len = 1 },
	};
	struct odg_seg wrap[2] = {
		{ .addr = (uintptr_t)f->op[1].data, .len = 0xffffffff },
		{ .addr = (uintptr_t)f->op[1].data, .len = 0xffffffff },
	};
	struct odg_seg reserved = { .addr = seg.addr, .len = 1, .__reserved = 1 };
	struct odg_seg *many = calloc(ODG_MAX_SEGS + 1, sizeof(*many));
	int file = open("/dev/null", O_RDWR | O_CLOEXEC);
	const struct {
		const char *name;
		struct odg_seg *segs;
		uint32_t nr, flags;
		int eventfd, error;
	} rows[] = {
		{ "no segment", &seg, 0, 0, -1, -EINVAL },
		{ "1025 segments", many, ODG_MAX_SEGS + 1, 0, -1, -EINVAL },
		{ "2^32-1 segments", many, 0xffffffff, 0, -1, -EINVAL },
		{ "unknown flag", &seg, 1, 1U << 30, -1, -EINVAL },
		{ "highest flag", &seg, 1, 0x80000000, -1, -EINVAL },
		{ "lengths of 2^31", two, 2, 0, -1, -EINVAL },
		{ "lengths of 2^33", wrap, 2, 0, -1, -EINVAL },
		{ "a length of 2^32-1", wrap, 1, 0, -1, -EINVAL },
		{ "segment's reserved", &reserved, 1, 0, -1, -EINVAL },
		{ "closed eventfd", &seg, 1, 0, 1000, -EBADF },
		{ "eventfd -2", &seg, 1, 0, -2, -EINVAL },
		{ "eventfd is a file", &seg, 1, 0, file, -EINVAL },
		{ "eventfd is a socket", &seg, 1, 0, f->tx, -EINVAL },
		{ "segs NULL", NULL, 1, 0, -1, -EFAULT },
		{ "segs in the kernel", (void *)0xffff888000000000ULL, 1, 0, -1,
		  -EFAULT },
	};
	want_true(many);
	for (size_t i = 0; i <= ODG_MAX_SEGS; i++)
		many[i] = seg;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct op *op = &f->op[0];

		row("%s", rows[i].name);
		op_init(op);
		op->r.segs = (uintptr_t)rows[i].segs;
		op->r.nr_segs = rows[i].nr;
		op->r.flags = rows[i].flags;
		op->r.eventfd = rows[i].eventfd;
		want_refused(f, op, rows[i].error);
	}
	free(many);
	close(file);
}

static void bad_arguments_of_a_post(void **state)
{
	struct fix *f = *state;
	struct odg_recv r = f->op[0].r;
	const struct {
		const char *name;
		uint64_t recvs;
		uint32_t count, flags;
		int error;
	} rows[] = {
		{ "count 0", (uintptr_t)&r, 0, 0, -EINVAL },
		{ "count 1025", (uintptr_t)&r, ODG_MAX_POSTS + 1, 0, -EINVAL },
		{ "count 2^32-1", (uintptr_t)&r, 0xffffffff, 0, -EINVAL },
		{ "flags", (uintptr_t)&r, 1, 1, -EINVAL },
		{ "recvs NULL", 0, 1, 0, -EFAULT },
		{ "recvs in the kernel", 0xffff888000000000ULL, 1, 0, -EFAULT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct odg_post a = {
			.size = sizeof(a), .fd = f->rx, .recvs = rows[i].recvs,
			.count = rows[i].count, .flags = rows[i].flags,
		};

		row("%s", rows[i].name);
		want(odg(f->p.fd, ODG_POST, &a), rows[i].error);
		want(port_stats(&f->p).outstanding, 0);
	}
}

/*
 * The kernel writes state and id into the array: an op whose id nobody could be
 * told must not be there.
 */
static void read_only_recvs_are_EFAULT(void **state)
{
	struct fix *f = *state;
	struct odg_recv *ro = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct odg_post a = {
		.size = sizeof(a), .fd = f->rx, .recvs = (uintptr_t)ro,
		.count = 1,
	};

	want_true(ro != MAP_FAILED);
	*ro = f->op[0].r;
	sys(mprotect(ro, PAGE, PROT_READ));
	want(odg(f->p.fd, ODG_POST, &a), -EFAULT);
	want(port_stats(&f->p).outstanding, 0);
	row("with a datagram queued");
	send_queued(f->tx, f->rx, "x", 1);
	want(odg(f->p.fd, ODG_POST, &a), -EFAULT);
	want(port_stats(&f->p).outstanding, 0);
	want(port_stats(&f->p).unread, 0);
	native_recv(f->rx, "x", 1);
	munmap(ro, PAGE);
}

static void bad_result_pointer_leaves_the_datagram(void **state)
{
	static const uint64_t bad[] = {
		8, 0xffff888000000000ULL, 0x8000000000000000ULL,
	};
	struct fix *f = *state;

	send_queued(f->tx, f->rx, "x", 1);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		row("result %#llx", (unsigned long long)bad[i]);
		f->op[0].r.result = bad[i];
		want(post(&f->p, f->rx, &f->op[0]), -EFAULT);
		want(port_stats(&f->p).outstanding, 0);
		want(port_stats(&f->p).unread, 0);
	}
	native_recv(f->rx, "x", 1);
}

/* --- buffers ----------------------------------------------------------- */

static uint8_t *pages(size_t n, int prot, int last)
{
	uint8_t *m = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	want_true(m != MAP_FAILED);
	memset(m, POISON, n * PAGE);
	sys(mprotect(m, n * PAGE, prot));
	sys(mprotect(m + (n - 1) * PAGE, PAGE, last));
	return m;
}

static void a3_unwritable_buffers_are_EFAULT(void **state)
{
	struct fix *f = *state;
	uint8_t *none = pages(1, PROT_NONE, PROT_NONE);
	uint8_t *ro = pages(1, PROT_READ, PROT_READ);
	uint8_t *into_none = pages(2, PROT_READ | PROT_WRITE, PROT_NONE);
	uint8_t *into_ro = pages(2, PROT_READ | PROT_WRITE, PROT_READ);
	uint8_t *gone = pages(1, PROT_READ, PROT_READ);
	const struct { const char *name; uint64_t at; } rows[] = {
		{ "NULL", 0 },
		{ "page 0", 8 },
		{ "PROT_NONE", (uintptr_t)none },
		{ "read only", (uintptr_t)ro },
		{ "into PROT_NONE", (uintptr_t)into_none + PAGE - 100 },
		{ "into read only", (uintptr_t)into_ro + PAGE - 100 },
		{ "unmapped", (uintptr_t)gone },
		{ "program text", (uintptr_t)&a3_unwritable_buffers_are_EFAULT },
		{ "kernel", 0xffff888000000000ULL },
		{ "not canonical", 0x8000000000000000ULL },
		{ "end of user space", 0x00007fffffffff00ULL },
		{ "wraps", 0xffffffffffffff00ULL },
	};
	munmap(gone, PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct op *op = &f->op[0];

		row("%s", rows[i].name);
		op_init(op);
		op->seg[0].addr = rows[i].at;
		want_refused(f, op, -EFAULT);

		row("%s, as the second segment", rows[i].name);
		op_init(op);
		op->seg[0].len = 16;
		op->seg[1].addr = rows[i].at;
		op->seg[1].len = OP_DATA;
		op->r.nr_segs = 2;
		want_refused(f, op, -EFAULT);
	}
	munmap(none, PAGE);
	munmap(ro, PAGE);
	munmap(into_none, 2 * PAGE);
	munmap(into_ro, 2 * PAGE);
}

static void a3_straddling_segs_array_is_EFAULT(void **state)
{
	struct fix *f = *state;
	uint8_t *m = pages(2, PROT_READ | PROT_WRITE, PROT_NONE);
	struct odg_seg *segs = (struct odg_seg *)(m + PAGE) - 1;
	struct op *op = &f->op[0];

	*segs = op->seg[0];
	op->r.segs = (uintptr_t)segs;
	op->r.nr_segs = 2;
	want_refused(f, op, -EFAULT);
	row("the readable part alone");
	op->r.nr_segs = 1;
	post_pending(&f->p, f->rx, op);
	munmap(m, 2 * PAGE);
}

static void most_segments_work(void **state)
{
	struct fix *f = *state;
	struct odg_seg *segs = calloc(ODG_MAX_SEGS, sizeof(*segs));
	uint8_t *m = pages(ODG_MAX_SEGS, PROT_READ | PROT_WRITE,
			   PROT_READ | PROT_WRITE);
	uint8_t payload[ODG_MAX_SEGS * 3];
	struct op *op = &f->op[0];

	want_true(segs);
	for (size_t i = 0; i < ODG_MAX_SEGS; i++) {
		segs[i].addr = (uintptr_t)m + i * PAGE + PAGE - 2;
		segs[i].len = i + 1 < ODG_MAX_SEGS ? 4 : 2;
	}
	/* Each straddles two pages, and overlaps none. */
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	op->r.segs = (uintptr_t)segs;
	op->r.nr_segs = ODG_MAX_SEGS;
	post_pending(&f->p, f->rx, op);
	send_to(f->tx, f->rx, payload, sizeof(payload));
	want(reap(&f->p)->len, sizeof(payload));
	for (size_t i = 0; i < sizeof(payload); i++)
		want(*(uint8_t *)(uintptr_t)(segs[i / 4].addr + i % 4),
		     payload[i]);
	want(*(uint8_t *)(uintptr_t)segs[sizeof(payload) / 4].addr, POISON);
	munmap(m, ODG_MAX_SEGS * PAGE);
	free(segs);
}

/* --- batches ----------------------------------------------------------- */

static void batch_stops_at_the_first_bad_op(void **state)
{
	struct fix *f = *state;

	f->op[3].r.flags = 0x80000000;
	want(post_n(&f->p, f->rx, f->op, 6), 3);
	for (int i = 0; i < 3; i++)
		want(f->op[i].r.state, ODG_RECV_PENDING);
	for (int i = 3; i < 6; i++)
		want(f->op[i].r.state, POISON32);
	row("the rest again says why");
	want(post_n(&f->p, f->rx, &f->op[3], 3), -EINVAL);
	want(port_stats(&f->p).outstanding, 3);
	for (int i = 0; i < 4; i++)
		send_to(f->tx, f->rx, &i, sizeof(i));
	for (int i = 0; i < 3; i++)
		reap_data(&f->p, &f->op[i], &i, sizeof(i));
	native_recv(f->rx, &(int){ 3 }, sizeof(int));
}

static void batch_with_a_bad_buffer_keeps_the_datagrams(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 3; i++)
		send_queued(f->tx, f->rx, &i, sizeof(i));
	f->op[1].seg[0].addr = 8;
	want(post_n(&f->p, f->rx, f->op, 3), 1);
	want(f->op[0].r.state, ODG_RECV_QUEUED);
	want(post_n(&f->p, f->rx, &f->op[1], 2), -EFAULT);
	want(post(&f->p, f->rx, &f->op[2]), 1);
	reap_data(&f->p, &f->op[0], &(int){ 0 }, sizeof(int));
	reap_data(&f->p, &f->op[2], &(int){ 1 }, sizeof(int));
	native_recv(f->rx, &(int){ 2 }, sizeof(int));
}

static void most_posts_work(void **state)
{
	struct fix *f = *state;
	struct op *op = calloc(ODG_MAX_POSTS, sizeof(*op));
	struct port p;

	want_true(op);
	port_open(&p, ODG_MAX_POSTS, 0);
	for (int i = 0; i < ODG_MAX_POSTS; i++)
		op_init(&op[i]);
	want(post_n(&p, f->rx, op, ODG_MAX_POSTS), ODG_MAX_POSTS);
	for (int i = 0; i < ODG_MAX_POSTS; i++)
		send_to(f->tx, f->rx, &i, sizeof(i));
	for (int i = 0; i < ODG_MAX_POSTS; i++)
		reap_data(&p, &op[i], &i, sizeof(i));
	port_close(&p);
	free(op);
}

/* --- NOWAIT ------------------------------------------------------------ */

static void a31_nowait_is_EAGAIN_unless_something_is_queued(void **state)
{
	struct fix *f = *state;

	f->op[0].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[0]), -EAGAIN);
	want(port_stats(&f->p).outstanding, 0);
	send_queued(f->tx, f->rx, "here", 4);
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_result(&f->op[0], "here", 4);
	want(post(&f->p, f->rx, &f->op[0]), -EAGAIN);
	want_none(&f->p);
}

/* A receive that may not wait may not overtake either. */
static void nowait_behind_a_pending_op_is_EAGAIN(void **state)
{
	struct fix *f = *state;

	post_pending(&f->p, f->rx, &f->op[0]);
	f->op[1].r.flags = ODG_RECV_NOWAIT;
	want(post(&f->p, f->rx, &f->op[1]), -EAGAIN);
	send_str(f->tx, f->rx, "first");
	reap_data(&f->p, &f->op[0], "first", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(wrong_descriptors),
		T(a25_unbound_is_EINVAL_and_works_once_bound),
		T46(a37_a_first_send_binds),
		T46(shut_down_for_reading_is_ESHUTDOWN),
		T46(foreign_encapsulations_are_EBUSY),
		T(bad_arguments_of_an_op),
		T(bad_arguments_of_a_post),
		T(read_only_recvs_are_EFAULT),
		T(bad_result_pointer_leaves_the_datagram),
		T46(a3_unwritable_buffers_are_EFAULT),
		T(a3_straddling_segs_array_is_EFAULT),
		T(most_segments_work),
		T(batch_stops_at_the_first_bad_op),
		T(batch_with_a_bad_buffer_keeps_the_datagrams),
		T(most_posts_work),
		T46(a31_nowait_is_EAGAIN_unless_something_is_queued),
		T(nowait_behind_a_pending_op_is_EAGAIN),
	};
	return cmocka_run_group_tests_name("post", tests, NULL, NULL);
}
