// SPDX-License-Identifier: MIT
/* The tool's histogram of times (userlib/tools/latency.c). */
#include "test.h"

#include <signal.h>
#include <stdlib.h>

#include "../../userlib/tools/latency.c"

static void a_time_is_in_the_bucket_it_is_told_of(void **state)
{
	static const uint64_t times[] = { 0, 15, 16, 17, 1000, 1ULL << 40, UINT64_MAX };
	unsigned int i, b;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(times); i++) {
		b = bucket_of(times[i]);
		assert_true(b < LATENCY_BUCKETS);
		assert_true(floor_of(b) <= times[i]);
		assert_true(b + 1 == LATENCY_BUCKETS || floor_of(b + 1) > times[i]);
	}
}

/* Each time there is more to say than the pipe takes before that is known. */
static void a_plot_without_gnuplot_fails(void **state)
{
	static struct latency lat;
	struct sigaction after;
	unsigned int i;

	(void)state;
	for (i = 0; i < LATENCY_BUCKETS; i++)
		latency_add(&lat, floor_of(i));
	assert_int_equal(setenv("PATH", "/nonexistent", 1), 0);
	for (i = 0; i < 50; i++)
		assert_int_equal(latency_plot(&lat, "times", "/dev/null"), -1);
	assert_int_equal(sigaction(SIGPIPE, NULL, &after), 0);
	assert_true(after.sa_handler == SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_in_the_bucket_it_is_told_of),
		cmocka_unit_test(a_plot_without_gnuplot_fails),
	};

	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
