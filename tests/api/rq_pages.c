// SPDX-License-Identifier: MIT
/*
 * Receives by address whose pages have to be pinned first: when that takes its time,
 * cannot be done, or is under way when something else happens.
 */
#include "helpers_mem.h"
#include "helpers_ring.h"

#include <linux/userfaultfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void setup(struct rq_fix *q, struct fix *f)
{
	setup_ring_with(q, f, 32, ODG_RQ_ADDRESSES);
}

static void post_addr(struct rq_fix *q, uint64_t user_data, const void *addr,
		      uint32_t len)
{
	ring_write_addr(&q->r, user_data, addr, len);
	ring_submit(&q->r);
}

/* A page that is not there until page_comes(). */
struct late {
	int fd;
	uint8_t *m;
};

static void late_page(struct late *l)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	l->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (l->fd < 0) {
		print_message("# skipped: this kernel has no userfaultfd\n");
		skip();
	}
	l->m = pages(1);
	reg.range.start = (uintptr_t)l->m;
	reg.range.len = PAGE;
	sys(ioctl(l->fd, UFFDIO_API, &api));
	sys(ioctl(l->fd, UFFDIO_REGISTER, &reg));
}

static void page_comes(struct late *l)
{
	struct uffdio_zeropage zero = {
		.range = { .start = (uintptr_t)l->m, .len = PAGE },
	};

	sys(ioctl(l->fd, UFFDIO_ZEROPAGE, &zero));
}

static void late_end(struct late *l)
{
	close(l->fd);
	sys(munmap(l->m, PAGE));
}

/* A receive in a page that is late, and a datagram for it. */
static void setup_late(struct rq_fix *q, struct late *l, struct fix *f)
{
	late_page(l);
	setup(q, f);
	post_addr(q, 1, l->m, 8);
	ring_write(&q->r, 2, q->region, 0, 8);
	ring_submit(&q->r);
	send_queued(f->tx, f->rx, "first", 5);
	want(*q->r.flags, ODG_RQ_NEED_KICK);
	want_none(&f->p);
}

static void a_page_that_comes_late(void **state)
{
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, *state);
	send_str(q.f->tx, q.f->rx, "second");
	want_none(&q.f->p);
	page_comes(&l);
	/* nobody kicks */
	reap_ring(&q, 1, 0, 5);
	reap_ring(&q, 2, 0, 6);
	want(memcmp(l.m, "first", 5), 0);
	want(memcmp(q.mem, "second", 6), 0);
	eventually(*q.r.flags == 0);
	want_stats_sum(&q.f->p, q.f->rx);
	late_end(&l);
	drop_ring(&q);
}

static void a_page_that_never_comes(void **state)
{
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, *state);
	reap_ring(&q, 1, -EFAULT, 0);
	reap_ring(&q, 2, 0, 5);
	want(memcmp(q.mem, "first", 5), 0);
	late_end(&l);
	drop_ring(&q);
}

static void cancelled_while_its_page_is_awaited(void **state)
{
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, *state);
	want(rq_cancel(&q.f->p, q.f->rx, 0, 1), 1);
	reap_ring(&q, 1, -ECANCELED, 0);
	/* the datagram is the next receive's */
	reap_ring(&q, 2, 0, 5);
	want(memcmp(q.mem, "first", 5), 0);
	page_comes(&l);
	want(l.m[0], 0);
	late_end(&l);
	drop_ring(&q);
}

static void closed_while_its_page_is_awaited(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, f);
	sys(close(f->rx));
	f->rx = -1;
	reap_ring(&q, 1, -ECANCELED, 0);
	reap_ring(&q, 2, -ECANCELED, 0);
	want_none(&f->p);
	late_end(&l);
	drop_ring(&q);
}

static void port_closes_while_its_page_is_awaited(void **state)
{
	struct fix *f = *state;
	struct late l;
	struct ring r;
	struct port p;

	late_page(&l);
	port_open(&p, 8, 0);
	ring_open_with(&r, &p, f->rx, 8, ODG_RQ_ADDRESSES);
	ring_write_addr(&r, 1, l.m, 8);
	ring_submit(&r);
	queue_str(f->tx, f->rx, "first");
	ring_close(&r);
	port_close(&p);
	page_comes(&l);
	want(l.m[0], 0);
	native_recv(f->rx, "first", 5);
	late_end(&l);
}

