// SPDX-License-Identifier: MIT
/*
 * Sends that wait for room.  The far end of a veth pair has no address at first, so
 * datagrams stay in the device's queue for that neighbour and fill the socket's
 * SO_SNDBUF; it gets one when a test wants them to go.
 */
#include "helpers.h"

#include <linux/udp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SENDS	12
#define BYTES	1000

struct stalled {
	struct far far;
	struct port p;
	int tx, rx;
	union sockaddr_any to;
	socklen_t tolen;
	struct tx s[SENDS];
	unsigned int now;	/* of s, were sent at once */
};

static void numbered(uint8_t *data, unsigned int n)
{
	for (unsigned int i = 0; i < BYTES; i++)
		data[i] = (uint8_t)(n * 31 + i);
}

static void tx_numbered(struct stalled *t, unsigned int n)
{
	uint8_t data[BYTES];

	numbered(data, n);
	tx_init(&t->s[n], data, BYTES, &t->to.sa, t->tolen);
}

/* The socket's account of its sends, of which @pended had to wait. */
static void want_sends(const struct stalled *t, uint64_t sent, uint64_t failed,
		       uint64_t pended)
{
	struct odg_sock_stats s = sock_stats(&t->p, t->tx);

	want(s.sent, sent);
	want(s.sent_bytes, sent * BYTES);
	want(s.send_failed, failed);
	want(s.send_pended, pended);
}

/* Stalls the way and sends SENDS datagrams, of which all but the first few wait. */
static void stall(struct stalled *t, int family)
{
	memset(t, 0, sizeof(*t));
	own_namespace();
	far_create(&t->far, family);
	far_stall();
	t->rx = far_udp(&t->far, &t->to);
	t->tolen = family == AF_INET ? sizeof(t->to.v4) : sizeof(t->to.v6);
	t->tx = udp_unbound(family);
	set_opt(t->tx, SOL_SOCKET, SO_SNDBUF, 1);
	port_open(&t->p, 64, ODG_CQ_WIDE);
	for (unsigned int i = 0; i < SENDS; i++)
		tx_numbered(t, i);
	want(send_n(&t->p, t->tx, t->s, SENDS), SENDS);
	while (t->now < SENDS && t->s[t->now].s.state == ODG_SEND_QUEUED)
		reap_sent(&t->p, &t->s[t->now++], 0, BYTES);
	want_true(t->now >= 1 && t->now < SENDS - 4);
	for (unsigned int i = t->now; i < SENDS; i++)
		want(t->s[i].s.state, ODG_SEND_PENDING);
	want_none(&t->p);
	want(sock_stats(&t->p, t->tx).send_depth, SENDS - t->now);
	want(port_stats(&t->p).outstanding, SENDS - t->now);
	want_sends(t, t->now, 0, SENDS - t->now);
}

/*
 * What is not among the cancelled arrives, once.  Those that waited do so in order, and
 * behind them the text of another send, unless it is NULL; those in the device's queue
 * are let go one by one, and what comes fresh from the socket meanwhile goes between
 * them.
 */
static void all_arrive_with(struct stalled *t, const bool *cancelled, const char *text)
{
	bool seen[SENDS] = { false };
	unsigned int last = 0, left = !!text;
	struct pollfd pfd = { .fd = t->rx, .events = POLLIN };
	uint8_t got[BYTES + 1], data[BYTES];

	for (unsigned int i = 0; i < SENDS; i++)
		left += !cancelled[i];
	for (; left; left--) {
		unsigned int n = 0;
		long len;

		want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
		len = sys(recv(t->rx, got, sizeof(got), MSG_DONTWAIT));
		if (text && len == (long)strlen(text)) {
			want(memcmp(got, text, (size_t)len), 0);
			for (n = t->now; n < SENDS; n++)
				want_true(seen[n] || cancelled[n]);
			text = NULL;
			continue;
		}
		want(len, BYTES);
		while (n < SENDS && got[0] != (uint8_t)(n * 31))
			n++;
		row("datagram %u", n);
		want_true(n < SENDS && !seen[n] && !cancelled[n]);
		numbered(data, n);
		want(memcmp(got, data, BYTES), 0);
		seen[n] = true;
		if (n >= t->now) {
			want_true(n >= last);
			last = n;
		}
	}
	row("%s", "");
}

