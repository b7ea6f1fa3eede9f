// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of an op on a real UDP socket, and the races for its end.
 *
 * The ops have no memory (a datagram completes them as truncated), so the suite
 * needs no user space; what arrives in the buffers is tests/api's.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/in.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/net.h>
#include <linux/odgram.h>
#include <linux/rcupdate.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "binding.h"
#include "cancel.h"
#include "cq.h"
#include "op.h"
#include "optable.h"
#include "port.h"

#define ENTRIES 64

struct op_test {
	struct odg_port *port;
	struct socket *sock;
	struct sockaddr_in addr;
	struct odg_binding *binding;
};

static void op_test_exit(struct kunit *test)
{
	struct op_test *t = test->priv;

	if (!t)
		return;
	if (t->binding)
		odg_binding_put(t->binding);
	if (t->sock)
		sock_release(t->sock);
	if (t->port)
		odg_port_release(t->port);
}

static int op_test_init(struct kunit *test)
{
	struct odg_cq_create arg = { .entries = ENTRIES };
	struct op_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;

	t->port = odg_port_create();
	KUNIT_ASSERT_NOT_NULL(test, t->port);
	KUNIT_ASSERT_EQ(test, odg_cq_create(t->port, &arg), 0);

	KUNIT_ASSERT_EQ(test, sock_create_kern(&init_net, AF_INET, SOCK_DGRAM,
					       IPPROTO_UDP, &t->sock), 0);
	t->addr.sin_family = AF_INET;
	t->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	KUNIT_ASSERT_EQ(test, kernel_bind(t->sock, (void *)&t->addr,
					  sizeof(t->addr)), 0);
	KUNIT_ASSERT_GT(test, kernel_getsockname(t->sock,
						 (struct sockaddr *)&t->addr),
			0);

	t->binding = odg_binding_attach(t->sock->sk);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, t->binding);
	return 0;
}

/* Post an op; its id, or 0 when the queue has no room. */
static u64 op_post(struct op_test *t, u64 user_data)
{
	struct odg_op *op = odg_port_get_op(t->port);
	u64 id;
	int ret;

	if (IS_ERR(op))
		return 0;
	id = odg_port_op_id(op);
	op->user_data = user_data;

	mutex_lock(&t->binding->post_lock);
	ret = odg_binding_append(t->binding, op);
	mutex_unlock(&t->binding->post_lock);
	if (ret) {
		odg_port_put_op(t->port, op);
		return 0;
	}
	return id;
}

static int op_cancel(struct op_test *t, u64 id)
{
	const struct odg_cancel arg = {
		.mode = ODG_CANCEL_ID,
		.fd = -1,
		.id = id,
	};

	return odg_cancel(t->port, &arg);
}

static int op_send(struct op_test *t)
{
	struct msghdr msg = {
		.msg_name = &t->addr,
		.msg_namelen = sizeof(t->addr),
	};
	struct kvec vec = { .iov_base = "x", .iov_len = 1 };

	return kernel_sendmsg(t->sock, &msg, &vec, 1, 1);
}

/* Send what completes an op, and wait for it: another CPU may be who delivers. */
static void op_deliver(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 prod = READ_ONCE(t->port->ring.prod);
	unsigned long until = jiffies + 60 * HZ;

	KUNIT_ASSERT_EQ(test, op_send(t), 1);
	while (READ_ONCE(t->port->ring.prod) == prod && time_before(jiffies, until))
		cond_resched();
	KUNIT_ASSERT_EQ(test, READ_ONCE(t->port->ring.prod), prod + 1);
}

/* recv(2) of a datagram that found no op. */
static void op_read_queue(struct op_test *t)
{
	struct msghdr msg = {};
	struct kvec vec = {};

	kernel_recvmsg(t->sock, &msg, &vec, 1, 0, MSG_DONTWAIT);
}

static const struct odg_cqe *op_cqe(struct op_test *t, u32 index)
{
	return (void *)t->port->ring.shared->entries +
	       (index % ENTRIES) * sizeof(struct odg_cqe);
}

