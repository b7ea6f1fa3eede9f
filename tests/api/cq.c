// SPDX-License-Identifier: MIT
/* The completion queue: creating, mapping, room, and programs that scribble. */
#include "helpers_ring.h"

static int open_device(void)
{
	return (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
}

static void entries_round_up_to_a_power_of_two(void **state)
{
	static const struct { uint32_t ask, ret_entries; int ret; } rows[] = {
		{ 0, 0, -EINVAL },
		{ 1, 1, 0 },
		{ 2, 2, 0 },
		{ 3, 4, 0 },
		{ 64, 64, 0 },
		{ 65, 128, 0 },
		{ 1000, 1024, 0 },
		{ ODG_MAX_CQ_ENTRIES, ODG_MAX_CQ_ENTRIES, 0 },
		{ ODG_MAX_CQ_ENTRIES + 1, 0, -EINVAL },
		{ 0x80000000, 0, -EINVAL },
		{ 0xffffffff, 0, -EINVAL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (uint32_t wide = 0; wide <= ODG_CQ_WIDE; wide++) {
			struct odg_cq_create c = {
				.size = sizeof(c), .entries = rows[i].ask,
				.flags = wide, .cqe_size = POISON32,
				.mmap_size = POISON64,
			};
			int fd = open_device();

			row("%u entries, flags %u", rows[i].ask, wide);
			want(odg(fd, ODG_CQ_CREATE, &c), rows[i].ret);
			if (!rows[i].ret) {
				uint32_t want_size = wide ?
					sizeof(struct odg_cqe_wide) :
					sizeof(struct odg_cqe);

				want(c.entries, rows[i].ret_entries);
				want(c.cqe_size, want_size);
				want_true(c.mmap_size >=
					  (uint64_t)c.entries * want_size);
				want(c.mmap_size % PAGE, 0);
			}
			close(fd);
		}
	}
}

static void second_queue_is_EEXIST_and_harms_nothing(void **state)
{
	struct odg_cq_create c = { .size = sizeof(c), .entries = 128 };
	struct fix *f = *state;

	want(odg(f->p.fd, ODG_CQ_CREATE, &c), -EEXIST);
	want(port_stats(&f->p).entries, 64);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "still");
	reap_data(&f->p, &f->op[0], "still", 5);
}

static void without_a_queue_calls_are_ENXIO(void **state)
{
	struct fix *f = *state;
	struct pollfd pfd = { .events = POLLIN };
	struct port p = { .fd = open_device() };

	row("POST");
	want(post(&p, f->rx, &f->op[0]), -ENXIO);
	row("CANCEL");
	want(cancel_socket(&p, f->rx), -ENXIO);
	row("WAIT");
	want(odg_wait(&p, 0, 0), -ENXIO);
	row("REGION_ADD");
	region_add(&p, f->op[0].data, 1, -ENXIO);
	row("mmap");
	want_true(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, p.fd,
		       ODG_MMAP_CQ) == MAP_FAILED);
	want(-errno, -ENXIO);
	row("poll reports nothing to read");
	pfd.fd = p.fd;
	poll(&pfd, 1, 0);
	want(pfd.revents & POLLIN, 0);
	row("the refused post is not on the socket");
	send_queued(f->tx, f->rx, "x", 1);
	native_recv(f->rx, "x", 1);
	close(p.fd);
}

