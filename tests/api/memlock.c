// SPDX-License-Identifier: MIT
/* RLIMIT_MEMLOCK, as an unprivileged user: exact, and given back. */
#include "helpers_mem.h"

#include <sys/resource.h>
#include <sys/stat.h>

static void aim(struct op *op, uint8_t *at, size_t n)
{
	op_init(op);
	op->seg[0].addr = (uintptr_t)at;
	op->seg[0].len = (uint32_t)(n * PAGE);
}

/*
 * The first posts find out what the queue was charged, the rest is exact: as
 * many one-page receives as fit, then ENOMEM, and room again after one ends.
 */
static void limit_in_child(void *arg)
{
	size_t limit = 64, posted = 0;
	uint8_t *m = pages(80);
	struct fix *f = arg;
	struct op op[2];
	struct port p;
	uint64_t first = 0;
	int ret;

	p.fd = -1;
	become_nobody(limit * PAGE);
	port_open(&p, 128, 0);
	for (;;) {
		aim(&op[0], m + posted * PAGE, 1);
		ret = post(&p, f->rx, &op[0]);
		if (ret != 1)
			break;
		if (!posted)
			first = op[0].r.id;
		posted++;
		want_true(posted <= limit);
	}
	row("after %zu posts", posted);
	want(ret, -ENOMEM);
	want_true(posted >= limit - p.map_size / PAGE - 1);
	want(port_stats(&p).pinned_pages, posted);
	want(port_stats(&p).outstanding, posted);

	row("one ends: room for one");
	want(cancel_id(&p, first), 1);
	eventually(port_stats(&p).pinned_pages == posted - 1);
	aim(&op[1], m + 70 * PAGE, 2);
	want(post(&p, f->rx, &op[1]), -ENOMEM);
	want(port_stats(&p).pinned_pages, posted - 1);
	aim(&op[1], m + 70 * PAGE, 1);
	want(post(&p, f->rx, &op[1]), 1);
	aim(&op[0], m + 72 * PAGE, 1);
	want(post(&p, f->rx, &op[0]), -ENOMEM);
	port_close(&p);
}

static void over_the_limit_is_ENOMEM(void **state)
{
	long before = pinned_now();

	in_child(limit_in_child, *state);
	eventually(pinned_now() == before);
}

/* The account is empty again after each port: many rounds fit a tight limit. */
static void rounds_in_child(void *arg)
{
	uint8_t *m = pages(16);
	struct fix *f = arg;
	struct port p;
	struct op op;

	become_nobody(32 * PAGE);
	for (int i = 0; i < 50; i++) {
		row("round %d", i);
		port_open(&p, 16, 0);
		aim(&op, m, 16);
		want(post(&p, f->rx, &op), 1);
		if (i % 3 == 0) {
			send_str(f->tx, f->rx, "end it");
			settle();
		}
		if (i % 3 == 1)
			want(cancel_socket(&p, f->rx), 1);
		port_close(&p);
	}
}

static void everything_is_given_back(void **state)
{
	struct fix *f = *state;
	long before = pinned_now();

	in_child(rounds_in_child, f);
	eventually(pinned_now() == before);
}

static void queued_in_child(void *arg)
{
	uint8_t *m = pages(64);
	struct fix *f = arg;
	struct port p;
	struct op op;

	become_nobody(16 * PAGE);
	port_open(&p, 4, 0);
	aim(&op, m, 64);
	want(post(&p, f->rx, &op), -ENOMEM);
	row("queued: no pin, no charge");
	send_queued(f->tx, f->rx, "free", 4);
	want(post(&p, f->rx, &op), 1);
	want(op.r.state, ODG_RECV_QUEUED);
	want(memcmp(m, "free", 4), 0);
	want(port_stats(&p).pinned_pages, 0);
	port_close(&p);
}

/* Decision 9: what is queued is copied, not pinned. */
static void datagram_in_the_queue_needs_no_pin(void **state)
{
	in_child(queued_in_child, *state);
}

static void queue_in_child(void *arg)
{
	struct odg_cq_create c = { .size = sizeof(c), .entries = 1 << 16 };
	int fd;

	(void)arg;
	become_nobody(16 * PAGE);
	fd = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	want(odg(fd, ODG_CQ_CREATE, &c), -ENOMEM);
	c.entries = 16;
	want(odg(fd, ODG_CQ_CREATE, &c), 0);
	close(fd);
}

static void completion_queue_is_charged_too(void **state)
{
	in_child(queue_in_child, *state);
}

static void root_in_child(void *arg)
{
	struct rlimit rl = { .rlim_cur = PAGE, .rlim_max = PAGE };
	uint8_t *m = pages(64);
	struct fix *f = arg;
	struct port p;
	struct op op;

	sys(setrlimit(RLIMIT_MEMLOCK, &rl));
	port_open(&p, 16, 0);
	aim(&op, m, 64);
	want(post(&p, f->rx, &op), 1);
	want(port_stats(&p).pinned_pages, 64);
	port_close(&p);
}

static void CAP_IPC_LOCK_lifts_the_limit(void **state)
{
	in_child(root_in_child, *state);
}

/* The device is not for everybody; here a user without rights needs it. */
static int open_up(void **state)
{
	(void)state;
	return chmod("/dev/odgram", 0666);
}

static int close_again(void **state)
{
	(void)state;
	return chmod("/dev/odgram", 0600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(over_the_limit_is_ENOMEM),
		T(everything_is_given_back),
		T(datagram_in_the_queue_needs_no_pin),
		T(completion_queue_is_charged_too),
		T(CAP_IPC_LOCK_lifts_the_limit),
	};
	return cmocka_run_group_tests_name("memlock", tests, open_up, close_again);
}
