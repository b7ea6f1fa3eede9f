// SPDX-License-Identifier: MIT
/* Waits that spin before they sleep, and poll the device meanwhile. */
#include "helpers.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define MS	1000000ULL

static int spin_wait(const struct port *p, unsigned int min, uint64_t timeout_ns,
		     unsigned int spin_us)
{
	struct odg_wait w = {
		.size = sizeof(w), .min = min, .timeout_ns = timeout_ns,
		.spin_us = spin_us,
	};

	return odg(p->fd, ODG_WAIT, &w);
}

static void spin_has_a_limit(void **state)
{
	struct fix *f = *state;
	struct odg_wait w = { .size = sizeof(w), .__reserved = 1 };

	want(spin_wait(&f->p, 0, 0, ODG_MAX_SPIN_US), 0);
	want(spin_wait(&f->p, 0, 0, ODG_MAX_SPIN_US + 1), -EINVAL);
	want(spin_wait(&f->p, 0, 0, UINT32_MAX), -EINVAL);
	want(spin_wait(&f->p, 65, 0, 1), -EINVAL);
	want(odg(f->p.fd, ODG_WAIT, &w), -EINVAL);
}

/* In some round: a busy machine may take its time in any one. */
#define in_less_than_the_spin(call) do {				\
	uint64_t t0_;							\
									\
	eventually((t0_ = now_ns(CLOCK_MONOTONIC), call,		\
		    now_ns(CLOCK_MONOTONIC) - t0_ < ODG_MAX_SPIN_US * 1000ULL)); \
} while (0)

static void spin_takes_no_longer_than_the_wait(void **state)
{
	struct fix *f = *state;
	uint64_t t0;

	row("poll");
	in_less_than_the_spin(want(spin_wait(&f->p, 1, 0, ODG_MAX_SPIN_US), -ETIME));
	row("past");
	in_less_than_the_spin(want(spin_wait(&f->p, 1, 1, ODG_MAX_SPIN_US), -ETIME));
	row("soon");
	in_less_than_the_spin((t0 = now_ns(CLOCK_MONOTONIC),
			       want(spin_wait(&f->p, 1, t0 + 30 * MS,
					      ODG_MAX_SPIN_US), -ETIME),
			       want_true(now_ns(CLOCK_MONOTONIC) >= t0 + 30 * MS)));
	row("what is there already");
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "x");
	wait_arrived(&f->p, f->rx, 1);
	in_less_than_the_spin(want(spin_wait(&f->p, 1, ODG_WAIT_FOREVER,
					     ODG_MAX_SPIN_US), 1));
	row("not enough is there");
	in_less_than_the_spin(want(spin_wait(&f->p, 2,
					     now_ns(CLOCK_MONOTONIC) + 30 * MS,
					     ODG_MAX_SPIN_US), 1));
}

/* --- a thread that waits --------------------------------------------------- */

struct spinner {
	pthread_t thread;
	const struct port *p;
	unsigned int spin_us;
	int cpu;			/* -1: any */
	volatile int tid, done;
	int ret;
	uint64_t ns;			/* how long it took */
	long sleeps;			/* and how often it gave up its CPU */
};

static long sleeps_so_far(void)
{
	struct rusage usage;

	sys(getrusage(RUSAGE_THREAD, &usage));
	return usage.ru_nvcsw;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sys(sched_setaffinity(0, sizeof(set), &set));
}

static void *spinning(void *arg)
{
	struct spinner *s = arg;

	if (s->cpu >= 0)
		pin(s->cpu);
	s->tid = (int)syscall(SYS_gettid);
	s->sleeps = sleeps_so_far();
	s->ns = now_ns(CLOCK_MONOTONIC);
	s->ret = spin_wait(s->p, 1, ODG_WAIT_FOREVER, s->spin_us);
	s->ns = now_ns(CLOCK_MONOTONIC) - s->ns;
	s->sleeps = sleeps_so_far() - s->sleeps;
	s->done = 1;
	return NULL;
}

