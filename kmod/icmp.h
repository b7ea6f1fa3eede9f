/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_ICMP_H
#define ODG_ICMP_H

#include <linux/types.h>

struct odg_binding;
struct sk_buff;
struct sock;

bool odg_icmp_wanted(const struct odg_binding *binding, int status);

int odg_encap_err_lookup(struct sock *sk, struct sk_buff *skb);

#endif /* ODG_ICMP_H */
