// SPDX-License-Identifier: MIT
/* ODG_RQ_SWITCH: a socket gets another request queue, and loses nothing by it. */
#include "helpers_mem.h"
#include "helpers_ring.h"

#include <pthread.h>
#include <sys/stat.h>

static int switch_rq(const struct port *p, int sock)
{
	struct odg_rq_switch s = { .size = sizeof(s), .fd = sock };

	return odg(p->fd, ODG_RQ_SWITCH, &s);
}

/* The port's spare request queue; @next: where its program goes on posting. */
static void spare_open(struct ring *r, const struct port *p, int sock,
		       uint32_t entries, uint32_t next)
{
	struct odg_rq_create c = {
		.size = sizeof(c), .fd = sock, .entries = entries,
		.flags = ODG_RQ_SPARE,
	};

	want(odg(p->fd, ODG_RQ_CREATE, &c), 0);
	ring_map(r, p, &c);
	r->next = next;
}

/* From here on q->r is a queue of so many entries. */
static void resize(struct rq_fix *q, uint32_t entries)
{
	struct ring r;

	spare_open(&r, &q->f->p, q->f->rx, entries, q->r.next);
	want(switch_rq(&q->f->p, q->f->rx), 0);
	ring_close(&q->r);
	q->r = r;
}

static uint32_t ring_cons(const struct rq_fix *q)
{
	return __atomic_load_n(q->r.cons, __ATOMIC_ACQUIRE);
}

static void b_r20_what_is_posted_stays_posted(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 4);
	for (uint32_t i = 0; i < 4; i++)
		ring_write(&q.r, i, q.region, 100 * i, 50);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "0");
	reap_ring(&q, 0, 0, 1);

	row("larger");
	resize(&q, 16);
	want(ring_cons(&q), 1);
	for (uint32_t i = 4; i < 17; i++)
		ring_write(&q.r, i, q.region, 100 * i, 50);
	ring_post(&q);
	for (uint32_t i = 1; i < 15; i++) {
		send_to(q.f->tx, q.f->rx, &i, sizeof(i));
		reap_ring(&q, i, 0, sizeof(i));
		want(memcmp(q.mem + 100 * i, &i, sizeof(i)), 0);
	}

	row("smaller");
	resize(&q, 2);
	want(ring_cons(&q), 15);
	for (uint32_t i = 15; i < 17; i++) {
		send_to(q.f->tx, q.f->rx, &i, sizeof(i));
		reap_ring(&q, i, 0, sizeof(i));
	}
	want(ring_cons(&q), 17);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void the_old_queue_is_not_looked_at(void **state)
{
	struct rq_fix q;
	struct ring old;

	setup_ring(&q, *state, 4);
	old = q.r;
	spare_open(&q.r, &q.f->p, q.f->rx, 4, 0);
	want(switch_rq(&q.f->p, q.f->rx), 0);
	ring_write(&old, 1, q.region, 0, 50);
	ring_submit(&old);
	queue_str(q.f->tx, q.f->rx, "x");
	want(kick(&q.f->p, q.f->rx), 0);
	want_none(&q.f->p);
	want(*old.flags, ODG_RQ_CLOSED);
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	ring_write(&q.r, 2, q.region, 0, 50);
	ring_post(&q);
	reap_ring(&q, 2, 0, 1);
	ring_close(&old);
	drop_ring(&q);
}

/* A queue that was replaced is charged as long as the program has it mapped. */
static void mapped_in_child(void *arg)
{
	struct odg_rq_create c = { .size = sizeof(c), .entries = 8 };
	struct fix *f = arg;
	struct ring old[12], r;
	struct port p;
	unsigned int n;

	become_nobody(8 * PAGE);
	port_open(&p, 8, 0);
	ring_open(&r, &p, f->rx, 8);
	c.fd = f->rx;
	c.flags = ODG_RQ_SPARE;
	for (n = 0; !odg(p.fd, ODG_RQ_CREATE, &c); n++) {
		want_true(n < ARRAY_SIZE(old));
		old[n] = r;
		ring_map(&r, &p, &c);
		want(switch_rq(&p, f->rx), 0);
	}
	want_true(n > 1);
	want(odg(p.fd, ODG_RQ_CREATE, &c), -ENOMEM);
	ring_close(&old[0]);
	want(odg(p.fd, ODG_RQ_CREATE, &c), 0);
	while (--n)
		ring_close(&old[n]);
	ring_close(&r);
	port_close(&p);
}

static void what_is_mapped_is_charged(void **state)
{
	sys(chmod("/dev/odgram", 0666));
	in_child(mapped_in_child, *state);
	sys(chmod("/dev/odgram", 0600));
}

