// SPDX-License-Identifier: MIT
/*
 * ODG_SEND where the socket has room, which over lo it always has; those that have
 * to wait are in send_wait.c.
 */
#include "helpers.h"

#include <linux/errqueue.h>

/* A send of this text from the fixture's tx to its rx. */
static void to_rx(struct fix *f, struct tx *tx, const char *text)
{
	static union sockaddr_any a;
	socklen_t len = addr_of(f->rx, &a);

	tx_init(tx, text, strlen(text), &a.sa, len);
}

static void btx2_done_at_once(void **state)
{
	struct fix *f = *state;
	struct tx tx[2];

	to_rx(f, &tx[0], "one");
	to_rx(f, &tx[1], "");
	tx_result(&tx[0]);
	tx_result(&tx[1]);
	want(send_n(&f->p, f->tx, tx, 2), 2);
	for (int i = 0; i < 2; i++) {
		want(tx[i].s.state, ODG_SEND_DONE);
		want(tx[i].s.id, 0);
		want(tx[i].result.cqe.user_data, tx[i].s.user_data);
		want(tx[i].result.cqe.status, 0);
		want(tx[i].result.cqe.flags, ODG_CQE_SEND);
		want(tx[i].result.cqe.len, i ? 0 : 3);
		want(tx[i].result.cqe.full_len, i ? 0 : 3);
		want(tx[i].result.cqe.seq, 0);
	}
	want_none(&f->p);
	want(port_stats(&f->p).posted, 0);
	native_recv(f->rx, "one", 3);
	native_recv(f->rx, "", 0);
}

static void completion_in_the_queue(void **state)
{
	struct fix *f = *state;
	struct tx tx[2];

	to_rx(f, &tx[0], "one");
	to_rx(f, &tx[1], "three");
	want(send_n(&f->p, f->tx, tx, 2), 2);
	want(tx[0].s.state, ODG_SEND_QUEUED);
	want(tx[1].s.state, ODG_SEND_QUEUED);
	reap_sent(&f->p, &tx[0], 0, 3);
	reap_sent(&f->p, &tx[1], 0, 5);
	want_none(&f->p);
	row("its id finds nothing");
	want(cancel_id(&f->p, tx[0].s.id), -ENOENT);
	native_recv(f->rx, "one", 3);
	native_recv(f->rx, "three", 5);
}

/* br12: it says so itself; what an armed notification does is in notify.c. */
static void br12_quiet(void **state)
{
	struct fix *f = *state;
	struct tx tx;

	to_rx(f, &tx, "sh");
	tx.s.flags = ODG_SEND_QUIET;
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	want(reap(&f->p)->flags, ODG_CQE_SEND | ODG_CQE_QUIET);
	row("the next use of the op is not");
	to_rx(f, &tx, "loud");
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	reap_sent(&f->p, &tx, 0, 4);
}

static void btx2_gathered_in_order(void **state)
{
	struct odg_seg seg[4];
	struct fix *f = *state;
	struct tx tx;

	to_rx(f, &tx, "abcdefgh");
	for (int i = 0; i < 4; i++)
		seg[i] = (struct odg_seg){
			.addr = (uintptr_t)tx.data + 6 - 2 * (uintptr_t)i,
			.len = i == 1 ? 0 : 2,
		};
	tx.s.segs = (uintptr_t)seg;
	tx.s.nr_segs = 4;
	tx_result(&tx);
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	want(tx.result.cqe.len, 6);
	native_recv(f->rx, "ghcdab", 6);
}

