// SPDX-License-Identifier: MIT
/* ODG_CQ_SWITCH: a port gets another completion queue, and loses nothing by it. */
#include "helpers_mem.h"
#include "helpers_ring.h"

#include <pthread.h>
#include <sys/stat.h>

static int switch_cq(const struct port *p)
{
	struct odg_cq_switch s = { .size = sizeof(s) };

	return odg(p->fd, ODG_CQ_SWITCH, &s);
}

static int spare_create(const struct port *p, uint32_t entries,
			struct odg_cq_create *c)
{
	*c = (struct odg_cq_create){
		.size = sizeof(*c), .entries = entries, .flags = ODG_CQ_SPARE,
		.cqe_size = POISON32, .mmap_size = POISON64,
	};
	return odg(p->fd, ODG_CQ_CREATE, c);
}

/* The port as its program sees it after a switch to that. */
static struct port spare_map(const struct port *p, const struct odg_cq_create *c)
{
	struct port new = *p;

	want(c->cqe_size, p->cqe_size);
	new.entries = c->entries;
	new.map_size = c->mmap_size;
	new.map = mmap(NULL, c->mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       p->fd, ODG_MMAP_CQ_SPARE);
	want_true(new.map != MAP_FAILED);
#define MOVED(field) \
	(new.field = (void *)(new.map + ((uint8_t *)p->field - p->map)))
	MOVED(prod);
	MOVED(cons);
	MOVED(loud);
	MOVED(arm);
	MOVED(changes);
	MOVED(errors);
	MOVED(cqes);
	return new;
}

static struct port spare_open(const struct port *p, uint32_t entries)
{
	struct odg_cq_create c;

	want(spare_create(p, entries, &c), 0);
	return spare_map(p, &c);
}

static void resize(struct port *p, uint32_t entries)
{
	struct port new = spare_open(p, entries);

	want(switch_cq(p), 0);
	sys(munmap(p->map, p->map_size));
	*p = new;
}

/* Unread at every place of the ring, across its end, too. */
static void b_r20_what_is_unread_stays_unread(void **state)
{
	struct fix *f = *state;
	struct port p;

	for (uint32_t at = 0; at < 9; at++) {
		row("from %u on", at);
		port_open(&p, 8, 0);
		for (uint32_t i = 0; i < at; i++) {
			op_init(&f->op[0]);
			post_pending(&p, f->rx, &f->op[0]);
			send_str(f->tx, f->rx, "x");
			reap_data(&p, &f->op[0], "x", 1);
		}
		for (uint32_t i = 0; i < 8; i++) {
			op_init(&f->op[i]);
			post_pending(&p, f->rx, &f->op[i]);
		}
		want(post(&p, f->rx, &f->op[8]), -EAGAIN);
		for (uint32_t i = 0; i < 6; i++)
			send_to(f->tx, f->rx, &i, sizeof(i));
		resize(&p, 32);
		want(port_stats(&p).entries, 32);
		want(port_unread(&p), 6);
		for (uint32_t i = 0; i < 3; i++)
			reap_data(&p, &f->op[i], &i, sizeof(i));
		resize(&p, 8);
		for (uint32_t i = 3; i < 6; i++)
			reap_data(&p, &f->op[i], &i, sizeof(i));
		row("posted before by call, cancelled by its old id");
		want(cancel_id(&p, f->op[6].r.id), 1);
		reap_status(&p, &f->op[6], -ECANCELED);
		send_str(f->tx, f->rx, "y");
		reap_data(&p, &f->op[7], "y", 1);
		want(cancel_id(&p, f->op[6].r.id), -ENOENT);
		want_none(&p);
		port_close(&p);
	}
}

static void too_much_for_the_new_one(void **state)
{
	struct fix *f = *state;
	struct port p, new;

	port_open(&p, 8, 0);
	want(switch_cq(&p), -ENOENT);
	for (int i = 0; i < 5; i++)
		post_pending(&p, f->rx, &f->op[i]);
	send_str(f->tx, f->rx, "x");
	new = spare_open(&p, 4);
	want(switch_cq(&p), -EINVAL);
	row("nothing has changed");
	want(port_stats(&p).entries, 8);
	reap_data(&p, &f->op[0], "x", 1);
	row("now it fits, exactly");
	want(switch_cq(&p), 0);
	new.seq = p.seq;
	sys(munmap(p.map, p.map_size));
	want(post(&new, f->rx, &f->op[5]), -EAGAIN);
	want(switch_cq(&new), -ENOENT);
	port_close(&new);
}

