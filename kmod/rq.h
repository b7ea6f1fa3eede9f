/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_RQ_H
#define ODG_RQ_H

#include <linux/llist.h>
#include <linux/odgram.h>
#include <linux/odgram_netlink.h>
#include <linux/types.h>

struct odg_binding;
struct odg_op;
struct odg_port;
struct odg_rq_shared;
struct socket;
struct vm_area_struct;

/**
 * struct odg_rq - the kernel's side of a request queue
 * @port: whose it is
 * @binding: the socket's binding, NULL once that is gone; binding->lock
 * @shared: indices, flags and entries, mapped by the program as well
 * @entries: number of entries, a power of two
 * @cons: next entry to take; binding->lock.  The shared copy only tells it.
 * @id: index in port->rqs
 * @segs: memory of the receive at the head, as last read; binding->lock
 * @dead: link in port->dead_rqs once the socket is gone
 */
struct odg_rq {
	struct odg_port *port;
	struct odg_binding *binding;
	struct odg_rq_shared *shared;
	u32 entries;
	u32 cons;
	u32 id;
	struct {
		void *addr;
		u32 len;
	} segs[ODG_MAX_RQ_SEGS];
	struct llist_node dead;
};

/**
 * struct odg_target - where the next datagram goes
 * @port: who is told
 * @op: the posted op, or NULL if it is a receive of a ring
 * @rq: that ring, or NULL
 * @taken: entries it takes up there
 * @user_data: its name
 * @quiet: its completion does not notify
 * @room: bytes of all its segments
 * @slow: why there is none
 */
struct odg_target {
	struct odg_port *port;
	struct odg_op *op;
	struct odg_rq *rq;
	u32 taken;
	u64 user_data;
	bool quiet;
	u32 room;
	enum odg_slow slow;
};

int odg_rq_create(struct odg_port *port, struct odg_rq_create *arg);
int odg_rq_mmap(struct odg_port *port, struct vm_area_struct *vma);
void odg_rq_port_gone(struct odg_port *port);
void odg_rq_socket_gone(struct odg_binding *binding);

u32 odg_rq_position(struct odg_rq *rq);
bool odg_rq_waiting(struct odg_rq *rq);
bool odg_rq_target(struct odg_rq *rq, struct odg_target *target);
void odg_rq_take(struct odg_target *target);
void odg_rq_set_need_kick(struct odg_rq *rq, bool need);

#endif /* ODG_RQ_H */
