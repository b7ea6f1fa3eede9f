/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RECV_H
#define ODG_RECV_H

#include <linux/odgram_netlink.h>
#include <net/busy_poll.h>
#include <net/inet_sock.h>
#include <net/sock.h>

struct odg_binding;
struct odg_cqe_wide;

/* encap_rcv: the datagram is ours, or goes on to the socket's queue. */
#define ODG_CONSUMED	0
#define ODG_PASS_ON	1

int odg_encap_rcv(struct sock *sk, struct sk_buff *skb);
int odg_rcv_any(struct odg_binding *binding, struct sock *sk,
		struct sk_buff *skb);
int odg_pass_on(struct odg_binding *binding, struct sk_buff *skb,
		enum odg_slow why);
int odg_pass_on_idle(struct odg_binding *binding, struct sk_buff *skb);
int odg_filtered(struct odg_binding *binding, struct sk_buff *skb);
void odg_data_ready(struct sock *sk);

bool odg_something_posted(struct odg_binding *binding);
bool odg_something_waits(struct odg_binding *binding);
void odg_drain(struct odg_binding *binding);
bool odg_end_oldest(struct odg_binding *binding, struct odg_cqe_wide *cqe);
u32 odg_count_posted(struct odg_binding *binding);
int odg_waiting_error(struct odg_binding *binding);
void odg_keep_error(struct odg_binding *binding, int status);
void odg_count_delivery(struct odg_binding *binding,
			const struct odg_cqe_wide *cqe);
void odg_keep_rest(struct odg_binding *binding, struct sk_buff *skb, u32 at);
void odg_drop_bad_csum(struct odg_binding *binding, struct sk_buff *skb);

/* What the socket remembers of its last datagram, as for one that is queued. */
static __always_inline void odg_mark_arrival(struct sock *sk,
					     const struct sk_buff *skb)
{
	if (inet_sk(sk)->inet_daddr) {
		sock_rps_save_rxhash(sk, skb);
		sk_mark_napi_id(sk, skb);
		sk_incoming_cpu_update(sk);
	} else {
		sk_mark_napi_id_once(sk, skb);
	}
}

#endif /* ODG_RECV_H */
