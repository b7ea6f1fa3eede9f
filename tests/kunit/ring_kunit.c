// SPDX-License-Identifier: GPL-2.0-only
/* The completion ring: promises, wrapping, and a program that lies. */
#include <kunit/test.h>
#include <linux/module.h>

#include "compat.h"
#include "ring.h"

#define ENTRIES		8
#define ENTRY_SIZE	64

struct ring_test {
	struct odg_ring ring;
	u32 *prod;
	u32 *cons;
};

/* Its memory goes with the test. */
static void ring_make(struct kunit *test, struct odg_ring *ring, u32 entries)
{
	void *shared = kunit_kzalloc(test, odg_ring_bytes(entries, ENTRY_SIZE),
				     GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, shared);
	odg_ring_init(ring, shared, entries, ENTRY_SIZE);
}

static int ring_test_init(struct kunit *test)
{
	struct ring_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	ring_make(test, &t->ring, ENTRIES);
	t->prod = &t->ring.shared->prod;
	t->cons = &t->ring.shared->cons;
	test->priv = t;
	return 0;
}

/* Start both sides at @index, as if so many entries had come and gone. */
static void ring_start_at(struct ring_test *t, u32 index)
{
	t->ring.prod = index;
	t->ring.cons = index;
	t->ring.limit = t->ring.prod + ENTRIES;
	*t->prod = index;
	*t->cons = index;
}

static void ring_produce(struct kunit *test, struct ring_test *t, u64 value)
{
	KUNIT_ASSERT_TRUE(test, odg_ring_reserve(&t->ring));
	*(u64 *)odg_ring_write(&t->ring, t->ring.prod) = value;
	odg_ring_unreserve(&t->ring);
	odg_ring_publish(&t->ring, t->ring.prod, false);
}

static void ring_promises_no_more_than_it_has(struct kunit *test)
{
	struct ring_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++)
		KUNIT_EXPECT_TRUE(test, odg_ring_reserve(&t->ring));
	KUNIT_EXPECT_FALSE(test, odg_ring_reserve(&t->ring));
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), 0);
}

static void ring_promise_given_back_is_room_again(struct kunit *test)
{
	struct ring_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++)
		KUNIT_ASSERT_TRUE(test, odg_ring_reserve(&t->ring));
	odg_ring_unreserve(&t->ring);
	KUNIT_EXPECT_TRUE(test, odg_ring_reserve(&t->ring));
	KUNIT_EXPECT_FALSE(test, odg_ring_reserve(&t->ring));
}

static void ring_unread_entries_take_room(struct kunit *test)
{
	struct ring_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++)
		ring_produce(test, t, i);
	KUNIT_EXPECT_FALSE(test, odg_ring_reserve(&t->ring));

	WRITE_ONCE(*t->cons, 3);
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_TRUE(test, odg_ring_reserve(&t->ring));
	KUNIT_EXPECT_FALSE(test, odg_ring_reserve(&t->ring));
}

static void ring_submit_publishes_in_order(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u8 *entries = t->ring.shared->entries;
	u32 i;

	for (i = 0; i < ENTRIES; i++) {
		ring_produce(test, t, 0x100 + i);
		KUNIT_EXPECT_EQ(test, READ_ONCE(*t->prod), i + 1);
		KUNIT_EXPECT_EQ(test, *(u64 *)(entries + i * ENTRY_SIZE),
				0x100ULL + i);
	}
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), ENTRIES);
}

static void ring_indices_wrap(struct kunit *test)
{
	struct ring_test *t = test->priv;
	u32 i;

	ring_start_at(t, U32_MAX - 2);
	for (i = 0; i < 4 * ENTRIES; i++) {
		ring_produce(test, t, i);
		KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), 1);
		WRITE_ONCE(*t->cons, READ_ONCE(*t->prod));
		KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), 0);
	}
	KUNIT_EXPECT_EQ(test, t->ring.bad_cons, 0ULL);
}

static void ring_full_across_the_wrap(struct kunit *test)
{
	struct ring_test *t = test->priv;
	int i;

	ring_start_at(t, U32_MAX - 3);
	for (i = 0; i < ENTRIES; i++)
		ring_produce(test, t, i);
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), ENTRIES);
	KUNIT_EXPECT_FALSE(test, odg_ring_reserve(&t->ring));
}