static void eventfd_is_signalled_once(void **state)
{
	struct fix *f = *state;
	int efd = (int)sys(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	struct tx tx;

	for (int done = 0; done < 2; done++) {
		row("%s", done ? "done" : "queued");
		to_rx(f, &tx, "x");
		if (done)
			tx_result(&tx);
		tx.s.eventfd = efd;
		want(send_n(&f->p, f->tx, &tx, 1), 1);
		want(eventfd_count(efd), 1);
		native_recv(f->rx, "x", 1);
	}
	row("not by one that is refused");
	to_rx(f, &tx, "x");
	tx.s.eventfd = efd;
	tx.s.namelen = 1;
	want(send_n(&f->p, f->tx, &tx, 1), -EINVAL);
	want(eventfd_count(efd), 0);
	close(efd);
}

static void btx5_connected(void **state)
{
	struct fix *f = *state;
	int other = udp(f->family);
	union sockaddr_any a;
	socklen_t len = addr_of(other, &a);
	struct tx tx;

	connect_to(f->tx, f->rx);
	row("to the peer");
	tx_init(&tx, "peer", 4, NULL, 0);
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	native_recv(f->rx, "peer", 4);
	row("to another, for this datagram only");
	tx_init(&tx, "other", 5, &a.sa, len);
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	native_recv(other, "other", 5);
	tx_init(&tx, "peer", 4, NULL, 0);
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	native_recv(f->rx, "peer", 4);
	close(other);
}

static void btx3_an_unbound_socket_gets_a_port(void **state)
{
	struct fix *f = *state;
	int s = udp_unbound(f->family);
	struct tx tx;

	to_rx(f, &tx, "hello");
	want(port_of(s), 0);
	want(send_n(&f->p, s, &tx, 1), 1);
	want_true(port_of(s) != 0);
	native_recv(f->rx, "hello", 5);
	row("and can receive");
	post_pending(&f->p, s, &f->op[0]);
	close(s);
}

/* One wrong thing in each; nothing is sent, nothing completes. */
static void errors_at_once(void **state)
{
	static const struct sockaddr_in broadcast = {
		.sin_family = AF_INET, .sin_port = 0x0900,
		.sin_addr.s_addr = INADDR_NONE,
	};
	static uint8_t huge[70000];
	struct fix *f = *state;
	union sockaddr_any a, port0, family;
	socklen_t len = addr_of(f->rx, &a);
	void *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *gone = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct odg_seg big = { .addr = (uintptr_t)huge, .len = 65530 };
	struct odg_seg over = { .addr = (uintptr_t)huge, .len = 65536 };
	struct odg_seg reserved = { .addr = (uintptr_t)huge, .__reserved = 1 };
	struct odg_seg hole = { .addr = (uintptr_t)gone, .len = 4 };
	struct odg_send good, s;
	const struct {
		const char *name;
		int error;
		size_t off, size;
		uint64_t value;
	} rows[] = {
#define SET(field, v) offsetof(struct odg_send, field), \
		sizeof(((struct odg_send *)0)->field), (uint64_t)(v)
		{ "btx6 no destination", -EDESTADDRREQ, SET(name, 0) },
		{ "btx7 broadcast", -EACCES, SET(name, &broadcast) },
		{ "btx8 other family", -EAFNOSUPPORT, SET(name, &family) },
		{ "btx8 short name", -EINVAL, SET(namelen, 8) },
		{ "btx9 too long", -EMSGSIZE, SET(segs, &big) },
		{ "btx9 longer than any", -EMSGSIZE, SET(segs, &over) },
		{ "btx11 port 0", -EINVAL, SET(name, &port0) },
		{ "name too long", -EINVAL, SET(namelen, 129) },
		{ "length without name", -EINVAL, SET(name, 0) },
		{ "name without length", -EINVAL, SET(namelen, 0) },
		{ "bad name", -EFAULT, SET(name, gone) },
		{ "control without length", -EINVAL, SET(control, huge) },
		{ "length without control", -EINVAL, SET(controllen, 16) },
		{ "too much control", -EINVAL, SET(controllen, 4097) },
		{ "unknown flag", -EINVAL, SET(flags, 16) },
		{ "highest flag", -EINVAL, SET(flags, 0x80000000) },
		{ "no segments", -EINVAL, SET(nr_segs, 0) },
		{ "too many segments", -EINVAL, SET(nr_segs, 1025) },
		{ "bad segments", -EFAULT, SET(segs, gone) },
		{ "reserved in a segment", -EINVAL, SET(segs, &reserved) },
		{ "bad bytes", -EFAULT, SET(segs, &hole) },
		{ "eventfd -2", -EINVAL, SET(eventfd, -2) },
		{ "closed eventfd", -EBADF, SET(eventfd, 1000) },
		{ "no eventfd", -EINVAL, SET(eventfd, f->tx) },
		{ "read-only result", -EFAULT, SET(result, ro) },
		{ "bad result", -EFAULT, SET(result, gone) },
		{ "result at the edge", -EFAULT, SET(result, (uint8_t *)gone - 64) },
	};
	struct tx tx;

	want_true(ro != MAP_FAILED && gone != MAP_FAILED);
	port0 = a;
	port0.v4.sin_port = 0;
	family = a;
	family.sa.sa_family = AF_UNIX;
	tx_init(&tx, "good", 4, &a.sa, len);
	good = tx.s;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct odg_send_batch arg = {
			.size = sizeof(arg), .fd = f->tx, .sends = (uintptr_t)&s,
			.count = 1,
		};

		row("%s", rows[i].name);
		s = good;
		memcpy((uint8_t *)&s + rows[i].off, &rows[i].value, rows[i].size);
		if (!strncmp(rows[i].name, "btx6", 4))
			s.namelen = 0;
		want(odg(f->p.fd, ODG_SEND, &arg), rows[i].error);
		want_none(&f->p);
	}
	want(port_stats(&f->p).posted, 0);
	want(port_stats(&f->p).outstanding, 0);

	row("the array");
	{
		struct odg_send_batch arg = {
			.size = sizeof(arg), .fd = f->tx, .sends = (uintptr_t)ro,
			.count = 1,
		};

		mprotect(ro, PAGE, PROT_READ | PROT_WRITE);
		memcpy(ro, &good, sizeof(good));
		mprotect(ro, PAGE, PROT_READ);
		want(odg(f->p.fd, ODG_SEND, &arg), -EFAULT);
		arg.sends = (uintptr_t)gone;
		want(odg(f->p.fd, ODG_SEND, &arg), -EFAULT);
		arg.sends = (uintptr_t)&good;
		arg.flags = 1;
		want(odg(f->p.fd, ODG_SEND, &arg), -EINVAL);
		arg.flags = 0;
		arg.count = 0;
		want(odg(f->p.fd, ODG_SEND, &arg), -EINVAL);
		arg.count = 1025;
		want(odg(f->p.fd, ODG_SEND, &arg), -EINVAL);
		arg.count = 1;
		arg.fd = f->p.fd;
		want(odg(f->p.fd, ODG_SEND, &arg), -ENOTSOCK);
		arg.fd = 1000;
		want(odg(f->p.fd, ODG_SEND, &arg), -EBADF);
	}
	row("nothing of all that was sent");
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	native_recv(f->rx, "good", 4);
	want(recv(f->rx, &s, 1, MSG_DONTWAIT), -1);
	want(errno, EAGAIN);
	munmap(ro, PAGE);
	munmap(gone, PAGE);
}