struct waiter {
	const struct port *p;
	uint32_t min, spin_us;
	int tid, ret;
	pthread_t thread;
};

static void *wait_for_some(void *arg)
{
	struct waiter *w = arg;
	struct odg_wait a = {
		.size = sizeof(a), .min = w->min, .spin_us = w->spin_us,
		.timeout_ns = ODG_WAIT_FOREVER,
	};

	__atomic_store_n(&w->tid, gettid(), __ATOMIC_RELEASE);
	w->ret = odg(w->p->fd, ODG_WAIT, &a);
	return NULL;
}

static void waiter_start(struct waiter *w)
{
	want(pthread_create(&w->thread, NULL, wait_for_some, w), 0);
	eventually(__atomic_load_n(&w->tid, __ATOMIC_ACQUIRE));
	if (!w->spin_us)
		wait_asleep(w->tid);
}

static void waiters_and_the_armed_find_the_new_one(void **state)
{
	static const uint32_t spins[] = { 0, ODG_MAX_SPIN_US };
	struct fix *f = *state;
	int efd = (int)sys(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
	struct odg_notify n = { .size = sizeof(n), .eventfd = efd };
	struct pollfd pfd = { .events = POLLIN };
	struct waiter w;
	struct port p;

	for (unsigned int i = 0; i < ARRAY_SIZE(spins); i++) {
		row("spinning %u", spins[i]);
		port_open(&p, 4, 0);
		want(odg(p.fd, ODG_NOTIFY, &n), 0);
		op_init(&f->op[0]);
		post_pending(&p, f->rx, &f->op[0]);
		w = (struct waiter){ .p = &p, .min = 1, .spin_us = spins[i] };
		waiter_start(&w);
		__atomic_store_n(p.arm, 1, __ATOMIC_SEQ_CST);
		resize(&p, 64);
		want(__atomic_load_n(p.arm, __ATOMIC_SEQ_CST), 1);
		want(eventfd_count(efd), 0);
		send_str(f->tx, f->rx, "x");
		pthread_join(w.thread, NULL);
		want(w.ret, 1);
		want(eventfd_count(efd), 1);
		want(__atomic_load_n(p.arm, __ATOMIC_SEQ_CST), 0);
		pfd.fd = p.fd;
		want(poll(&pfd, 1, 0), 1);
		reap_data(&p, &f->op[0], "x", 1);
		port_close(&p);
	}
	close(efd);
}

static void a_waiter_has_enough_when_the_smaller_one_is_full(void **state)
{
	struct fix *f = *state;
	struct waiter w;
	struct port p;

	port_open(&p, 8, 0);
	want(post_n(&p, f->rx, f->op, 4), 4);
	w = (struct waiter){ .p = &p, .min = 8 };
	waiter_start(&w);
	resize(&p, 4);
	for (int i = 0; i < 4; i++)
		send_str(f->tx, f->rx, "x");
	pthread_join(w.thread, NULL);
	want(w.ret, 4);
	want(odg_wait(&p, 5, 0), -EINVAL);
	for (int i = 0; i < 4; i++)
		reap_data(&p, &f->op[i], "x", 1);
	port_close(&p);
}

static uint64_t count_at(const uint64_t *count)
{
	return __atomic_load_n(count, __ATOMIC_ACQUIRE);
}

/* A socket that hears that nobody is there. */
static void send_away(int from)
{
	int closed = udp(AF_INET);
	union sockaddr_any a;
	socklen_t len = addr_of(closed, &a);

	close(closed);
	want(sys(sendto(from, "gone", 4, 0, &a.sa, len)), 4);
}

static void what_a_watching_port_counts_goes_on(void **state)
{
	uint8_t *m = pages(2);
	struct fix *f = *state;
	uint64_t before;
	struct port p;

	port_open(&p, 4, ODG_CQ_WATCH);
	want(odg_bind(&p, f->rx, 0), 0);
	for (uint64_t i = 0; i < 3; i++) {
		row("round %d", (int)i);
		before = count_at(p.changes);
		resize(&p, 8U << i);
		want_true(count_at(p.changes) >= before);
		want(count_at(p.errors), i);
		before = count_at(p.changes);
		memset(m, POISON, PAGE);
		sys(madvise(m, PAGE, MADV_DONTNEED));
		want_true(count_at(p.changes) > before);
		send_away(f->rx);
		eventually(count_at(p.errors) == i + 1);
	}
	row("a port that does not watch");
	want(count_at(f->p.changes), 0);
	resize(&f->p, 128);
	want(count_at(f->p.changes), 0);
	want(count_at(f->p.errors), 0);
	munmap(m, 2 * PAGE);
	port_close(&p);
}

/* A user whose limit is too small for a larger one, but not for what he has. */
static void switch_in_child(void *arg)
{
	struct port old[12], new;
	struct odg_cq_create c;
	unsigned int n;
	struct fix *f = arg;
	struct port p;

	become_nobody(12 * PAGE);
	port_open(&p, 8, 0);
	post_pending(&p, f->rx, &f->op[0]);
	row("too large, with nothing spare and with one");
	want(spare_create(&p, 1024, &c), -ENOMEM);
	want(switch_cq(&p), -ENOENT);
	want(spare_create(&p, 64, &c), 0);
	want(spare_create(&p, 1024, &c), -ENOMEM);
	want(port_stats(&p).entries, 8);
	for (int i = 0; i < 40; i++) {
		row("nothing stays charged: %d", i);
		resize(&p, i % 2 ? 8 : 128);
	}
	row("what is mapped is charged");
	for (n = 0; !spare_create(&p, 8, &c); n++) {
		want_true(n < ARRAY_SIZE(old));
		new = spare_map(&p, &c);
		want(switch_cq(&p), 0);
		old[n] = p;
		p = new;
	}
	want_true(n > 1);
	row("and no longer");
	sys(munmap(old[0].map, old[0].map_size));
	want(spare_create(&p, 8, &c), 0);
	while (--n)
		sys(munmap(old[n].map, old[n].map_size));
	resize(&p, 128);
	send_str(f->tx, f->rx, "x");
	reap_data(&p, &f->op[0], "x", 1);
	port_close(&p);
}

static void over_the_limit_nothing_changes(void **state)
{
	sys(chmod("/dev/odgram", 0666));
	in_child(switch_in_child, *state);
	sys(chmod("/dev/odgram", 0600));
}

/* Somebody who writes wherever a queue is mapped, as long as there is one. */
struct scribbler {
	uint32_t *map[2];
	bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	uint32_t dice = 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		uint32_t *map = __atomic_load_n(&s->map[dice >> 31],
						__ATOMIC_ACQUIRE);

		dice = dice * 1664525 + 1013904223;
		/* indices that are nearly right are the ones that could harm */
		__atomic_store_n(map + (dice >> 8) % (PAGE / 4),
				 dice % 3 ? dice >> 24 : dice, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void inv5_scribbled_over_while_it_switches(void **state)
{
	int rx = udp(AF_INET), tx = udp(AF_INET);
	uint32_t done = 0, rounds = (uint32_t)scaled("ODG_SWITCHES", 200);
	struct scribbler s = { .stop = false };
	struct port p, new;
	pthread_t thread;
	struct rq_fix q;

	setup_ring(&q, *state, 64);
	port_open(&p, 32, 0);
	s.map[0] = s.map[1] = (void *)p.map;
	want(pthread_create(&thread, NULL, scribble, &s), 0);
	for (uint32_t i = 0; i < rounds; i++) {
		int ret;

		row("round %u", i);
		op_init(&q.f->op[0]);
		post(&p, rx, &q.f->op[0]);
		send_to(tx, rx, &i, sizeof(i));
		new = spare_open(&p, 16U << i % 3);
		__atomic_store_n(&s.map[1], (void *)new.map, __ATOMIC_RELEASE);
		ret = switch_cq(&p);
		want_true(!ret || ret == -EINVAL);
		want(port_stats(&p).entries, ret ? p.entries : new.entries);
		if (!ret) {
			__atomic_store_n(&s.map[0], (void *)new.map,
					 __ATOMIC_RELEASE);
			p = new;
		}
		/* one that behaves */
		ring_write(&q.r, done, q.region, 0, 8);
		ring_post(&q);
		send_to(q.f->tx, q.f->rx, &i, sizeof(i));
		reap_ring(&q, done++, 0, sizeof(i));
		want(memcmp(q.mem, &i, sizeof(i)), 0);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	want(port_stats(&p).posted,
	     port_stats(&p).completed + port_stats(&p).outstanding);
	/* mappings go with the process: any of them may still be the port's */
	close(p.fd);
	close(rx);
	close(tx);
	drop_ring(&q);
}

static void switch_arguments(void **state)
{
	struct odg_cq_switch s = { .size = sizeof(s), .__reserved = 1 };
	struct odg_cq_create c = { .size = sizeof(c), .entries = 4 };
	struct fix *f = *state;
	int fd = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));

	c.flags = ODG_CQ_SPARE;
	want(odg(fd, ODG_CQ_CREATE, &c), -ENXIO);
	want(switch_cq(&(struct port){ .fd = fd }), -ENXIO);
	close(fd);
	c.flags = ODG_CQ_SPARE | ODG_CQ_WIDE;
	want(odg(f->p.fd, ODG_CQ_CREATE, &c), -EINVAL);
	c.flags = ODG_CQ_SPARE;
	c.entries = ODG_MAX_CQ_ENTRIES + 1;
	want(odg(f->p.fd, ODG_CQ_CREATE, &c), -EINVAL);
	want_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, f->p.fd,
		       ODG_MMAP_CQ_SPARE) == MAP_FAILED);
	want(-errno, -EINVAL);
	want(odg(f->p.fd, ODG_CQ_SWITCH, &s), -EINVAL);
}

