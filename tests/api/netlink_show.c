// SPDX-License-Identifier: MIT
/* The netlink family: what it shows of ports and sockets is what is so. */
#include "nl.h"
#include "helpers_ring.h"

#include <linux/filter.h>
#include <net/if.h>

/* --- ports ------------------------------------------------------------- */

struct nl_port {
	uint32_t entries;	/* in: which, by its size */
	unsigned int found;
	uint32_t pid, uid, outstanding, unread;
	uint64_t pinned, kept, registered;
	uint64_t posted, completed, cancelled, aborted, bad_cons;
};

static void port_is_it(const struct nlmsghdr *nlh, void *arg)
{
	struct nl_port *p = arg;
	struct nl_msg m;

	nl_parse(nlh, &m);
	want(m.cmd, ODG_CMD_PORT_GET);
	want_true(nl_u32(&m, ODG_A_ID) > 0);
	if (nl_u32(&m, ODG_A_ENTRIES) != p->entries)
		return;
	p->found++;
	p->pid = nl_u32(&m, ODG_A_PID);
	p->uid = nl_u32(&m, ODG_A_UID);
	p->outstanding = nl_u32(&m, ODG_A_OUTSTANDING);
	p->unread = nl_u32(&m, ODG_A_UNREAD);
	p->pinned = nl_u64(&m, ODG_A_PINNED);
	p->kept = nl_u64(&m, ODG_A_KEPT);
	p->registered = nl_u64(&m, ODG_A_REGISTERED);
	p->posted = nl_u64(&m, ODG_A_POSTED);
	p->completed = nl_u64(&m, ODG_A_COMPLETED);
	p->cancelled = nl_u64(&m, ODG_A_CANCELLED);
	p->aborted = nl_u64(&m, ODG_A_ABORTED);
	p->bad_cons = nl_u64(&m, ODG_A_BAD_CONS);
}

static struct nl_port nl_port(struct nl *nl, uint32_t entries)
{
	struct nl_port p = { .entries = entries };

	want(nl_dump(nl, ODG_CMD_PORT_GET, port_is_it, &p), 0);
	return p;
}

static void a_port_is_shown_as_it_is(void **state)
{
	struct fix *f = *state;
	static char memory[3 * 4096] __attribute__((aligned(4096)));
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct nl_port seen;
	struct port p;
	struct nl nl;
	uint32_t id;
	int fd, sock = udp(AF_INET);

	nl_open(&nl);
	want(nl_port(&nl, 512).found, 0);
	port_open(&p, 512, 0);
	want(post_n(&p, sock, f->op, 5), 5);
	send_str(f->tx, sock, "x");
	eventually(port_unread(&p) == 1);
	want(cancel_id(&p, f->op[4].r.id), 1);
	close(sock);
	eventually(port_unread(&p) == 5);
	want(post_n(&p, f->rx, &f->op[5], 2), 2);
	eventually(nl_port(&nl, 512).pinned > 0);
	seen = nl_port(&nl, 512);
	want(seen.found, 1);
	want(seen.pid, getpid());
	want(seen.uid, getuid());
	want(seen.outstanding, 2);
	want(seen.unread, 5);
	want(seen.pinned, port_stats(&p).pinned_pages * page);
	want(seen.kept, port_stats(&p).kept_pages * page);
	want(seen.registered, 0);
	want(seen.posted, 7);
	want(seen.completed, 5);
	want(seen.cancelled, 1);
	want(seen.aborted, 3);
	want(seen.bad_cons, 0);
	row("registered memory, from the middle of a page");
	id = region_add(&p, memory + 100, sizeof(memory) - 100, 0).id;
	want(nl_port(&nl, 512).registered, 3 * page);
	want(region_del(&p, id), 0);
	want(nl_port(&nl, 512).registered, 0);
	row("gone");
	port_close(&p);
	want(nl_port(&nl, 512).found, 0);
	row("without a queue");
	fd = (int)sys(open("/dev/odgram", O_RDWR | O_CLOEXEC));
	want_true(nl_port(&nl, 0).found >= 1);
	close(fd);
	nl_close(&nl);
}

/* --- sockets ----------------------------------------------------------- */