static void start(struct spinner *s, const struct port *p, unsigned int spin_us,
		  int cpu)
{
	*s = (struct spinner){ .p = p, .spin_us = spin_us, .cpu = cpu };
	want(pthread_create(&s->thread, NULL, spinning, s), 0);
	while (!s->tid)
		nap();
}

/* True if it came while the waiter had been there for some time, wide awake. */
static bool seen_without_sleeping(struct fix *f)
{
	struct spinner s;

	op_init(&f->op[0]);
	post_pending(&f->p, f->rx, &f->op[0]);
	start(&s, &f->p, ODG_MAX_SPIN_US, -1);
	usleep(20000);
	send_str(f->tx, f->rx, "x");
	pthread_join(s.thread, NULL);
	want(s.ret, 1);
	reap_data(&f->p, &f->op[0], "x", 1);
	return s.ns > 5 * MS && !s.sleeps;
}

static void spinning_waiter_does_not_sleep(void **state)
{
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	eventually(seen_without_sleeping(*state));
}

static void spin_is_followed_by_sleep(void **state)
{
	struct fix *f = *state;
	struct spinner s;

	post_pending(&f->p, f->rx, &f->op[0]);
	start(&s, &f->p, 1000, -1);
	wait_asleep(s.tid);
	want(s.done, 0);
	send_str(f->tx, f->rx, "x");
	pthread_join(s.thread, NULL);
	want(s.ret, 1);
	want_true(s.sleeps > 0);
	reap_data(&f->p, &f->op[0], "x", 1);
}

static void on_signal(int sig)
{
	(void)sig;
}

static bool interrupted_in_the_spin(struct fix *f)
{
	struct spinner s;

	start(&s, &f->p, ODG_MAX_SPIN_US, -1);
	while (!s.done) {
		pthread_kill(s.thread, SIGUSR1);
		usleep(5000);
	}
	pthread_join(s.thread, NULL);
	want(s.ret, -EINTR);
	return s.ns < ODG_MAX_SPIN_US * 1000ULL;
}

static void signal_ends_a_spin(void **state)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	eventually(interrupted_in_the_spin(*state));
}

/* We are on the waiter's CPU and have something to do: it goes to sleep. */
static bool gave_way(struct fix *f)
{
	uint64_t t0 = now_ns(CLOCK_MONOTONIC), ns;
	struct spinner s;

	op_init(&f->op[0]);
	post_pending(&f->p, f->rx, &f->op[0]);
	start(&s, &f->p, ODG_MAX_SPIN_US, 0);
	wait_asleep(s.tid);
	ns = now_ns(CLOCK_MONOTONIC) - t0;
	send_str(f->tx, f->rx, "x");
	pthread_join(s.thread, NULL);
	want(s.ret, 1);
	reap_data(&f->p, &f->op[0], "x", 1);
	return ns < ODG_MAX_SPIN_US * 1000ULL;
}

static void spin_gives_way_to_others(void **state)
{
	cpu_set_t before;

	sys(sched_getaffinity(0, sizeof(before), &before));
	pin(0);
	eventually(gave_way(*state));
	sys(sched_setaffinity(0, sizeof(before), &before));
}

/* What the port was last posted to is gone, or is another. */
static void source_may_be_gone(void **state)
{
	struct fix *f = *state;
	int other = udp(f->family);

	post_pending(&f->p, f->rx, &f->op[0]);
	post_pending(&f->p, other, &f->op[1]);
	close(other);
	reap_status(&f->p, &f->op[1], -ECANCELED);
	want(spin_wait(&f->p, 1, now_ns(CLOCK_MONOTONIC) + 2 * MS, 1000), -ETIME);
	post_pending(&f->p, f->rx, &f->op[2]);
	want(spin_wait(&f->p, 1, now_ns(CLOCK_MONOTONIC) + 2 * MS, 1000), -ETIME);
	want(cancel_socket(&f->p, f->rx), 2);
	reap_status(&f->p, &f->op[0], -ECANCELED);
	reap_status(&f->p, &f->op[2], -ECANCELED);
	want(odg_unbind(&f->p, f->rx), 0);
	want(spin_wait(&f->p, 1, now_ns(CLOCK_MONOTONIC) + 2 * MS, 1000), -ETIME);
}

