/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_NOTIFY_H
#define ODG_NOTIFY_H

struct odg_notify;
struct odg_port;

void odg_notify_init(struct odg_port *port);
int odg_notify_set(struct odg_port *port, const struct odg_notify *arg);
void odg_notify_signal(struct odg_port *port);
void odg_notify_close(struct odg_port *port);

#endif /* ODG_NOTIFY_H */