static void recv_takes_what_awaited_a_page(void **state)
{
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, *state);
	native_recv(q.f->rx, "first", 5);
	page_comes(&l);
	send_str(q.f->tx, q.f->rx, "next");
	reap_ring(&q, 1, 0, 4);
	want(memcmp(l.m, "next", 4), 0);
	late_end(&l);
	drop_ring(&q);
}

static void another_queue_while_its_page_is_awaited(void **state)
{
	struct odg_rq_create c = {
		.size = sizeof(c), .entries = 64,
		.flags = ODG_RQ_SPARE | ODG_RQ_ADDRESSES,
	};
	struct odg_rq_switch s = { .size = sizeof(s) };
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, *state);
	c.fd = q.f->rx;
	s.fd = q.f->rx;
	want(odg(q.f->p.fd, ODG_RQ_CREATE, &c), 0);
	want(odg(q.f->p.fd, ODG_RQ_SWITCH, &s), 0);
	want(*q.r.flags, ODG_RQ_CLOSED);
	ring_close(&q.r);
	ring_map(&q.r, &q.f->p, &c);
	page_comes(&l);
	reap_ring(&q, 1, 0, 5);
	want(memcmp(l.m, "first", 5), 0);
	send_str(q.f->tx, q.f->rx, "second");
	reap_ring(&q, 2, 0, 6);
	late_end(&l);
	drop_ring(&q);
}

/* A call behind it is served after it. */
static void inv1_a_call_behind_it_waits_as_well(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;
	struct late l;

	setup_late(&q, &l, f);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "second");
	send_str(f->tx, f->rx, "third");
	want_none(&f->p);
	page_comes(&l);
	reap_ring(&q, 1, 0, 5);
	reap_ring(&q, 2, 0, 6);
	reap_data(&f->p, &f->op[0], "third", 5);
	late_end(&l);
	drop_ring(&q);
}

/* --- in pieces ------------------------------------------------------------- */

static void pieces_of_a_datagram_by_address(void **state)
{
	uint8_t *m = pages(4), data[5000];
	struct fix *f = *state;
	struct rq_fix q;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i + i / 251);
	want(odg_bind(&f->p, f->rx, ODG_BIND_PARTIAL), 0);
	setup(&q, f);
	for (int i = 0; i < 3; i++) {
		row("round %d", i);
		memset(m, POISON, 4 * PAGE);
		post_addr(&q, 1, m + 4000, 3000);
		post_addr(&q, 2, m + 3 * PAGE, 3000);
		send_to(f->tx, f->rx, data, sizeof(data));
		want_true(reap_ring(&q, 1, 0, 3000)->flags & ODG_CQE_PARTIAL);
		reap_ring(&q, 2, 0, 2000);
		want(memcmp(m + 4000, data, 3000), 0);
		want(memcmp(m + 3 * PAGE, data + 3000, 2000), 0);
		want_true(is_poison(m + 7000, 1000));
		want_true(is_poison(m + 3 * PAGE + 2000, 1000));
	}
	want_stats_sum(&f->p, f->rx);
	drop_ring(&q);
}

/* --- the limit -------------------------------------------------------------- */

static void limit_in_child(void *arg)
{
	struct fix *f = arg;
	struct rq_fix q = { .f = f };
	struct port fixture = f->p;
	uint32_t id[64], n = 0;
	uint8_t *m = pages(64);
	int ret;

	become_nobody(16 * PAGE);
	port_open(&f->p, 8, ODG_CQ_WIDE);
	ring_open_with(&q.r, &f->p, f->rx, 8, ODG_RQ_ADDRESSES);
	row("there is room");
	post_addr(&q, 1, m, 8);
	send_str(f->tx, f->rx, "1");
	reap_ring(&q, 1, 0, 1);

	/* The work item that pinned the page may have a hand on it for a moment yet. */
	row("all is locked, what is kept gives way");
	do {
		struct odg_region_add r = {
			.size = sizeof(r), .len = PAGE,
			.addr = (uintptr_t)(m + (1 + n) * PAGE),
		};

		ret = odg(f->p.fd, ODG_REGION_ADD, &r);
		if (!ret)
			id[n++] = r.id;
	} while (!ret || port_stats(&f->p).kept_pages);
	want(ret, -ENOMEM);
	want_true(n >= 8 && n < 16);
	post_addr(&q, 2, m, 8);
	send_str(f->tx, f->rx, "2");
	reap_ring(&q, 2, -ENOMEM, 0);
	want(port_stats(&f->p).bad_entries, 0);

	row("and again");
	want(region_del(&f->p, id[0]), 0);
	post_addr(&q, 3, m, 8);
	want(kick(&f->p, f->rx), 0);
	reap_ring(&q, 3, 0, 1);
	want(m[0], '2');
	ring_close(&q.r);
	port_close(&f->p);
	f->p = fixture;
}

