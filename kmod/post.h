/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_POST_H
#define ODG_POST_H

#include <linux/types.h>

struct odg_binding;
struct odg_cqe_wide;
struct odg_port;
struct odg_post;

int odg_write_result(const struct odg_port *port, u64 result, u64 user_data,
		     struct odg_cqe_wide *cqe);
int odg_post(struct odg_port *port, const struct odg_post *arg);

#endif /* ODG_POST_H */