static void mmap_rules(void **state)
{
	struct fix *f = *state;
	const struct {
		const char *name;
		size_t size;
		int prot, flags;
		off_t off;
		int error;
	} rows[] = {
		{ "right", f->p.map_size, PROT_READ | PROT_WRITE, MAP_SHARED, 0, 0 },
		{ "read only", f->p.map_size, PROT_READ, MAP_SHARED, 0, 0 },
		{ "too long", f->p.map_size + PAGE, PROT_READ | PROT_WRITE,
		  MAP_SHARED, 0, EINVAL },
		{ "wrong offset", f->p.map_size, PROT_READ | PROT_WRITE,
		  MAP_SHARED, 1 << 20, EINVAL },
		{ "offset within the queue", PAGE, PROT_READ | PROT_WRITE,
		  MAP_SHARED, PAGE, EINVAL },
		{ "huge offset", f->p.map_size, PROT_READ | PROT_WRITE,
		  MAP_SHARED, 0x7fffffff00000000, EINVAL },
		/* A private index would never reach the kernel. */
		{ "private", f->p.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE,
		  0, EINVAL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *m;

		row("%s", rows[i].name);
		m = mmap(NULL, rows[i].size, rows[i].prot, rows[i].flags,
			 f->p.fd, rows[i].off);
		if (rows[i].error) {
			want_true(m == MAP_FAILED);
			want(errno, rows[i].error);
		} else {
			want_true(m != MAP_FAILED);
			munmap(m, rows[i].size);
		}
	}
}

static void two_mappings_show_the_same_queue(void **state)
{
	struct fix *f = *state;
	size_t off = (size_t)((uint8_t *)f->p.prod - f->p.map);
	uint8_t *m = mmap(NULL, f->p.map_size, PROT_READ, MAP_SHARED, f->p.fd, 0);

	want_true(m != MAP_FAILED);
	want(*(uint32_t *)(m + off), 0);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "both");
	reap_data(&f->p, &f->op[0], "both", 4);
	want(*(uint32_t *)(m + off), 1);
	munmap(m, f->p.map_size);
}

static void munmap_and_mapping_again_loses_nothing(void **state)
{
	struct fix *f = *state;
	size_t cons = (size_t)((uint8_t *)f->p.cons - f->p.map);
	size_t prod = (size_t)((uint8_t *)f->p.prod - f->p.map);
	size_t cqes = (size_t)(f->p.cqes - f->p.map);

	post_pending(&f->p, f->rx, &f->op[0]);
	sys(munmap(f->p.map, f->p.map_size));
	send_str(f->tx, f->rx, "meanwhile");
	want(odg_wait(&f->p, 1, now_ns(CLOCK_MONOTONIC) + limit_ns()), 1);
	f->p.map = mmap(NULL, f->p.map_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			f->p.fd, 0);
	want_true(f->p.map != MAP_FAILED);
	f->p.cons = (uint32_t *)(f->p.map + cons);
	f->p.prod = (uint32_t *)(f->p.map + prod);
	f->p.cqes = f->p.map + cqes;
	reap_data(&f->p, &f->op[0], "meanwhile", 9);
}

/* a30: too many outstanding requests are refused, earlier ones stay intact. */
static void a30_post_beyond_capacity_is_EAGAIN(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 4, 0);
	want(post_n(&p, f->rx, f->op, 6), 4);
	row("the refused ones have no id");
	want(f->op[4].r.state, POISON32);
	want(f->op[4].r.id, POISON64);
	row("full of outstanding ops");
	want(post(&p, f->rx, &f->op[4]), -EAGAIN);
	for (int i = 0; i < 4; i++)
		send_to(f->tx, f->rx, &i, sizeof(i));
	want(odg_wait(&p, 4, now_ns(CLOCK_MONOTONIC) + limit_ns()), 4);
	row("full of unread completions");
	want(post(&p, f->rx, &f->op[4]), -EAGAIN);
	row("after one was released");
	for (int i = 0; i < 1; i++)
		reap_data(&p, &f->op[i], &i, sizeof(i));
	want(post(&p, f->rx, &f->op[4]), 1);
	want(post(&p, f->rx, &f->op[5]), -EAGAIN);
	row("the rest is intact");
	for (int i = 1; i < 4; i++)
		reap_data(&p, &f->op[i], &i, sizeof(i));
	send_str(f->tx, f->rx, "last");
	reap_data(&p, &f->op[4], "last", 4);
	want_none(&p);
	port_close(&p);
}