/* The program's side: everything seen so far is released. */
static void op_release_all(struct op_test *t)
{
	u32 *cons = &t->port->ring.shared->cons;

	/* (C) of the uapi header, pairs with the ring's acquire */
	smp_store_release(cons, READ_ONCE(t->port->ring.prod));
}

static void op_completes_in_posting_order(struct kunit *test)
{
	struct op_test *t = test->priv;
	int i;

	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_NE(test, op_post(t, i), 0ULL);
	for (i = 0; i < 8; i++)
		op_deliver(test);

	KUNIT_ASSERT_EQ(test, odg_port_unread(t->port), 8);
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ(test, op_cqe(t, i)->user_data, (u64)i);
		KUNIT_EXPECT_EQ(test, op_cqe(t, i)->seq, i);
		KUNIT_EXPECT_EQ(test, op_cqe(t, i)->status, -EMSGSIZE);
		KUNIT_EXPECT_EQ(test, op_cqe(t, i)->full_len, 1);
	}
}

static void op_cancelled_completes_once(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 id = op_post(t, 7);

	KUNIT_ASSERT_NE(test, id, 0ULL);
	KUNIT_EXPECT_EQ(test, op_cancel(t, id), 1);
	KUNIT_EXPECT_EQ(test, op_cancel(t, id), -ENOENT);
	KUNIT_ASSERT_EQ(test, odg_port_unread(t->port), 1);
	KUNIT_EXPECT_EQ(test, op_cqe(t, 0)->user_data, 7ULL);
	KUNIT_EXPECT_EQ(test, op_cqe(t, 0)->status, -ECANCELED);
}

static void op_completed_cannot_be_cancelled(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 id = op_post(t, 7);

	op_deliver(test);
	KUNIT_EXPECT_EQ(test, op_cancel(t, id), -ENOENT);
	KUNIT_EXPECT_EQ(test, odg_port_unread(t->port), 1);
}

static void op_id_of_a_reused_slot_is_stale(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 first = op_post(t, 1);
	u64 second;

	KUNIT_ASSERT_EQ(test, op_cancel(t, first), 1);
	odg_op_reap(t->port);
	second = op_post(t, 2);
	KUNIT_ASSERT_EQ(test, lower_32_bits(first), lower_32_bits(second));
	KUNIT_EXPECT_NE(test, first, second);
	KUNIT_EXPECT_EQ(test, op_cancel(t, first), -ENOENT);
	KUNIT_EXPECT_EQ(test, op_cancel(t, second), 1);
}

static void op_cancel_leaves_the_datagram_to_the_next(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 first = op_post(t, 1);

	op_post(t, 2);
	KUNIT_ASSERT_EQ(test, op_cancel(t, first), 1);
	op_deliver(test);
	KUNIT_ASSERT_EQ(test, odg_port_unread(t->port), 2);
	KUNIT_EXPECT_EQ(test, op_cqe(t, 1)->user_data, 2ULL);
	KUNIT_EXPECT_EQ(test, op_cqe(t, 1)->full_len, 1);
}

static void op_close_aborts_all(struct kunit *test)
{
	struct op_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++)
		KUNIT_ASSERT_NE(test, op_post(t, i), 0ULL);
	sock_release(t->sock);
	t->sock = NULL;

	KUNIT_ASSERT_EQ(test, odg_port_unread(t->port), ENTRIES);
	for (i = 0; i < ENTRIES; i++) {
		KUNIT_EXPECT_EQ(test, op_cqe(t, i)->user_data, (u64)i);
		KUNIT_EXPECT_EQ(test, op_cqe(t, i)->status, -ECANCELED);
	}
	KUNIT_EXPECT_EQ(test, t->port->aborted, (u64)ENTRIES);
}

