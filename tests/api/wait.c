// SPDX-License-Identifier: MIT
/* Being told: ODG_WAIT, poll and epoll on the port, eventfds of ops. */
#include "helpers.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

static void min_0_asks_how_many(void **state)
{
	struct fix *f = *state;

	want(odg_wait(&f->p, 0, 0), 0);
	want(odg_wait(&f->p, 0, ODG_WAIT_FOREVER), 0);
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	for (int i = 1; i <= 3; i++) {
		send_str(f->tx, f->rx, "x");
		wait_arrived(&f->p, f->rx, (uint64_t)i);
		want(odg_wait(&f->p, 0, 0), i);
	}
	port_release(&f->p, 1);
	want(odg_wait(&f->p, 0, 0), 2);
}

static void min_beyond_the_queue_is_EINVAL(void **state)
{
	struct fix *f = *state;

	want(odg_wait(&f->p, 64, 0), -ETIME);
	want(odg_wait(&f->p, 65, 0), -EINVAL);
	want(odg_wait(&f->p, 0xffffffff, 0), -EINVAL);
}

static void timeouts(void **state)
{
	struct fix *f = *state;
	uint64_t t0, ms = 1000000;

	row("0 polls");
	want(odg_wait(&f->p, 1, 0), -ETIME);
	row("past");
	want(odg_wait(&f->p, 1, 1), -ETIME);
	row("soon");
	t0 = now_ns(CLOCK_MONOTONIC);
	want(odg_wait(&f->p, 1, t0 + 30 * ms), -ETIME);
	want_true(now_ns(CLOCK_MONOTONIC) >= t0 + 30 * ms);
	row("a timeout with too few returns the few");
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "x");
	wait_arrived(&f->p, f->rx, 1);
	t0 = now_ns(CLOCK_MONOTONIC);
	want(odg_wait(&f->p, 2, t0 + 30 * ms), 1);
	want_true(now_ns(CLOCK_MONOTONIC) >= t0 + 30 * ms);
	row("poll with too few");
	want(odg_wait(&f->p, 2, 0), 1);
	row("largest finite timeout, satisfied");
	want(odg_wait(&f->p, 1, ODG_WAIT_FOREVER - 1), 1);
}

struct waiter {
	pthread_t thread;
	const struct port *p;
	unsigned int min;
	volatile int tid, done;
	int ret;
};

static void *waiter(void *arg)
{
	struct waiter *w = arg;

	w->tid = (int)syscall(SYS_gettid);
	w->ret = odg_wait(w->p, w->min, ODG_WAIT_FOREVER);
	w->done = 1;
	return NULL;
}

static void start(struct waiter *w, const struct port *p, unsigned int min)
{
	*w = (struct waiter){ .p = p, .min = min };
	want(pthread_create(&w->thread, NULL, waiter, w), 0);
	while (!w->tid)
		nap();
	wait_asleep(w->tid);
}

static void waits_for_min(void **state)
{
	struct fix *f = *state;
	struct waiter w;

	want(post_n(&f->p, f->rx, f->op, 3), 3);
	start(&w, &f->p, 3);
	for (int i = 1; i <= 3; i++) {
		want(w.done, 0);
		send_str(f->tx, f->rx, "x");
		wait_arrived(&f->p, f->rx, (uint64_t)i);
	}
	pthread_join(w.thread, NULL);
	want(w.ret, 3);
}

static void several_waiters_all_wake(void **state)
{
	struct fix *f = *state;
	struct waiter w[5];

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	for (int i = 0; i < 5; i++)
		start(&w[i], &f->p, i < 3 ? 1 : 2);
	send_str(f->tx, f->rx, "x");
	for (int i = 0; i < 3; i++) {
		pthread_join(w[i].thread, NULL);
		want_true(w[i].ret >= 1);
	}
	want(w[3].done | w[4].done, 0);
	send_str(f->tx, f->rx, "x");
	for (int i = 3; i < 5; i++) {
		pthread_join(w[i].thread, NULL);
		want(w[i].ret, 2);
	}
}