static void refused_post_leaves_the_queued_datagram(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 1, 0);
	send_queued(f->tx, f->rx, "one", 3);
	want(post(&p, f->rx, &f->op[0]), 1);
	want(f->op[0].r.state, ODG_RECV_QUEUED);
	send_queued(f->tx, f->rx, "two", 3);
	want(post(&p, f->rx, &f->op[1]), -EAGAIN);
	native_recv(f->rx, "two", 3);
	reap_data(&p, &f->op[0], "one", 3);
	port_close(&p);
}

static void cancelled_ops_give_their_room_to_completions(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 4, 0);
	want(post_n(&p, f->rx, f->op, 4), 4);
	want(cancel_socket(&p, f->rx), 4);
	want(post(&p, f->rx, &f->op[4]), -EAGAIN);
	for (int i = 0; i < 4; i++)
		reap_status(&p, &f->op[i], -ECANCELED);
	want(post_n(&p, f->rx, &f->op[4], 4), 4);
	port_close(&p);
}

static void indices_wrap_around_the_queue(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 4, ODG_CQ_WIDE);
	for (int i = 0; i < 50; i++) {
		row("round %d", i);
		op_init(&f->op[0]);
		op_init(&f->op[1]);
		want(post_n(&p, f->rx, f->op, 2), 2);
		send_to(f->tx, f->rx, &i, sizeof(i));
		send_to(f->tx, f->rx, "second", 6);
		reap_data(&p, &f->op[0], &i, sizeof(i));
		reap_data(&p, &f->op[1], "second", 6);
	}
	port_close(&p);
}

/* Two ports, one of which scribbles; the other must not notice. */
static void scribbled_cons_harms_only_its_own_port(void **state)
{
	/* The truth lies between 0, the last one seen, and prod, 2. */
	static const uint32_t lies[] = {
		3, 7, 1002, 0x7fffffff, 0x80000002, 0xfffffff0, 0xffffffff,
	};
	struct fix *f = *state;
	uint64_t bad = 0;
	struct port p;

	port_open(&p, 2, 0);
	want(post_n(&p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "a");
	send_str(f->tx, f->rx, "b");
	want(odg_wait(&p, 2, now_ns(CLOCK_MONOTONIC) + limit_ns()), 2);

	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		struct op *op = &f->op[4];

		row("cons %#x", lies[i]);
		__atomic_store_n(p.cons, lies[i], __ATOMIC_RELEASE);
		want(post(&p, f->rx, &f->op[2]), -EAGAIN);
		want_true(port_stats(&p).bad_cons > bad);
		bad = port_stats(&p).bad_cons;
		op_init(op);
		post_pending(&f->p, f->rx, op);
		send_str(f->tx, f->rx, "neighbour");
		reap_data(&f->p, op, "neighbour", 9);
	}
	want(port_stats(&f->p).bad_cons, 0);

	row("back to the truth");
	__atomic_store_n(p.cons, 0, __ATOMIC_RELEASE);
	reap_data(&p, &f->op[0], "a", 1);
	reap_data(&p, &f->op[1], "b", 1);
	want(post(&p, f->rx, &f->op[2]), 1);
	send_str(f->tx, f->rx, "c");
	reap_data(&p, &f->op[2], "c", 1);
	port_close(&p);
}

static void cons_may_not_go_back(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 2, 0);
	want(post_n(&p, f->rx, f->op, 2), 2);
	send_str(f->tx, f->rx, "a");
	send_str(f->tx, f->rx, "b");
	reap_data(&p, &f->op[0], "a", 1);
	reap_data(&p, &f->op[1], "b", 1);
	want(port_stats(&p).unread, 0);
	want(port_stats(&p).bad_cons, 0);
	__atomic_store_n(p.cons, 0, __ATOMIC_RELEASE);
	want(port_stats(&p).unread, 0);
	want_true(port_stats(&p).bad_cons > 0);
	__atomic_store_n(p.cons, 2, __ATOMIC_RELEASE);
	want(post_n(&p, f->rx, &f->op[2], 2), 2);
	port_close(&p);
}

