// SPDX-License-Identifier: GPL-2.0-only
/* The latency histogram's buckets, held against the uapi header's prose. */
#include <kunit/test.h>

#include "compat.h"
#include "hist.h"

/* Where bucket i begins, as the header says. */
static u64 low(u32 i)
{
	if (i < ODG_HIST_SUB)
		return i;
	return (u64)(ODG_HIST_SUB + i % ODG_HIST_SUB) << (i / ODG_HIST_SUB - 1);
}

static void hist_buckets_are_what_the_header_says(struct kunit *test)
{
	u32 i;

	for (i = 0; i < ODG_HIST_BUCKETS; i++) {
		KUNIT_EXPECT_EQ(test, odg_hist_bucket(low(i)), i);
		if (i)
			KUNIT_EXPECT_EQ(test, odg_hist_bucket(low(i) - 1), i - 1);
	}
}

static void hist_last_bucket_has_no_end(struct kunit *test)
{
	u32 last = ODG_HIST_BUCKETS - 1;

	KUNIT_EXPECT_EQ(test, odg_hist_bucket(low(last) * 2), last);
	KUNIT_EXPECT_EQ(test, odg_hist_bucket(1ULL << 40), last);
	KUNIT_EXPECT_EQ(test, odg_hist_bucket(U64_MAX), last);
}

static struct kunit_case hist_cases[] = {
	KUNIT_CASE(hist_buckets_are_what_the_header_says),
	KUNIT_CASE(hist_last_bucket_has_no_end),
	{}
};

static struct kunit_suite hist_suite = {
	.name = "odgram_hist",
	.test_cases = hist_cases,
};

kunit_test_suite(hist_suite);
