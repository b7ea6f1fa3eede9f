// SPDX-License-Identifier: MIT
/* errno, WSA codes and NTSTATUS: the tables against the conformance list. */
#include "test.h"

#include "internal.h"

static void b_s1_to_s23_status_becomes_wsa_code(void **state)
{
	static const struct {
		uint32_t status;
		int wsa;
	} rows[] = {
		{ 0x00000000, 0 },
		{ 0x00000103, 996 },
		{ 0x80000005, 10040 },
		{ 0xC0000120, 995 },
		{ 0xC000023F, 10054 },
		{ 0xC000023D, 10065 },
		{ 0xC000023C, 10051 },
		{ 0xC000023E, 10051 },
		{ 0xC000A012, 10052 },
		{ 0xC0000005, 10014 },
		{ 0xC000000D, 10022 },
		{ 0xC00000A3, 10035 },
		{ 0xC00000B0, 10058 },
		{ 0xC00000B5, 10060 },
		{ 0xC00000BB, 10045 },
		{ 0xC0000140, 10057 },
		{ 0xC0000141, 10049 },
		{ 0xC0000207, 10049 },
		{ 0xC000009A, 10055 },
		{ 0xC0000017, 10055 },
		{ 0xC0000044, 10055 },
		{ 0xC0000022, 10013 },
		{ 0xC0000206, 10040 },
		{ 0xC00000BF, 10050 },
		{ 0xC0000240, 10004 },
		{ 0xC0000241, 10053 },
		{ 0xC000020D, 10054 },
		{ 0xC000013C, 10054 },
		{ 0xC0000008, 10038 },
		{ 0xC0000024, 10038 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(odgw_wsa_from_status(rows[i].status),
				 rows[i].wsa);
}

static void b_s24_unknown_success_is_success(void **state)
{
	(void)state;
	assert_int_equal(odgw_wsa_from_status(0x00001234), 0);
	assert_int_equal(odgw_wsa_from_status(0x40000001), 0);
}

static void b_s25_unknown_warning_or_error_is_10022(void **state)
{
	(void)state;
	assert_int_equal(odgw_wsa_from_status(0x80000042), 10022);
	assert_int_equal(odgw_wsa_from_status(0xC0001234), 10022);
}

static void b_s26_dressed_up_996(void **state)
{
	(void)state;
	assert_int_equal(odgw_wsa_from_status(0x80070000 + 996), 996);
	assert_int_equal(odgw_wsa_from_status(0xC0070000 + 996), 996);
	assert_int_equal(odgw_wsa_from_status(0xC0010000 + 996), 996);
}

static void completions_become_statuses(void **state)
{
	static const struct {
		int err;
		uint32_t status;
	} rows[] = {
		{ 0, 0x00000000 },
		{ EMSGSIZE, 0x80000005 },
		{ ECANCELED, 0xC0000120 },
		{ ECONNREFUSED, 0xC000023F },
		{ EHOSTUNREACH, 0xC000023D },
		{ ENETUNREACH, 0xC000023C },
		{ ENOPROTOOPT, 0xC000023E },
		{ ENETRESET, 0xC000A012 },
		{ EFAULT, 0xC0000005 },
		{ ENETDOWN, 0xC00000BF },
		{ EXDEV, 0xC000000D },
	};
	struct odg_cqe cqe = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		cqe.status = (int16_t)-rows[i].err;
		assert_int_equal(odgw_status_from_cqe(&cqe), rows[i].status);
	}
}

static void every_wsa_code_of_a_receive_has_its_status(void **state)
{
	static const int codes[] = {
		0, 995, 10004, 10013, 10014, 10022, 10035, 10038, 10040, 10045,
		10050, 10051, 10052, 10054, 10055, 10058, 10060, 10065,
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(codes); i++)
		assert_int_equal(
			odgw_wsa_from_status(odgw_status_from_wsa(codes[i])),
			codes[i]);
}

static void uapi_errors_become_wsa_codes(void **state)
{
	static const struct {
		int err;
		int wsa;
	} rows[] = {
		{ EAGAIN, 10035 },	{ EBADF, 10038 },
		{ EBUSY, 10045 },	{ EFAULT, 10014 },
		{ EINVAL, 10022 },	{ ENOMEM, 10055 },
		{ ENOTSOCK, 10038 },	{ EOPNOTSUPP, 10045 },
		{ ESHUTDOWN, 10058 },	{ EMFILE, 10024 },
		{ ECANCELED, 995 },	{ ETIME, 10060 },
		{ EXDEV, 10107 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(odgw_wsa_from_errno(rows[i].err), rows[i].wsa);
		assert_int_equal(odgw_wsa_from_errno(-rows[i].err), rows[i].wsa);
	}
}

static void without_the_module_the_system_is_not_ready(void **state)
{
	(void)state;
	assert_int_equal(odgw_wsa_from_open(-ENOENT), WSASYSNOTREADY);
	assert_int_equal(odgw_wsa_from_open(-ENXIO), WSASYSNOTREADY);
	assert_int_equal(odgw_wsa_from_open(-EPROTONOSUPPORT), WSASYSNOTREADY);
	assert_int_equal(odgw_wsa_from_open(-EACCES), WSAEACCES);
	assert_int_equal(odgw_wsa_from_open(-ENOMEM), WSAENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(b_s1_to_s23_status_becomes_wsa_code),
		cmocka_unit_test(b_s24_unknown_success_is_success),
		cmocka_unit_test(b_s25_unknown_warning_or_error_is_10022),
		cmocka_unit_test(b_s26_dressed_up_996),
		cmocka_unit_test(completions_become_statuses),
		cmocka_unit_test(every_wsa_code_of_a_receive_has_its_status),
		cmocka_unit_test(uapi_errors_become_wsa_codes),
		cmocka_unit_test(without_the_module_the_system_is_not_ready),
	};

	return cmocka_run_group_tests_name("lib status", tests, NULL, NULL);
}
