/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_REGISTRY_H
#define ODG_REGISTRY_H

struct net;
struct odg_binding;
struct odg_port;

int odg_registry_init(void);
void odg_registry_exit(void);

int odg_registry_reserve(struct odg_binding *binding);
void odg_registry_publish(struct odg_binding *binding);
void odg_registry_forget(struct odg_binding *binding);
struct odg_binding *odg_registry_next_binding(struct net *net,
					      unsigned long *from);
unsigned int odg_registry_binding_changes(struct net *net);

int odg_registry_add_port(struct odg_port *port);
void odg_registry_del_port(struct odg_port *port);
struct odg_port *odg_registry_next_port(struct net *net, unsigned long *from);
unsigned int odg_registry_port_changes(struct net *net);

#endif /* ODG_REGISTRY_H */
