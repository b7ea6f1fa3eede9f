// SPDX-License-Identifier: MIT
/* The armed notification: told once, never too late, and not of quiet receives. */
#include "helpers.h"

#include <pthread.h>

static int notify(const struct port *p, int fd)
{
	struct odg_notify n = { .size = sizeof(n), .eventfd = fd };

	return odg(p->fd, ODG_NOTIFY, &n);
}

/* As the uapi header draws it: true if something is unread already. */
static bool arm(const struct port *p)
{
	uint32_t loud, prod;

	__atomic_store_n(p->arm, 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);		/* (J) */
	loud = __atomic_load_n(p->loud, __ATOMIC_ACQUIRE);
	prod = __atomic_load_n(p->prod, __ATOMIC_ACQUIRE);
	return prod - loud < prod - *p->cons &&
	       __atomic_exchange_n(p->arm, 0, __ATOMIC_SEQ_CST);
}

/* How often it was signalled by what was sent until now: that is after the completion. */
static uint64_t told(int fd)
{
	settle();
	return eventfd_count(fd);
}

static int notified_port(struct fix *f)
{
	int fd = (int)sys(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));

	want(notify(&f->p, fd), 0);
	return fd;
}

static void b_r17_armed_port_is_told_once(void **state)
{
	struct fix *f = *state;
	int fd = notified_port(f);

	want(post_n(&f->p, f->rx, f->op, 4), 4);
	row("not armed, not told");
	send_str(f->tx, f->rx, "a");
	reap_data(&f->p, &f->op[0], "a", 1);
	want(told(fd), 0);
	row("armed");
	want_true(!arm(&f->p));
	send_str(f->tx, f->rx, "b");
	send_str(f->tx, f->rx, "c");
	reap_data(&f->p, &f->op[1], "b", 1);
	reap_data(&f->p, &f->op[2], "c", 1);
	eventually(*f->p.arm == 0);
	want(told(fd), 1);
	row("armed again");
	want_true(!arm(&f->p));
	want(told(fd), 0);
	send_str(f->tx, f->rx, "d");
	reap_data(&f->p, &f->op[3], "d", 1);
	want(told(fd), 1);
	close(fd);
}

static void b_r17_arming_with_unread_completions_tells_at_once(void **state)
{
	struct fix *f = *state;
	int fd = notified_port(f);

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "a");
	want(odg_wait(&f->p, 1, now_ns(CLOCK_MONOTONIC) + limit_ns()), 1);
	want_true(arm(&f->p));
	send_str(f->tx, f->rx, "b");
	reap_data(&f->p, &f->op[0], "a", 1);
	reap_data(&f->p, &f->op[1], "b", 1);
	want(told(fd), 0);
	want_true(!arm(&f->p));
	close(fd);
}