static void btx15_after_shutdown(void **state)
{
	struct fix *f = *state;
	struct tx tx;

	connect_to(f->tx, f->rx);
	sys(shutdown(f->tx, SHUT_WR));
	tx_init(&tx, "x", 1, NULL, 0);
	want(send_n(&f->p, f->tx, &tx, 1), -EPIPE);
	want_none(&f->p);
}

/* The first wrong one ends the batch; those before it are sent. */
static void accepted_from_the_front(void **state)
{
	struct fix *f = *state;
	struct tx tx[3];

	for (int i = 0; i < 3; i++)
		to_rx(f, &tx[i], "x");
	tx[1].s.flags = 0x80000000;
	want(send_n(&f->p, f->tx, tx, 3), 1);
	reap_sent(&f->p, &tx[0], 0, 1);
	want_none(&f->p);
	want(tx[1].s.state, POISON32);
	want(tx[2].s.state, POISON32);
	native_recv(f->rx, "x", 1);
}

/* ODG_SEND_REPORT: a bad one completes in its turn, and the next are sent. */
static void a_bad_one_is_reported_in_the_queue(void **state)
{
	struct fix *f = *state;
	struct tx tx[4];

	for (int i = 0; i < 4; i++) {
		to_rx(f, &tx[i], i < 3 ? "one" : "last");
		tx[i].s.flags = ODG_SEND_REPORT;
	}
	tx[1].s.name = 0;
	tx[1].s.namelen = 0;
	tx[2].seg.addr = 8;
	want(send_n(&f->p, f->tx, tx, 4), 4);
	reap_sent(&f->p, &tx[0], 0, 3);
	reap_sent(&f->p, &tx[1], -EDESTADDRREQ, 0);
	reap_sent(&f->p, &tx[2], -EFAULT, 0);
	reap_sent(&f->p, &tx[3], 0, 4);
	want_none(&f->p);
	want(port_stats(&f->p).posted, 4);
	want(port_stats(&f->p).outstanding, 0);
	native_recv(f->rx, "one", 3);
	native_recv(f->rx, "last", 4);
	want(sock_stats(&f->p, f->tx).sent, 2);
	want(sock_stats(&f->p, f->tx).sent_bytes, 7);
	want(sock_stats(&f->p, f->tx).send_failed, 2);

	row("not with a result");
	tx_result(&tx[0]);
	want(send_n(&f->p, f->tx, tx, 1), -EINVAL);
	row("a wrong description is refused as ever");
	tx[3].s.nr_segs = 0;
	want(send_n(&f->p, f->tx, &tx[3], 1), -EINVAL);
	want_none(&f->p);
}

