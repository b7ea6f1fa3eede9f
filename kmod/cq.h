/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_CQ_H
#define ODG_CQ_H

struct odg_cq_create;
struct odg_cq_switch;
struct odg_port;
struct vm_area_struct;

int odg_cq_create(struct odg_port *port, struct odg_cq_create *arg);
int odg_cq_switch(struct odg_port *port, const struct odg_cq_switch *arg);
int odg_cq_mmap(struct odg_port *port, struct vm_area_struct *vma);
void odg_cq_free(struct odg_port *port);

#endif /* ODG_CQ_H */
