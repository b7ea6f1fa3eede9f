/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RECV_H
#define ODG_RECV_H

#include <net/sock.h>

struct odg_binding;
struct odg_cqe_wide;

int odg_encap_rcv(struct sock *sk, struct sk_buff *skb);
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
void odg_drop_bad_csum(struct odg_binding *binding, struct sk_buff *skb);

#endif /* ODG_RECV_H */