static void a30_no_room_for_the_completion(void **state)
{
	struct fix *f = *state;
	struct tx tx[5];
	struct port p;

	port_open(&p, 4, 0);
	for (int i = 0; i < 5; i++)
		to_rx(f, &tx[i], "x");
	want(send_n(&p, f->tx, tx, 5), 4);
	want(send_n(&p, f->tx, &tx[4], 1), -EAGAIN);
	row("one with a result needs none");
	tx_result(&tx[4]);
	want(send_n(&p, f->tx, &tx[4], 1), 1);
	want(tx[4].s.state, ODG_SEND_DONE);
	for (int i = 0; i < 5; i++)
		native_recv(f->rx, "x", 1);
	port_close(&p);
}

/* The receiver sees what the control messages asked for. */
static void btx19_control_messages_pass_through(void **state)
{
	struct fix *f = *state;
	_Alignas(struct cmsghdr) char control[256] = { 0 };
	struct msghdr m = { .msg_control = control };
	struct cmsghdr *c = (struct cmsghdr *)control;
	bool v4 = f->family == AF_INET;
	int hops = 7;
	struct tx tx;

	c->cmsg_level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
	c->cmsg_type = v4 ? IP_TTL : IPV6_HOPLIMIT;
	c->cmsg_len = CMSG_LEN(sizeof(hops));
	memcpy(CMSG_DATA(c), &hops, sizeof(hops));
	m.msg_controllen = CMSG_SPACE(sizeof(hops));
	if (v4) {
		struct in_pktinfo info = {
			.ipi_spec_dst.s_addr = htonl(0x7f000005) };

		c = (struct cmsghdr *)(control + m.msg_controllen);
		c->cmsg_level = IPPROTO_IP;
		c->cmsg_type = IP_PKTINFO;
		c->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(c), &info, sizeof(info));
		m.msg_controllen += CMSG_SPACE(sizeof(info));
	}
	for (int longer = 0; longer < 2; longer++) {
		int from = v4 ? udp_unbound(AF_INET) : udp(AF_INET6);

		row("%zu bytes", m.msg_controllen);
		post_pending(&f->p, f->rx, &f->op[longer]);
		to_rx(f, &tx, "x");
		tx.s.control = (uintptr_t)control;
		tx.s.controllen = (uint32_t)m.msg_controllen;
		tx_result(&tx);
		want(send_n(&f->p, from, &tx, 1), 1);
		reap_data(&f->p, &f->op[longer], "x", 1);
		want(f->p.last.ttl, hops);
		if (v4)
			want(f->p.last.cqe.v4.addr, htonl(0x7f000005));
		close(from);
		/* The same once more behind it: more than stands on the stack. */
		memcpy(control + m.msg_controllen, control, m.msg_controllen);
		m.msg_controllen *= 2;
	}
	row("malformed");
	c = (struct cmsghdr *)control;
	c->cmsg_len = 1;
	want(send_n(&f->p, f->tx, &tx, 1), -EINVAL);
}

static void dontroute(void **state)
{
	struct fix *f = *state;
	struct tx tx;

	to_rx(f, &tx, "near");
	tx.s.flags = ODG_SEND_DONTROUTE;
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	native_recv(f->rx, "near", 4);
}

/* An ICMP error fails no send, not even of one who asked for errors. */
static void btx12_ten_sends_to_a_dead_port(void **state)
{
	struct fix *f = *state;
	int dead = udp(f->family);
	union sockaddr_any a;
	socklen_t len = addr_of(dead, &a);
	struct tx tx;

	close(dead);
	for (int recverr = 0; recverr < 2; recverr++) {
		row("IP_RECVERR %d", recverr);
		if (f->family == AF_INET)
			set_opt(f->tx, IPPROTO_IP, IP_RECVERR, recverr);
		else
			set_opt(f->tx, IPPROTO_IPV6, IPV6_RECVERR, recverr);
		sys(connect(f->tx, &a.sa, len));
		for (int i = 0; i < 10; i++) {
			tx_init(&tx, "x", 1, NULL, 0);
			tx_result(&tx);
			want(send_n(&f->p, f->tx, &tx, 1), 1);
			want(tx.result.cqe.status, 0);
			eventually(sock_stats(&f->p, f->tx).icmp ==
				   (uint64_t)(10 * recverr + i + 1));
		}
		row("the next receive is told, IP_RECVERR %d", recverr);
		want(post(&f->p, f->tx, &f->op[recverr]), 1);
		reap_status(&f->p, &f->op[recverr], -ECONNREFUSED);
	}
}

