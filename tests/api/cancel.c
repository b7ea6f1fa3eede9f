// SPDX-License-Identifier: MIT
/* Cancelling: by id, socket and thread; who won; nothing swallowed. */
#include "helpers.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int gettid_(void)
{
	return (int)syscall(SYS_gettid);
}

static void cancel_by_id_completes_that_op_alone(void **state)
{
	struct fix *f = *state;

	want(post_n(&f->p, f->rx, f->op, 3), 3);
	want(cancel_id(&f->p, f->op[1].r.id), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	want(f->p.last.cqe.flags & (ODG_CQE_ADDR | ODG_CQE_ICMP), 0);
	/* one at a time: two CPUs of the sender could turn them round */
	send_str(f->tx, f->rx, "a");
	reap_data(&f->p, &f->op[0], "a", 1);
	send_str(f->tx, f->rx, "b");
	reap_data(&f->p, &f->op[2], "b", 1);
}

/* Invariant 2: who won is in the answer, once. */
static void inv2_cancelled_twice_is_ENOENT(void **state)
{
	struct fix *f = *state;

	post_pending(&f->p, f->rx, &f->op[0]);
	want(cancel_id(&f->p, f->op[0].r.id), 1);
	want(cancel_id(&f->p, f->op[0].r.id), -ENOENT);
	reap_status(&f->p, &f->op[0], -ECANCELED);
	want_none(&f->p);
}

static void inv2_completed_op_is_ENOENT(void **state)
{
	struct fix *f = *state;

	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "won");
	wait_arrived(&f->p, f->rx, 1);
	row("before it is read");
	want(cancel_id(&f->p, f->op[0].r.id), -ENOENT);
	reap_data(&f->p, &f->op[0], "won", 3);
	row("after it is read");
	want(cancel_id(&f->p, f->op[0].r.id), -ENOENT);
	row("one that completed in the post");
	send_queued(f->tx, f->rx, "x", 1);
	want(post(&f->p, f->rx, &f->op[1]), 1);
	want(f->op[1].r.state, ODG_RECV_QUEUED);
	want(cancel_id(&f->p, f->op[1].r.id), -ENOENT);
	reap_data(&f->p, &f->op[1], "x", 1);
	want_none(&f->p);
}

static void unknown_ids_are_ENOENT(void **state)
{
	struct fix *f = *state;
	const uint64_t ids[] = { 0, 1, ~0ULL, 1ULL << 63, 0xffff888000000000ULL };

	post_pending(&f->p, f->rx, &f->op[0]);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		if (ids[i] == f->op[0].r.id)
			continue;
		row("id %#llx", (unsigned long long)ids[i]);
		want(cancel_id(&f->p, ids[i]), -ENOENT);
	}
	for (int bit = 0; bit < 64; bit++) {
		row("id with bit %d flipped", bit);
		want(cancel_id(&f->p, f->op[0].r.id ^ 1ULL << bit), -ENOENT);
	}
	want(port_stats(&f->p).outstanding, 1);
}

/* An id that was used before must not hit a newer op. */
static void ids_are_not_reused_soon(void **state)
{
	uint64_t old[200];
	struct fix *f = *state;

	for (size_t i = 0; i < ARRAY_SIZE(old); i++) {
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		old[i] = f->op[0].r.id;
		for (size_t j = 0; j < i; j++)
			want_true(old[j] != old[i]);
		want(cancel_id(&f->p, old[i]), 1);
		reap_status(&f->p, &f->op[0], -ECANCELED);
	}
	post_pending(&f->p, f->rx, &f->op[1]);
	for (size_t i = 0; i < ARRAY_SIZE(old); i++)
		want(cancel_id(&f->p, old[i]), -ENOENT);
}

static void another_ports_ops_are_out_of_reach(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 8, 0);
	post_pending(&p, f->rx, &f->op[0]);
	row("by id");
	want(cancel_id(&f->p, f->op[0].r.id), -ENOENT);
	row("by socket");
	want(cancel_socket(&f->p, f->rx), -ENOENT);
	row("by thread");
	want(cancel_thread(&f->p, gettid_()), -ENOENT);
	post_pending(&f->p, f->rx, &f->op[1]);
	row("by socket, with one of its own");
	want(cancel_socket(&f->p, f->rx), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	send_str(f->tx, f->rx, "safe");
	reap_data(&p, &f->op[0], "safe", 4);
	port_close(&p);
}

