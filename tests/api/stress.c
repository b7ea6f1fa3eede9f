// SPDX-License-Identifier: MIT
/*
 * Many datagrams from two CPUs to one socket: per-sender order, posting order,
 * and delivered + queued + dropped = sent, exactly; then the same while posts,
 * cancels and closes run from other threads.
 *
 * ODG_STRESS_COUNT is the number of datagrams, 100,000 unless the kernel is slow.
 */
#include "nl.h"
#include "stress.h"

static struct stress *stress_new(void)
{
	struct stress *st = calloc(1, sizeof(*st));

	want_true(st);
	row("%s", "");
	st->rx = udp(AF_INET);
	st->total = (uint32_t)scaled("ODG_STRESS_COUNT", 100000) / SENDERS * SENDERS;
	return st;
}

static void start_senders(struct stress *st)
{
	for (unsigned int i = 0; i < SENDERS; i++) {
		st->sender[i] = (struct sender){
			.st = st, .id = i, .count = st->total / SENDERS,
		};
		st->sender[i].seen = calloc(st->sender[i].count, 1);
		want_true(st->sender[i].seen);
		want(pthread_create(&st->sender[i].thread, NULL, sender,
				    &st->sender[i]), 0);
	}
}

static void join_senders(struct stress *st)
{
	for (unsigned int i = 0; i < SENDERS; i++)
		pthread_join(st->sender[i].thread, NULL);
}

static void stress_free(struct stress *st)
{
	for (unsigned int i = 0; i < SENDERS; i++)
		free(st->sender[i].seen);
	free(st);
}

static void want_everything_accounted(struct stress *st, const struct port *p,
				      uint64_t delivered, bool exact)
{
	struct odg_sock_stats s;
	struct nl nl;

	eventually(sock_stats(p, st->rx).arrived >= st->total);
	s = sock_stats(p, st->rx);
	print_message("# %u sent: direct %llu from_queue %llu dropped %llu queued %u\n",
		      st->total, s.direct, s.from_queue, s.dropped, s.queued);
	want(s.arrived, st->total);
	want(stats_gap(&s), 0);
	want(s.native, 0);
	/* what everybody else is shown adds up as well; nl_sock() looks */
	nl_open(&nl);
	want(nl_sock(&nl, st->rx).stats.arrived, st->total);
	nl_close(&nl);
	want(s.truncated, 0);
	if (exact) {
		want(s.direct + s.from_queue, delivered);
		want(delivered + s.queued + s.dropped, st->total);
	} else {
		/* Ports that were closed took the rest with them. */
		want_true(s.direct + s.from_queue >= delivered);
	}
}

/* One poster keeps depth receives posted until everybody has sent. */
static void flood(unsigned int depth)
{
	struct stress *st = stress_new();
	struct poster w;

	poster_init(&w, st, depth);
	want(odg_bind(&w.port, st->rx, 0), 0);
	poster_fill(&w);
	start_senders(st);
	while (__atomic_load_n(&st->senders_done, __ATOMIC_ACQUIRE) < SENDERS) {
		poster_reap(&w);
		poster_fill(&w);
		/* Sleep like a program would, but notice the senders' end. */
		if (!port_unread(&w.port))
			odg_wait(&w.port, 1, now_ns(CLOCK_MONOTONIC) + 50000000);
	}
	join_senders(st);
	eventually(sock_stats(&w.port, st->rx).arrived >= st->total);
	poster_reap(&w);
	want_everything_accounted(st, &w.port, w.delivered, true);
	/* What waits in the queue now, if anything: with no op posted. */
	while (sock_stats(&w.port, st->rx).queued) {
		poster_fill(&w);
		poster_reap(&w);
	}
	want_everything_accounted(st, &w.port, w.delivered, true);
	poster_end(&w);
	close(st->rx);
	stress_free(st);
}

static void order_and_sum_with_1_posted(void **state)
{
	(void)state;
	flood(1);
}

static void order_and_sum_with_64_posted(void **state)
{
	(void)state;
	flood(64);
}

static void order_and_sum_with_4096_posted(void **state)
{
	(void)state;
	flood(4096);
}

/* --- churn ------------------------------------------------------------- */

static void *posting(void *arg)
{
	struct poster *w = arg;

	while (!w->st->stop) {
		poster_fill(w);
		poster_reap(w);
		if (!port_unread(&w->port))
			odg_wait(&w->port, 1, now_ns(CLOCK_MONOTONIC) + 5000000);
	}
	return NULL;
}

