// SPDX-License-Identifier: MIT
/*
 * Receive rings: posting by a store, the same order and the same contract as
 * posting by call.
 */
#include "helpers_ring.h"

#include <pthread.h>

static void ring_receive_lands_where_it_was_posted(void **state)
{
	struct rq_fix q;
	const struct odg_cqe *c;

	setup_ring(&q, *state, 8);
	for (uint32_t i = 0; i < 4; i++)
		ring_write(&q.r, 100 + i, q.region, 1000 * i + 1, 100);
	want_true(!ring_submit(&q.r));
	for (int i = 0; i < 4; i++) {
		char text[] = "datagram 0";

		text[9] = (char)('0' + i);
		send_str(q.f->tx, q.f->rx, text);
		c = reap_ring(&q, 100 + (uint64_t)i, 0, 10);
		want(c->full_len, 10);
		want(c->port, port_of(q.f->tx));
		want(memcmp(q.mem + 1000 * i + 1, text, 10), 0);
		want_true(is_poison(q.mem + 1000 * i + 11, 90));
		want(__atomic_load_n(q.r.cons, __ATOMIC_ACQUIRE), i + 1);
	}
	want_true(is_poison(q.mem, 1));
	want(sock_stats(&q.f->p, q.f->rx).direct, 4);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void ring_truncates_with_10040s_errno(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	ring_write(&q.r, 1, q.region, 0, 4);
	ring_write(&q.r, 2, q.region, 8, 0);
	ring_submit(&q.r);
	send_str(q.f->tx, q.f->rx, "abcdef");
	send_str(q.f->tx, q.f->rx, "xyz");
	want(reap_ring(&q, 1, -EMSGSIZE, 4)->full_len, 6);
	want(reap_ring(&q, 2, -EMSGSIZE, 0)->full_len, 3);
	want(memcmp(q.mem, "abcd", 4), 0);
	want_true(is_poison(q.mem + 4, 100));
	drop_ring(&q);
}

static void a51_ring_scatters_without_holes(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	ring_write(&q.r, 7, q.region, 4094, 4)->flags = ODG_RQE_MORE;
	ring_write(&q.r, 8, q.region, 0, 0)->flags = ODG_RQE_MORE;
	ring_write(&q.r, 9, q.region, 100, 50);
	ring_submit(&q.r);
	send_str(q.f->tx, q.f->rx, "0123456789");
	reap_ring(&q, 7, 0, 10);
	want(memcmp(q.mem + 4094, "0123", 4), 0);
	want(memcmp(q.mem + 100, "456789", 6), 0);
	want_true(is_poison(q.mem + 4098, 100));
	want(__atomic_load_n(q.r.cons, __ATOMIC_ACQUIRE), 3);
	drop_ring(&q);
}

/* G9: no system call is needed unless datagrams wait, and then a kick is. */
static void need_kick_only_while_datagrams_wait(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	want(*q.r.flags, 0);
	send_queued(q.f->tx, q.f->rx, "one", 3);
	send_queued(q.f->tx, q.f->rx, "two", 3);
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	ring_write(&q.r, 1, q.region, 0, 100);
	want_true(ring_submit(&q.r));
	want_none(&q.f->p);
	want(kick(&q.f->p, q.f->rx), 0);
	reap_ring(&q, 1, 0, 3);
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	ring_write(&q.r, 2, q.region, 100, 100);
	want_true(ring_submit(&q.r));
	want(kick(&q.f->p, q.f->rx), 0);
	reap_ring(&q, 2, 0, 3);
	want(*q.r.flags, 0);
	want(memcmp(q.mem + 100, "two", 3), 0);
	drop_ring(&q);
}

/* They came before the ring, even before the socket was bound to odgram. */
static void datagrams_older_than_the_ring_ask_for_a_kick(void **state)
{
	struct rq_fix q;

	queue_str(((struct fix *)*state)->tx, ((struct fix *)*state)->rx, "old");
	setup_ring(&q, *state, 8);
	ring_write(&q.r, 1, q.region, 0, 8);
	want_true(ring_submit(&q.r));
	want(kick(&q.f->p, q.f->rx), 0);
	reap_ring(&q, 1, 0, 3);
	want(*q.r.flags, 0);
	drop_ring(&q);
}

static void inv1_waiting_datagram_is_not_overtaken_by_a_ring(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	send_queued(q.f->tx, q.f->rx, "1", 1);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_write(&q.r, 2, q.region, 8, 8);
	ring_submit(&q.r);
	/* the next arrival goes behind the one that waits, and brings it along */
	send_str(q.f->tx, q.f->rx, "2");
	reap_ring(&q, 1, 0, 1);
	reap_ring(&q, 2, 0, 1);
	want(q.mem[0], '1');
	want(q.mem[8], '2');
	drop_ring(&q);
}

/* Ring, ioctl, ring, ioctl: one order. */
static void a90_ring_and_calls_share_one_order(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_submit(&q.r);
	post_pending(&f->p, f->rx, &f->op[0]);
	ring_write(&q.r, 2, q.region, 8, 8);
	ring_submit(&q.r);
	post_pending(&f->p, f->rx, &f->op[1]);
	for (int i = 0; i < 4; i++)
		send_to(f->tx, f->rx, &"abcd"[i], 1);
	reap_ring(&q, 1, 0, 1);
	reap_data(&f->p, &f->op[0], "b", 1);
	reap_ring(&q, 2, 0, 1);
	reap_data(&f->p, &f->op[1], "d", 1);
	want(q.mem[0], 'a');
	want(q.mem[8], 'c');
	drop_ring(&q);
}

/* A post by call behind ring entries that wait for a kick completes them, too. */
static void a_call_behind_unkicked_entries_serves_them_first(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	send_queued(f->tx, f->rx, "1", 1);
	send_queued(f->tx, f->rx, "2", 1);
	ring_write(&q.r, 1, q.region, 0, 8);
	ring_submit(&q.r);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	reap_ring(&q, 1, 0, 1);
	reap_data(&f->p, &f->op[0], "2", 1);
	drop_ring(&q);
}

static void b_r23_close_aborts_what_the_ring_holds(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;

	setup_ring(&q, f, 8);
	for (uint32_t i = 0; i < 5; i++)
		ring_write(&q.r, i, q.region, 0, 8);
	ring_submit(&q.r);
	sys(close(f->rx));
	f->rx = -1;
	for (uint32_t i = 0; i < 5; i++)
		reap_ring(&q, i, -ECANCELED, 0);
	want_none(&f->p);
	want(port_stats(&f->p).aborted, 5);
	drop_ring(&q);
}

static void no_completion_room_keeps_the_datagram_waiting(void **state)
{
	struct rq_fix q;
	int n;

	setup_ring(&q, *state, 128);
	for (uint32_t i = 0; i < 70; i++)
		ring_write(&q.r, i, q.region, 8 * i, 8);
	ring_submit(&q.r);
	/* the queue of the fixture has 64 entries */
	for (n = 0; n < 70; n++)
		send_to(q.f->tx, q.f->rx, &n, sizeof(n));
	wait_arrived(&q.f->p, q.f->rx, 70);
	want(port_unread(&q.f->p), 64);
	want(sock_stats(&q.f->p, q.f->rx).queued, 6);
	for (n = 0; n < 64; n++)
		reap_ring(&q, (uint64_t)n, 0, sizeof(n));
	want(*q.r.flags, ODG_RQ_NEED_KICK);
	want(kick(&q.f->p, q.f->rx), 0);
	for (; n < 70; n++) {
		reap_ring(&q, (uint64_t)n, 0, sizeof(n));
		want(memcmp(q.mem + 8 * n, &n, sizeof(n)), 0);
	}
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

static void ring_arguments(void **state)
{
	struct fix *f = *state;
	const struct odg_rq_create good = {
		.size = sizeof(good), .fd = f->rx, .entries = 5,
	};
	struct odg_rq_create c;
	int tcp = (int)sys(socket(AF_INET, SOCK_STREAM, 0));
	int unbound = udp_unbound(AF_INET);

#define refused(field, value, ret) do {				\
	c = good;						\
	c.field = (value);					\
	want(odg(f->p.fd, ODG_RQ_CREATE, &c), ret);		\
} while (0)
	refused(entries, 0, -EINVAL);
	refused(entries, ODG_MAX_RQ_ENTRIES + 1, -EINVAL);
	refused(flags, ODG_RQ_ADDRESSES << 1, -EINVAL);
	refused(fd, -1, -EBADF);
	refused(fd, f->p.fd, -ENOTSOCK);
	refused(fd, tcp, -EOPNOTSUPP);
	refused(fd, unbound, -EINVAL);
	want(kick(&f->p, f->rx), -ENOENT);

	c = good;
	want(odg(f->p.fd, ODG_RQ_CREATE, &c), 0);
	want(c.entries, 8);
	want_true(mmap(NULL, c.mmap_size, PROT_READ, MAP_SHARED, f->p.fd,
		       (off_t)c.mmap_offset + (1LL << 32)) == MAP_FAILED);
	want(errno, EINVAL);
	c = good;
	want(odg(f->p.fd, ODG_RQ_CREATE, &c), -EEXIST);
	want(odg_unbind(&f->p, f->rx), -EBUSY);
	close(tcp);
	close(unbound);
}

/* Sockets come and go on one port; their queues do not pile up. */
static void ring_of_a_closed_socket_is_given_back(void **state)
{
	struct fix *f = *state;

	for (int i = 0; i < 50; i++) {
		struct ring r;
		int sock = udp(AF_INET);

		ring_open(&r, &f->p, sock, 64);
		munmap(r.map, r.map_size);
		close(sock);
	}
}

static void port_closed_first_frees_the_socket_of_it(void **state)
{
	struct fix *f = *state;
	struct rq_fix q;
	struct fix own = *f;

	port_open(&own.p, 16, 0);
	setup_ring(&q, &own, 8);
	ring_write(&q.r, 1, q.region, 0, 100);
	ring_submit(&q.r);
	drop_ring(&q);
	port_close(&own.p);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "next");
	reap_data(&f->p, &f->op[0], "next", 4);
}