/* What a hostile program may write as its index, with 5 of 8 entries unread. */
struct cons_case {
	const char *name;
	u32 offset;	/* from the true consumer index */
	bool believed;
};

static const struct cons_case cons_cases[] = {
	{ "unchanged", 0, true },
	{ "one released", 1, true },
	{ "all released", 5, true },
	{ "one beyond prod", 6, false },
	{ "a whole ring beyond", 5 + ENTRIES, false },
	{ "one back", -1, false },
	{ "half the range", 0x80000000, false },
	{ "a ring back", -ENTRIES, false },
};

static void cons_case_name(const struct cons_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cons, cons_cases, cons_case_name);

static void ring_trusts_no_consumer_index(struct kunit *test)
{
	const struct cons_case *c = test->param_value;
	struct ring_test *t = test->priv;
	int i;

	ring_start_at(t, 1000);
	for (i = 0; i < 5; i++)
		ring_produce(test, t, i);

	WRITE_ONCE(*t->cons, 1000 + c->offset);
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring),
			c->believed ? 5 - c->offset : 5);
	KUNIT_EXPECT_EQ(test, t->ring.bad_cons, c->believed ? 0ULL : 1ULL);
}

static void ring_ignores_a_scribbled_producer_index(struct kunit *test)
{
	struct ring_test *t = test->priv;

	ring_produce(test, t, 1);
	WRITE_ONCE(*t->prod, 0xdeadbeef);
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), 1);
	ring_produce(test, t, 2);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*t->prod), 2);
}

static void ring_quiet_moves_prod_alone(struct kunit *test)
{
	struct ring_test *t = test->priv;

	ring_produce(test, t, 1);
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->ring.shared->loud), 1);
	KUNIT_ASSERT_TRUE(test, odg_ring_reserve(&t->ring));
	odg_ring_unreserve(&t->ring);
	odg_ring_publish(&t->ring, t->ring.prod, true);
	KUNIT_EXPECT_EQ(test, READ_ONCE(*t->prod), 2);
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->ring.shared->loud), 1);
	ring_produce(test, t, 3);
	KUNIT_EXPECT_EQ(test, READ_ONCE(t->ring.shared->loud), 3);
}

/* Whatever the program wrote there means armed, and means it once. */
static void ring_is_disarmed_once(struct kunit *test)
{
	static const u32 armed[] = { 1, 2, 0x80000000, U32_MAX };
	struct ring_test *t = test->priv;
	int i;

	KUNIT_EXPECT_FALSE(test, odg_ring_disarm(&t->ring));
	for (i = 0; i < ARRAY_SIZE(armed); i++) {
		WRITE_ONCE(t->ring.shared->arm, armed[i]);
		KUNIT_EXPECT_TRUE(test, odg_ring_disarm(&t->ring));
		KUNIT_EXPECT_EQ(test, READ_ONCE(t->ring.shared->arm), 0);
		KUNIT_EXPECT_FALSE(test, odg_ring_disarm(&t->ring));
	}
}

/* From ENTRIES to 16 across 2^32: with what is unread, promised and armed. */
static void ring_moves_to_a_larger_one(struct kunit *test)
{
	struct ring_test *t = test->priv;
	struct odg_ring_shared *old = t->ring.shared;
	struct odg_ring to;
	u32 i;

	ring_make(test, &to, 16);
	ring_start_at(t, U32_MAX - 2);
	for (i = 0; i < 5; i++)
		ring_produce(test, t, i);
	WRITE_ONCE(*t->cons, U32_MAX - 1);
	KUNIT_ASSERT_TRUE(test, odg_ring_reserve(&t->ring));
	WRITE_ONCE(old->arm, 7);

	odg_ring_copy(&to, &t->ring, (u64)U32_MAX - 1, (u64)U32_MAX + 1);
	KUNIT_ASSERT_EQ(test, odg_ring_move(&t->ring, &to, (u64)U32_MAX + 1), 0);
	KUNIT_EXPECT_PTR_EQ(test, to.shared, old);
	KUNIT_EXPECT_EQ(test, to.mask, ENTRIES - 1);
	KUNIT_EXPECT_EQ(test, old->arm, 0);
	KUNIT_EXPECT_EQ(test, t->ring.shared->arm, 7);
	KUNIT_EXPECT_EQ(test, t->ring.shared->prod, 2);
	KUNIT_EXPECT_EQ(test, t->ring.shared->loud, 2);
	KUNIT_EXPECT_EQ(test, t->ring.shared->cons, U32_MAX - 1);
	KUNIT_EXPECT_EQ(test, t->ring.prod, (u64)U32_MAX + 3);
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), 4);
	for (i = 1; i < 5; i++)
		KUNIT_EXPECT_EQ(test, *(u64 *)odg_ring_write(&t->ring,
							     U32_MAX - 2ULL + i),
				(u64)i);
	/* 4 are unread, one is promised */
	for (i = 0; i < 11; i++)
		KUNIT_EXPECT_TRUE(test, odg_ring_reserve(&t->ring));
	KUNIT_EXPECT_FALSE(test, odg_ring_reserve(&t->ring));
}

