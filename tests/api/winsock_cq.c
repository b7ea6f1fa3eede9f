// SPDX-License-Identifier: MIT
/*
 * odg_cq_resize(), with what its consumer sees; what RIOResizeCompletionQueue() makes
 * of it is in tests/winsock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "helpers_winsock.h"

#include <odgram_ring.h>

#define MANY	(20000 / slow())	/* datagrams under traffic */

static struct odg_port *port;
static char mem[PAGE];

static int setup(void **state)
{
	return odg_port_open(&port, 4, ODG_CQ_WIDE) || open_both(state);
}

static int teardown(void **state)
{
	odg_port_close(port);
	return close_both(state);
}

static void receive_buf(uint64_t user_data)
{
	assert_int_equal(odg_post_buf(port, (int)r, mem, sizeof(mem), user_data), 0);
}

static uint64_t forever(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + LONG_MS * 1000000ULL;
}

/* The next completion is this one. */
static void took(uint64_t user_data, uint32_t seq)
{
	const struct odg_cq *cq = odg_port_cq(port);
	const struct odg_cqe *cqe;
	uint32_t idx;

	assert_true(odg_wait(port, 1, forever()) > 0);
	assert_true(odg_cq_peek(cq, &idx));
	cqe = odg_cq_read(cq, idx);
	assert_int_equal(cqe->status, 0);
	assert_int_equal(cqe->seq, seq);
	assert_int_equal(cqe->user_data, user_data);
	assert_true(odg_cq_read_wide(cq, idx)->done_ns);
	odg_cq_release(cq, 1);
}

static void larger_and_smaller(void **state)
{
	const struct odg_cq *cq = odg_port_cq(port);
	uint32_t idx, i, seq = 0;

	(void)state;
	for (i = 0; i < 4; i++)
		receive_buf(i);
	for (i = 0; i < 3; i++)
		snd("x", 1);
	assert_int_equal(odg_wait(port, 3, forever()), 3);
	errno = 77;
	assert_int_equal(odg_cq_resize(port, 100), 0);
	assert_int_equal(errno, 77);
	assert_int_equal(odg_cq_peek(cq, &idx), 3);
	for (i = 4; i < 128; i++)
		receive_buf(i);
	assert_int_equal(odg_post_buf(port, (int)r, mem, 1, 0), -EAGAIN);
	for (i = 0; i < 100; i++) {
		took(i, seq++);
		snd("x", 1);
	}

	/* 28 are left: 3 unread, 25 posted */
	errno = 77;
	assert_int_equal(odg_cq_resize(port, 16), -EINVAL);
	assert_int_equal(odg_cq_resize(port, 0), -EINVAL);
	assert_int_equal(odg_cq_resize(port, ODG_MAX_CQ_ENTRIES + 1), -EINVAL);
	assert_int_equal(errno, 77);
	assert_int_equal(odg_cq_resize(port, 17), 0);
	for (i = 100; i < 128; i++) {
		took(i, seq++);
		snd("x", 1);
	}
}

static void armed_stays_armed(void **state)
{
	struct pollfd efd = { .fd = eventfd(0, EFD_NONBLOCK), .events = POLLIN };
	const struct odg_cq *cq = odg_port_cq(port);
	uint64_t count;

	(void)state;
	assert_int_equal(odg_port_notify(port, efd.fd), 0);
	receive_buf(1);
	assert_int_equal(odg_cq_arm(cq), 0);
	assert_int_equal(odg_cq_resize(port, 8), 0);
	assert_int_equal(poll(&efd, 1, 0), 0);
	snd("x", 1);
	assert_int_equal(poll(&efd, 1, LONG_MS), 1);
	assert_int_equal(read(efd.fd, &count, 8), 8);
	assert_int_equal(odg_cq_disarm(cq), 0);

	/* and what is unread is seen, and disarmed stays disarmed */
	assert_int_equal(odg_cq_resize(port, 2), 0);
	assert_int_equal(odg_cq_arm(cq), 1);
	assert_int_equal(odg_cq_resize(port, 8), 0);
	took(1, 0);
	receive_buf(2);
	snd("x", 1);
	took(2, 1);
	assert_int_equal(poll(&efd, 1, 0), 0);
	close(efd.fd);
}

static bool sent;

static void *send_all(void *arg)
{
	for (uint32_t i = 0; i < MANY; i++)
		snd(&i, sizeof(i));
	__atomic_store_n(&sent, true, __ATOMIC_RELEASE);
	return arg;
}

/* Receives in a ring, and all datagrams that were not dropped by the socket in order. */
static void traffic_goes_on(void **state)
{
	struct odg_sock_stats s = { .arrived = 0 };
	uint32_t idx, n, i, done = 0, switched = 0;
	const struct odg_cq *cq = odg_port_cq(port);
	pthread_t sender;
	struct odg_rq rq;
	int region;
	bool over;

	(void)state;
	sent = false;
	region = odg_region_register(port, mem, sizeof(mem), NULL);
	assert_true(region >= 0);
	assert_int_equal(odg_rq_open(&rq, port, (int)r, 64), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_all, NULL), 0);
	do {
		while (odg_rq_room(&rq))
			odg_rq_write(&rq, region, 4 * (odg_rq_next(&rq) % 64), 4,
				     odg_rq_next(&rq), 0);
		assert_int_equal(odg_rq_submit(&rq), 0);
		if (done / 64 != switched) {
			switched = done / 64;
			assert_int_equal(odg_cq_resize(port, 64U << switched % 5), 0);
		}
		over = __atomic_load_n(&sent, __ATOMIC_ACQUIRE);
		n = odg_cq_peek(cq, &idx);
		for (i = 0; i < n; i++) {
			assert_int_equal(odg_cq_read(cq, idx + i)->user_data, done);
			assert_int_equal(odg_cq_read(cq, idx + i)->seq, done++);
		}
		odg_cq_release(cq, n);
		assert_int_equal(odg_sock_read_stats(port, (int)r, &s), 0);
	} while (!over || s.queued || odg_cq_peek(cq, &idx));
	pthread_join(sender, NULL);
	assert_int_equal(done, s.direct + s.from_queue);
	assert_int_equal(done + s.dropped, s.arrived);
	assert_true(switched > 3);
	odg_rq_close(&rq);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(larger_and_smaller),
		TEST(armed_stays_armed),
		TEST(traffic_goes_on),
	};
	return cmocka_run_group_tests_name("winsock_cq", tests, NULL, NULL);
}