static void need_kick_is_told_in_the_new_queue(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 4);
	queue_str(q.f->tx, q.f->rx, "one");
	queue_str(q.f->tx, q.f->rx, "two");
	resize(&q, 8);
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	ring_write(&q.r, 1, q.region, 0, 50);
	want_true(ring_submit(&q.r));

	row("what was posted and not kicked is served by the switch");
	resize(&q, 16);
	reap_ring(&q, 1, 0, 3);
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	ring_write(&q.r, 2, q.region, 100, 50);
	ring_post(&q);
	reap_ring(&q, 2, 0, 3);
	want(*q.r.flags, 0);
	drop_ring(&q);
}

static void inv1_order_among_posts_by_call(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 4);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_post(&q);
	post_pending(&f->p, f->rx, &f->op[0]);
	ring_write(&q.r, 2, q.region, 8, 8);
	ring_post(&q);
	resize(&q, 64);
	post_pending(&f->p, f->rx, &f->op[1]);
	ring_write(&q.r, 3, q.region, 16, 8);
	ring_post(&q);
	for (int i = 0; i < 5; i++) {
		send_str(f->tx, f->rx, "x");
		if (i % 2)
			reap_data(&f->p, &f->op[i / 2], "x", 1);
		else
			reap_ring(&q, (uint64_t)i / 2 + 1, 0, 1);
	}
	drop_ring(&q);
}

static void standing_receive_goes_on_where_it_was(void **state)
{
	struct odg_rqe *e;
	struct rq_fix q;

	setup_ring(&q, *state, 4);
	e = ring_write(&q.r, 0, q.region, 0, 256);
	e->flags = ODG_RQE_STANDING;
	e->least = 100;
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "one");
	reap_ring(&q, 0, 0, 3);
	resize(&q, 8);
	send_str(q.f->tx, q.f->rx, "two");
	reap_ring(&q, 64, 0, 3);
	want(memcmp(q.mem + 64, "two", 3), 0);
	drop_ring(&q);
}

static void too_much_is_posted_for_the_new_one(void **state)
{
	struct rq_fix q;
	struct ring r;

	setup_ring(&q, *state, 8);
	for (uint32_t i = 0; i < 5; i++)
		ring_write(&q.r, i, q.region, 100 * i, 50);
	ring_post(&q);
	spare_open(&r, &q.f->p, q.f->rx, 4, 5);
	want(switch_rq(&q.f->p, q.f->rx), -EINVAL);
	row("nothing has changed");
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 0, 0, 1);
	want(ring_cons(&q), 1);
	row("now it fits");
	want(switch_rq(&q.f->p, q.f->rx), 0);
	ring_close(&q.r);
	q.r = r;
	for (uint32_t i = 1; i < 5; i++) {
		send_str(q.f->tx, q.f->rx, "x");
		reap_ring(&q, i, 0, 1);
	}
	drop_ring(&q);
}

static void inv5_scribbled_producer_index_posts_nothing(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 4);
	__atomic_store_n(q.r.prod, 77, __ATOMIC_RELEASE);
	resize(&q, 8);
	want(__atomic_load_n(q.r.prod, __ATOMIC_RELAXED), 0);
	ring_write(&q.r, 1, q.region, 0, 50);
	ring_post(&q);
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 1, 0, 1);
	drop_ring(&q);
}

static void switch_arguments(void **state)
{
	struct odg_rq_create c = {
		.size = sizeof(c), .entries = 4, .flags = ODG_RQ_ADDRESSES << 1,
	};
	struct fix *f = *state;
	struct port other;
	struct ring r[2];
	struct rq_fix q;

	c.fd = f->rx;
	want(odg(f->p.fd, ODG_RQ_CREATE, &c), -EINVAL);
	row("not bound to odgram");
	want(switch_rq(&f->p, f->rx), -ENOENT);
	row("no request queue");
	want(odg_bind(&f->p, f->rx, 0), 0);
	spare_open(&r[0], &f->p, f->rx, 4, 0);
	want(switch_rq(&f->p, f->rx), -ENOENT);
	row("sockets");
	want(switch_rq(&f->p, -1), -EBADF);
	want(switch_rq(&f->p, f->p.fd), -ENOTSOCK);
	row("another port's");
	setup_ring(&q, f, 4);
	port_open(&other, 4, 0);
	spare_open(&r[1], &other, f->rx, 4, 0);
	want(switch_rq(&other, f->rx), -ENOENT);
	ring_close(&r[1]);
	port_close(&other);
	row("the spare one is used up");
	want(switch_rq(&f->p, f->rx), 0);
	want(switch_rq(&f->p, f->rx), -ENOENT);
	ring_close(&r[0]);
	row("one takes the place of the other; what the program has mapped stays");
	spare_open(&r[0], &f->p, f->rx, 4, 0);
	spare_open(&r[1], &f->p, f->rx, 4, 0);
	*r[0].prod = 1;
	want(switch_rq(&f->p, f->rx), 0);
	want(*r[0].prod, 1);
	ring_close(&r[0]);
	ring_close(&q.r);
	q.r = r[1];
	ring_write(&q.r, 1, q.region, 0, 50);
	ring_post(&q);
	send_str(f->tx, f->rx, "x");
	reap_ring(&q, 1, 0, 1);
	row("socket and port close with both");
	spare_open(&r[0], &f->p, f->rx, 4, 0);
	ring_close(&r[0]);
	drop_ring(&q);
}