static unsigned int count(void)
{
	return (unsigned int)scaled("ODG_ROUNDS", 20000);
}

static bool enough, sent;

static void *traffic(void *arg)
{
	struct rq_fix *q = arg;

	for (uint32_t i = 0; i < count() || !__atomic_load_n(&enough, __ATOMIC_RELAXED); i++)
		send_to(q->f->tx, q->f->rx, &i, sizeof(i));
	settle();
	__atomic_store_n(&sent, true, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Each receive completes once and in order, whatever the size; for the port whose ring
 * is the only one, and one that somebody has waited at.
 */
static void switch_under_traffic(struct fix *f, bool shared)
{
	uint32_t posted = 0, done = 0, n, switched = 0;
	struct odg_sock_stats s;
	pthread_t thread;
	struct rq_fix q;
	bool over;

	enough = false;
	sent = false;
	setup_ring(&q, f, 64);
	if (shared)
		want(odg_wait(&f->p, 1, 0), -ETIME);
	want(pthread_create(&thread, NULL, traffic, &q), 0);
	do {
		for (; posted - done < 64; posted++)
			ring_write(&q.r, posted, q.region, 8 * (posted % 64), 8);
		ring_post(&q);
		if (posted / 256 != switched) {
			switched = posted / 256;
			resize(&q.f->p, 64U << switched % 5);
			__atomic_store_n(&enough, switched > 3, __ATOMIC_RELAXED);
		}
		over = __atomic_load_n(&sent, __ATOMIC_ACQUIRE);
		for (n = port_unread(&q.f->p); n--; done++)
			reap_ring(&q, done, 0, sizeof(uint32_t));
		s = sock_stats(&q.f->p, q.f->rx);
	} while (!over || s.queued || port_unread(&q.f->p));
	pthread_join(thread, NULL);
	want(done, s.direct + s.from_queue);
	want(done + s.dropped, s.arrived);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void inv1_inv2_switched_under_traffic_to_one_ring(void **state)
{
	switch_under_traffic(*state, false);
}

static void inv1_inv2_switched_under_traffic_with_a_waiter(void **state)
{
	switch_under_traffic(*state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(b_r20_what_is_unread_stays_unread),
		T(too_much_for_the_new_one),
		T(waiters_and_the_armed_find_the_new_one),
		T(a_waiter_has_enough_when_the_smaller_one_is_full),
		T(what_a_watching_port_counts_goes_on),
		T(over_the_limit_nothing_changes),
		T(inv5_scribbled_over_while_it_switches),
		T(switch_arguments),
		T(inv1_inv2_switched_under_traffic_to_one_ring),
		T(inv1_inv2_switched_under_traffic_with_a_waiter),
	};
	return cmocka_run_group_tests_name("cq_switch", tests, NULL, NULL);
}