static void all_arrive(struct stalled *t, const bool *cancelled)
{
	all_arrive_with(t, cancelled, NULL);
}

static const bool none[SENDS];

/* Only those that did not have to wait. */
static void first_arrive(struct stalled *t)
{
	bool cancelled[SENDS];

	for (unsigned int i = 0; i < SENDS; i++)
		cancelled[i] = i >= t->now;
	all_arrive(t, cancelled);
}

static void sends_again(struct stalled *t)
{
	uint8_t data[BYTES];

	tx_numbered(t, 0);
	tx_result(&t->s[0]);
	want(send_n(&t->p, t->tx, t->s, 1), 1);
	want(t->s[0].s.state, ODG_SEND_DONE);
	numbered(data, 0);
	native_recv(t->rx, data, BYTES);
}

static void finish(struct stalled *t)
{
	char c;

	want(recv(t->rx, &c, 1, MSG_DONTWAIT), -1);
	want_none(&t->p);
	want(port_stats(&t->p).outstanding, 0);
	eventually(port_stats(&t->p).pinned_pages == 0);
	port_close(&t->p);
	if (t->tx >= 0)
		close(t->tx);
	close(t->rx);
}

/* The bytes were scribbled on after the call: what waits is a copy. */
static void in_order(void *arg)
{
	static struct stalled t;

	stall(&t, *(int *)arg);
	want_true(port_stats(&t.p).pinned_pages >= SENDS - t.now);
	far_release(&t.far);
	all_arrive(&t, none);
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], 0, BYTES);
	want(sock_stats(&t.p, t.tx).send_depth, 0);
	want_sends(&t, SENDS, 0, SENDS - t.now);
	row("and at once again");
	sends_again(&t);
	want_sends(&t, SENDS + 1, 0, SENDS - t.now);
	finish(&t);
}

static void btx13_btx16_they_go_out_in_order(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(in_order, &family);
}

static void btx13_btx16_they_go_out_in_order_ipv6(void **state)
{
	int family = AF_INET6;

	(void)state;
	in_child(in_order, &family);
}

static void *cancel_mine(void *arg)
{
	struct stalled *t = arg;

	/* this thread has sent nothing */
	want(cancel_thread(&t->p, (int)syscall(SYS_gettid)), -ENOENT);
	want(cancel_socket_thread(&t->p, t->tx, (int)syscall(SYS_gettid)), -ENOENT);
	return NULL;
}

/* By id: the others go. */
static void cancelled_by_id(void *arg)
{
	static struct stalled t;
	bool cancelled[SENDS] = { false };
	unsigned int first, last = SENDS - 1;
	pthread_t thread;

	stall(&t, *(int *)arg);
	want(pthread_create(&thread, NULL, cancel_mine, &t), 0);
	want(pthread_join(thread, NULL), 0);
	first = t.now;
	row("the first that waits, and the last");
	want(cancel_id(&t.p, t.s[first].s.id), 1);
	reap_sent(&t.p, &t.s[first], -ECANCELED, 0);
	want(cancel_id(&t.p, t.s[last].s.id), 1);
	reap_sent(&t.p, &t.s[last], -ECANCELED, 0);
	want(cancel_id(&t.p, t.s[first].s.id), -ENOENT);
	far_release(&t.far);
	cancelled[first] = true;
	cancelled[last] = true;
	all_arrive(&t, cancelled);
	for (unsigned int i = first + 1; i < last; i++)
		reap_sent(&t.p, &t.s[i], 0, BYTES);
	row("one that was sent");
	want(cancel_id(&t.p, t.s[first + 1].s.id), -ENOENT);
	finish(&t);
}