static void cancel_by_socket_takes_all_in_posting_order(void **state)
{
	struct fix *f = *state;
	int other = udp(f->family);

	want(cancel_socket(&f->p, f->rx), -ENOENT);
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	post_pending(&f->p, other, &f->op[4]);
	want(cancel_socket(&f->p, f->rx), 4);
	for (int i = 0; i < 4; i++)
		reap_status(&f->p, &f->op[i], -ECANCELED);
	want(cancel_socket(&f->p, f->rx), -ENOENT);
	want_none(&f->p);
	send_str(f->tx, other, "kept");
	reap_data(&f->p, &f->op[4], "kept", 4);
	close(other);
}

static void cancel_by_socket_needs_a_udp_socket(void **state)
{
	struct fix *f = *state;
	int unbound = udp_unbound(f->family);

	want(cancel_socket(&f->p, -1), -EBADF);
	want(cancel_socket(&f->p, 1000), -EBADF);
	want(cancel_socket(&f->p, f->p.fd), -ENOTSOCK);
	want(cancel_socket(&f->p, unbound), -ENOENT);
	close(unbound);
}

struct poster {
	struct fix *f;
	struct op *op;
	int tid;
};

static void *poster(void *arg)
{
	struct poster *p = arg;

	p->tid = gettid_();
	want(post_n(&p->f->p, p->f->rx, p->op, 2), 2);
	return NULL;
}

/* a46, a47: the ops of one thread; those of the others survive. */
static void a46_a47_cancel_by_thread(void **state)
{
	struct fix *f = *state;
	struct poster p = { .f = f, .op = &f->op[2] };
	pthread_t t;

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	want(pthread_create(&t, NULL, poster, &p), 0);
	want(pthread_join(t, NULL), 0);
	row("a thread that has posted nothing");
	want(cancel_thread(&f->p, p.tid + 1), -ENOENT);
	row("the thread, though it has ended");
	want(cancel_thread(&f->p, p.tid), 2);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	reap_status(&f->p, &f->op[3], -ECANCELED);
	want(cancel_thread(&f->p, p.tid), -ENOENT);
	send_str(f->tx, f->rx, "1");
	reap_data(&f->p, &f->op[0], "1", 1);
	row("this one");
	want(cancel_thread(&f->p, gettid_()), 1);
	reap_status(&f->p, &f->op[1], -ECANCELED);
}

static void cancel_by_thread_spans_sockets(void **state)
{
	struct fix *f = *state;
	int other = udp(f->family);

	post_pending(&f->p, f->rx, &f->op[0]);
	post_pending(&f->p, other, &f->op[1]);
	want(cancel_thread(&f->p, gettid_()), 2);
	want(reap(&f->p)->status, -ECANCELED);
	want(reap(&f->p)->status, -ECANCELED);
	want_none(&f->p);
	close(other);
}

/* A thread is named as it sees itself, which is 1 for the first of its name space. */
static int post_and_cancel_as_the_first(struct fix *f)
{
	if (gettid_() != 1 || post(&f->p, f->rx, &f->op[0]) != 1)
		return 1;
	return cancel_thread(&f->p, 1) != 1;
}

static void cancel_by_thread_in_a_pid_namespace(void **state)
{
	struct fix *f = *state;
	int status;
	pid_t pid = fork();

	want_true(pid >= 0);
	if (!pid) {
		if (unshare(CLONE_NEWPID))
			_exit(2);
		pid = fork();
		if (!pid)
			_exit(post_and_cancel_as_the_first(f));
		_exit(waitpid(pid, &status, 0) != pid || status);
	}
	want(sys(waitpid(pid, &status, 0)), pid);
	want(status, 0);
	want(reap(&f->p)->status, -ECANCELED);
	want_none(&f->p);
}