struct scribbler {
	uint32_t *prod;
	bool stop;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	uint32_t prod = *s->prod;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		__atomic_store_n(s->prod, prod - 1, __ATOMIC_RELEASE);
		__atomic_store_n(s->prod, prod, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Copying many entries takes long enough to be caught at it. */
static void posting_meanwhile_is_EAGAIN(void **state)
{
	struct scribbler s = { 0 };
	struct rq_fix q;
	pthread_t thread;
	struct ring r;
	int ret = 0;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	setup_ring(&q, *state, 16384);
	for (uint32_t i = 0; i < 16384; i++)
		ring_write(&q.r, i, q.region, 0, 8);
	ring_post(&q);
	s.prod = q.r.prod;
	want(pthread_create(&thread, NULL, scribble, &s), 0);
	eventually(({
		spare_open(&r, &q.f->p, q.f->rx, 16384, 16384);
		ret = switch_rq(&q.f->p, q.f->rx);
		if (!ret) {
			/* not caught: the thread goes on with the new one */
			__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
			pthread_join(thread, NULL);
			ring_close(&q.r);
			q.r = r;
			__atomic_store_n(q.r.prod, 16384, __ATOMIC_RELEASE);
			s = (struct scribbler){ .prod = q.r.prod };
			want(pthread_create(&thread, NULL, scribble, &s), 0);
		} else {
			ring_close(&r);
		}
		ret;
	}));
	want(ret, -EAGAIN);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	send_str(q.f->tx, q.f->rx, "x");
	reap_ring(&q, 0, 0, 1);
	drop_ring(&q);
}

/*
 * Who has the one mapped may be a child that does not have the other: it shall not post
 * addresses there.
 */
static void one_for_addresses_comes_after_such_alone(void **state)
{
	struct odg_rq_create c = {
		.size = sizeof(c), .entries = 4,
		.flags = ODG_RQ_SPARE | ODG_RQ_ADDRESSES,
	};
	struct fix *f = *state;
	struct rq_fix q;
	struct ring r;

	setup_ring(&q, f, 4);
	c.fd = f->rx;
	want(odg(f->p.fd, ODG_RQ_CREATE, &c), 0);
	ring_write_addr(&q.r, 1, q.mem, 50);
	ring_post(&q);
	want(switch_rq(&f->p, f->rx), -EINVAL);
	row("nothing has changed");
	send_str(f->tx, f->rx, "x");
	reap_ring(&q, 1, -EINVAL, 0);
	native_recv(f->rx, "x", 1);

	row("nor the other way");
	ring_close(&q.r);
	close(f->rx);
	f->rx = udp(f->family);
	ring_open_with(&q.r, &f->p, f->rx, 4, ODG_RQ_ADDRESSES);
	spare_open(&r, &f->p, f->rx, 4, 0);
	want(switch_rq(&f->p, f->rx), -EINVAL);
	ring_close(&r);
	drop_ring(&q);
}

#define MANY 16384U

/* Cancels what is posted, the last first, but for the first, so that all stay there. */
struct canceller {
	const struct rq_fix *q;
	bool stop;
	uint32_t left;
};

static void *cancel_some(void *arg)
{
	struct canceller *c = arg;

	while (!__atomic_load_n(&c->stop, __ATOMIC_RELAXED) && c->left > 1 &&
	       rq_cancel(&c->q->f->p, c->q->f->rx, c->left - 1, c->left - 1) == 1)
		__atomic_store_n(&c->left, c->left - 1, __ATOMIC_RELAXED);
	return NULL;
}

/* Copying many entries takes long enough for some to be cancelled meanwhile. */
static void inv2_cancelled_ones_are_so_in_the_new_queue(void **state)
{
	struct fix *f = *state;
	struct canceller c;
	pthread_t thread;
	struct rq_fix q;
	struct port p;
	struct ring r;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	port_open(&p, MANY, 0);
	ring_open(&q.r, &p, f->rx, MANY);
	q.f = &(struct fix){ .p = p, .rx = f->rx };
	for (uint32_t i = 0; i < MANY; i++)
		ring_write(&q.r, i, 0, 0, 8);
	ring_submit(&q.r);
	c = (struct canceller){ .q = &q, .left = MANY };
	want(pthread_create(&thread, NULL, cancel_some, &c), 0);
	eventually(__atomic_load_n(&c.left, __ATOMIC_RELAXED) < MANY);
	for (int i = 0; i < 5; i++) {
		uint32_t left = __atomic_load_n(&c.left, __ATOMIC_RELAXED);

		spare_open(&r, &p, f->rx, MANY, MANY);
		want(switch_rq(&p, f->rx), 0);
		ring_close(&q.r);
		q.r = r;
		eventually(__atomic_load_n(&c.left, __ATOMIC_RELAXED) < left ||
			   left == 1);
	}
	__atomic_store_n(&c.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	want(port_unread(&p), MANY - c.left);
	for (uint32_t i = 0; i < MANY; i++)
		want(q.r.rqes[i].flags, i < c.left ? 0 : ODG_RQE_DEAD);
	ring_close(&q.r);
	port_close(&p);
}

/* --- under traffic --------------------------------------------------------- */

static unsigned int count(void)
{
	return (unsigned int)scaled("ODG_ROUNDS", 20000);
}

static bool enough;		/* was done under traffic */
static uint32_t sent;		/* all that was, when it is over */

static void *traffic(void *arg)
{
	struct rq_fix *q = arg;
	uint32_t i;

	for (i = 0; i < count() || !__atomic_load_n(&enough, __ATOMIC_RELAXED); i++)
		send_to(q->f->tx, q->f->rx, &i, sizeof(i));
	__atomic_store_n(&sent, i, __ATOMIC_RELAXED);
	return NULL;
}

/* Every datagram that the socket did not drop comes once, in order, in its receive. */
static void inv1_inv2_switched_again_and_again_under_traffic(void **state)
{
	uint32_t posted = 0, done = 0, last = 0, n, switched = 0, all;
	struct progress progress = { 0 };
	struct odg_sock_stats s;
	pthread_t thread;
	struct rq_fix q;
	uint32_t number;

	enough = false;
	sent = 0;
	setup_ring(&q, *state, 16);
	want(pthread_create(&thread, NULL, traffic, &q), 0);
	do {
		for (; posted - done < 16; posted++)
			ring_write(&q.r, posted, q.region, 8 * (posted % 16), 8);
		ring_post(&q);
		if (posted / 64 != switched) {
			switched = posted / 64;
			resize(&q, 16 << switched % 4);
			__atomic_store_n(&enough, switched > 10, __ATOMIC_RELAXED);
		}
		for (n = port_unread(&q.f->p); n--; done++) {
			reap_ring(&q, done, 0, sizeof(number));
			memcpy(&number, q.mem + 8 * (done % 16), sizeof(number));
			want_true(!done || number > last);
			last = number;
		}
		s = sock_stats(&q.f->p, q.f->rx);
		row("%u done, %llu arrived, %u queued", done, s.arrived, s.queued);
		want_progress(&progress, done + s.arrived);
		all = __atomic_load_n(&sent, __ATOMIC_RELAXED);
	} while (!all || s.arrived < all || s.queued || port_unread(&q.f->p) ||
		 done < s.direct + s.from_queue);
	row("%s", "");
	pthread_join(thread, NULL);
	want(s.arrived, all);
	want(done + s.dropped, all);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(b_r20_what_is_posted_stays_posted),
		T(the_old_queue_is_not_looked_at),
		T(what_is_mapped_is_charged),
		T(need_kick_is_told_in_the_new_queue),
		T(inv1_order_among_posts_by_call),
		T(standing_receive_goes_on_where_it_was),
		T(too_much_is_posted_for_the_new_one),
		T(inv5_scribbled_producer_index_posts_nothing),
		T(switch_arguments),
		T(posting_meanwhile_is_EAGAIN),
		T(one_for_addresses_comes_after_such_alone),
		T(inv2_cancelled_ones_are_so_in_the_new_queue),
		T46(inv1_inv2_switched_again_and_again_under_traffic),
	};
	return cmocka_run_group_tests_name("rq_switch", tests, NULL, NULL);
}