static void bx4_cancelled_by_id(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(cancelled_by_id, &family);
}

static void cancelled_together(void *arg)
{
	int tid = (int)syscall(SYS_gettid);
	static struct stalled t;

	stall(&t, *(int *)arg);
	for (int way = 0; way < 3; way++) {
		unsigned int n = SENDS - t.now;

		row("%s", way == 0 ? "socket" : way == 1 ? "thread" : "both");
		want(way == 0 ? cancel_socket(&t.p, t.tx) :
		     way == 1 ? cancel_thread(&t.p, tid) :
				cancel_socket_thread(&t.p, t.tx, tid), n);
		for (unsigned int i = t.now; i < SENDS; i++)
			reap_sent(&t.p, &t.s[i], -ECANCELED, 0);
		want_sends(&t, t.now, n + n * (uint64_t)way, n + n * (uint64_t)way);
		want(cancel_socket(&t.p, t.tx), -ENOENT);
		if (way == 2)
			break;
		for (unsigned int i = t.now; i < SENDS; i++)
			tx_numbered(&t, i);
		want(send_n(&t.p, t.tx, t.s + t.now, n), n);
		want(t.s[t.now].s.state, ODG_SEND_PENDING);
	}
	far_release(&t.far);
	first_arrive(&t);
	finish(&t);
}

static void bx1_bx2_a46_cancelled_together(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(cancelled_together, &family);
}

/*
 * Cancel against the work item that sends: each one is sent or cancelled, and the
 * answer says which.
 */
static void *release_far(void *arg)
{
	far_release(&((struct stalled *)arg)->far);
	return NULL;
}

static void races(void *arg)
{
	static struct stalled t;
	bool cancelled[SENDS] = { false };
	unsigned long delay = *(unsigned long *)arg;
	pthread_t thread;

	stall(&t, AF_INET);
	want(pthread_create(&thread, NULL, release_far, &t), 0);
	eventually(port_unread(&t.p) > 0);
	while (delay--)
		sched_yield();
	for (unsigned int i = SENDS; i-- > t.now;) {
		int ret = cancel_id(&t.p, t.s[i].s.id);

		want_true(ret == 1 || ret == -ENOENT);
		cancelled[i] = ret == 1;
	}
	want(pthread_join(thread, NULL), 0);
	all_arrive(&t, cancelled);
	for (unsigned int n = t.now; n < SENDS; n++) {
		const struct odg_cqe *c = reap(&t.p);
		unsigned int i = t.now;

		while (i < SENDS && t.s[i].s.user_data != c->user_data)
			i++;
		want_true(i < SENDS);
		want(c->status, cancelled[i] ? -ECANCELED : 0);
		want(c->len, cancelled[i] ? 0 : BYTES);
	}
	finish(&t);
}

static void inv2_race_of_cancel_and_send(void **state)
{
	(void)state;
	for (unsigned long i = 0; i < env_number("ODG_SEND_RACES", 1); i++)
		in_child(races, &i);
}

/* a34: the last descriptor of the socket is closed. */
static void closed(void *arg)
{
	static struct stalled t;

	stall(&t, *(int *)arg);
	close(t.tx);
	t.tx = -1;
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], -ECANCELED, 0);
	want(port_stats(&t.p).aborted, SENDS - t.now);
	far_release(&t.far);
	first_arrive(&t);
	finish(&t);
}

static void btx18_close_of_the_socket(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(closed, &family);
}

/* Its encap_destroy is taken away: the sends end with the sock's memory. */
static void closed_unseen(void *arg)
{
	static struct stalled t;

	stall(&t, *(int *)arg);
	set_opt(t.tx, IPPROTO_UDP, UDP_ENCAP, 0);
	close(t.tx);
	t.tx = -1;
	row("what is in flight goes");
	shell("ip link del v0");
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], -ECANCELED, 0);
	finish(&t);
}

