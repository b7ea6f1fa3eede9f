/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_WAIT_H
#define ODG_WAIT_H

struct odg_binding;
struct odg_port;
struct odg_wait;

int odg_wait(struct odg_port *port, const struct odg_wait *arg);
void odg_wait_set_source(struct odg_port *port, struct odg_binding *binding);
void odg_wait_forget_source(struct odg_port *port);

#endif /* ODG_WAIT_H */
