// SPDX-License-Identifier: MIT
/*
 * Fault injection (debug kernel): a chain of calls is run again and again, and
 * in the n-th run the n-th allocation or copy from and to the program fails,
 * until a run gets through without.  Each failure has to be a documented errno,
 * leave nothing behind, and the chain has to work afterwards.
 *
 * The idea is iommufd's (tools/testing/selftests/iommu/iommufd_fail_nth.c).
 */
#include "helpers.h"

#include <sys/syscall.h>

static int fail_nth_fd = -1;

static bool write_file(const char *name, const char *value)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, value, strlen(value)) > 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

static int find_fault_injection(void **state)
{
	(void)state;
	fail_nth_fd = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	/* Sleeping allocations are the ones a call makes. */
	if (fail_nth_fd >= 0 &&
	    !write_file("/sys/kernel/debug/failslab/ignore-gfp-wait", "N")) {
		close(fail_nth_fd);
		fail_nth_fd = -1;
	}
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	return 0;
}

static void arm(unsigned int n)
{
	char s[16];
	int len = snprintf(s, sizeof(s), "%u", n);

	/* Disarming may be what fails; the second time nothing is armed. */
	if (pwrite(fail_nth_fd, s, (size_t)len, 0) != len)
		want(pwrite(fail_nth_fd, s, (size_t)len, 0), len);
}

/* True if the failure was injected, and no more will be. */
static bool disarm(void)
{
	char s[16] = "";
	ssize_t len = pread(fail_nth_fd, s, sizeof(s) - 1, 0);

	/* The read itself may have been what failed. */
	arm(0);
	return len <= 0 || atoi(s) == 0;
}

/* What this chain's calls may say when something of the kernel's fails. */
static bool documented(int err)
{
	/* -ENOBUFS: no memory for a datagram, as sendmsg(2) says it */
	return err == -ENOMEM || err == -EFAULT || err == -ENOBUFS;
}

struct chain {
	struct port p;
	int watcher;			/* a port that watches the memory map */
	int rx, tx, efd;
	int full;			/* a socket with no room for a send */
	struct op op[4];
	struct tx send[3];
	union sockaddr_any to, far;
	char control[128];		/* more than fits on the stack */
	struct odg_seg many[64];	/* more than fits beside the op */
	const char *step;
};

/* One that is sent at once, told of in either way, and one that has to wait. */
static void prepare_sends(struct chain *c)
{
	static struct far far;
	struct cmsghdr *m;
	int ttl = 9;

	if (!far.ns) {
		own_namespace();
		far_create(&far, AF_INET);
		far_stall();
	}
	for (size_t at = 0; at < sizeof(c->control); at += CMSG_SPACE(sizeof(ttl))) {
		m = (struct cmsghdr *)(c->control + at);
		if (at + CMSG_SPACE(sizeof(ttl)) > sizeof(c->control))
			break;
		m->cmsg_level = IPPROTO_IP;
		m->cmsg_type = IP_TTL;
		m->cmsg_len = CMSG_LEN(sizeof(ttl));
		memcpy(CMSG_DATA(m), &ttl, sizeof(ttl));
	}
	addr_of(c->tx, &c->to);
	c->far = c->to;
	c->far.v4.sin_addr.s_addr = htonl(0x0a630002);
	c->full = udp_unbound(AF_INET);
	set_opt(c->full, SOL_SOCKET, SO_SNDBUF, 1);
	while (sendto(c->full, c->op[0].data, 1000, MSG_DONTWAIT, &c->far.sa,
		      sizeof(c->far.v4)) == 1000)
		;
	want(errno, EAGAIN);

	for (int i = 0; i < 3; i++) {
		tx_init(&c->send[i], "sent", 4, i < 2 ? &c->to.sa : &c->far.sa,
			sizeof(c->to.v4));
		c->send[i].s.control = (uintptr_t)c->control;
		c->send[i].s.controllen = sizeof(c->control) /
			CMSG_SPACE(sizeof(ttl)) * CMSG_SPACE(sizeof(ttl));
		c->send[i].s.eventfd = c->efd;
	}
	tx_result(&c->send[0]);
}

static int send_raw(struct chain *c, int sock, int i)
{
	struct odg_send_batch a = {
		.size = sizeof(a), .fd = sock, .count = 1,
		.sends = (uintptr_t)&c->send[i].s,
	};

	return odg(c->p.fd, ODG_SEND, &a);
}