static void op_nothing_is_posted_after_close(struct kunit *test)
{
	struct op_test *t = test->priv;

	sock_release(t->sock);
	t->sock = NULL;
	KUNIT_EXPECT_EQ(test, op_post(t, 1), 0ULL);
	KUNIT_EXPECT_EQ(test, odg_port_unread(t->port), 0);
}

static void op_no_room_until_read(struct kunit *test)
{
	struct op_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++)
		KUNIT_ASSERT_NE(test, op_post(t, i), 0ULL);
	KUNIT_EXPECT_EQ(test, op_post(t, i), 0ULL);
	for (i = 0; i < ENTRIES; i++)
		op_deliver(test);
	KUNIT_EXPECT_EQ(test, op_post(t, i), 0ULL);
	op_release_all(t);
	KUNIT_EXPECT_NE(test, op_post(t, i), 0ULL);
}

static void op_table_is_made_as_it_is_needed(struct kunit *test)
{
	struct op_test *t = test->priv;
	u32 chunks = DIV_ROUND_UP(ENTRIES, ODG_OPS_AT_ONCE);
	int round, i;

	KUNIT_EXPECT_EQ(test, t->port->op_chunks, 0);
	KUNIT_ASSERT_NE(test, op_post(t, 0), 0ULL);
	KUNIT_EXPECT_EQ(test, t->port->op_chunks, 1);
	for (i = 1; i < ENTRIES; i++)
		KUNIT_ASSERT_NE(test, op_post(t, i), 0ULL);
	KUNIT_EXPECT_EQ(test, t->port->op_chunks, chunks);

	/* and no more, however often they are used */
	for (round = 0; round < 20; round++) {
		for (i = 0; i < ENTRIES; i++)
			op_deliver(test);
		/* the CPU that delivers puts an op back after its completion */
		synchronize_rcu();
		op_release_all(t);
		for (i = 0; i < ENTRIES; i++)
			KUNIT_ASSERT_NE(test, op_post(t, i), 0ULL);
	}
	KUNIT_EXPECT_EQ(test, t->port->op_chunks, chunks);
}

static void op_is_found_by_its_number_alone(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 ids[ENTRIES];
	int i;

	KUNIT_EXPECT_NULL(test, odg_port_find_op(t->port, 0));
	for (i = 0; i < ENTRIES; i++) {
		ids[i] = op_post(t, i);
		KUNIT_ASSERT_NE(test, ids[i], 0ULL);
	}
	for (i = 0; i < ENTRIES; i++) {
		struct odg_op *op = odg_port_find_op(t->port, ids[i]);

		KUNIT_ASSERT_NOT_NULL(test, op);
		KUNIT_EXPECT_EQ(test, op->user_data, (u64)i);
	}
	KUNIT_EXPECT_NULL(test, odg_port_find_op(t->port, t->port->op_chunks *
							  ODG_OPS_AT_ONCE));
	KUNIT_EXPECT_NULL(test, odg_port_find_op(t->port, U64_MAX));
	/* from the last to the first: each is cancelled, and no other */
	for (i = ENTRIES; i-- > 0;) {
		KUNIT_EXPECT_EQ(test, op_cancel(t, ids[i]), 1);
		KUNIT_EXPECT_EQ(test, op_cqe(t, ENTRIES - 1 - i)->user_data,
				(u64)i);
	}
}

/* One other thread that does something over and over until told to stop. */
struct op_racer {
	struct op_test *t;
	void (*step)(struct op_racer *racer);
	u64 *ids;
	u32 wins;
};

static int op_racer_main(void *data)
{
	struct op_racer *racer = data;

	while (!kthread_should_stop()) {
		racer->step(racer);
		cond_resched();
	}
	return 0;
}

static void op_race_cancel(struct op_racer *racer)
{
	int i;

	for (i = 0; i < ENTRIES; i++) {
		u64 id = READ_ONCE(racer->ids[i]);

		if (id && op_cancel(racer->t, id) == 1)
			racer->wins++;
	}
}

static void op_race_send(struct op_racer *racer)
{
	if (op_send(racer->t) == 1)
		racer->wins++;
}