/* Every way to complete notifies: taken at once, cancelled, aborted. */
static void every_completion_notifies(void **state)
{
	struct fix *f = *state;
	int fd = notified_port(f);

	row("a datagram that waited");
	send_queued(f->tx, f->rx, "a", 1);
	want_true(!arm(&f->p));
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want(f->op[0].r.state, ODG_RECV_QUEUED);
	want(told(fd), 1);
	reap_data(&f->p, &f->op[0], "a", 1);
	row("cancel");
	post_pending(&f->p, f->rx, &f->op[1]);
	want_true(!arm(&f->p));
	want(cancel_socket(&f->p, f->rx), 1);
	want(told(fd), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	row("close");
	post_pending(&f->p, f->rx, &f->op[2]);
	want_true(!arm(&f->p));
	sys(close(f->rx));
	f->rx = -1;
	want(told(fd), 1);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	close(fd);
}

static void b_r12_quiet_receive_does_not_notify(void **state)
{
	struct fix *f = *state;
	struct pollfd pfd = { .fd = f->p.fd, .events = POLLIN };
	int fd = notified_port(f), own = (int)sys(eventfd(0, EFD_NONBLOCK));
	const struct odg_cqe *c;

	f->op[0].r.flags = ODG_RECV_QUIET;
	f->op[0].r.eventfd = own;
	post_pending(&f->p, f->rx, &f->op[0]);
	post_pending(&f->p, f->rx, &f->op[1]);
	want_true(!arm(&f->p));
	send_str(f->tx, f->rx, "quiet");
	row("waits and poll see it, and its own event is signalled");
	want(odg_wait(&f->p, 1, now_ns(CLOCK_MONOTONIC) + limit_ns()), 1);
	want(poll(&pfd, 1, 0), 1);
	want(told(own), 1);
	row("the port's is not");
	want(told(fd), 0);
	want(*f->p.arm, 1);
	row("arming looks through it");
	want_true(!arm(&f->p));
	send_str(f->tx, f->rx, "loud");
	want(odg_wait(&f->p, 2, now_ns(CLOCK_MONOTONIC) + limit_ns()), 2);
	want(told(fd), 1);
	row("but not through what stands behind it");
	want_true(arm(&f->p));
	c = reap_data(&f->p, &f->op[0], "quiet", 5);
	want(c->flags & ODG_CQE_QUIET, ODG_CQE_QUIET);
	want_true(arm(&f->p));
	c = reap_data(&f->p, &f->op[1], "loud", 4);
	want(c->flags & ODG_CQE_QUIET, 0);
	want_true(!arm(&f->p));
	close(own);
	close(fd);
}

static void b_r12_quiet_receive_that_is_cancelled_stays_quiet(void **state)
{
	struct fix *f = *state;
	int fd = notified_port(f);
	const struct odg_cqe *c;

	f->op[0].r.flags = ODG_RECV_QUIET;
	post_pending(&f->p, f->rx, &f->op[0]);
	want_true(!arm(&f->p));
	want(cancel_socket(&f->p, f->rx), 1);
	c = reap_status(&f->p, &f->op[0], -ECANCELED);
	want(c->flags & ODG_CQE_QUIET, ODG_CQE_QUIET);
	want(told(fd), 0);
	close(fd);
}

static void notify_arguments(void **state)
{
	struct fix *f = *state;
	struct port fresh = { .fd = (int)sys(open("/dev/odgram", O_RDWR)) };
	int fd = notified_port(f), closed = dup(fd);

	close(closed);
	row("no queue yet");
	want(notify(&fresh, fd), -ENXIO);
	row("closed");
	want(notify(&f->p, closed), -EBADF);
	row("no eventfd");
	want(notify(&f->p, f->rx), -EINVAL);
	row("below -1");
	want(notify(&f->p, -2), -EINVAL);
	row("the refused ones changed nothing");
	post_pending(&f->p, f->rx, &f->op[0]);
	want_true(!arm(&f->p));
	send_str(f->tx, f->rx, "x");
	reap_data(&f->p, &f->op[0], "x", 1);
	want(told(fd), 1);
	close(fresh.fd);
	close(fd);
}

static void another_eventfd_takes_the_place_of_the_first(void **state)
{
	struct fix *f = *state;
	int first = notified_port(f), second;

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	want_true(!arm(&f->p));
	second = notified_port(f);
	send_str(f->tx, f->rx, "a");
	reap_data(&f->p, &f->op[0], "a", 1);
	want(told(first), 0);
	want(told(second), 1);
	row("none");
	want(notify(&f->p, -1), 0);
	want_true(!arm(&f->p));
	send_str(f->tx, f->rx, "b");
	reap_data(&f->p, &f->op[1], "b", 1);
	want(told(second), 0);
	close(first);
	close(second);
}

/* The port has a reference of its own, and gives it back. */
static void closed_descriptor_is_signalled_through_its_copy(void **state)
{
	struct fix *f = *state;
	int fd = notified_port(f), copy = (int)sys(dup(fd));

	close(fd);
	post_pending(&f->p, f->rx, &f->op[0]);
	want_true(!arm(&f->p));
	send_str(f->tx, f->rx, "x");
	reap_data(&f->p, &f->op[0], "x", 1);
	want(told(copy), 1);
	close(copy);
}

static void closed_port_does_not_signal(void **state)
{
	struct fix *f = *state;
	int fd = (int)sys(eventfd(0, EFD_NONBLOCK));
	struct port p;

	port_open(&p, 8, 0);
	want(notify(&p, fd), 0);
	post_pending(&p, f->rx, &f->op[0]);
	want_true(!arm(&p));
	port_close(&p);
	want(told(fd), 0);
	close(fd);
}

/* inv5: whatever stands in the word, the queue works. */
static void inv5_scribbled_arm_word_only_wakes(void **state)
{
	static const uint32_t words[] = { 2, 0x80000000, 0xffffffff };
	struct fix *f = *state;
	int fd = notified_port(f);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		row("%#x", words[i]);
		op_init(&f->op[i]);
		post_pending(&f->p, f->rx, &f->op[i]);
		__atomic_store_n(f->p.arm, words[i], __ATOMIC_SEQ_CST);
		__atomic_store_n(f->p.loud, words[i], __ATOMIC_SEQ_CST);
		send_str(f->tx, f->rx, "x");
		reap_data(&f->p, &f->op[i], "x", 1);
		want(told(fd), 1);
		want(*f->p.arm, 0);
		want(*f->p.loud, i + 1);
	}
	close(fd);
}