static void cancel_and_close_wake_waiters(void **state)
{
	struct fix *f = *state;
	struct waiter w;

	post_pending(&f->p, f->rx, &f->op[0]);
	start(&w, &f->p, 1);
	want(cancel_id(&f->p, f->op[0].r.id), 1);
	pthread_join(w.thread, NULL);
	want(w.ret, 1);
	reap_status(&f->p, &f->op[0], -ECANCELED);

	post_pending(&f->p, f->rx, &f->op[1]);
	start(&w, &f->p, 1);
	close(f->rx);
	f->rx = -1;
	pthread_join(w.thread, NULL);
	want(w.ret, 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Repeated, because the first may come before the thread is in the kernel. */
static void signal_until_done(struct waiter *w)
{
	while (!w->done) {
		pthread_kill(w->thread, SIGUSR1);
		nap();
	}
	pthread_join(w->thread, NULL);
}

static void signal_is_EINTR_only_if_nothing_is_there(void **state)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct fix *f = *state;
	struct waiter w;

	sigaction(SIGUSR1, &sa, NULL);
	start(&w, &f->p, 1);
	signal_until_done(&w);
	want(w.ret, -EINTR);
	row("one is there, two were asked for");
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "x");
	wait_arrived(&f->p, f->rx, 1);
	start(&w, &f->p, 2);
	signal_until_done(&w);
	want(w.ret, 1);
}

static void poll_and_epoll_follow_the_queue(void **state)
{
	struct fix *f = *state;
	struct pollfd pfd = { .fd = f->p.fd, .events = POLLIN };
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 7 };
	int limit = (int)(limit_ns() / 1000000);
	int ep = (int)sys(epoll_create1(EPOLL_CLOEXEC));

	sys(epoll_ctl(ep, EPOLL_CTL_ADD, f->p.fd, &ev));
	want(poll(&pfd, 1, 0), 0);
	want(epoll_wait(ep, &ev, 1, 0), 0);
	for (int i = 0; i < 3; i++) {
		row("round %d", i);
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		want(poll(&pfd, 1, 0), 0);
		send_str(f->tx, f->rx, "x");
		want(epoll_wait(ep, &ev, 1, limit), 1);
		want(ev.data.u32, 7);
		want(poll(&pfd, 1, 0), 1);
		want(pfd.revents, POLLIN);
		reap_data(&f->p, &f->op[0], "x", 1);
		want(poll(&pfd, 1, 0), 0);
		want(epoll_wait(ep, &ev, 1, 0), 0);
	}
	close(ep);
}

static void edge_triggered_epoll_reports_each_completion(void **state)
{
	struct fix *f = *state;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int limit = (int)(limit_ns() / 1000000);
	int ep = (int)sys(epoll_create1(EPOLL_CLOEXEC));

	sys(epoll_ctl(ep, EPOLL_CTL_ADD, f->p.fd, &ev));
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	for (int i = 0; i < 3; i++) {
		send_str(f->tx, f->rx, "x");
		want(epoll_wait(ep, &ev, 1, limit), 1);
	}
	want(port_unread(&f->p), 3);
	close(ep);
}

/* --- eventfds ---------------------------------------------------------- */

static void want_event(int efd, uint64_t n)
{
	struct pollfd pfd = { .fd = efd, .events = POLLIN };

	want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
	want(eventfd_count(efd), n);
}