/* 5 unread with an index that is a lie, and 2 promised: 8 is enough, 4 is not. */
static void ring_moves_nothing_where_it_does_not_fit(struct kunit *test)
{
	struct ring_test *t = test->priv;
	struct odg_ring_shared *old = t->ring.shared;
	struct odg_ring to;
	u32 i;

	ring_make(test, &to, 4);
	ring_start_at(t, 1000);
	for (i = 0; i < 5; i++)
		ring_produce(test, t, i);
	KUNIT_ASSERT_TRUE(test, odg_ring_reserve(&t->ring));
	KUNIT_ASSERT_TRUE(test, odg_ring_reserve(&t->ring));
	WRITE_ONCE(*t->cons, 1006);
	WRITE_ONCE(old->arm, 1);
	KUNIT_EXPECT_EQ(test, odg_ring_move(&t->ring, &to, 1000), -EINVAL);
	KUNIT_EXPECT_PTR_EQ(test, t->ring.shared, old);
	KUNIT_EXPECT_EQ(test, t->ring.mask, ENTRIES - 1);
	KUNIT_EXPECT_EQ(test, old->arm, 1);
	KUNIT_EXPECT_EQ(test, t->ring.limit, 1006ULL);

	ring_make(test, &to, ENTRIES);
	KUNIT_EXPECT_EQ(test, odg_ring_move(&t->ring, &to, 1000), 0);
	KUNIT_EXPECT_EQ(test, t->ring.shared->cons, 1000);
	KUNIT_EXPECT_EQ(test, odg_ring_unread(&t->ring), 5);
	KUNIT_EXPECT_EQ(test, t->ring.limit, 1006ULL);
}

static void ring_indices_have_cache_lines_of_their_own(struct kunit *test)
{
	KUNIT_EXPECT_GE(test, offsetof(struct odg_ring_shared, cons), 128);
	KUNIT_EXPECT_GE(test, offsetof(struct odg_ring_shared, arm) -
			      offsetof(struct odg_ring_shared, cons), 128);
	KUNIT_EXPECT_GE(test, offsetof(struct odg_ring_shared, entries) -
			      offsetof(struct odg_ring_shared, arm), 128);
	KUNIT_EXPECT_EQ(test, offsetof(struct odg_ring_shared, entries) % 64, 0);
}

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(ring_promises_no_more_than_it_has),
	KUNIT_CASE(ring_promise_given_back_is_room_again),
	KUNIT_CASE(ring_unread_entries_take_room),
	KUNIT_CASE(ring_submit_publishes_in_order),
	KUNIT_CASE(ring_indices_wrap),
	KUNIT_CASE(ring_full_across_the_wrap),
	KUNIT_CASE_PARAM(ring_trusts_no_consumer_index, cons_gen_params),
	KUNIT_CASE(ring_ignores_a_scribbled_producer_index),
	KUNIT_CASE(ring_quiet_moves_prod_alone),
	KUNIT_CASE(ring_is_disarmed_once),
	KUNIT_CASE(ring_moves_to_a_larger_one),
	KUNIT_CASE(ring_moves_nothing_where_it_does_not_fit),
	KUNIT_CASE(ring_indices_have_cache_lines_of_their_own),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "odgram_ring",
	.init = ring_test_init,
	.test_cases = ring_cases,
};

kunit_test_suite(ring_suite);

MODULE_DESCRIPTION("KUnit suites of odgram");
MODULE_LICENSE("GPL");
ODG_IMPORT_KUNIT_SYMBOLS;