static void close_without_encap_destroy(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(closed_unseen, &family);
}

/* The port goes: no completions, nothing of it is sent, the socket works on. */
static void port_closed(void *arg)
{
	static struct stalled t;

	stall(&t, *(int *)arg);
	port_close(&t.p);
	far_release(&t.far);
	first_arrive(&t);
	port_open(&t.p, 64, ODG_CQ_WIDE);
	want(sock_stats(&t.p, t.tx).send_depth, 0);
	sends_again(&t);
	finish(&t);
}

static void close_of_the_port(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(port_closed, &family);
}

/* Two ports, one socket: one order. */
static void two_ports(void *arg)
{
	static struct stalled t;
	union sockaddr_any to;
	struct port other;
	struct tx mine;
	int rx;

	stall(&t, *(int *)arg);
	/* not to where the first go: it may overtake those in the device's queue */
	rx = far_udp(&t.far, &to);
	port_open(&other, 8, 0);
	tx_init(&mine, "mine", 4, &to.sa, t.tolen);
	tx_result(&mine);
	want(send_n(&other, t.tx, &mine, 1), 1);
	want(mine.s.state, ODG_SEND_PENDING);
	want(cancel_socket(&t.p, t.tx), SENDS - t.now);
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], -ECANCELED, 0);
	far_release(&t.far);
	first_arrive(&t);
	native_recv(rx, "mine", 4);
	close(rx);
	reap_sent(&other, &mine, 0, 4);
	row("the result is for those sent at once");
	want_true(is_poison(&mine.result, sizeof(mine.result)));
	port_close(&other);
	finish(&t);
}

static void another_ports_sends_stand_behind(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(two_ports, &family);
}

static void refused(void *arg)
{
	static struct stalled t;
	static uint8_t huge[66000];
	struct odg_seg seg = { .addr = (uintptr_t)huge, .len = 65536 };
	struct port small;
	struct tx s;

	stall(&t, *(int *)arg);
	row("NOWAIT");
	tx_init(&s, "x", 1, &t.to.sa, t.tolen);
	s.s.flags = ODG_SEND_NOWAIT;
	want(send_n(&t.p, t.tx, &s, 1), -EAGAIN);
	tx_result(&s);
	want(send_n(&t.p, t.tx, &s, 1), -EAGAIN);
	row("longer than any datagram");
	s.s.flags = 0;
	s.s.segs = (uintptr_t)&seg;
	want(send_n(&t.p, t.tx, &s, 1), -EMSGSIZE);
	row("bytes that are not there");
	seg = (struct odg_seg){ .addr = 4096, .len = 4 };
	want(send_n(&t.p, t.tx, &s, 1), -EFAULT);
	row("no room for the completion");
	port_open(&small, 1, 0);
	tx_init(&s, "y", 1, &t.to.sa, t.tolen);
	want(send_n(&small, t.tx, &s, 1), 1);
	want(s.s.state, ODG_SEND_PENDING);
	tx_result(&s);
	want(send_n(&small, t.tx, &s, 1), -EAGAIN);
	port_close(&small);
	row("unbind");
	want(odg_unbind(&t.p, t.tx), -EBUSY);
	want(sock_stats(&t.p, t.tx).send_depth, SENDS - t.now);
	far_release(&t.far);
	all_arrive(&t, none);
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], 0, BYTES);
	row("the one of a port that was closed failed, the refused ones were none");
	want_sends(&t, SENDS, 1, SENDS - t.now + 1);
	row("unbind, with nothing waiting");
	want(odg_unbind(&t.p, t.tx), 0);
	want(sys(sendto(t.tx, "plain", 5, 0, &t.to.sa, t.tolen)), 5);
	native_recv(t.rx, "plain", 5);
	finish(&t);
}