static void prepare(struct chain *c)
{
	memset(c, 0, sizeof(*c));
	c->rx = udp(AF_INET);
	c->tx = udp(AF_INET);
	c->watcher = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	c->efd = (int)sys(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	for (size_t i = 0; i < ARRAY_SIZE(c->op); i++) {
		op_init(&c->op[i]);
		c->op[i].r.eventfd = c->efd;
	}
	for (size_t i = 0; i < ARRAY_SIZE(c->many); i++) {
		c->many[i].addr = (uintptr_t)c->op[3].data + i * 16;
		c->many[i].len = 16;
	}
	c->op[3].r.segs = (uintptr_t)c->many;
	c->op[3].r.nr_segs = ARRAY_SIZE(c->many);
	/* One waits in the queue for the post that completes at once. */
	send_queued(c->tx, c->rx, "queued", 6);
	prepare_sends(c);
}

static int post_raw(struct chain *c, int i)
{
	struct odg_post a = {
		.size = sizeof(a), .fd = c->rx, .count = 1,
		.recvs = (uintptr_t)&c->op[i].r,
	};

	return odg(c->p.fd, ODG_POST, &a);
}

/*
 * The chain: 0, or the first failure.  Nothing but system calls in here, and
 * all that it needs from the outside was made by prepare().
 */
static int run(struct chain *c)
{
	struct odg_query q = { .size = sizeof(q) };
	struct odg_cq_create cq = { .size = sizeof(cq), .entries = 64 };
	struct odg_cq_create watch = {
		.size = sizeof(watch), .entries = 1, .flags = ODG_CQ_WATCH,
	};
	struct odg_cq_create more = {
		.size = sizeof(more), .entries = 256, .flags = ODG_CQ_SPARE,
	};
	struct odg_cq_switch to_more = { .size = sizeof(to_more) };
	struct odg_sock_stats s = { .size = sizeof(s), .fd = c->rx };
	struct odg_port_stats ps = { .size = sizeof(ps) };
	struct odg_region_add ra = {
		.size = sizeof(ra), .addr = (uintptr_t)c->op[3].data,
		.len = OP_DATA,
	};
	struct odg_rq_create rq = {
		.size = sizeof(rq), .fd = c->tx, .entries = 8,
		.flags = ODG_RQ_ADDRESSES,
	};
	struct odg_rq_create spare = {
		.size = sizeof(spare), .fd = c->tx, .entries = 16,
		.flags = ODG_RQ_SPARE | ODG_RQ_ADDRESSES,
	};
	struct odg_rq_switch sw = { .size = sizeof(sw), .fd = c->tx };
	struct odg_rq_cancel gone = { .size = sizeof(gone), .fd = c->tx };
	int ret;

#define STEP(name, call) do {		\
	c->step = name;			\
	ret = (call);			\
	if (ret < 0)			\
		return ret;		\
} while (0)
	c->p.fd = -1;
	STEP("open", c->p.fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/odgram",
					    O_RDWR | O_CLOEXEC));
	STEP("QUERY", odg(c->p.fd, ODG_QUERY, &q));
	STEP("CQ_CREATE", odg(c->p.fd, ODG_CQ_CREATE, &cq));
	STEP("CQ_CREATE to watch", odg(c->watcher, ODG_CQ_CREATE, &watch));
	STEP("CQ_CREATE, a spare one", odg(c->watcher, ODG_CQ_CREATE, &more));
	STEP("CQ_SWITCH", odg(c->watcher, ODG_CQ_SWITCH, &to_more));
	c->p.entries = cq.entries;
	c->p.cqe_size = cq.cqe_size;
	c->p.map_size = cq.mmap_size;
	c->step = "mmap";
	c->p.map = mmap(NULL, cq.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			c->p.fd, 0);
	if (c->p.map == MAP_FAILED) {
		c->p.map = NULL;
		return -errno;
	}
	c->p.prod = (uint32_t *)(c->p.map + q.cq_off_prod);
	c->p.cons = (uint32_t *)(c->p.map + q.cq_off_cons);
	c->p.cqes = c->p.map + q.cq_off_entries;
	STEP("BIND", odg_bind(&c->p, c->rx, 0));
	STEP("POST queued", post_raw(c, 0));
	STEP("POST pending", post_raw(c, 1));
	STEP("POST another", post_raw(c, 2));
	STEP("POST many segments", post_raw(c, 3));
	STEP("WAIT", odg_wait(&c->p, 1, 0));
	STEP("SOCK_STATS", odg(c->p.fd, ODG_SOCK_STATS, &s));
	STEP("PORT_STATS", odg(c->p.fd, ODG_PORT_STATS, &ps));
	STEP("CANCEL", cancel_id(&c->p, c->op[2].r.id));
	STEP("CANCEL by socket", cancel_socket(&c->p, c->rx));
	STEP("SEND done", send_raw(c, c->rx, 0));
	STEP("SEND queued", send_raw(c, c->rx, 1));
	STEP("SEND that waits", send_raw(c, c->full, 2));
	STEP("CANCEL of a send", cancel_id(&c->p, c->send[2].s.id));
	STEP("UNBIND", odg_unbind(&c->p, c->rx));
	STEP("REGION_ADD", odg(c->p.fd, ODG_REGION_ADD, &ra));
	STEP("RQ_CREATE", odg(c->p.fd, ODG_RQ_CREATE, &rq));
	STEP("RQ_CREATE, a spare one", odg(c->p.fd, ODG_RQ_CREATE, &spare));
	STEP("RQ_SWITCH", odg(c->p.fd, ODG_RQ_SWITCH, &sw));
	STEP("RQ_CANCEL", odg(c->p.fd, ODG_RQ_CANCEL, &gone));
	c->step = "end";
	return 0;
}

