// SPDX-License-Identifier: GPL-2.0-only
/*
 * The layout of the ABI, in numbers written down by hand: a program built years
 * ago has these compiled in.
 */
#include <kunit/test.h>
#include <linux/odgram.h>
#include <linux/stddef.h>

struct layout {
	const char *name;
	size_t offset, want_offset;
	size_t size, want_size;
};

#define FIELD(type, field, want_off, want_sz) {			\
	.name = #type "." #field,					\
	.offset = offsetof(struct type, field),				\
	.want_offset = (want_off),					\
	.size = sizeof_field(struct type, field),			\
	.want_size = (want_sz),						\
}

static const struct layout layouts[] = {
	FIELD(odg_query, size, 0, 4),
	FIELD(odg_query, abi_version, 4, 4),
	FIELD(odg_query, features, 8, 8),
	FIELD(odg_query, max_segs, 16, 4),
	FIELD(odg_query, max_posts, 20, 4),
	FIELD(odg_query, max_cq_entries, 24, 4),
	FIELD(odg_query, cq_off_prod, 28, 4),
	FIELD(odg_query, cq_off_cons, 32, 4),
	FIELD(odg_query, cq_off_entries, 36, 4),
	FIELD(odg_query, cq_off_loud, 40, 4),
	FIELD(odg_query, cq_off_arm, 44, 4),
	FIELD(odg_query, cq_off_changes, 48, 4),
	FIELD(odg_query, cq_off_errors, 52, 4),
	FIELD(odg_notify, eventfd, 4, 4),
	FIELD(odg_cq_create, flags, 4, 4),
	FIELD(odg_cq_create, entries, 8, 4),
	FIELD(odg_cq_create, cqe_size, 12, 4),
	FIELD(odg_cq_create, mmap_size, 16, 8),
	FIELD(odg_bind, fd, 4, 4),
	FIELD(odg_bind, flags, 8, 4),
	FIELD(odg_bind, max_joined, 12, 4),
	FIELD(odg_seg, addr, 0, 8),
	FIELD(odg_seg, len, 8, 4),
	FIELD(odg_seg, __reserved, 12, 4),
	FIELD(odg_recv, user_data, 0, 8),
	FIELD(odg_recv, segs, 8, 8),
	FIELD(odg_recv, nr_segs, 16, 4),
	FIELD(odg_recv, flags, 20, 4),
	FIELD(odg_recv, eventfd, 24, 4),
	FIELD(odg_recv, state, 28, 4),
	FIELD(odg_recv, id, 32, 8),
	FIELD(odg_recv, result, 40, 8),
	FIELD(odg_post, fd, 4, 4),
	FIELD(odg_post, recvs, 8, 8),
	FIELD(odg_post, count, 16, 4),
	FIELD(odg_post, flags, 20, 4),
	FIELD(odg_cancel, mode, 4, 4),
	FIELD(odg_cancel, fd, 8, 4),
	FIELD(odg_cancel, tid, 12, 4),
	FIELD(odg_cancel, id, 16, 8),
	FIELD(odg_wait, min, 4, 4),
	FIELD(odg_wait, timeout_ns, 8, 8),
	FIELD(odg_wait, spin_us, 16, 4),
	FIELD(odg_region_add, id, 4, 4),
	FIELD(odg_region_add, addr, 8, 8),
	FIELD(odg_region_add, len, 16, 8),
	FIELD(odg_region_add, node, 24, 4),
	FIELD(odg_region_add, page_shift, 28, 4),
	FIELD(odg_region_del, id, 4, 4),
	FIELD(odg_rq_create, fd, 4, 4),
	FIELD(odg_rq_create, entries, 8, 4),
	FIELD(odg_rq_create, flags, 12, 4),
	FIELD(odg_rq_create, mmap_offset, 16, 8),
	FIELD(odg_rq_create, mmap_size, 24, 8),
	FIELD(odg_rq_create, off_prod, 32, 4),
	FIELD(odg_rq_create, off_cons, 36, 4),
	FIELD(odg_rq_create, off_flags, 40, 4),
	FIELD(odg_rq_create, off_entries, 44, 4),
	FIELD(odg_rq_kick, fd, 4, 4),
	FIELD(odg_rq_switch, fd, 4, 4),
	FIELD(odg_rq_cancel, fd, 4, 4),
	FIELD(odg_rq_cancel, user_data, 8, 8),
	FIELD(odg_rq_cancel, index, 16, 4),
	FIELD(odg_rqe, user_data, 0, 8),
	FIELD(odg_rqe, offset, 8, 8),
	FIELD(odg_rqe, len, 16, 4),
	FIELD(odg_rqe, region, 20, 4),
	FIELD(odg_rqe, flags, 24, 4),
	FIELD(odg_rqe, least, 28, 4),
	FIELD(odg_send, user_data, 0, 8),
	FIELD(odg_send, segs, 8, 8),
	FIELD(odg_send, nr_segs, 16, 4),
	FIELD(odg_send, flags, 20, 4),
	FIELD(odg_send, eventfd, 24, 4),
	FIELD(odg_send, state, 28, 4),
	FIELD(odg_send, id, 32, 8),
	FIELD(odg_send, result, 40, 8),
	FIELD(odg_send, name, 48, 8),
	FIELD(odg_send, control, 56, 8),
	FIELD(odg_send, namelen, 64, 4),
	FIELD(odg_send, controllen, 68, 4),
	FIELD(odg_send_batch, fd, 4, 4),
	FIELD(odg_send_batch, sends, 8, 8),
	FIELD(odg_send_batch, count, 16, 4),
	FIELD(odg_send_batch, flags, 20, 4),
	FIELD(odg_cqe, user_data, 0, 8),
	FIELD(odg_cqe, rx_ns, 8, 8),
	FIELD(odg_cqe, hw_ns, 16, 8),
	FIELD(odg_cqe, seq, 24, 4),
	FIELD(odg_cqe, drops, 28, 4),
	FIELD(odg_cqe, ifindex, 32, 4),
	FIELD(odg_cqe, status, 36, 2),
	FIELD(odg_cqe, flags, 38, 2),
	FIELD(odg_cqe, len, 40, 2),
	FIELD(odg_cqe, full_len, 42, 2),
	FIELD(odg_cqe, port, 44, 2),
	FIELD(odg_cqe, seg_len, 46, 2),
	FIELD(odg_cqe, addr, 48, 16),
	FIELD(odg_cqe, v4.addr, 48, 4),
	FIELD(odg_cqe, v4.local, 52, 4),
	FIELD(odg_cqe_wide, cqe, 0, 64),
	FIELD(odg_cqe_wide, done_ns, 64, 8),
	FIELD(odg_cqe_wide, local, 72, 16),
	FIELD(odg_cqe_wide, cpu, 88, 4),
	FIELD(odg_cqe_wide, ttl, 92, 1),
	FIELD(odg_cqe_wide, tos, 93, 1),
	FIELD(odg_cqe_wide, broadcast, 94, 1),
	FIELD(odg_port_stats, entries, 4, 4),
	FIELD(odg_port_stats, pinned_pages, 16, 8),
	FIELD(odg_port_stats, bad_cons, 56, 8),
	FIELD(odg_port_stats, kept_pages, 64, 8),
	FIELD(odg_port_stats, bad_entries, 72, 8),
	FIELD(odg_sock_stats, fd, 4, 4),
	FIELD(odg_sock_stats, arrived, 16, 8),
	FIELD(odg_sock_stats, bytes, 88, 8),
	FIELD(odg_sock_stats, send_depth, 96, 8),
	FIELD(odg_sock_stats, pieces, 104, 8),
	FIELD(odg_sock_stats, sent, 112, 8),
	FIELD(odg_sock_stats, sent_bytes, 120, 8),
	FIELD(odg_sock_stats, send_failed, 128, 8),
	FIELD(odg_sock_stats, queued_bytes, 144, 8),
	FIELD(odg_sock_stats, send_pended, 136, 8),
};