static void a_socket_is_shown_as_it_is(void **state)
{
	struct fix *f = *state;
	union sockaddr_any a;
	struct nl_sock s = { .inode = inode_of(f->rx) };
	struct odg_sock_stats want_same;
	struct tx tx[3];
	uint64_t before = now_ns(CLOCK_REALTIME);
	struct nl nl;

	nl_open(&nl);
	row("not bound to odgram");
	want(nl_dump(&nl, ODG_CMD_SOCK_GET, nl_is_it, &s), 0);
	want(s.found, 0);

	want(odg_bind(&f->p, f->rx, 0), 0);
	s = nl_sock(&nl, f->rx);
	row("bound");
	addr_of(f->rx, &a);
	want(s.family, f->family);
	want(s.uid, getuid());
	want(s.port, port_of(f->rx));
	if (f->family == AF_INET)
		want(memcmp(s.addr, &a.v4.sin_addr, 4), 0);
	else
		want(memcmp(s.addr, &a.v6.sin6_addr, 16), 0);
	want(s.connected, false);
	want(s.ifindex, 0);
	want(s.nr_groups, 0);
	want(s.ring_entries, 0);
	want(s.slow, ODG_SLOW_NONE);
	want(s.last_ns, 0);
	want(s.hist_on, false);
	want(s.posted, 0);

	queue_str(f->tx, f->rx, "queued");
	want(post_n(&f->p, f->rx, f->op, 4), 4);
	f->op[1].seg[0].len = 2;
	send_str(f->tx, f->rx, "direct");
	eventually(port_unread(&f->p) == 2);
	want(cancel_id(&f->p, f->op[3].r.id), 1);
	connect_to(f->rx, f->tx);
	s = nl_sock(&nl, f->rx);
	want(s.posted, 4);
	want(s.depth, 1);
	want(s.aborted, 1);
	want(s.slow, ODG_SLOW_NOTHING_POSTED);
	want_true(s.last_ns >= before && s.last_ns <= now_ns(CLOCK_REALTIME));
	want(s.connected, true);
	want(s.peer_port, port_of(f->tx));
	want(memcmp(s.peer, s.addr, 16), 0);
	row("sends, of which one fails");
	for (int i = 0; i < 3; i++) {
		tx_init(&tx[i], "send", 4, NULL, 0);
		tx[i].s.flags = ODG_SEND_REPORT;
	}
	tx[2].seg.addr = 8;
	want(send_n(&f->p, f->rx, tx, 3), 3);
	s = nl_sock(&nl, f->rx);
	want(s.stats.sent, 2);
	want(s.stats.sent_bytes, 8);
	want(s.stats.send_failed, 1);
	want(s.stats.send_depth, 0);
	row("the same as by the device");
	want_same = sock_stats(&f->p, f->rx);
	want(s.stats.arrived, want_same.arrived);
	want(s.stats.arrived, 2);
	want(s.stats.direct, 1);
	want(s.stats.from_queue, 1);
	want(s.stats.bytes, want_same.bytes);
	row("gone");
	want(cancel_socket(&f->p, f->rx), 1);
	want(odg_unbind(&f->p, f->rx), 0);
	s = (struct nl_sock){ .inode = inode_of(f->rx) };
	want(nl_dump(&nl, ODG_CMD_SOCK_GET, nl_is_it, &s), 0);
	want(s.found, 0);
	for (int i = 0; i < 4 + 3; i++)
		reap(&f->p);
	nl_close(&nl);
}

static void a_number_stays_and_is_not_used_again(void **state)
{
	struct fix *f = *state;
	struct nl nl;
	uint32_t id;

	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want(odg_bind(&f->p, f->tx, 0), 0);
	id = nl_sock(&nl, f->rx).id;
	want_true(nl_sock(&nl, f->tx).id > id);
	want(odg_unbind(&f->p, f->tx), 0);
	want(nl_sock(&nl, f->rx).id, id);
	want(odg_unbind(&f->p, f->rx), 0);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want_true(nl_sock(&nl, f->rx).id > id + 1);
	nl_close(&nl);
}