/* What was accepted is accounted for; the queued datagram is somewhere. */
static void check(struct chain *c)
{
	struct odg_port_stats s;
	char buf[16];
	bool delivered = false;
	ssize_t got;

	if (c->p.map) {
		uint32_t unread = port_unread(&c->p);

		s = port_stats(&c->p);
		want(s.posted, s.completed + s.outstanding);
		want(s.unread, unread);
		for (uint32_t i = 0; i < unread; i++)
			if (port_entry(&c->p, i)->user_data == c->op[0].r.user_data)
				delivered = port_entry(&c->p, i)->status == 0;
		cancel_socket(&c->p, c->rx);
		cancel_socket(&c->p, c->full);
		want(port_stats(&c->p).outstanding, 0);
	}
	got = recv(c->rx, buf, sizeof(buf), MSG_DONTWAIT);
	want(got == 6, !delivered);
	if (delivered)
		want(memcmp(c->op[0].data, "queued", 6), 0);
	/* The socket is as good as new. */
	send_queued(c->tx, c->rx, "after", 5);
	native_recv(c->rx, "after", 5);
}

static void finish(struct chain *c)
{
	if (c->p.map)
		sys(munmap(c->p.map, c->p.map_size));
	if (c->p.fd >= 0)
		sys(close(c->p.fd));
	close(c->watcher);
	close(c->rx);
	close(c->tx);
	close(c->full);
	close(c->efd);
}

static void fail_nth_of_a_whole_chain(void **state)
{
	unsigned int injected = 0, swallowed = 0;
	long pinned = pinned_now();
	static struct chain c;

	(void)state;
	if (fail_nth_fd < 0) {
		print_message("# skipped: this kernel has no fault injection\n");
		skip();
	}
	for (unsigned int n = 1;; n++) {
		bool fired;
		int ret;

		want_true(n < 2000);
		row("failure %u", n);
		prepare(&c);
		arm(n);
		ret = run(&c);
		fired = disarm();
		if (!fired) {
			row("no failure left after %u", n - 1);
			want(ret, 0);
			check(&c);
			finish(&c);
			break;
		}
		injected++;
		row("failure %u, in %s", n, c.step);
		if (ret == 0) {
			/* An allocation that has a fallback. */
			swallowed++;
		} else if (c.p.fd < 0 && ret == -1) {
			/* open(2) is the C library's errno. */
			want_true(documented(-errno) || errno == ENFILE);
		} else {
			if (!documented(ret))
				want(ret, -ENOMEM);
		}
		check(&c);
		finish(&c);

		row("the chain after failure %u", n);
		prepare(&c);
		want(run(&c), 0);
		check(&c);
		finish(&c);
	}
	print_message("# %u failures injected, %u without effect\n",
		      injected, swallowed);
	want_true(injected > 10);
	eventually(pinned_now() == pinned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(fail_nth_of_a_whole_chain),
	};
	return cmocka_run_group_tests_name("failnth", tests,
					   find_fault_injection, NULL);
}