static void more_than_may_be_locked_is_ENOMEM(void **state)
{
	long before = pinned_now();

	sys(chmod("/dev/odgram", 0666));
	in_child(limit_in_child, *state);
	sys(chmod("/dev/odgram", 0600));
	eventually(pinned_now() == before);
}

/* --- the count of changes ------------------------------------------------------ */

static uint64_t changes(const struct port *p)
{
	return __atomic_load_n(p->changes, __ATOMIC_ACQUIRE);
}

/* In a table of two places: pages 0 and 2 share one. */
static void eviction_counts_as_a_change(void **state)
{
	struct fix *f = *state;
	struct rq_fix q = { .f = f };
	struct port p, fixture = f->p;
	uint8_t *m = pages(4);
	uint64_t before;

	memset(m, 1, 4 * PAGE);
	port_open(&p, 1, ODG_CQ_WIDE | ODG_CQ_WATCH);
	f->p = p;
	ring_open_with(&q.r, &p, f->rx, 8, ODG_RQ_ADDRESSES);
	before = changes(&f->p);
	for (uint32_t i = 0; i < 5; i++) {
		/* the second, one beside it, the same, one in its place, that */
		static const uint32_t which[] = { 0, 1, 0, 2, 2 };
		static const uint32_t evicted[] = { 0, 0, 0, 1, 1 };

		row("page %u", which[i]);
		post_addr(&q, i, m + which[i] * PAGE, 8);
		send_str(f->tx, f->rx, "x");
		reap_ring(&q, i, 0, 1);
		want(changes(&f->p) - before, evicted[i]);
	}
	ring_close(&q.r);
	p = f->p;
	f->p = fixture;
	port_close(&p);
}

/* What the library of a large program needs at once. */
static void wide_watching_port_of_4096(void **state)
{
	struct fix *f = *state;
	struct rq_fix q = { .f = f };
	struct port p, fixture = f->p;
	uint8_t *m = pages(1);

	port_open(&p, 4096, ODG_CQ_WIDE | ODG_CQ_WATCH);
	want(p.entries, 4096);
	want(p.cqe_size, sizeof(struct odg_cqe_wide));
	want_true(changes(&p) > 0);
	f->p = p;
	ring_open_with(&q.r, &p, f->rx, 256, ODG_RQ_ADDRESSES);
	for (uint32_t i = 0; i < 5000; i++) {
		post_addr(&q, i, m, 8);
		send_to(f->tx, f->rx, &i, sizeof(i));
		reap_ring(&q, i, 0, sizeof(i));
		want(memcmp(m, &i, sizeof(i)), 0);
	}
	want_true(sock_stats(&f->p, f->rx).direct > 4990);
	ring_close(&q.r);
	p = f->p;
	f->p = fixture;
	port_close(&p);
}

/* --- under way ------------------------------------------------------------------ */

