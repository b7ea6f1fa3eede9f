/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_CANCEL_H
#define ODG_CANCEL_H

struct odg_cancel;
struct odg_port;

int odg_cancel(struct odg_port *port, const struct odg_cancel *arg);
void odg_drop_all(struct odg_port *port);

#endif /* ODG_CANCEL_H */
