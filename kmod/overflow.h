/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_OVERFLOW_H
#define ODG_OVERFLOW_H

#include <linux/odgram.h>

struct odg_binding;
struct sk_buff;

#define ODG_BIND_OVERFLOW	(ODG_BIND_DROP_OLDEST | ODG_BIND_NO_QUEUE)

int odg_overflow(struct odg_binding *binding, struct sk_buff *skb);

#endif /* ODG_OVERFLOW_H */
