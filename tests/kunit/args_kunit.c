// SPDX-License-Identifier: GPL-2.0-only
/*
 * Arguments, one wrong thing at a time.  What needs user memory or a descriptor
 * is tests/api's.
 */
#include <kunit/test.h>
#include <linux/odgram.h>

#include "cancel.h"
#include "cq.h"
#include "port.h"
#include "post.h"
#include "send.h"
#include "wait.h"

static int args_test_init(struct kunit *test)
{
	test->priv = odg_port_create();
	KUNIT_ASSERT_NOT_NULL(test, test->priv);
	return 0;
}

static void args_test_exit(struct kunit *test)
{
	if (test->priv)
		odg_port_release(test->priv);
}

static void args_create_queue(struct kunit *test)
{
	struct odg_cq_create arg = { .size = sizeof(arg), .entries = 16 };

	KUNIT_ASSERT_EQ(test, odg_cq_create(test->priv, &arg), 0);
}

struct create_case {
	const char *name;
	u32 entries, flags;
	int ret;
	u32 got, cqe_size;
};

static const struct create_case create_cases[] = {
	{ "one entry", 1, 0, 0, 1, 64 },
	{ "rounded up", 3, 0, 0, 4, 64 },
	{ "power of two kept", 64, 0, 0, 64, 64 },
	{ "wide", 64, ODG_CQ_WIDE, 0, 64, 128 },
	{ "largest", ODG_MAX_CQ_ENTRIES, 0, 0, ODG_MAX_CQ_ENTRIES, 64 },
	{ "none", 0, 0, -EINVAL },
	{ "one too many", ODG_MAX_CQ_ENTRIES + 1, 0, -EINVAL },
	{ "all ones", U32_MAX, 0, -EINVAL },
	{ "unknown flag", 64, ODG_CQ_SPARE << 1, -EINVAL },
	{ "a spare one before the first", 64, ODG_CQ_SPARE, -ENXIO },
	{ "a wide spare one", 64, ODG_CQ_SPARE | ODG_CQ_WIDE, -EINVAL },
	{ "no memory map to watch", 64, ODG_CQ_WATCH, 0, 64, 64 },
	{ "known and unknown flag", 64, ODG_CQ_WIDE | 0x80000000, -EINVAL },
};