static int event(void)
{
	return (int)sys(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
}

/* a76: the event is set after the completion and the data are visible. */
static void a76_eventfd_after_the_completion(void **state)
{
	struct fix *f = *state;
	struct pollfd pfd = { .fd = event(), .events = POLLIN };

	for (int i = 0; i < 20; i++) {
		row("round %d", i);
		op_init(&f->op[0]);
		f->op[0].r.eventfd = pfd.fd;
		post_pending(&f->p, f->rx, &f->op[0]);
		want(eventfd_count(pfd.fd), 0);
		send_str(f->tx, f->rx, "visible");
		want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
		want(port_unread(&f->p), 1);
		want(memcmp(f->op[0].data, "visible", 7), 0);
		want(eventfd_count(pfd.fd), 1);
		reap_data(&f->p, &f->op[0], "visible", 7);
	}
	close(pfd.fd);
}

static void eventfd_once_per_op_whatever_ends_it(void **state)
{
	struct fix *f = *state;
	int efd = event();

	for (int i = 0; i < 8; i++)
		f->op[i].r.eventfd = efd;
	row("queued for the completion queue");
	send_queued(f->tx, f->rx, "x", 1);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_event(efd, 1);
	reap_data(&f->p, &f->op[0], "x", 1);
	row("queued for the result");
	send_queued(f->tx, f->rx, "x", 1);
	op_result(&f->op[1]);
	want(post(&f->p, f->rx, &f->op[1]), 1);
	want_event(efd, 1);
	want_result(&f->op[1], "x", 1);
	row("cancelled");
	post_pending(&f->p, f->rx, &f->op[2]);
	want(cancel_id(&f->p, f->op[2].r.id), 1);
	want_event(efd, 1);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	row("socket closed");
	post_pending(&f->p, f->rx, &f->op[3]);
	close(f->rx);
	f->rx = -1;
	want_event(efd, 1);
	reap_status(&f->p, &f->op[3], -ECANCELED);
	row("refused");
	want(post(&f->p, f->rx, &f->op[4]), -EBADF);
	want(eventfd_count(efd), 0);
	close(efd);
}

static void one_eventfd_for_several_ops_counts_them(void **state)
{
	struct fix *f = *state;
	int efd = event();

	for (int i = 0; i < 5; i++)
		f->op[i].r.eventfd = efd;
	want(post_n(&f->p, f->rx, f->op, 5), 5);
	for (int i = 0; i < 5; i++)
		send_str(f->tx, f->rx, "x");
	for (int i = 0; i < 5; i++)
		reap_data(&f->p, &f->op[i], "x", 1);
	/* Signalling may be handed to a work item; the sum must be right. */
	for (uint64_t n = 0; n < 5;) {
		struct pollfd pfd = { .fd = efd, .events = POLLIN };

		want(poll(&pfd, 1, (int)(limit_ns() / 1000000)), 1);
		n += eventfd_count(efd);
		want_true(n <= 5);
	}
	close(efd);
}

/* The op holds the eventfd, not the descriptor. */
static void eventfd_closed_by_the_program_while_pending(void **state)
{
	struct fix *f = *state;
	int efd = event(), dup_efd = (int)sys(dup(efd));

	f->op[0].r.eventfd = efd;
	post_pending(&f->p, f->rx, &f->op[0]);
	close(efd);
	send_str(f->tx, f->rx, "x");
	reap_data(&f->p, &f->op[0], "x", 1);
	want_event(dup_efd, 1);
	row("closed for good");
	f->op[1].r.eventfd = dup_efd;
	post_pending(&f->p, f->rx, &f->op[1]);
	close(dup_efd);
	send_str(f->tx, f->rx, "y");
	reap_data(&f->p, &f->op[1], "y", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(min_0_asks_how_many),
		T(min_beyond_the_queue_is_EINVAL),
		T(timeouts),
		T(waits_for_min),
		T(several_waiters_all_wake),
		T(cancel_and_close_wake_waiters),
		T(signal_is_EINTR_only_if_nothing_is_there),
		T(poll_and_epoll_follow_the_queue),
		T(edge_triggered_epoll_reports_each_completion),
		T46(a76_eventfd_after_the_completion),
		T(eventfd_once_per_op_whatever_ends_it),
		T(one_eventfd_for_several_ops_counts_them),
		T(eventfd_closed_by_the_program_while_pending),
	};
	return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
