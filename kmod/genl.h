/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_GENL_H
#define ODG_GENL_H

#include <net/genetlink.h>

struct odg_binding;
struct odg_port;

/* The family's one multicast group. */
#define ODG_GENL_EVENTS_GROUP 0

extern struct genl_family odg_genl_family;

int odg_genl_init(void);
void odg_genl_exit(void);

int odg_genl_put_socket(struct sk_buff *skb, struct odg_binding *binding);

#endif /* ODG_GENL_H */
