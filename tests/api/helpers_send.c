// SPDX-License-Identifier: MIT
/* Sends for the tests. */
#include "helpers.h"

void tx_init(struct tx *tx, const void *data, size_t len,
	     const struct sockaddr *to, socklen_t tolen)
{
	static uint64_t serial = 0x7e57000000000000ULL;

	want_true(len <= TX_DATA);
	memset(tx, POISON, sizeof(*tx));
	memcpy(tx->data, data, len);
	tx->seg = (struct odg_seg){
		.addr = (uintptr_t)tx->data, .len = (uint32_t)len,
	};
	tx->s = (struct odg_send){
		.user_data = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED),
		.segs = (uintptr_t)&tx->seg, .nr_segs = 1, .eventfd = -1,
		.state = POISON32, .id = POISON64,
		.name = (uintptr_t)to, .namelen = tolen,
	};
}

void tx_result(struct tx *tx)
{
	tx->s.result = (uintptr_t)&tx->result;
}

int send_n(const struct port *p, int sock, struct tx *tx, unsigned int n)
{
	struct odg_send *s = calloc(n, sizeof(*s));
	struct odg_send_batch arg = {
		.size = sizeof(arg), .fd = sock, .sends = (uintptr_t)s,
		.count = n,
	};
	int ret;

	want_true(s);
	for (unsigned int i = 0; i < n; i++) {
		s[i] = tx[i].s;
		s[i].state = POISON32;
		s[i].id = POISON64;
	}
	ret = odg(p->fd, ODG_SEND, &arg);
	for (unsigned int i = 0; i < n; i++) {
		tx[i].s.state = s[i].state;
		tx[i].s.id = s[i].id;
		if (s[i].state == ODG_SEND_PENDING) {
			want_true(s[i].id != 0 && s[i].id != POISON64);
			memset(tx[i].data, 0xcc, sizeof(tx[i].data));
		}
	}
	memset(s, 0xcc, n * sizeof(*s));
	free(s);
	return ret;
}

void reap_sent(struct port *p, const struct tx *tx, int status, size_t len)
{
	const struct odg_cqe *c = reap(p);

	want(c->user_data, tx->s.user_data);
	want(c->status, status);
	want(c->flags, ODG_CQE_SEND);
	want(c->len, len);
	want(c->full_len, len);
	want(c->rx_ns, 0);
}
