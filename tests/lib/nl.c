// SPDX-License-Identifier: MIT
/*
 * The tool's netlink (userlib/tools/nl.c) against a kernel that answers wrongly: what
 * is cut off or malformed is an error, not a wait and not a crash.
 */
#include "test.h"

#include "../../userlib/tools/nl.c"

/* What the kernel answers next, in pieces as they are received. */
static struct {
	uint8_t bytes[8192];
	size_t piece[8];
	unsigned int nr, at;
	size_t offset;
	int error;
} answer;

ssize_t mnl_socket_sendto(const struct mnl_socket *nl, const void *req, size_t len)
{
	(void)nl;
	(void)req;
	return (ssize_t)len;
}

ssize_t mnl_socket_recvfrom(const struct mnl_socket *nl, void *buf, size_t size)
{
	size_t n;

	(void)nl;
	errno = answer.error;
	if (answer.error)
		return -1;
	/* it would block */
	assert_true(answer.at < answer.nr);
	n = answer.piece[answer.at++];
	assert_true(n <= size);
	memcpy(buf, answer.bytes + answer.offset, n);
	answer.offset += n;
	return (ssize_t)n;
}

static struct tool_nl nl = { .family = 30 };
static unsigned int seen;

static int look(const struct tool_msg *msg, void *arg)
{
	(void)arg;
	seen++;
	assert_int_equal(tool_number(msg, ODG_A_ID), seen);
	return 0;
}

/* The attribute that lies is not there. */
static int no_number(const struct tool_msg *msg, void *arg)
{
	(void)arg;
	assert_null(msg->attr[ODG_A_ID]);
	assert_int_equal(tool_number(msg, ODG_A_ID), 0);
	return 0;
}

/* Messages of a dump, with the number of the request that is going to be sent. */
static size_t put(uint16_t type, const void *payload, size_t len)
{
	size_t at = 0;
	struct nlmsghdr *nlh;

	for (unsigned int i = 0; i < answer.nr; i++)
		at += answer.piece[i];
	nlh = mnl_nlmsg_put_header(answer.bytes + at);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_MULTI;
	nlh->nlmsg_seq = nl.seq + 1;
	memcpy(mnl_nlmsg_put_extra_header(nlh, len), payload, len);
	return nlh->nlmsg_len;
}

static size_t put_socket(uint32_t id)
{
	struct {
		struct genlmsghdr genl;
		struct nlattr attr;
		uint32_t id;
	} m = {
		.genl.cmd = ODG_CMD_SOCK_GET,
		.attr = { .nla_len = 8, .nla_type = ODG_A_ID },
		.id = id,
	};

	return put(nl.family, &m, sizeof(m));
}

static void piece(size_t len)
{
	answer.piece[answer.nr++] = len;
}

static int dump(void)
{
	seen = 0;
	return tool_nl_dump(&nl, ODG_CMD_SOCK_GET, look, NULL);
}

static int start(void **state)
{
	(void)state;
	memset(&answer, 0, sizeof(answer));
	return 0;
}

static void whole(void **state)
{
	const int zero = 0;

	(void)state;
	piece(put_socket(1));
	piece(put_socket(2));
	piece(put(NLMSG_DONE, &zero, sizeof(zero)));
	assert_int_equal(dump(), 0);
	assert_int_equal(seen, 2);
}

static void cut_off_anywhere(void **state)
{
	size_t len;

	for (size_t cut = 1; cut < 28; cut++) {
		start(state);
		piece(put_socket(1));
		len = put_socket(2);
		assert_int_equal(len, 28);
		piece(cut);
		assert_int_equal(dump(), -EBADMSG);
		assert_int_equal(seen, 1);
	}
}

static void does_not_fit(void **state)
{
	(void)state;
	answer.error = ENOSPC;
	assert_int_equal(dump(), -EBADMSG);
	assert_non_null(strstr(tool_nl_error(-EBADMSG), "cut off"));
}

static void ends_without_saying_how(void **state)
{
	(void)state;
	piece(put(NLMSG_ERROR, "", 0));
	assert_int_equal(dump(), -EBADMSG);
}

static void error_in_the_middle(void **state)
{
	const int error = -ENOMEM;

	(void)state;
	piece(put_socket(1));
	piece(put(NLMSG_DONE, &error, sizeof(error)));
	assert_int_equal(dump(), -ENOMEM);
}

/* A header that lies about its length, and attributes that do. */
static void lengths_that_lie(void **state)
{
	struct {
		struct genlmsghdr genl;
		struct nlattr attr;
		uint32_t id;
	} m = { .attr = { .nla_len = 60000, .nla_type = ODG_A_ID }, .id = 1 };
	struct nlmsghdr *nlh = (void *)answer.bytes;
	const int zero = 0;

	(void)state;
	put_socket(1);
	nlh->nlmsg_len = 4;
	piece(28);
	assert_int_equal(dump(), -EBADMSG);

	start(NULL);
	piece(put(nl.family, &m, sizeof(m)));
	piece(put(NLMSG_DONE, &zero, sizeof(zero)));
	assert_int_equal(tool_nl_dump(&nl, ODG_CMD_SOCK_GET, no_number, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whole, start),
		cmocka_unit_test_setup(cut_off_anywhere, start),
		cmocka_unit_test_setup(does_not_fit, start),
		cmocka_unit_test_setup(ends_without_saying_how, start),
		cmocka_unit_test_setup(error_in_the_middle, start),
		cmocka_unit_test_setup(lengths_that_lie, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