static void create_case_name(const struct create_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(create, create_cases, create_case_name);

static void args_cq_create(struct kunit *test)
{
	const struct create_case *c = test->param_value;
	struct odg_cq_create arg = {
		.size = sizeof(arg),
		.entries = c->entries,
		.flags = c->flags,
	};

	KUNIT_ASSERT_EQ(test, odg_cq_create(test->priv, &arg), c->ret);
	KUNIT_EXPECT_EQ(test, odg_port_ready(test->priv), !c->ret);
	if (c->ret)
		return;
	KUNIT_EXPECT_EQ(test, arg.entries, c->got);
	KUNIT_EXPECT_EQ(test, arg.cqe_size, c->cqe_size);
	KUNIT_EXPECT_GE(test, arg.mmap_size, (u64)c->got * c->cqe_size);
}

static void args_second_queue_is_refused(struct kunit *test)
{
	struct odg_cq_create arg = { .size = sizeof(arg), .entries = 16 };

	args_create_queue(test);
	KUNIT_EXPECT_EQ(test, odg_cq_create(test->priv, &arg), -EEXIST);
}

struct cancel_case {
	const char *name;
	struct odg_cancel arg;
	int ret;
};

static const struct cancel_case cancel_cases[] = {
	{ "no mode", { .mode = 0, .fd = -1 }, -EINVAL },
	{ "unknown mode", { .mode = 4, .fd = -1, .id = 1 }, -EINVAL },
	{ "id with fd", { .mode = ODG_CANCEL_ID, .fd = 0, .id = 1 }, -EINVAL },
	{ "id with tid", { .mode = ODG_CANCEL_ID, .fd = -1, .id = 1, .tid = 1 },
	  -EINVAL },
	{ "socket with id", { .mode = ODG_CANCEL_SOCKET, .fd = 0, .id = 1 },
	  -EINVAL },
	{ "socket with negative tid", { .mode = ODG_CANCEL_SOCKET, .fd = 0,
	  .tid = -1 }, -EINVAL },
	{ "thread with fd", { .mode = ODG_CANCEL_THREAD, .fd = 0, .tid = 1 },
	  -EINVAL },
	{ "thread without tid", { .mode = ODG_CANCEL_THREAD, .fd = -1 },
	  -EINVAL },
	{ "negative tid", { .mode = ODG_CANCEL_THREAD, .fd = -1, .tid = -1 },
	  -EINVAL },
	{ "id zero", { .mode = ODG_CANCEL_ID, .fd = -1 }, -ENOENT },
	{ "id of an unused op", { .mode = ODG_CANCEL_ID, .fd = -1,
	  .id = 1ULL << 32 }, -ENOENT },
	{ "id beyond the table", { .mode = ODG_CANCEL_ID, .fd = -1,
	  .id = (1ULL << 32) + 0xffffffff }, -ENOENT },
	{ "thread without ops", { .mode = ODG_CANCEL_THREAD, .fd = -1,
	  .tid = 1 }, -ENOENT },
};

static void cancel_case_name(const struct cancel_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cancel, cancel_cases, cancel_case_name);

static void args_cancel(struct kunit *test)
{
	const struct cancel_case *c = test->param_value;

	args_create_queue(test);
	KUNIT_EXPECT_EQ(test, odg_cancel(test->priv, &c->arg), c->ret);
}

struct post_case {
	const char *name;
	struct odg_post arg;
};

static const struct post_case post_cases[] = {
	{ "count zero", { .fd = 0, .count = 0 } },
	{ "count too large", { .fd = 0, .count = ODG_MAX_POSTS + 1 } },
	{ "count all ones", { .fd = 0, .count = U32_MAX } },
	{ "unknown flag", { .fd = 0, .count = 1, .flags = 1 } },
};

static void post_case_name(const struct post_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(post, post_cases, post_case_name);

static void args_post(struct kunit *test)
{
	const struct post_case *c = test->param_value;

	args_create_queue(test);
	KUNIT_EXPECT_EQ(test, odg_post(test->priv, &c->arg), -EINVAL);
}

/* The same of a batch of sends. */
static void args_send(struct kunit *test)
{
	const struct post_case *c = test->param_value;
	const struct odg_send_batch arg = {
		.fd = c->arg.fd,
		.count = c->arg.count,
		.flags = c->arg.flags,
	};

	args_create_queue(test);
	KUNIT_EXPECT_EQ(test, odg_send(test->priv, &arg), -EINVAL);
}

static void args_calls_need_a_queue(struct kunit *test)
{
	const struct odg_send_batch send = { .fd = 0, .count = 1 };
	const struct odg_post post = { .fd = 0, .count = 1 };
	const struct odg_wait wait = { .min = 0 };
	const struct odg_cancel cancel = {
		.mode = ODG_CANCEL_ID,
		.fd = -1,
		.id = 1,
	};

	KUNIT_EXPECT_EQ(test, odg_post(test->priv, &post), -ENXIO);
	KUNIT_EXPECT_EQ(test, odg_send(test->priv, &send), -ENXIO);
	KUNIT_EXPECT_EQ(test, odg_cancel(test->priv, &cancel), -ENXIO);
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), -ENXIO);
}

static void args_wait(struct kunit *test)
{
	struct odg_wait wait = { .min = 17 };

	args_create_queue(test);
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), -EINVAL);
	wait.min = 16;
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), -ETIME);
	wait.min = 0;
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), 0);
	wait.spin_us = ODG_MAX_SPIN_US;
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), 0);
	wait.spin_us++;
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), -EINVAL);
	wait.spin_us = 0;
	wait.__reserved = 1;
	KUNIT_EXPECT_EQ(test, odg_wait(test->priv, &wait), -EINVAL);
}

static struct kunit_case args_cases[] = {
	KUNIT_CASE_PARAM(args_cq_create, create_gen_params),
	KUNIT_CASE(args_second_queue_is_refused),
	KUNIT_CASE_PARAM(args_cancel, cancel_gen_params),
	KUNIT_CASE_PARAM(args_post, post_gen_params),
	KUNIT_CASE_PARAM(args_send, post_gen_params),
	KUNIT_CASE(args_calls_need_a_queue),
	KUNIT_CASE(args_wait),
	{}
};

static struct kunit_suite args_suite = {
	.name = "odgram_args",
	.init = args_test_init,
	.exit = args_test_exit,
	.test_cases = args_cases,
};

kunit_test_suite(args_suite);
