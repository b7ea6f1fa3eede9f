/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_SOCKQ_H
#define ODG_SOCKQ_H

#include <net/sock.h>

bool odg_sockq_empty(struct sock *sk);
u32 odg_sockq_len(struct sock *sk);
struct sk_buff *odg_sockq_peek(struct sock *sk);
bool odg_sockq_take(struct sock *sk, struct sk_buff *skb);
struct sk_buff *odg_sockq_pop(struct sock *sk);

#endif /* ODG_SOCKQ_H */
