/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_ICMP_H
#define ODG_ICMP_H

struct sk_buff;
struct sock;

int odg_encap_err_lookup(struct sock *sk, struct sk_buff *skb);

#endif /* ODG_ICMP_H */
