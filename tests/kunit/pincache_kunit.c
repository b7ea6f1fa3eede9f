// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of the pin cache: what is found, what makes room, what a change drops.
 *
 * The pages are pinned by hand, so the suite needs no user space; that the memory
 * management's calls reach the table is tests/api's.
 */
#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "pincache.h"

#define OPS	16
#define SLOTS	(2 * OPS)

struct pin_test {
	struct odg_pincache cache;
	struct page *page;
};

static int pin_test_init(struct kunit *test)
{
	struct pin_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->page = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->page);
	odg_pincache_init(&t->cache, NULL, OPS);
	t->cache.slots = kvcalloc(SLOTS, sizeof(*t->cache.slots), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, t->cache.slots);
	test->priv = t;
	return 0;
}

static void pin_test_exit(struct kunit *test)
{
	struct pin_test *t = test->priv;

	if (!t)
		return;
	odg_pincache_destroy(&t->cache);
	/* each pin gave back what it took */
	KUNIT_EXPECT_EQ(test, page_ref_count(t->page), 1);
	__free_page(t->page);
}

/* A pin as odg_pins_make() leaves it: the caller's. */
static struct odg_pin *pin_make(struct kunit *test, unsigned long vpn)
{
	struct pin_test *t = test->priv;
	struct odg_pin *pin = kmalloc(sizeof(*pin), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pin);
	page_ref_add(t->page, GUP_PIN_COUNTING_BIAS);
	pin->page = t->page;
	pin->vpn = vpn;
	refcount_set(&pin->ref, 1);
	return pin;
}

/* Keep a page that no op has. */
static void pin_keep(struct kunit *test, unsigned long vpn)
{
	struct pin_test *t = test->priv;
	struct odg_piece piece = { .pin = pin_make(test, vpn) };

	odg_pins_keep(&t->cache, &piece, 1, t->cache.changes);
	odg_pin_put(&t->cache, piece.pin);
}

static int pin_find(struct pin_test *t, unsigned long vpn, int nr)
{
	struct odg_piece pieces[8];
	int found = odg_pins_find(&t->cache, vpn, nr, pieces), i;

	for (i = 0; i < found; i++)
		odg_pin_put(&t->cache, pieces[i].pin);
	return found;
}

static void pin_drop(struct pin_test *t, unsigned long first,
		     unsigned long last)
{
	spin_lock(&t->cache.lock);
	odg_pins_drop(&t->cache, first, last);
	spin_unlock(&t->cache.lock);
}

static void pin_is_found_by_its_number(struct kunit *test)
{
	struct pin_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, pin_find(t, 100, 1), 0);
	pin_keep(test, 100);
	pin_keep(test, 101);
	pin_keep(test, 103);
	KUNIT_EXPECT_EQ(test, t->cache.kept, 3U);
	KUNIT_EXPECT_EQ(test, pin_find(t, 100, 1), 1);
	KUNIT_EXPECT_EQ(test, pin_find(t, 100, 4), 2);
	KUNIT_EXPECT_EQ(test, pin_find(t, 102, 2), 0);
	KUNIT_EXPECT_EQ(test, pin_find(t, 103, 1), 1);
	/* the same slot, another page */
	KUNIT_EXPECT_EQ(test, pin_find(t, 100 + SLOTS, 1), 0);
}

static void pin_makes_room_for_the_next(struct kunit *test)
{
	struct pin_test *t = test->priv;

	pin_keep(test, 5);
	pin_keep(test, 5 + SLOTS);
	KUNIT_EXPECT_EQ(test, t->cache.kept, 1U);
	KUNIT_EXPECT_EQ(test, pin_find(t, 5, 1), 0);
	KUNIT_EXPECT_EQ(test, pin_find(t, 5 + SLOTS, 1), 1);
	odg_pins_reap(&t->cache);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->page),
			1 + GUP_PIN_COUNTING_BIAS);
}

/* What softirq finds, without the lock: the same, and never one that is over. */
static void pin_is_found_under_rcu(struct kunit *test)
{
	struct pin_test *t = test->priv;
	struct odg_pin *pin;

	pin_keep(test, 9);
	local_bh_disable();
	pin = odg_pin_find(&t->cache, 9);
	KUNIT_EXPECT_NULL(test, odg_pin_find(&t->cache, 9 + SLOTS));
	KUNIT_EXPECT_NULL(test, odg_pin_find(&t->cache, 10));
	local_bh_enable();
	KUNIT_ASSERT_NOT_NULL(test, pin);
	pin_drop(t, 9, 9);
	odg_pins_reap(&t->cache);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->page),
			1 + GUP_PIN_COUNTING_BIAS);
	odg_pin_put(&t->cache, pin);
	odg_pins_reap(&t->cache);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->page), 1);
}