/* --- the device ------------------------------------------------------------ */

/* Packets that a busy poll took from a device of this namespace. */
static long busy_polled(void)
{
	char names[8192], numbers[8192], *name, *number, *a, *b;
	FILE *f = fopen("/proc/self/net/netstat", "r");
	long found = -1;

	want_true(f && fgets(names, sizeof(names), f) &&
		  fgets(numbers, sizeof(numbers), f));
	fclose(f);
	name = strtok_r(names, " \n", &a);
	number = strtok_r(numbers, " \n", &b);
	for (; name && number; name = strtok_r(NULL, " \n", &a),
			       number = strtok_r(NULL, " \n", &b))
		if (!strcmp(name, "BusyPollRxPackets"))
			found = atol(number);
	return found;
}

static int ethtool(int sock, const char *dev, uint32_t cmd, uint32_t value)
{
	struct ethtool_value e = { .cmd = cmd, .data = value };
	struct ifreq ifr = { .ifr_data = (void *)&e };

	strcpy(ifr.ifr_name, dev);
	return ioctl(sock, SIOCETHTOOL, &ifr);
}

struct device {
	struct port p;
	int rx, far;
	union sockaddr_any to;
	struct op op;
	unsigned int ms;		/* that the waiter is given to begin */
};

static bool polled(struct device *d)
{
	long before = busy_polled();
	struct spinner s;

	op_init(&d->op);
	post_pending(&d->p, d->rx, &d->op);
	start(&s, &d->p, ODG_MAX_SPIN_US, -1);
	usleep(1000 * ++d->ms);
	want(sys(sendto(d->far, "polled", 6, 0, &d->to.sa, sizeof(d->to.v4))), 6);
	pthread_join(s.thread, NULL);
	want(s.ret, 1);
	reap_data(&d->p, &d->op, "polled", 6);
	return busy_polled() > before;
}

/* veth has NAPI when it is to join packets, of a device that does not cut them. */
static void device_of_veth(void *arg)
{
	struct device d = { 0 };
	struct far far;

	(void)arg;
	own_namespace();
	far_create(&far, AF_INET);
	far_release(&far);
	d.far = far_udp(&far, &d.to);
	d.rx = udp_unbound(AF_INET);
	d.to.v4.sin_addr.s_addr = htonl(0x0a630001);
	d.to.v4.sin_port = 0;
	sys(bind(d.rx, &d.to.sa, sizeof(d.to.v4)));
	d.to.v4.sin_port = (in_port_t)port_of(d.rx);
	if (ethtool(d.rx, "v0", ETHTOOL_SGRO, 1) ||
	    ethtool(d.far, "v1", ETHTOOL_STSO, 0))
		skip_child("no NAPI in veth");
	if (busy_polled() < 0)
		skip_child("no busy polling in this kernel");
	port_open(&d.p, 4, ODG_CQ_WIDE);
	eventually(polled(&d));
	port_close(&d.p);
}

static void spin_polls_the_device(void **state)
{
	(void)state;
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	in_child(device_of_veth, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(spin_has_a_limit),
		T(spin_takes_no_longer_than_the_wait),
		T(spinning_waiter_does_not_sleep),
		T(spin_is_followed_by_sleep),
		T(signal_ends_a_spin),
		T(spin_gives_way_to_others),
		T(source_may_be_gone),
		T0(spin_polls_the_device),
	};
	return cmocka_run_group_tests_name("spin", tests, NULL, NULL);
}