#define RACE_COUNT	scaled("ODG_STRESS_COUNT", 20000)

static void *race_send(void *arg)
{
	struct rq_fix *q = arg;

	for (uint32_t i = 0; i < RACE_COUNT; i++)
		send_to(q->f->tx, q->f->rx, &i, sizeof(i));
	return NULL;
}

/* A sender against a ring that runs dry again and again: order, exactly once. */
static void g12_ring_keeps_order_under_race(void **state)
{
	struct rq_fix q;
	uint32_t posted = 0, seen = 0, value, last = 0, lost;
	struct progress progress = { 0 };
	pthread_t sender;
	struct odg_sock_stats s;

	setup_ring(&q, *state, 32);
	sys(pthread_create(&sender, NULL, race_send, &q));
	for (;;) {
		const struct odg_cqe *c;

		while (posted - seen < 32) {
			ring_write(&q.r, posted, q.region,
				   64 * (posted % 1024), 64);
			posted++;
		}
		if (ring_submit(&q.r))
			want(kick(&q.f->p, q.f->rx), 0);
		if (!port_unread(&q.f->p)) {
			s = sock_stats(&q.f->p, q.f->rx);
			if (s.arrived == RACE_COUNT && !s.queued &&
			    !port_unread(&q.f->p))
				break;
			row("%u seen, %llu arrived, %u queued", seen, s.arrived,
			    s.queued);
			want_progress(&progress, seen + s.arrived);
			odg_wait(&q.f->p, 1, now_ns(CLOCK_MONOTONIC) + 1000000);
			continue;
		}
		c = reap(&q.f->p);
		want(c->user_data, seen);
		want(c->status, 0);
		memcpy(&value, q.mem + 64 * (seen % 1024), sizeof(value));
		want_true(!seen || value > last);
		last = value;
		seen++;
	}
	row("%s", "");
	pthread_join(sender, NULL);
	s = sock_stats(&q.f->p, q.f->rx);
	lost = (uint32_t)s.dropped;
	want(seen + lost, RACE_COUNT);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

/* The only socket of a port completes without the port's lock, until somebody waits. */
static void inv2_port_gets_a_waiter_under_traffic(void **state)
{
	uint32_t posted = 0, seen = 0, n;
	struct progress progress = { 0 };
	struct odg_sock_stats s;
	pthread_t sender;
	struct rq_fix q;

	setup_ring(&q, *state, 32);
	sys(pthread_create(&sender, NULL, race_send, &q));
	do {
		for (; posted - seen < 32; posted++)
			ring_write(&q.r, posted, q.region,
				   64 * (posted % 1024), 64);
		if (ring_submit(&q.r))
			want(kick(&q.f->p, q.f->rx), 0);
		want_true(port_stats(&q.f->p).completed >= seen);
		if (seen >= RACE_COUNT / 2)
			odg_wait(&q.f->p, 1, 0);
		for (n = port_unread(&q.f->p); n--; seen++)
			want(reap(&q.f->p)->user_data, seen);
		s = sock_stats(&q.f->p, q.f->rx);
		row("%u seen, %llu arrived", seen, s.arrived);
		want_progress(&progress, seen + s.arrived);
	} while (s.arrived < RACE_COUNT || s.queued || port_unread(&q.f->p));
	row("%s", "");
	pthread_join(sender, NULL);
	want(seen + s.dropped, RACE_COUNT);
	want(port_stats(&q.f->p).completed, seen);
	want(port_stats(&q.f->p).outstanding, 0);
	want_stats_sum(&q.f->p, q.f->rx);
	drop_ring(&q);
}

/* From the ring's socket to a port where nobody listens. */
static void draw_an_error(struct rq_fix *q)
{
	int dead = udp(q->f->family);
	union sockaddr_any a;
	socklen_t len = addr_of(dead, &a);

	close(dead);
	want(sys(sendto(q->f->rx, "gone", 4, 0, &a.sa, len)), 4);
}

static void b_r16_icmp_error_ends_one_receive(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	ring_write(&q.r, 1, q.region, 0, 100);
	ring_write(&q.r, 2, q.region, 100, 100);
	want_true(!ring_submit(&q.r));
	draw_an_error(&q);
	want_true(reap_ring(&q, 1, -ECONNREFUSED, 0)->flags & ODG_CQE_ICMP);
	want_true(q.f->p.last.cqe.flags & ODG_CQE_ADDR);
	want_none(&q.f->p);
	send_str(q.f->tx, q.f->rx, "data");
	reap_ring(&q, 2, 0, 4);
	drop_ring(&q);
}

/* With nothing posted it waits, and asks for a kick as a datagram does. */
static void b_r16_icmp_error_is_remembered(void **state)
{
	struct rq_fix q;

	setup_ring(&q, *state, 8);
	for (int recverr = 0; recverr < 2; recverr++) {
		uint64_t n = sock_stats(&q.f->p, q.f->rx).icmp;

		row("IP_RECVERR %d", recverr);
		set_opt(q.f->rx, IPPROTO_IP, IP_RECVERR, recverr);
		draw_an_error(&q);
		eventually(sock_stats(&q.f->p, q.f->rx).icmp == n + 1);
		ring_write(&q.r, 1, q.region, 0, 100);
		ring_write(&q.r, 2, q.region, 100, 100);
		want_true(ring_submit(&q.r));
		want_none(&q.f->p);
		want(kick(&q.f->p, q.f->rx), 0);
		want_true(reap_ring(&q, 1, -ECONNREFUSED, 0)->flags & ODG_CQE_ICMP);
		want_none(&q.f->p);
		want(*q.r.flags & ODG_RQ_NEED_KICK, 0);
		send_str(q.f->tx, q.f->rx, "data");
		reap_ring(&q, 2, 0, 4);
	}
	drop_ring(&q);
}

/* a27: receives of a ring, too, and in one order with those posted by call. */
static void ring_device_goes_down(void *arg)
{
	struct fix *f = arg;
	struct rq_fix q;

	own_namespace();
	port_close(&f->p);
	close(f->rx);
	port_open(&f->p, 64, ODG_CQ_WIDE);
	f->rx = udp(AF_INET);
	sys(setsockopt(f->rx, SOL_SOCKET, SO_BINDTODEVICE, "v0", 2));
	setup_ring(&q, f, 8);
	ring_write(&q.r, 1, q.region, 0, 100);
	ring_submit(&q.r);
	post_pending(&f->p, f->rx, &f->op[0]);
	ring_write(&q.r, 2, q.region, 0, 100);
	ring_submit(&q.r);
	shell("ip link set v0 down");
	reap_ring(&q, 1, -ENETDOWN, 0);
	reap_status(&f->p, &f->op[0], -ENETDOWN);
	reap_ring(&q, 2, -ENETDOWN, 0);
	want_none(&f->p);
	drop_ring(&q);
}

static void a27_device_of_a_ring_goes_down(void **state)
{
	in_child(ring_device_goes_down, *state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(ring_receive_lands_where_it_was_posted),
		T6(ring_receive_lands_where_it_was_posted),
		T(ring_truncates_with_10040s_errno),
		T(a51_ring_scatters_without_holes),
		T(need_kick_only_while_datagrams_wait),
		T(datagrams_older_than_the_ring_ask_for_a_kick),
		T(inv1_waiting_datagram_is_not_overtaken_by_a_ring),
		T(a90_ring_and_calls_share_one_order),
		T(a_call_behind_unkicked_entries_serves_them_first),
		T(b_r23_close_aborts_what_the_ring_holds),
		T(no_completion_room_keeps_the_datagram_waiting),
		T(ring_arguments),
		T(ring_of_a_closed_socket_is_given_back),
		T(port_closed_first_frees_the_socket_of_it),
		T(g12_ring_keeps_order_under_race),
		T(inv2_port_gets_a_waiter_under_traffic),
		T(b_r16_icmp_error_ends_one_receive),
		T(b_r16_icmp_error_is_remembered),
		T(a27_device_of_a_ring_goes_down),
	};

	return cmocka_run_group_tests_name("rq", tests, NULL, NULL);
}