static void refused_and_unbound(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(refused, &family);
}

/*
 * What waits is sent with its poster's credentials: a mark is for CAP_NET_RAW, which
 * the work item that sends has.
 */
static void credentials(void *arg)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct cmsghdr *c = (struct cmsghdr *)control;
	static struct stalled t;
	struct tx with, without;
	int mark = 7;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SO_MARK;
	c->cmsg_len = CMSG_LEN(sizeof(mark));
	memcpy(CMSG_DATA(c), &mark, sizeof(mark));

	stall(&t, *(int *)arg);
	tx_init(&with, "with", 4, &t.to.sa, t.tolen);
	with.s.control = (uintptr_t)control;
	with.s.controllen = sizeof(control);
	tx_init(&without, "without", 7, &t.to.sa, t.tolen);
	without.s.control = (uintptr_t)control;
	without.s.controllen = sizeof(control);
	want(send_n(&t.p, t.tx, &with, 1), 1);
	sys(seteuid(65534));
	want(send_n(&t.p, t.tx, &without, 1), 1);
	sys(seteuid(0));
	want(with.s.state, ODG_SEND_PENDING);
	want(without.s.state, ODG_SEND_PENDING);
	far_release(&t.far);
	all_arrive_with(&t, none, "with");
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], 0, BYTES);
	reap_sent(&t.p, &with, 0, 4);
	reap_sent(&t.p, &without, -EPERM, 0);
	finish(&t);
}

static void sent_with_the_posters_credentials(void **state)
{
	int family = AF_INET;

	(void)state;
	in_child(credentials, &family);
}

/* The copy counts against RLIMIT_MEMLOCK of one who is limited. */
static void charged(void *arg)
{
	const struct rlimit one = { 4 * PAGE, 4 * PAGE };
	static struct stalled t;
	static uint8_t big[20000];
	struct odg_seg seg = { .addr = (uintptr_t)big, .len = sizeof(big) };
	struct port mine;
	struct tx s;

	stall(&t, *(int *)arg);
	sys(setrlimit(RLIMIT_MEMLOCK, &one));
	sys(seteuid(65533));
	port_open(&mine, 8, 0);
	tx_init(&s, "x", 1, &t.to.sa, t.tolen);
	s.s.segs = (uintptr_t)&seg;
	want(send_n(&mine, t.tx, &s, 1), -ENOMEM);
	want(port_stats(&mine).pinned_pages, 0);
	tx_init(&s, "fits", 4, &t.to.sa, t.tolen);
	want(send_n(&mine, t.tx, &s, 1), 1);
	want(port_stats(&mine).pinned_pages, 1);
	sys(seteuid(0));
	far_release(&t.far);
	all_arrive_with(&t, none, "fits");
	for (unsigned int i = t.now; i < SENDS; i++)
		reap_sent(&t.p, &t.s[i], 0, BYTES);
	reap_sent(&mine, &s, 0, 4);
	port_close(&mine);
	finish(&t);
}

static void charged_to_memlock(void **state)
{
	int family = AF_INET;

	(void)state;
	sys(chmod("/dev/odgram", 0666));
	in_child(charged, &family);
	sys(chmod("/dev/odgram", 0600));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(btx13_btx16_they_go_out_in_order),
		T0(btx13_btx16_they_go_out_in_order_ipv6),
		T0(bx4_cancelled_by_id),
		T0(bx1_bx2_a46_cancelled_together),
		T0(inv2_race_of_cancel_and_send),
		T0(btx18_close_of_the_socket),
		T0(close_without_encap_destroy),
		T0(close_of_the_port),
		T0(another_ports_sends_stand_behind),
		T0(refused_and_unbound),
		T0(sent_with_the_posters_credentials),
		T0(charged_to_memlock),
	};
	return cmocka_run_group_tests_name("send_wait", tests, NULL, NULL);
}
