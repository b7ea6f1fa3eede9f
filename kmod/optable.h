/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_OPTABLE_H
#define ODG_OPTABLE_H

#include <linux/mm.h>
#include <linux/xarray.h>

#include "op.h"

struct odg_port;

/* Ops that are made at a time: a page of them. */
#define ODG_OPS_AT_ONCE (PAGE_SIZE / sizeof(struct odg_op))

struct odg_op *odg_port_get_op(struct odg_port *port);
void odg_port_put_op(struct odg_port *port, struct odg_op *op);
void odg_port_push_op(struct odg_port *port, struct odg_op *op);
void odg_port_free_op(struct odg_port *port, struct odg_op *op);
struct odg_op *odg_port_find_op(struct odg_port *port, u64 id);
u64 odg_port_op_id(const struct odg_op *op);
void odg_port_free_ops(struct odg_port *port);

#endif /* ODG_OPTABLE_H */
