/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_REGION_H
#define ODG_REGION_H

#include <linux/types.h>

struct odg_port;
struct odg_region_add;
struct odg_region_del;

int odg_region_add(struct odg_port *port, struct odg_region_add *arg);
int odg_region_del(struct odg_port *port, const struct odg_region_del *arg);
void odg_region_del_all(struct odg_port *port);
void *odg_region_addr(struct odg_port *port, u32 id, u64 offset, u32 len);

#endif /* ODG_REGION_H */
