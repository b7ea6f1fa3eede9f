// SPDX-License-Identifier: MIT
/* What a receive puts into its buffers: pending, at once, scattered, cut. */
#include "helpers.h"

#include <netinet/udp.h>

static void a41_posts_fill_in_order(void **state)
{
	struct fix *f = *state;

	want(post_n(&f->p, f->rx, f->op, 3), 3);
	want_none(&f->p);
	send_str(f->tx, f->rx, "one");
	send_str(f->tx, f->rx, "second");
	send_str(f->tx, f->rx, "the third");
	reap_data(&f->p, &f->op[0], "one", 3);
	reap_data(&f->p, &f->op[1], "second", 6);
	reap_data(&f->p, &f->op[2], "the third", 9);
	want_none(&f->p);
	want_stats_sum(&f->p, f->rx);
	want(sock_stats(&f->p, f->rx).direct, 3);
}

static void a90_sixty_four_posts_sixty_four_datagrams(void **state)
{
	struct fix *f = *state;
	struct op *op = calloc(64, sizeof(*op));

	want_true(op);
	for (int i = 0; i < 64; i++) {
		op_init(&op[i]);
		post_pending(&f->p, f->rx, &op[i]);
	}
	for (int i = 0; i < 64; i++)
		send_to(f->tx, f->rx, &i, sizeof(i));
	for (int i = 0; i < 64; i++)
		reap_data(&f->p, &op[i], &i, sizeof(i));
	free(op);
}

/* Before the completion, nothing of the op has changed. */
static void inv3_nothing_is_written_before_and_after(void **state)
{
	struct fix *f = *state;
	struct op *op = &f->op[0];

	post_pending(&f->p, f->rx, op);
	want_true(is_poison(op->data, OP_DATA));
	want(odg_wait(&f->p, 1, 0), -ETIME);
	send_str(f->tx, f->rx, "data");
	reap_data(&f->p, op, "data", 4);
	memset(op->data, POISON, OP_DATA);
	send_queued(f->tx, f->rx, "more", 4);
	want_true(is_poison(op->data, OP_DATA));
}

static void a49_queued_datagram_completes_in_the_post(void **state)
{
	struct fix *f = *state;
	uint64_t t0 = now_ns(CLOCK_REALTIME);

	send_queued(f->tx, f->rx, "waiting", 7);
	op_result(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	want_result(&f->op[0], "waiting", 7);
	want(f->op[0].result.cqe.port, port_of(f->tx));
	want_true(f->op[0].result.cqe.rx_ns >= t0);
	want_true(f->op[0].result.done_ns >= t0);
	want_none(&f->p);

	row("without a place for the result: to the queue");
	send_queued(f->tx, f->rx, "again", 5);
	want(post(&f->p, f->rx, &f->op[1]), 1);
	want(f->op[1].r.state, ODG_RECV_QUEUED);
	want_true(f->op[1].r.id != POISON64);
	want(port_unread(&f->p), 1);
	reap_data(&f->p, &f->op[1], "again", 5);
	want_none(&f->p);
	want(sock_stats(&f->p, f->rx).from_queue, 2);
	want_stats_sum(&f->p, f->rx);
}

/* A pending op completes in the queue, whatever its result points to. */
static void result_is_untouched_when_pending(void **state)
{
	struct fix *f = *state;

	op_result(&f->op[0]);
	post_pending(&f->p, f->rx, &f->op[0]);
	send_str(f->tx, f->rx, "queue");
	reap_data(&f->p, &f->op[0], "queue", 5);
	want_true(is_poison(&f->op[0].result, sizeof(f->op[0].result)));
}

/* A narrow port's result is 64 bytes, not the wide 128. */
static void result_has_the_ports_entry_size(void **state)
{
	struct fix *f = *state;
	struct port p;

	port_open(&p, 4, 0);
	want(p.cqe_size, sizeof(struct odg_cqe));
	send_queued(f->tx, f->rx, "narrow", 6);
	op_result(&f->op[0]);
	want(post(&p, f->rx, &f->op[0]), 1);
	want_result(&f->op[0], "narrow", 6);
	want_true(is_poison((uint8_t *)&f->op[0].result + sizeof(struct odg_cqe),
			    sizeof(struct odg_cqe_wide) - sizeof(struct odg_cqe)));
	port_close(&p);
}

/* --- scatter ----------------------------------------------------------- */

/* Both ways into a buffer: the hook's (pending) and the post's (queued). */
static const struct odg_cqe *receive(struct fix *f, struct op *op,
				     const void *data, size_t len, bool queued)
{
	if (queued) {
		send_queued(f->tx, f->rx, data, len);
		want(post(&f->p, f->rx, op), 1);
		want(op->r.state, ODG_RECV_QUEUED);
	} else {
		post_pending(&f->p, f->rx, op);
		send_to(f->tx, f->rx, data, len);
	}
	return reap(&f->p);
}

static void a51_a52_a55_scatter(void **state)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	static const struct {
		const char *name;
		uint32_t n, lens[OP_SEGS], len;
	} rows[] = {
		{ "in array order", 3, { 2, 4, 8 }, 9 },
		{ "zero-length segment within", 3, { 2, 0, 4 }, 5 },
		{ "zero-length segment first", 3, { 0, 3, 3 }, 5 },
		{ "zero-length segment last", 3, { 3, 3, 0 }, 6 },
		{ "zero-length segments only", 3, { 0, 0, 0 }, 0 },
		{ "exactly full", 2, { 4, 6 }, 10 },
		{ "ends at a border", 3, { 4, 6, 5 }, 10 },
		{ "single bytes", 8, { 1, 1, 1, 1, 1, 1, 1, 1 }, 7 },
		{ "nothing sent", 2, { 4, 6 }, 0 },
		{ "cut", 2, { 4, 6 }, 36 },
		{ "cut by one", 2, { 4, 6 }, 11 },
		{ "cut to nothing", 2, { 0, 0 }, 1 },
		{ "cut after a zero-length segment", 3, { 3, 0, 2 }, 36 },
	};
	struct fix *f = *state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		const struct odg_cqe *c;
		struct op *op = &f->op[0];
		bool queued = i & 1;
		uint32_t room = 0, kept;
		uint64_t truncated;

		row("%s, %s", rows[i / 2].name, queued ? "queued" : "pending");
		truncated = i ? sock_stats(&f->p, f->rx).truncated : 0;
		op_init(op);
		op_segs(op, rows[i / 2].n, rows[i / 2].lens);
		for (uint32_t k = 0; k < rows[i / 2].n; k++)
			room += rows[i / 2].lens[k];
		kept = room < rows[i / 2].len ? room : rows[i / 2].len;
		c = receive(f, op, digits, rows[i / 2].len, queued);
		want(c->user_data, op->r.user_data);
		want(c->status, kept < rows[i / 2].len ? -EMSGSIZE : 0);
		want(c->len, kept);
		want(c->full_len, rows[i / 2].len);
		want(memcmp(op->data, digits, kept), 0);
		want_true(is_poison(op->data + kept, OP_DATA - kept));
		want(sock_stats(&f->p, f->rx).truncated - truncated,
		     kept < rows[i / 2].len);

		/* a56: the tail is lost; the next receive has the next one. */
		op_init(op);
		c = receive(f, op, "next", 4, queued);
		want_data(c, op, "next", 4);
	}
}

