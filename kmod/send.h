/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_SEND_H
#define ODG_SEND_H

struct odg_port;
struct odg_send_batch;

int odg_send(struct odg_port *port, const struct odg_send_batch *arg);

#endif /* ODG_SEND_H */