static void why_not_the_fast_path(void **state)
{
	struct sock_filter nothing[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog prog = { .len = 1, .filter = nothing };
	struct odg_rq_create c = { .size = sizeof(c), .fd = -1, .entries = 128 };
	struct fix *f = *state;
	struct odg_rqe *rqes;
	uint32_t *prod, n = 0;
	struct nl_sock s;
	uint8_t *map;
	struct nl nl;

	nl_open(&nl);
	c.fd = f->rx;
	want(odg(f->p.fd, ODG_RQ_CREATE, &c), 0);
	map = mmap(NULL, c.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
		   f->p.fd, (off_t)c.mmap_offset);
	want_true(map != MAP_FAILED);
	prod = (uint32_t *)(map + c.off_prod);
	rqes = (struct odg_rqe *)(map + c.off_entries);
	s = nl_sock(&nl, f->rx);
	want(s.slow, ODG_SLOW_NONE);
	want(s.ring_entries, 128);
	want(s.ring_depth, 0);

	row("nothing posted");
	queue_str(f->tx, f->rx, "1");
	want(nl_sock(&nl, f->rx).slow, ODG_SLOW_NOTHING_POSTED);

	row("the completion queue is full");
	native_recv(f->rx, "1", 1);
	for (unsigned int i = 0; i < f->p.entries; i++) {
		op_init(&f->op[0]);
		post_pending(&f->p, f->tx, &f->op[0]);
	}
	for (n = 0; n < 100; n++)
		rqes[n] = (struct odg_rqe){ .region = 99, .len = 1 };
	__atomic_store_n(prod, n, __ATOMIC_RELEASE);
	queue_str(f->tx, f->rx, "2");
	s = nl_sock(&nl, f->rx);
	want(s.slow, ODG_SLOW_NO_ROOM);
	want(s.ring_depth, 100);

	row("the queue is not empty");
	queue_str(f->tx, f->rx, "3");
	want(nl_sock(&nl, f->rx).slow, ODG_SLOW_QUEUE);

	row("too many wrong entries");
	native_recv(f->rx, "2", 1);
	native_recv(f->rx, "3", 1);
	want(cancel_socket(&f->p, f->tx), f->p.entries);
	for (unsigned int i = 0; i < f->p.entries; i++)
		reap(&f->p);
	queue_str(f->tx, f->rx, "4");
	s = nl_sock(&nl, f->rx);
	want(s.slow, ODG_SLOW_BAD_ENTRY);
	for (n = 0; n < 64; n++)
		want(reap(&f->p)->status, -EFAULT);

	row("refused by the filter");
	sys(setsockopt(f->rx, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	native_recv(f->rx, "4", 1);
	send_str(f->tx, f->rx, "5");
	eventually(nl_sock(&nl, f->rx).stats.filtered == 1);
	want(nl_sock(&nl, f->rx).slow, ODG_SLOW_FILTER);
	munmap(map, c.mmap_size);
	nl_close(&nl);
}

static void groups_and_device(void **state)
{
	struct ip_mreqn m4 = { .imr_multiaddr.s_addr = htonl(0xefff0102) };
	struct ipv6_mreq m6 = {
		.ipv6mr_multiaddr = { .s6_addr = { 0xff, 0x12, [15] = 9 } },
	};
	struct fix *f = *state;
	struct nl_sock s;
	struct nl nl;
	int lo = (int)if_nametoindex("lo");

	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	set_opt(f->rx, SOL_SOCKET, SO_BINDTOIFINDEX, lo);
	m4.imr_ifindex = lo;
	m6.ipv6mr_interface = (unsigned int)lo;
	if (f->family == AF_INET6)
		sys(setsockopt(f->rx, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m6, sizeof(m6)));
	sys(setsockopt(f->rx, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m4, sizeof(m4)));
	s = nl_sock(&nl, f->rx);
	want(s.ifindex, lo);
	want(s.nr_groups, f->family == AF_INET ? 1 : 2);
	want(s.group[0].ifindex, lo);
	if (f->family == AF_INET) {
		want(memcmp(s.group[0].addr, &m4.imr_multiaddr, 4), 0);
		want_true(!memcmp(s.group[0].addr + 4, "\0\0\0\0\0\0\0\0\0\0\0", 12));
	} else {
		want(memcmp(s.group[0].addr + 12, &m4.imr_multiaddr, 4), 0);
		want(s.group[0].addr[10], 0xff);
		want(memcmp(s.group[1].addr, &m6.ipv6mr_multiaddr, 16), 0);
		want(s.group[1].ifindex, lo);
	}
	nl_close(&nl);
}

/* --- sums -------------------------------------------------------------- */

static void totals_keep_what_is_gone(void **state)
{
	struct nl_totals before, live, gone;
	struct fix *f = *state;
	union sockaddr_any a;
	struct tx tx;
	struct nl nl;

	nl_open(&nl);
	before = nl_totals(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	want(nl_totals(&nl).socks, before.socks + 1);
	queue_str(f->tx, f->rx, "1");
	queue_str(f->tx, f->rx, "2");
	native_recv(f->rx, "1", 1);
	want(post_n(&f->p, f->rx, f->op, 3), 3);
	send_str(f->tx, f->rx, "33");
	eventually(port_unread(&f->p) == 2);
	live = nl_totals(&nl);
	want(live.ports, before.ports);
	want(live.posted, before.posted + 3);
	want(live.completed, before.completed + 2);
	want(live.stats.arrived, before.stats.arrived + 3);
	want(live.stats.direct, before.stats.direct + 1);
	want(live.stats.from_queue, before.stats.from_queue + 1);
	want(live.stats.native, before.stats.native + 1);
	want(live.stats.bytes, before.stats.bytes + 3);
	row("a send, by a socket that goes, too");
	tx_init(&tx, "4444", 4, (struct sockaddr *)&a, addr_of(f->tx, &a));
	tx_result(&tx);
	want(send_n(&f->p, f->rx, &tx, 1), 1);
	live = nl_totals(&nl);
	want(live.stats.sent, before.stats.sent + 1);
	want(live.stats.sent_bytes, before.stats.sent_bytes + 4);
	want(live.stats.send_failed, before.stats.send_failed);

	close(f->rx);
	eventually(port_unread(&f->p) == 3);
	gone = nl_totals(&nl);
	want(gone.socks, before.socks);
	want(gone.posted, live.posted);
	want(gone.completed, live.completed + 1);
	want(gone.aborted, live.aborted + 1);
	want(memcmp(&gone.stats, &live.stats, sizeof(live.stats)), 0);
	for (int i = 0; i < 3; i++)
		reap(&f->p);
	f->rx = udp(f->family);
	nl_close(&nl);
}

/* --- histogram --------------------------------------------------------- */

struct hist {
	uint32_t id;
	uint64_t count, sum, max;
	uint64_t bucket[ODG_HIST_BUCKETS];
};

static void is_hist(const struct nlmsghdr *nlh, void *arg)
{
	struct hist *h = arg;
	struct nl_msg m;

	nl_parse(nlh, &m);
	want(m.cmd, ODG_CMD_HIST_GET);
	h->id = nl_u32(&m, ODG_A_ID);
	h->count = nl_u64(&m, ODG_A_HIST_COUNT);
	h->sum = nl_u64(&m, ODG_A_HIST_SUM);
	h->max = nl_u64(&m, ODG_A_HIST_MAX);
	want(mnl_attr_get_payload_len(m.a[ODG_A_HIST]), sizeof(h->bucket));
	memcpy(h->bucket, mnl_attr_get_payload(m.a[ODG_A_HIST]), sizeof(h->bucket));
}

/* From the header's prose. */
static uint64_t low(unsigned int i)
{
	return i < ODG_HIST_SUB ? i :
	       (uint64_t)(ODG_HIST_SUB + i % ODG_HIST_SUB) << (i / ODG_HIST_SUB - 1);
}

/* The histogram, after checking that it agrees with itself. */
static struct hist hist(struct nl *nl, uint32_t id)
{
	uint64_t count = 0, least = 0, most = 0;
	struct hist h;
	bool max_fits = false;

	memset(&h, POISON, sizeof(h));
	want(nl_do(nl, ODG_CMD_HIST_GET, id, is_hist, &h), 0);
	want(h.id, id);
	for (unsigned int i = 0; i < ODG_HIST_BUCKETS; i++) {
		count += h.bucket[i];
		least += h.bucket[i] * low(i);
		most += h.bucket[i] * (low(i + 1) - 1);
		if (h.bucket[i])
			max_fits = h.max >= low(i) &&
				   (i == ODG_HIST_BUCKETS - 1 || h.max < low(i + 1));
	}
	want(count, h.count);
	want_true(h.sum >= least);
	if (!h.bucket[ODG_HIST_BUCKETS - 1])
		want_true(h.sum <= most);
	want(max_fits, h.count > 0);
	return h;
}

/* The stack goes on stamping for a moment after the last who asked for it is gone. */
static void until_unstamped(struct fix *f)
{
	int tries = 0;

	do {
		want_true(tries++ < 1000);
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		send_str(f->tx, f->rx, "x");
	} while (reap(&f->p)->flags & ODG_CQE_RX_STACK);
}

static void the_histogram_counts_what_is_completed(void **state)
{
	struct fix *f = *state;
	struct hist h;
	struct nl nl;
	uint32_t id;

	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, 0), 0);
	id = nl_sock(&nl, f->rx).id;
	until_unstamped(f);
	row("off at first");
	want(nl_do(&nl, ODG_CMD_HIST_GET, id, NULL, NULL), -ENOENT);
	want(nl_set_hist(&nl, id, 1), 0);
	want(nl_sock(&nl, f->rx).hist_on, true);
	want(hist(&nl, id).count, 0);
	row("direct");
	for (int i = 0; i < 5; i++) {
		op_init(&f->op[0]);
		post_pending(&f->p, f->rx, &f->op[0]);
		send_str(f->tx, f->rx, "x");
		reap_data(&f->p, &f->op[0], "x", 1);
	}
	want(hist(&nl, id).count, 5);
	row("from the queue, without a stamp: nobody knows");
	queue_str(f->tx, f->rx, "x");
	op_init(&f->op[0]);
	want(post(&f->p, f->rx, &f->op[0]), 1);
	reap_data(&f->p, &f->op[0], "x", 1);
	want(hist(&nl, id).count, 5);
	row("with one");
	set_opt(f->rx, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	/* the stack stamps from some time after the option was set */
	for (int tries = 0; hist(&nl, id).count == 5; tries++) {
		want_true(tries < 1000);
		queue_str(f->tx, f->rx, "x");
		usleep(2000);
		op_init(&f->op[0]);
		want(post(&f->p, f->rx, &f->op[0]), 1);
		reap_data(&f->p, &f->op[0], "x", 1);
	}
	h = hist(&nl, id);
	want(h.count, 6);
	want_true(h.max >= 2000000);
	row("on again begins anew");
	want(nl_set_hist(&nl, id, 1), 0);
	want(hist(&nl, id).count, 0);
	row("off");
	want(nl_set_hist(&nl, id, 0), 0);
	want(nl_do(&nl, ODG_CMD_HIST_GET, id, NULL, NULL), -ENOENT);
	want(nl_set_hist(&nl, id, 0), 0);
	nl_close(&nl);
}

static void a_datagram_in_pieces_counts_once(void **state)
{
	struct nl_totals before, after;
	struct fix *f = *state;
	struct nl_sock s;
	uint64_t count;
	struct nl nl;
	uint32_t id;

	nl_open(&nl);
	want(odg_bind(&f->p, f->rx, ODG_BIND_PARTIAL), 0);
	id = nl_sock(&nl, f->rx).id;
	want(nl_set_hist(&nl, id, 1), 0);
	set_opt(f->rx, SOL_SOCKET, SO_TIMESTAMPNS, 1);
	/* the stack stamps from some time after the option was set */
	for (int tries = 0; !hist(&nl, id).count; tries++) {
		want_true(tries < 1000);
		queue_str(f->tx, f->rx, "x");
		op_init(&f->op[0]);
		want(post(&f->p, f->rx, &f->op[0]), 1);
		reap_data(&f->p, &f->op[0], "x", 1);
	}
	before = nl_totals(&nl);
	count = hist(&nl, id).count;

	for (int i = 0; i < 3; i++) {
		op_init(&f->op[i]);
		op_segs(&f->op[i], 1, (uint32_t[]){ 4 });
		post_pending(&f->p, f->rx, &f->op[i]);
	}
	send_str(f->tx, f->rx, "0123456789");
	for (int i = 0; i < 3; i++)
		want(reap(&f->p)->len, i < 2 ? 4 : 2);
	row("by posts");
	queue_str(f->tx, f->rx, "0123456789");
	for (int i = 3; i < 5; i++) {
		op_init(&f->op[i]);
		op_segs(&f->op[i], 1, (uint32_t[]){ 8 });
		want(post(&f->p, f->rx, &f->op[i]), 1);
		want(reap(&f->p)->len, i < 4 ? 8 : 2);
	}

	want(hist(&nl, id).count, count + 2);
	after = nl_totals(&nl);
	want(after.posted, before.posted + 5);
	want(after.completed, before.completed + 5);
	want(after.stats.pieces, before.stats.pieces + 3);
	want(after.stats.from_queue, before.stats.from_queue + 2);
	want(after.stats.bytes, before.stats.bytes + 20);
	s = nl_sock(&nl, f->rx);
	want(s.stats.pieces, 3);
	want(s.posted, s.stats.direct + s.stats.from_queue + s.stats.pieces);
	nl_close(&nl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_port_is_shown_as_it_is),
		T46(a_socket_is_shown_as_it_is),
		T(a_number_stays_and_is_not_used_again),
		T46(why_not_the_fast_path),
		T46(groups_and_device),
		T(totals_keep_what_is_gone),
		T46(the_histogram_counts_what_is_completed),
		T(a_datagram_in_pieces_counts_once),
	};
	return cmocka_run_group_tests_name("netlink show", tests, NULL, NULL);
}
