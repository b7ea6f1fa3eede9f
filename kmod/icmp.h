/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_ICMP_H
#define ODG_ICMP_H

#include "compat.h"

int odg_encap_err_lookup(struct sock *sk, struct sk_buff *skb);
void odg_icmp_error(struct sock *sk, struct sk_buff *skb, int err, __be16 port,
		    u32 info, u8 *payload);

ODG_DECLARE_ENCAP_ERR(odg_encap_err_rcv);

#endif /* ODG_ICMP_H */