#define RACE_COUNT	scaled("ODG_STRESS_COUNT", 20000)

static void *race_send(void *arg)
{
	struct fix *f = arg;

	for (uint32_t i = 0; i < RACE_COUNT; i++)
		send_to(f->tx, f->rx, &i, sizeof(i));
	return NULL;
}

/* G8's promise: who armed and blocks is woken, however the two race. */
static void g8_no_wakeup_is_lost_under_race(void **state)
{
	struct fix *f = *state;
	int fd = notified_port(f);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct progress progress = { 0 };
	uint64_t seen = 0;
	pthread_t sender;

	for (int i = 0; i < 8; i++)
		post_pending(&f->p, f->rx, &f->op[i]);
	sys(pthread_create(&sender, NULL, race_send, f));
	while (seen + sock_stats(&f->p, f->rx).dropped < RACE_COUNT) {
		while (port_unread(&f->p)) {
			uint64_t name = reap(&f->p)->user_data;
			int i = 0;

			while (f->op[i].r.user_data != name)
				i++;
			seen++;
			want(post(&f->p, f->rx, &f->op[i]), 1);
		}
		if (seen + sock_stats(&f->p, f->rx).dropped == RACE_COUNT)
			break;
		row("%llu seen", (unsigned long long)seen);
		if (arm(&f->p))
			continue;
		/* what was dropped last, after we looked, wakes nobody */
		while (!poll(&pfd, 1, 100)) {
			if (port_unread(&f->p)) {
				want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
				break;
			}
			want_progress(&progress, seen);
			if (seen + sock_stats(&f->p, f->rx).dropped == RACE_COUNT)
				break;
		}
		eventfd_count(fd);
	}
	row("%s", "");
	pthread_join(sender, NULL);
	want_stats_sum(&f->p, f->rx);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(b_r17_armed_port_is_told_once),
		T(b_r17_arming_with_unread_completions_tells_at_once),
		T(every_completion_notifies),
		T(b_r12_quiet_receive_does_not_notify),
		T(b_r12_quiet_receive_that_is_cancelled_stays_quiet),
		T(notify_arguments),
		T(another_eventfd_takes_the_place_of_the_first),
		T(closed_descriptor_is_signalled_through_its_copy),
		T(closed_port_does_not_signal),
		T(inv5_scribbled_arm_word_only_wakes),
		T(g8_no_wakeup_is_lost_under_race),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
