// SPDX-License-Identifier: MIT
/* odg_explain(): the sentence says what to do. */
#include "test.h"

#include <stdio.h>
#include <sys/resource.h>

#include "odgram.h"

static void says(enum odg_call call, int err, const char *part)
{
	char buf[400];

	memset(buf, 0xa5, sizeof(buf));
	errno = 4711;
	assert_ptr_equal(odg_explain(call, err, buf, sizeof(buf)), buf);
	assert_int_equal(errno, 4711);
	if (!strstr(buf, part))
		fail_msg("\"%s\" does not say \"%s\"", buf, part);
	/* The sign does not matter. */
	odg_explain(call, -err, buf, sizeof(buf));
	assert_non_null(strstr(buf, part));
}

static void module_not_loaded(void **state)
{
	(void)state;
	says(ODG_CALL_OPEN, -ENOENT, "modprobe odgram");
	says(ODG_CALL_OPEN, -ENXIO, "modprobe odgram");
	says(ODG_CALL_OPEN, -ENODEV, "modprobe odgram");
}

static void not_in_the_group(void **state)
{
	(void)state;
	says(ODG_CALL_OPEN, -EACCES, "group");
	says(ODG_CALL_OPEN, -EACCES, "usermod -aG odgram");
}

static void other_version(void **state)
{
	(void)state;
	says(ODG_CALL_OPEN, -EPROTONOSUPPORT, "version");
}

static void waits(void **state)
{
	(void)state;
	says(ODG_CALL_WAIT, -EINVAL, "longer than a second");
	says(ODG_CALL_WAIT, -EINTR, "wait again");
	says(ODG_CALL_WAIT, -ETIME, "time is up");
}

static void memlock_is_named_with_its_value(void **state)
{
	struct rlimit lim, small = { 96 << 10, 96 << 10 };

	(void)state;
	says(ODG_CALL_POST, -ENOMEM, "RLIMIT_MEMLOCK");
	says(ODG_CALL_OPEN, -ENOMEM, "ulimit -l");
	getrlimit(RLIMIT_MEMLOCK, &lim);
	small.rlim_max = lim.rlim_max;
	if (lim.rlim_max < small.rlim_cur)
		skip();
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &small), 0);
	says(ODG_CALL_POST, -ENOMEM, "now 96 KiB");
	assert_int_equal(setrlimit(RLIMIT_MEMLOCK, &lim), 0);
}

static void the_call_decides(void **state)
{
	(void)state;
	says(ODG_CALL_CANCEL, -ENOENT, "has completed");
	says(ODG_CALL_STATS, -ENOENT, "not attached");
	says(ODG_CALL_BIND, -ENOENT, "not attached");
	says(ODG_CALL_POST, -EINVAL, "no local port");
	says(ODG_CALL_SEND, -EINVAL, "port 0");
	says(ODG_CALL_SEND, -EACCES, "SO_BROADCAST");
	says(ODG_CALL_SEND, -EMSGSIZE, "65507");
	says(ODG_CALL_COMPLETION, -EMSGSIZE, "longer than the buffers");
	says(ODG_CALL_COMPLETION, -EFAULT, "unmapped");
	says(ODG_CALL_COMPLETION, -ENETDOWN, "device");
	says(ODG_CALL_POST, -EFAULT, "writable memory");
}

static void every_error_of_the_device_is_explained(void **state)
{
	static const int errs[] = {
		EBADF, EBUSY, E2BIG, ENOMEM, ENOTSOCK, ENOTTY, ENXIO,
		EOPNOTSUPP, ESHUTDOWN,
	};
	char buf[400], plain[400];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		odg_explain(ODG_CALL_POST, errs[i], buf, sizeof(buf));
		errno = errs[i];
		snprintf(plain, sizeof(plain), "%m");
		assert_string_not_equal(buf, plain);
	}
}

static void others_and_none(void **state)
{
	(void)state;
	says(ODG_CALL_POST, -EXDEV, strerror(EXDEV));
	says(ODG_CALL_POST, 0, "no error");
}

static void long_text_is_cut(void **state)
{
	char buf[8];

	(void)state;
	memset(buf, 0xa5, sizeof(buf));
	odg_explain(ODG_CALL_OPEN, ENOENT, buf, 5);
	assert_int_equal(strlen(buf), 4);
	assert_int_equal((unsigned char)buf[5], 0xa5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(module_not_loaded),
		cmocka_unit_test(not_in_the_group),
		cmocka_unit_test(other_version),
		cmocka_unit_test(waits),
		cmocka_unit_test(memlock_is_named_with_its_value),
		cmocka_unit_test(the_call_decides),
		cmocka_unit_test(every_error_of_the_device_is_explained),
		cmocka_unit_test(others_and_none),
		cmocka_unit_test(long_text_is_cut),
	};

	return cmocka_run_group_tests_name("lib explain", tests, NULL, NULL);
}