/*
 * Senders and a canceller race for the ops a third thread posts: each op has one
 * completion, and the cancels that say they won are those that show.
 */
static void op_race_cancel_against_delivery(struct kunit *test)
{
	struct op_test *t = test->priv;
	u64 *ids = kunit_kcalloc(test, ENTRIES, sizeof(*ids), GFP_KERNEL);
	struct op_racer cancel = { t, op_race_cancel, ids };
	struct op_racer send = { t, op_race_send };
	struct task_struct *canceller, *sender;
	u32 posted = 0, seen = 0, cancelled = 0;
	u32 expect[2 * ENTRIES] = {};

	KUNIT_ASSERT_NOT_NULL(test, ids);
	canceller = kthread_run(op_racer_main, &cancel, "odg_kunit_cancel");
	KUNIT_ASSERT_FALSE(test, IS_ERR(canceller));
	sender = kthread_run(op_racer_main, &send, "odg_kunit_send");
	if (IS_ERR(sender)) {
		kthread_stop(canceller);
		KUNIT_FAIL(test, "no thread");
		return;
	}

	while (posted < 4000) {
		u64 id = op_post(t, posted);

		if (id) {
			expect[posted % ARRAY_SIZE(expect)]++;
			WRITE_ONCE(ids[posted % ENTRIES], id);
			posted++;
		}
		while (seen < READ_ONCE(t->port->ring.prod)) {
			const struct odg_cqe *cqe = op_cqe(t, seen);

			cancelled += cqe->status == -ECANCELED;
			expect[cqe->user_data % ARRAY_SIZE(expect)]--;
			seen++;
		}
		op_release_all(t);
		/* what waits in the socket's queue keeps an op from pending */
		if (!id) {
			op_read_queue(t);
			cond_resched();
		}
	}
	kthread_stop(sender);
	kthread_stop(canceller);
	sock_release(t->sock);
	t->sock = NULL;

	/* what close aborted was neither sent to nor cancelled by the racer */
	KUNIT_EXPECT_EQ(test, t->port->ring.prod, (u64)posted);
	KUNIT_EXPECT_EQ(test, t->port->cancelled, (u64)cancel.wins);
	KUNIT_EXPECT_EQ(test, t->port->outstanding, 0);
	while (seen < READ_ONCE(t->port->ring.prod)) {
		const struct odg_cqe *cqe = op_cqe(t, seen);

		cancelled += cqe->status == -ECANCELED;
		expect[cqe->user_data % ARRAY_SIZE(expect)]--;
		seen++;
	}
	KUNIT_EXPECT_EQ(test, seen, posted);
	KUNIT_EXPECT_EQ(test, (u64)cancelled,
			t->port->cancelled + t->port->aborted);
	KUNIT_EXPECT_NULL(test, memchr_inv(expect, 0, sizeof(expect)));
	KUNIT_EXPECT_GT(test, cancel.wins, 0);
	KUNIT_EXPECT_GT(test, send.wins, 0);
}

static struct kunit_case op_cases[] = {
	KUNIT_CASE(op_completes_in_posting_order),
	KUNIT_CASE(op_cancelled_completes_once),
	KUNIT_CASE(op_completed_cannot_be_cancelled),
	KUNIT_CASE(op_id_of_a_reused_slot_is_stale),
	KUNIT_CASE(op_cancel_leaves_the_datagram_to_the_next),
	KUNIT_CASE(op_close_aborts_all),
	KUNIT_CASE(op_nothing_is_posted_after_close),
	KUNIT_CASE(op_no_room_until_read),
	KUNIT_CASE(op_table_is_made_as_it_is_needed),
	KUNIT_CASE(op_is_found_by_its_number_alone),
	KUNIT_CASE(op_race_cancel_against_delivery),
	{}
};

static struct kunit_suite op_suite = {
	.name = "odgram_op",
	.init = op_test_init,
	.exit = op_test_exit,
	.test_cases = op_cases,
};

kunit_test_suite(op_suite);