/* Cancels what others have posted, by every mode. */
static void *cancelling(void *arg)
{
	struct poster *w = arg;
	uint32_t seed = 7;

	while (!w[0].st->stop) {
		struct poster *victim;

		seed = seed * 1103515245 + 12345;
		victim = &w[seed >> 16 & 1];
		switch (seed >> 20 & 7) {
		case 0:
			cancel_socket(&victim->port, w[0].st->rx);
			break;
		case 1:
			cancel_thread(&victim->port, victim->tid);
			break;
		default:
			cancel_id(&victim->port, victim->last_id);
		}
		sched_yield();
	}
	return NULL;
}

/* Ports that come and go with receives pending on the busy socket. */
static void *closing_ports(void *arg)
{
	struct stress *st = arg;

	while (!st->stop) {
		struct poster w;

		poster_init(&w, st, 16);
		poster_fill(&w);
		port_close(&w.port);
		free(w.slots);
		free(w.free);
	}
	return NULL;
}

/* Sockets that are closed while datagrams and receives meet. */
static void *closing_sockets(void *arg)
{
	struct stress *st = arg;
	struct op op[8];
	struct port p;
	int tx = udp(AF_INET);
	cpu_set_t cpu;

	/* One that changes its CPU may overtake itself. */
	CPU_ZERO(&cpu);
	CPU_SET(sched_getcpu(), &cpu);
	sys(sched_setaffinity(0, sizeof(cpu), &cpu));
	port_open(&p, 8, 0);
	while (!st->stop) {
		int s = udp(AF_INET);

		for (int i = 0; i < 8; i++)
			op_init(&op[i]);
		want(post_n(&p, s, op, 8), 8);
		for (int i = 0; i < 4; i++)
			send_to(tx, s, &i, sizeof(i));
		close(s);
		for (int i = 0; i < 8; i++) {
			const struct odg_cqe *c = reap(&p);

			want(c->user_data, op[i].r.user_data);
			if (i < 4 && c->status == 0)
				want(*(int *)op[i].data, i);
			else
				want(c->status, -ECANCELED);
		}
		want(port_stats(&p).outstanding, 0);
	}
	port_close(&p);
	close(tx);
	return NULL;
}

static void the_same_while_posts_cancels_and_closes_run(void **state)
{
	struct stress *st = stress_new();
	pthread_t t[5];
	struct poster w[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		poster_init(&w[i], st, 64);
	want(odg_bind(&w[0].port, st->rx, 0), 0);
	start_senders(st);
	want(pthread_create(&t[0], NULL, posting, &w[0]), 0);
	want(pthread_create(&t[1], NULL, posting, &w[1]), 0);
	want(pthread_create(&t[2], NULL, cancelling, w), 0);
	want(pthread_create(&t[3], NULL, closing_ports, st), 0);
	want(pthread_create(&t[4], NULL, closing_sockets, st), 0);
	join_senders(st);
	eventually(sock_stats(&w[0].port, st->rx).arrived >= st->total);
	st->stop = true;
	for (size_t i = 0; i < ARRAY_SIZE(t); i++)
		pthread_join(t[i], NULL);
	poster_reap(&w[0]);
	poster_reap(&w[1]);
	print_message("# cancelled %llu and %llu\n",
		      (unsigned long long)w[0].cancelled,
		      (unsigned long long)w[1].cancelled);
	want_true(w[0].cancelled + w[1].cancelled > 0);
	want_true(w[0].delivered + w[1].delivered > 0);
	want_everything_accounted(st, &w[0].port,
				  w[0].delivered + w[1].delivered, false);
	poster_end(&w[0]);
	poster_end(&w[1]);
	close(st->rx);
	stress_free(st);
}

/* A lo of its own, where each CPU delivers what is sent there; see tests/vm/guest. */
static int by_two_cpus(void **state)
{
	(void)state;
	sys(unshare(CLONE_NEWNET));
	shell("ip link set lo up");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(order_and_sum_with_1_posted),
		T0(order_and_sum_with_64_posted),
		T0(order_and_sum_with_4096_posted),
		T0(the_same_while_posts_cancels_and_closes_run),
	};
	return cmocka_run_group_tests_name("stress", tests, by_two_cpus, NULL);
}