/* It waits with odgram then, and recv(2) would not tell it: who watches is told. */
static void an_error_put_aside_is_counted(void **state)
{
	struct odg_query q = { .size = sizeof(q) };
	struct fix *f = *state;
	int dead = udp(f->family);
	union sockaddr_any a;
	socklen_t len = addr_of(dead, &a);
	const uint64_t *errors;
	struct port p;
	struct tx tx;

	close(dead);
	port_open(&p, 1, ODG_CQ_WATCH);
	want(odg(p.fd, ODG_QUERY, &q), 0);
	errors = (const void *)(p.map + q.cq_off_errors);
	want(odg_bind(&p, f->tx, 0), 0);
	if (f->family == AF_INET)
		set_opt(f->tx, IPPROTO_IP, IP_RECVERR, 1);
	else
		set_opt(f->tx, IPPROTO_IPV6, IPV6_RECVERR, 1);
	sys(connect(f->tx, &a.sa, len));
	want(sys(send(f->tx, "x", 1, 0)), 1);
	eventually(sock_stats(&p, f->tx).icmp == 1);
	want(__atomic_load_n(errors, __ATOMIC_RELAXED), 0);
	tx_init(&tx, "x", 1, NULL, 0);
	tx_result(&tx);
	want(send_n(&p, f->tx, &tx, 1), 1);
	want(__atomic_load_n(errors, __ATOMIC_RELAXED), 1);
	port_close(&p);
}

/* One that stood on the socket before odgram knew it. */
static void btx12_an_error_from_before(void **state)
{
	struct fix *f = *state;
	int dead = udp(f->family);
	union sockaddr_any a;
	socklen_t len = addr_of(dead, &a);
	struct pollfd pfd = { .fd = f->tx };
	struct tx tx;

	close(dead);
	sys(connect(f->tx, &a.sa, len));
	want(sys(send(f->tx, "x", 1, 0)), 1);
	want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
	want(pfd.revents, POLLERR);
	tx_init(&tx, "x", 1, NULL, 0);
	want(send_n(&f->p, f->tx, &tx, 1), 1);
	reap_sent(&f->p, &tx, 0, 1);
	row("the next receive is told");
	want(post(&f->p, f->tx, &f->op[0]), 1);
	reap_status(&f->p, &f->op[0], -ECONNREFUSED);
}

/* btx20: as many as one likes; over lo there is always room. */
static void btx20_a_burst_is_sent_at_once(void **state)
{
	static struct tx tx[256];
	struct fix *f = *state;

	set_opt(f->rx, SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22);
	for (size_t i = 0; i < ARRAY_SIZE(tx); i++) {
		to_rx(f, &tx[i], "burst");
		tx_result(&tx[i]);
	}
	want(send_n(&f->p, f->tx, tx, ARRAY_SIZE(tx)), ARRAY_SIZE(tx));
	for (size_t i = 0; i < ARRAY_SIZE(tx); i++) {
		want(tx[i].s.state, ODG_SEND_DONE);
		native_recv(f->rx, "burst", 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(btx2_done_at_once),
		T46(completion_in_the_queue),
		T(br12_quiet),
		T(btx2_gathered_in_order),
		T(eventfd_is_signalled_once),
		T46(btx5_connected),
		T46(btx3_an_unbound_socket_gets_a_port),
		T(errors_at_once),
		T(btx15_after_shutdown),
		T(accepted_from_the_front),
		T(a_bad_one_is_reported_in_the_queue),
		T(a30_no_room_for_the_completion),
		T46(btx19_control_messages_pass_through),
		T(dontroute),
		T46(btx12_ten_sends_to_a_dead_port),
		T46(an_error_put_aside_is_counted),
		T46(btx12_an_error_from_before),
		T(btx20_a_burst_is_sent_at_once),
	};
	return cmocka_run_group_tests_name("send", tests, NULL, NULL);
}