/* Memory that changes before each receive is posted, while another thread churns. */
static void each_receive_reaches_the_page_of_that_moment(void **state)
{
	unsigned long rounds = scaled("ODG_PIN_ROUNDS", 2000);
	uint8_t *m = pages(21) + PAGE;
	unsigned int dice = 1;
	struct churn c;
	struct rq_fix q;

	setup(&q, *state);
	churn_start(&c, m + 18 * PAGE);
	for (unsigned long i = 0; i < rounds; i++) {
		unsigned int which;
		uint8_t *at;

		row("round %lu", i);
		dice = dice * 1103515245 + 12345;
		which = (dice >> 8) % 4;
		change_page(m + which * PAGE, m + (8 + 2 * which) * PAGE,
			    dice >> 16);
		at = m + (dice >> 24) % 4 * PAGE;
		memset(at, POISON, 32);
		post_addr(&q, i, at, 32);
		send_to(q.f->tx, q.f->rx, &i, sizeof(i));
		reap_ring(&q, i, 0, sizeof(i));
		want(memcmp(at, &i, sizeof(i)), 0);
		want_true(is_poison(at + sizeof(i), 32 - sizeof(i)));
	}
	churn_stop(&c);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static bool enough;		/* were cancelled under traffic */
static unsigned long sent;	/* all that was, when it is over */

static void *traffic(void *arg)
{
	struct rq_fix *q = arg;
	unsigned long i;

	for (i = 0; i < scaled("ODG_ROUNDS", 20000) ||
		    !__atomic_load_n(&enough, __ATOMIC_RELAXED); i++)
		send_to(q->f->tx, q->f->rx, &i, sizeof(i));
	__atomic_store_n(&sent, i, __ATOMIC_RELAXED);
	return NULL;
}

/* Whatever is cancelled while datagrams come: each receive ends once. */
static void inv1_cancelled_under_traffic(void **state)
{
	enum { WAITS, CANCELLED, OVER };
	struct progress progress = { 0 };
	static uint8_t how[1 << 20];
	uint32_t posted = 0, first = 0, cancelled = 0, which;
	struct odg_sock_stats s;
	unsigned int dice = 1;
	uint8_t *m = pages(32);
	unsigned long all;
	pthread_t thread;
	struct rq_fix q;

	memset(how, WAITS, sizeof(how));
	setup(&q, *state);
	want(pthread_create(&thread, NULL, traffic, &q), 0);
	do {
		for (; posted - *q.r.cons < 32 && posted < sizeof(how); posted++) {
			if (posted % 3)
				ring_write_addr(&q.r, posted,
						m + posted % 32 * PAGE, 8);
			else
				ring_write(&q.r, posted, q.region,
					   8 * (posted % 32), 8);
		}
		ring_post(&q);
		dice = dice * 1103515245 + 12345;
		which = first + (dice >> 16) % 32;
		if (which < posted) {
			int ret = rq_cancel(&q.f->p, q.f->rx, which, which);

			if (ret == 1) {
				want(how[which], WAITS);
				how[which] = CANCELLED;
				cancelled++;
				__atomic_store_n(&enough, cancelled > 10,
						 __ATOMIC_RELAXED);
			} else if (ret) {
				want(ret, -EAGAIN);
			}
		}
		if (dice >> 28 == 3)
			sys(madvise(m, 32 * PAGE, MADV_DONTNEED));
		for (uint32_t n = port_unread(&q.f->p); n--;) {
			const struct odg_cqe *c = reap(&q.f->p);

			want(c->status, how[c->user_data] == CANCELLED ?
						-ECANCELED : 0);
			want_true(how[c->user_data] != OVER);
			how[c->user_data] = OVER;
		}
		while (first < posted && how[first] == OVER)
			first++;
		s = sock_stats(&q.f->p, q.f->rx);
		row("%u posted, %llu arrived, %u queued", posted, s.arrived, s.queued);
		want_progress(&progress, first + s.arrived);
		all = __atomic_load_n(&sent, __ATOMIC_RELAXED);
	} while (!all || s.arrived < all || s.queued || port_unread(&q.f->p));
	row("%s", "");
	pthread_join(thread, NULL);
	want(port_stats(&q.f->p).cancelled, cancelled);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_page_that_comes_late),
		T(a_page_that_never_comes),
		T(cancelled_while_its_page_is_awaited),
		T(closed_while_its_page_is_awaited),
		T(port_closes_while_its_page_is_awaited),
		T(recv_takes_what_awaited_a_page),
		T(another_queue_while_its_page_is_awaited),
		T(inv1_a_call_behind_it_waits_as_well),
		T(pieces_of_a_datagram_by_address),
		T(more_than_may_be_locked_is_ENOMEM),
		T(eviction_counts_as_a_change),
		T(wide_watching_port_of_4096),
		T46(each_receive_reaches_the_page_of_that_moment),
		T(inv1_cancelled_under_traffic),
	};

	return cmocka_run_group_tests_name("rq_pages", tests, NULL, NULL);
}