/* Nobody has it any more, but a reader may see it in its place yet. */
static void pin_that_is_over_is_not_found(struct kunit *test)
{
	struct pin_test *t = test->priv;
	struct odg_pin *pin = pin_make(test, 11);

	rcu_assign_pointer(t->cache.slots[11 & t->cache.mask], pin);
	odg_pin_put(&t->cache, pin);
	local_bh_disable();
	KUNIT_EXPECT_NULL(test, odg_pin_find(&t->cache, 11));
	local_bh_enable();
	RCU_INIT_POINTER(t->cache.slots[11 & t->cache.mask], NULL);
}

static void pin_that_makes_room_is_told(struct kunit *test)
{
	struct pin_test *t = test->priv;
	u64 told = 0;

	t->cache.told = &told;
	pin_keep(test, 5);
	pin_keep(test, 6);
	KUNIT_EXPECT_EQ(test, told, 0ULL);
	pin_keep(test, 5 + SLOTS);
	KUNIT_EXPECT_EQ(test, told, t->cache.changes + 2);
	t->cache.told = NULL;
}

static void pin_of_an_op_outlives_its_place(struct kunit *test)
{
	struct pin_test *t = test->priv;
	struct odg_piece piece;

	pin_keep(test, 7);
	KUNIT_ASSERT_EQ(test, odg_pins_find(&t->cache, 7, 1, &piece), 1);
	pin_drop(t, 7, 7);
	odg_pins_reap(&t->cache);
	KUNIT_EXPECT_EQ(test, t->cache.kept, 0U);
	KUNIT_EXPECT_EQ(test, pin_find(t, 7, 1), 0);
	KUNIT_EXPECT_PTR_EQ(test, piece.pin->page, t->page);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->page),
			1 + GUP_PIN_COUNTING_BIAS);
	odg_pin_put(&t->cache, piece.pin);
	odg_pins_reap(&t->cache);
	KUNIT_EXPECT_EQ(test, page_ref_count(t->page), 1);
}

struct drop_case {
	const char *name;
	unsigned long first, last;
	u32 left;
};

/* Of the pages 1000 to 1009. */
static const struct drop_case drop_cases[] = {
	{ "everything", 0, ULONG_MAX, 0 },
	{ "exactly all", 1000, 1009, 0 },
	{ "one", 1004, 1004, 9 },
	{ "the first", 1000, 1000, 9 },
	{ "the last", 1009, 1009, 9 },
	{ "the front", 0, 1003, 6 },
	{ "the back", 1005, ULONG_MAX, 5 },
	{ "before them", 0, 999, 10 },
	{ "behind them", 1010, ULONG_MAX, 10 },
	{ "of their slots, others", 1000 + SLOTS, 1009 + SLOTS, 10 },
};

static void drop_case_name(const struct drop_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(drop, drop_cases, drop_case_name);

static void pin_drop_of_a_range(struct kunit *test)
{
	const struct drop_case *c = test->param_value;
	struct pin_test *t = test->priv;
	unsigned long vpn;

	for (vpn = 1000; vpn < 1010; vpn++)
		pin_keep(test, vpn);
	pin_drop(t, c->first, c->last);
	KUNIT_EXPECT_EQ(test, t->cache.kept, c->left);
	for (vpn = 1000; vpn < 1010; vpn++)
		KUNIT_EXPECT_EQ(test, pin_find(t, vpn, 1),
				vpn < c->first || vpn > c->last);
}

static void pin_of_a_change_is_not_kept(struct kunit *test)
{
	struct pin_test *t = test->priv;
	struct odg_piece piece = { .pin = pin_make(test, 3) };
	unsigned long before = t->cache.changes;

	t->cache.changing = 1;
	odg_pins_keep(&t->cache, &piece, 1, before);
	KUNIT_EXPECT_EQ(test, t->cache.kept, 0U);

	/* over, but it began after the page was pinned */
	t->cache.changing = 0;
	t->cache.changes++;
	odg_pins_keep(&t->cache, &piece, 1, before);
	KUNIT_EXPECT_EQ(test, t->cache.kept, 0U);

	odg_pins_keep(&t->cache, &piece, 1, t->cache.changes);
	KUNIT_EXPECT_EQ(test, t->cache.kept, 1U);
	odg_pin_put(&t->cache, piece.pin);
}

static struct kunit_case pin_cases[] = {
	KUNIT_CASE(pin_is_found_by_its_number),
	KUNIT_CASE(pin_makes_room_for_the_next),
	KUNIT_CASE(pin_is_found_under_rcu),
	KUNIT_CASE(pin_that_is_over_is_not_found),
	KUNIT_CASE(pin_that_makes_room_is_told),
	KUNIT_CASE(pin_of_an_op_outlives_its_place),
	KUNIT_CASE_PARAM(pin_drop_of_a_range, drop_gen_params),
	KUNIT_CASE(pin_of_a_change_is_not_kept),
	{}
};

static struct kunit_suite pin_suite = {
	.name = "odgram_pincache",
	.init = pin_test_init,
	.exit = pin_test_exit,
	.test_cases = pin_cases,
};

kunit_test_suite(pin_suite);