static void segments_out_of_address_order_and_shared(void **state)
{
	struct fix *f = *state;
	struct op *op = &f->op[0];

	op->seg[0] = (struct odg_seg){ .addr = (uintptr_t)op->data + 100, .len = 3 };
	op->seg[1] = (struct odg_seg){ .addr = (uintptr_t)op->data, .len = 3 };
	/* The same bytes twice: later segments win, as with readv(2). */
	op->seg[2] = (struct odg_seg){ .addr = (uintptr_t)op->data + 1, .len = 1 };
	op->r.nr_segs = 3;
	post_pending(&f->p, f->rx, op);
	send_str(f->tx, f->rx, "abcdefg");
	want(reap(&f->p)->len, 7);
	want(memcmp(op->data + 100, "abc", 3), 0);
	want(memcmp(op->data, "dgf", 3), 0);
	want_true(is_poison(op->data + 3, 97));
}

static void buffer_across_pages_at_odd_addresses(void **state)
{
	struct fix *f = *state;
	size_t size = 5 * PAGE;
	uint8_t *m = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *payload = malloc(size);

	want_true(m != MAP_FAILED && payload);
	for (size_t i = 0; i < size; i++)
		payload[i] = (uint8_t)(i * 31 + i / PAGE);
	for (size_t i = 0; i < 12; i++) {
		size_t off = (i * 1237) % PAGE, len = PAGE * 3 + i * 97;
		struct op *op = &f->op[0];

		row("round %zu", i);
		memset(m, POISON, size);
		op_init(op);
		op->seg[0].addr = (uintptr_t)m + off;
		op->seg[0].len = (uint32_t)len;
		want(receive(f, op, payload, len, i & 1)->len, len);
		want_true(is_poison(m, off));
		want(memcmp(m + off, payload, len), 0);
		want_true(is_poison(m + off + len, size - off - len));
	}
	munmap(m, size);
	free(payload);
}

static void largest_datagram(void **state)
{
	struct fix *f = *state;
	/* IPv6's length field does not count its own header. */
	size_t len = f->family == AF_INET ? 65507 : 65527;
	uint8_t *payload = malloc(65536), *buf = malloc(65536);

	want_true(payload && buf);
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i ^ i >> 8);
	for (int queued = 0; queued < 2; queued++) {
		const struct odg_cqe *c;
		struct op *op = &f->op[0];

		row("%s", queued ? "queued" : "pending");
		memset(buf, POISON, 65536);
		op_init(op);
		op->seg[0].addr = (uintptr_t)buf;
		op->seg[0].len = 65536;
		c = receive(f, op, payload, len, queued);
		want(c->status, 0);
		want(c->len, len);
		want(c->full_len, len);
		want(memcmp(buf, payload, len), 0);
		want_true(is_poison(buf + len, 65536 - len));
	}
	free(payload);
	free(buf);
}