/* bx1: of one thread, on one socket; what either alone would take survives. */
static void bx1_cancel_by_socket_and_thread(void **state)
{
	struct fix *f = *state;
	struct poster p = { .f = f, .op = &f->op[2] };
	int other = udp(f->family);
	pthread_t t;

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	post_pending(&f->p, other, &f->op[4]);
	want(pthread_create(&t, NULL, poster, &p), 0);
	want(pthread_join(t, NULL), 0);
	row("a thread that has posted nothing there");
	want(cancel_socket_thread(&f->p, other, p.tid), -ENOENT);
	want(cancel_socket_thread(&f->p, f->rx, p.tid + 1), -ENOENT);
	row("the other thread");
	want(cancel_socket_thread(&f->p, f->rx, p.tid), 2);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	reap_status(&f->p, &f->op[3], -ECANCELED);
	want(cancel_socket_thread(&f->p, f->rx, p.tid), -ENOENT);
	row("this one");
	want(cancel_socket_thread(&f->p, f->rx, gettid_()), 2);
	reap_status(&f->p, &f->op[0], -ECANCELED);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	want_none(&f->p);
	row("its op on another socket");
	send_str(f->tx, other, "kept");
	reap_data(&f->p, &f->op[4], "kept", 4);
	close(other);
}

/* Invariant 2: a cancel never swallows a datagram. */
static void inv2_datagram_goes_to_the_next_op(void **state)
{
	struct fix *f = *state;

	want(post_n(&f->p, f->rx, f->op, 2), 2);
	want(cancel_id(&f->p, f->op[0].r.id), 1);
	send_str(f->tx, f->rx, "next");
	reap_status(&f->p, &f->op[0], -ECANCELED);
	reap_data(&f->p, &f->op[1], "next", 4);
	row("or to the queue");
	post_pending(&f->p, f->rx, &f->op[2]);
	want(cancel_id(&f->p, f->op[2].r.id), 1);
	send_queued(f->tx, f->rx, "queue", 5);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	native_recv(f->rx, "queue", 5);
	want_stats_sum(&f->p, f->rx);
}

struct racer {
	struct fix *f;
	unsigned long rounds;
	volatile unsigned long go, gone;
};

static void *racer(void *arg)
{
	struct racer *r = arg;

	for (unsigned long i = 1; i <= r->rounds; i++) {
		while (r->go < i)
			;
		send_str(r->f->tx, r->f->rx, "race");
		r->gone = i;
	}
	return NULL;
}

/*
 * Cancel against delivery, many times: the answer and the completion agree, and
 * the datagram is in the op or in the queue, never in both or neither.
 */
static void inv2_race_of_cancel_and_delivery(void **state)
{
	unsigned long cancelled = 0, delay = 0;
	struct fix *f = *state;
	struct racer r = {
		.f = f, .rounds = scaled("ODG_RACE_ROUNDS", 1000),
	};
	pthread_t t;

	want(pthread_create(&t, NULL, racer, &r), 0);
	for (unsigned long i = 1; i <= r.rounds; i++) {
		struct op *op = &f->op[0];
		int ret;

		row("round %lu", i);
		op_init(op);
		post_pending(&f->p, f->rx, op);
		r.go = i;
		for (volatile unsigned long n = delay; n; n--)
			;
		ret = cancel_id(&f->p, op->r.id);
		if (ret == 1) {
			cancelled++;
			reap_status(&f->p, op, -ECANCELED);
			native_recv(f->rx, "race", 4);
			/* Hover where both can win. */
			delay += delay / 16 + 20;
		} else {
			want(ret, -ENOENT);
			reap_data(&f->p, op, "race", 4);
			delay -= delay / 16;
		}
		while (r.gone < i)
			;
		want_none(&f->p);
	}
	want(pthread_join(t, NULL), 0);
	print_message("# cancel won %lu of %lu\n", cancelled, r.rounds);
	want_stats_sum(&f->p, f->rx);
	want(sock_stats(&f->p, f->rx).arrived, r.rounds);
	want(sock_stats(&f->p, f->rx).native, cancelled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(cancel_by_id_completes_that_op_alone),
		T(inv2_cancelled_twice_is_ENOENT),
		T(inv2_completed_op_is_ENOENT),
		T(unknown_ids_are_ENOENT),
		T(ids_are_not_reused_soon),
		T(another_ports_ops_are_out_of_reach),
		T(cancel_by_socket_takes_all_in_posting_order),
		T(cancel_by_socket_needs_a_udp_socket),
		T(a46_a47_cancel_by_thread),
		T(cancel_by_thread_spans_sockets),
		T(cancel_by_thread_in_a_pid_namespace),
		T(bx1_cancel_by_socket_and_thread),
		T46(inv2_datagram_goes_to_the_next_op),
		T(inv2_race_of_cancel_and_delivery),
	};
	return cmocka_run_group_tests_name("cancel", tests, NULL, NULL);
}