static void layout_name(const struct layout *l, char *name)
{
	strscpy(name, l->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(layout, layouts, layout_name);

static void uapi_field_stays_where_it_is(struct kunit *test)
{
	const struct layout *l = test->param_value;

	KUNIT_EXPECT_EQ(test, l->offset, l->want_offset);
	KUNIT_EXPECT_EQ(test, l->size, l->want_size);
}

static void uapi_call_numbers_stay(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, ODG_QUERY, 0xda00);
	KUNIT_EXPECT_EQ(test, ODG_CQ_CREATE, 0xda01);
	KUNIT_EXPECT_EQ(test, ODG_BIND, 0xda02);
	KUNIT_EXPECT_EQ(test, ODG_UNBIND, 0xda03);
	KUNIT_EXPECT_EQ(test, ODG_POST, 0xda04);
	KUNIT_EXPECT_EQ(test, ODG_CANCEL, 0xda05);
	KUNIT_EXPECT_EQ(test, ODG_WAIT, 0xda06);
	KUNIT_EXPECT_EQ(test, ODG_PORT_STATS, 0xda07);
	KUNIT_EXPECT_EQ(test, ODG_SOCK_STATS, 0xda08);
	KUNIT_EXPECT_EQ(test, ODG_REGION_ADD, 0xda09);
	KUNIT_EXPECT_EQ(test, ODG_REGION_DEL, 0xda0a);
	KUNIT_EXPECT_EQ(test, ODG_RQ_CREATE, 0xda0b);
	KUNIT_EXPECT_EQ(test, ODG_RQ_KICK, 0xda0c);
	KUNIT_EXPECT_EQ(test, ODG_RQ_SWITCH, 0xda0f);
	KUNIT_EXPECT_EQ(test, ODG_RQ_CANCEL, 0xda10);
	KUNIT_EXPECT_EQ(test, ODG_CQ_SWITCH, 0xda11);
	KUNIT_EXPECT_EQ(test, ODG_SEND, 0xda0e);
}

static struct kunit_case uapi_cases[] = {
	KUNIT_CASE_PARAM(uapi_field_stays_where_it_is, layout_gen_params),
	KUNIT_CASE(uapi_call_numbers_stay),
	{}
};

static struct kunit_suite uapi_suite = {
	.name = "odgram_uapi",
	.test_cases = uapi_cases,
};

kunit_test_suite(uapi_suite);
