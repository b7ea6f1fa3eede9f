/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_STATS_H
#define ODG_STATS_H

struct odg_binding;
struct odg_sock_stats;

void odg_sock_get_stats(struct odg_binding *binding,
			struct odg_sock_stats *stats);

#endif /* ODG_STATS_H */
