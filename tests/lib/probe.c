// SPDX-License-Identifier: MIT
/* Which pointers are good, and that asking changes nothing. */
#include "test.h"

#include <sys/mman.h>

#include "internal.h"

#define PAGE	4096U

static uint8_t *pages;		/* writable, read-only, none, writable */

static int map(void **state)
{
	(void)state;
	pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		return -1;
	memset(pages, 0x5a, 4 * PAGE);
	return mprotect(pages + PAGE, PAGE, PROT_READ) ||
	       mprotect(pages + 2 * PAGE, PAGE, PROT_NONE);
}

static int unmap(void **state)
{
	(void)state;
	return munmap(pages, 4 * PAGE);
}

static bool writable(void *p, size_t n)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	return odgw_probe_write(&probe, p, n);
}

static bool readable(const void *p, size_t n)
{
	struct odgw_probe probe;

	odgw_probe_init(&probe);
	return odgw_probe_read(&probe, p, n);
}

static void a21_writable(void **state)
{
	static int in_data;
	int on_stack;

	(void)state;
	assert_true(writable(pages, PAGE));
	assert_true(writable(pages + 3, 1));
	assert_true(writable(pages + PAGE - 1, 1));
	assert_true(writable(&in_data, sizeof(in_data)));
	assert_true(writable(&on_stack, sizeof(on_stack)));
	assert_false(writable(pages + PAGE - 1, 2));
	assert_false(writable(pages + PAGE, 4));
	assert_false(writable(pages + 2 * PAGE, 4));
	assert_false(writable(pages + 3 * PAGE - 1, 2));
	assert_true(writable(pages + 3 * PAGE, 4));
}

static void a21_readable(void **state)
{
	static const int constant = 1;

	(void)state;
	assert_true(readable(pages, 2 * PAGE));
	assert_true(readable(&constant, sizeof(constant)));
	assert_true(readable(pages + PAGE + 5, 3));
	assert_false(readable(pages, 2 * PAGE + 1));
	assert_false(readable(pages + 2 * PAGE, 1));
}

static void a21_where_nothing_is_mapped(void **state)
{
	(void)state;
	assert_false(writable((void *)8, 4));
	assert_false(readable((void *)8, 4));
	assert_false(writable((void *)UINTPTR_MAX, 16));
	assert_false(readable((void *)(UINTPTR_MAX - 15), 16));
	assert_false(writable((void *)(UINTPTR_MAX / 2 + 1), 4));
}

static void more_pages_than_are_remembered(void **state)
{
	struct odgw_probe probe;
	int i, round;

	(void)state;
	odgw_probe_init(&probe);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < 16; i++) {
			static uint8_t area[16 * PAGE];

			assert_true(odgw_probe_write(&probe, area + i * PAGE, 4));
		}
	}
	assert_false(odgw_probe_write(&probe, pages + PAGE, 4));
}

static void a_page_is_known_behind_another(void **state)
{
	const size_t apart = ODGW_KNOWN * PAGE;
	struct odgw_probe probe;
	uint8_t *a = mmap(NULL, 3 * apart, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *b = a + apart, *c = b + apart;

	(void)state;
	assert_ptr_not_equal(a, MAP_FAILED);
	odgw_probe_init(&probe);
	assert_true(odgw_probe_write(&probe, a, 4));
	assert_true(odgw_probe_may_write(a, 4));
	assert_true(odgw_probe_write(&probe, b, 4));
	assert_true(odgw_probe_may_write(b, 4));
	assert_false(odgw_probe_may_write(a, 4));
	assert_true(odgw_probe_may_write_too(a, 4));
	assert_true(odgw_probe_may_read_too(a, 4));
	assert_false(odgw_probe_may_write_too(a + PAGE - 2, 4));
	assert_true(odgw_probe_write(&probe, c, 4));
	assert_true(odgw_probe_may_write_too(b, 4));
	assert_false(odgw_probe_may_write_too(a, 4));
	assert_int_equal(munmap(a, 3 * apart), 0);
}

static void how_long_it_is_counts(void **state)
{
	struct odgw_probe probe;

	(void)state;
	odgw_probe_init(&probe);
	assert_true(odgw_probe_write(&probe, pages, PAGE));
	assert_true(odgw_probe_may_write(pages, PAGE));
	assert_true(odgw_probe_may_write(pages + 1, PAGE - 1));
	assert_false(odgw_probe_may_write(pages + 1, PAGE));
	assert_false(odgw_probe_may_write(pages, PAGE + 1));
	assert_false(odgw_probe_may_write(pages, UINT32_MAX));
	assert_false(odgw_probe_may_write(pages, SIZE_MAX));
}

static void asking_changes_nothing(void **state)
{
	size_t i;

	(void)state;
	assert_true(writable(pages, PAGE));
	assert_true(readable(pages, 2 * PAGE));
	for (i = 0; i < 2 * PAGE; i++)
		assert_int_equal(pages[i], 0x5a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a21_writable),
		cmocka_unit_test(a21_readable),
		cmocka_unit_test(a21_where_nothing_is_mapped),
		cmocka_unit_test(more_pages_than_are_remembered),
		cmocka_unit_test(a_page_is_known_behind_another),
		cmocka_unit_test(how_long_it_is_counts),
		cmocka_unit_test(asking_changes_nothing),
	};

	return cmocka_run_group_tests_name("lib probe", tests, map, unmap);
}