static void zero_length_datagram(void **state)
{
	struct fix *f = *state;

	for (int queued = 0; queued < 2; queued++) {
		const struct odg_cqe *c;

		row("%s", queued ? "queued" : "pending");
		op_init(&f->op[0]);
		c = receive(f, &f->op[0], "", 0, queued);
		want_data(c, &f->op[0], "", 0);
		want_true(c->flags & ODG_CQE_ADDR);
		want(c->port, port_of(f->tx));
		want_true(c->rx_ns);
	}
}

/* Every memory a receive may name; file systems' pages may not be pinned. */
static void kinds_of_memory(void **state)
{
	struct fix *f = *state;
	int memfd = (int)sys(memfd_create("odg", MFD_CLOEXEC));
	const struct { const char *name; int flags, fd; } rows[] = {
		{ "anonymous private", MAP_PRIVATE | MAP_ANONYMOUS, -1 },
		{ "anonymous shared", MAP_SHARED | MAP_ANONYMOUS, -1 },
		{ "memfd shared", MAP_SHARED, memfd },
		{ "memfd private", MAP_PRIVATE, memfd },
	};
	sys(ftruncate(memfd, (off_t)PAGE));
	for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
		struct op *op = &f->op[0];
		char *m;

		row("%s, %s", rows[i / 2].name, i & 1 ? "queued" : "pending");
		m = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, rows[i / 2].flags,
			 rows[i / 2].fd, 0);
		want_true(m != MAP_FAILED);
		/* Never touched before: the pin or the copy has to fault it in. */
		op_init(op);
		op->seg[0].addr = (uintptr_t)m;
		op->seg[0].len = PAGE;
		want(receive(f, op, "memory", 6, i & 1)->len, 6);
		want(memcmp(m, "memory", 7), 0);
		munmap(m, PAGE);
	}
	close(memfd);
}

/* --- segmentation offload ---------------------------------------------- */

static void gso_send(int from, int to, const void *data, size_t len, int seg)
{
	set_opt(from, IPPROTO_UDP, UDP_SEGMENT, seg);
	send_to(from, to, data, len);
	set_opt(from, IPPROTO_UDP, UDP_SEGMENT, 0);
}

static void segmented_send_is_one_datagram_per_segment(void **state)
{
	struct fix *f = *state;
	uint8_t payload[250];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	want(post_n(&f->p, f->rx, f->op, 2), 2);
	gso_send(f->tx, f->rx, payload, sizeof(payload), 100);
	reap_data(&f->p, &f->op[0], payload, 100);
	reap_data(&f->p, &f->op[1], payload + 100, 100);
	row("the last one, without a post, is queued");
	native_recv(f->rx, payload + 200, 50);
	want_stats_sum(&f->p, f->rx);
	want(sock_stats(&f->p, f->rx).arrived, 3);
}

/*
 * A socket that asked for coalesced datagrams still sees datagrams through
 * odgram: a completion has no place for the segments' size.
 */
static void udp_gro_socket_gets_whole_datagrams(void **state)
{
	struct fix *f = *state;
	uint8_t payload[250];
	uint32_t total = 0;

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	set_opt(f->rx, IPPROTO_UDP, UDP_GRO, 1);
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	gso_send(f->tx, f->rx, payload, sizeof(payload), 100);
	for (int i = 0; i < 3 && total < sizeof(payload); i++) {
		const struct odg_cqe *c = reap(&f->p);

		want(c->user_data, f->op[i].r.user_data);
		want(c->status, 0);
		want(c->len, c->full_len);
		want(memcmp(f->op[i].data, payload + total, c->len), 0);
		want_true(is_poison(f->op[i].data + c->len, OP_DATA - c->len));
		total += c->len;
	}
	want(total, sizeof(payload));
	want_stats_sum(&f->p, f->rx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T46(a41_posts_fill_in_order),
		T(a90_sixty_four_posts_sixty_four_datagrams),
		T(inv3_nothing_is_written_before_and_after),
		T46(a49_queued_datagram_completes_in_the_post),
		T(result_is_untouched_when_pending),
		T(result_has_the_ports_entry_size),
		T46(a51_a52_a55_scatter),
		T(segments_out_of_address_order_and_shared),
		T(buffer_across_pages_at_odd_addresses),
		T46(largest_datagram),
		T46(zero_length_datagram),
		T(kinds_of_memory),
		T46(segmented_send_is_one_datagram_per_segment),
		T(udp_gro_socket_gets_whole_datagrams),
	};
	return cmocka_run_group_tests_name("recv", tests, NULL, NULL);
}
