// SPDX-License-Identifier: MIT
/*
 * Dumps of many sockets under traffic: each of them once, none twice, in whatever
 * pieces it is read, and while others come and go.
 *
 * ODG_SOCKETS is how many, 10,000 unless the kernel is slow.
 */
#include "nl.h"

#include <pthread.h>
#include <sys/resource.h>

struct many {
	struct port p;
	int *sock;
	uint64_t *inode;	/* in ascending order */
	uint8_t *seen;
	unsigned int nr, others;
	uint32_t last_id;
	bool stop;
};

static int by_inode(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void setup_many(struct many *m)
{
	struct rlimit limit;

	*m = (struct many){ .nr = (unsigned int)scaled("ODG_SOCKETS", 10000) };
	limit.rlim_cur = limit.rlim_max = m->nr + 100;
	sys(setrlimit(RLIMIT_NOFILE, &limit));
	port_open(&m->p, 16, 0);
	m->sock = calloc(m->nr, sizeof(*m->sock));
	m->inode = calloc(m->nr, sizeof(*m->inode));
	m->seen = calloc(m->nr, 1);
	want_true(m->sock && m->inode && m->seen);
	for (unsigned int i = 0; i < m->nr; i++) {
		m->sock[i] = udp(AF_INET);
		want(odg_bind(&m->p, m->sock[i], 0), 0);
		m->inode[i] = inode_of(m->sock[i]);
	}
	qsort(m->inode, m->nr, sizeof(*m->inode), by_inode);
}

static void drop_many(struct many *m)
{
	for (unsigned int i = 0; i < m->nr; i++)
		close(m->sock[i]);
	port_close(&m->p);
	free(m->sock);
	free(m->inode);
	free(m->seen);
}

static void see(const struct nlmsghdr *nlh, void *arg)
{
	struct many *m = arg;
	struct nl_msg msg;
	uint64_t inode, *found;
	struct odg_sock_stats s;

	nl_parse(nlh, &msg);
	/* by number, so none can come twice */
	want_true(nl_u32(&msg, ODG_A_ID) > m->last_id);
	m->last_id = nl_u32(&msg, ODG_A_ID);
	s = nl_counters(&msg);
	want(stats_gap(&s), 0);
	inode = nl_u64(&msg, ODG_A_INODE);
	found = bsearch(&inode, m->inode, m->nr, sizeof(inode), by_inode);
	if (found)
		m->seen[found - m->inode]++;
	else
		m->others++;
}

/* One dump; each of ours was there once. */
static void dump_all(struct nl *nl, struct many *m)
{
	memset(m->seen, 0, m->nr);
	m->last_id = 0;
	m->others = 0;
	want(nl_dump(nl, ODG_CMD_SOCK_GET, see, m), 0);
	for (unsigned int i = 0; i < m->nr; i++)
		want(m->seen[i], 1);
}

static void count(const struct nlmsghdr *nlh, void *arg)
{
	(void)nlh;
	++*(unsigned int *)arg;
}

static void *traffic(void *arg)
{
	struct many *m = arg;
	int tx = udp(AF_INET);

	for (unsigned int i = 0; !__atomic_load_n(&m->stop, __ATOMIC_RELAXED); i++)
		send_to(tx, m->sock[i * 7919 % m->nr], &i, sizeof(i));
	close(tx);
	return NULL;
}

static void *come_and_go(void *arg)
{
	struct many *m = arg;

	while (!__atomic_load_n(&m->stop, __ATOMIC_RELAXED)) {
		int sock = udp(AF_INET);

		want(odg_bind(&m->p, sock, 0), 0);
		close(sock);
	}
	return NULL;
}

static void dumps_are_complete_under_traffic(void **state)
{
	pthread_t t[2];
	struct many m;
	struct nl nl, small;
	unsigned int n = 0;
	uint64_t took;

	(void)state;
	setup_many(&m);
	nl_open(&nl);
	want(pthread_create(&t[0], NULL, traffic, &m), 0);
	took = now_ns(CLOCK_MONOTONIC);
	want(nl_dump(&nl, ODG_CMD_SOCK_GET, count, &n), 0);
	took = now_ns(CLOCK_MONOTONIC) - took;
	want(n, m.nr);
	print_message("# %u sockets in %llu ms\n", m.nr,
		      (unsigned long long)took / 1000000);
	want_true(took < 2000000000ULL * env_number("ODG_SLOW", 1));
	dump_all(&nl, &m);
	want(m.others, 0);
	want(nl.inconsistent, false);
	row("in the smallest pieces");
	nl_open_sized(&small, 4096);
	dump_all(&small, &m);
	nl_close(&small);
	row("while others come and go");
	want(pthread_create(&t[1], NULL, come_and_go, &m), 0);
	eventually((dump_all(&nl, &m), nl.inconsistent));
	__atomic_store_n(&m.stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	row("and when it is quiet again");
	dump_all(&nl, &m);
	want(nl.inconsistent, false);
	want(m.others, 0);
	nl_close(&nl);
	drop_many(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T0(dumps_are_complete_under_traffic),
	};
	return cmocka_run_group_tests_name("netlink_scale", tests, NULL, NULL);
}