/* Invariant 5: the kernel has its own prod and publishes that. */
static void inv5_scribbled_prod_and_entries_are_ignored(void **state)
{
	struct fix *f = *state;

	want(post_n(&f->p, f->rx, f->op, 3), 3);
	memset(f->p.cqes, 0xff, (size_t)f->p.entries * f->p.cqe_size);
	__atomic_store_n(f->p.prod, POISON32, __ATOMIC_RELEASE);
	send_str(f->tx, f->rx, "mine");
	eventually(__atomic_load_n(f->p.prod, __ATOMIC_ACQUIRE) == 1);
	reap_data(&f->p, &f->op[0], "mine", 4);
	__atomic_store_n(f->p.prod, 0, __ATOMIC_RELEASE);
	send_str(f->tx, f->rx, "still");
	eventually(__atomic_load_n(f->p.prod, __ATOMIC_ACQUIRE) == 2);
	reap_data(&f->p, &f->op[1], "still", 5);
	row("room is what it is, not what prod says");
	__atomic_store_n(f->p.prod, 0xffffffff, __ATOMIC_RELEASE);
	want(post(&f->p, f->rx, &f->op[3]), 1);
	want(port_stats(&f->p).outstanding, 2);
	want(port_stats(&f->p).unread, 0);
	*f->p.prod = 2;
}

static void the_whole_page_scribbled_is_survived(void **state)
{
	struct fix *f = *state;
	struct op *op = &f->op[8];
	struct port p;

	port_open(&p, 64, 0);
	want(post_n(&p, f->rx, f->op, 8), 8);
	for (int round = 0; round < 20; round++) {
		memset(p.map, round * 37 + 1, p.map_size);
		send_str(f->tx, f->rx, "x");
		post(&p, f->rx, &f->op[9]);
		odg_wait(&p, 1, 0);
		port_stats(&p);
	}
	cancel_socket(&p, f->rx);
	port_close(&p);
	/* The socket and other ports are as good as new. */
	while (recv(f->rx, op->data, sizeof(op->data), MSG_DONTWAIT) > 0)
		;
	op_init(op);
	post_pending(&f->p, f->rx, op);
	send_str(f->tx, f->rx, "ok");
	reap_data(&f->p, op, "ok", 2);
}

static void port_stats_count(void **state)
{
	struct fix *f = *state;
	struct odg_port_stats s;

	want(post_n(&f->p, f->rx, f->op, 5), 5);
	send_str(f->tx, f->rx, "1");
	send_str(f->tx, f->rx, "2");
	want(odg_wait(&f->p, 2, now_ns(CLOCK_MONOTONIC) + limit_ns()), 2);
	want(cancel_id(&f->p, f->op[2].r.id), 1);
	s = port_stats(&f->p);
	want(s.entries, 64);
	want(s.outstanding, 2);
	want(s.unread, 3);
	want(s.posted, 5);
	want(s.completed, 3);
	want(s.cancelled, 1);
	want(s.aborted, 0);
	want(s.bad_cons, 0);
	want_true(s.pinned_pages >= 2);
	close(f->rx);
	f->rx = -1;
	s = port_stats(&f->p);
	want(s.outstanding, 0);
	want(s.unread, 5);
	want(s.completed, 5);
	want(s.aborted, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(entries_round_up_to_a_power_of_two),
		T(second_queue_is_EEXIST_and_harms_nothing),
		T(without_a_queue_calls_are_ENXIO),
		T(mmap_rules),
		T(two_mappings_show_the_same_queue),
		T(munmap_and_mapping_again_loses_nothing),
		T(a30_post_beyond_capacity_is_EAGAIN),
		T(refused_post_leaves_the_queued_datagram),
		T(cancelled_ops_give_their_room_to_completions),
		T(indices_wrap_around_the_queue),
		T(scribbled_cons_harms_only_its_own_port),
		T(cons_may_not_go_back),
		T(inv5_scribbled_prod_and_entries_are_ignored),
		T(the_whole_page_scribbled_is_survived),
		T(port_stats_count),
	};
	return cmocka_run_group_tests_name("cq", tests, NULL, NULL);
}
