/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_SENDQ_H
#define ODG_SENDQ_H

#include <linux/socket.h>
#include <linux/uio.h>

struct cred;
struct odg_binding;
struct odg_op;
struct odg_port;
struct odg_segs;
struct sock;
struct socket;
struct work_struct;

/**
 * struct odg_dest - how a datagram is to be sent, in kernel memory
 * @name: where to, or NULL
 * @control: its control messages, or NULL
 * @namelen: bytes at @name
 * @controllen: bytes at @control
 * @flags: MSG_*
 */
struct odg_dest {
	void *name;
	void *control;
	u32 namelen;
	u32 controllen;
	unsigned int flags;
};

/**
 * struct odg_tx - a datagram that waits to be sent; belongs to its op
 * @cred: who posted it
 * @pages: charged to the port's user
 * @dest: @name and @bytes
 * @len: of the payload
 * @name: where to
 * @bytes: control messages, then payload
 */
struct odg_tx {
	const struct cred *cred;
	u32 pages;
	u32 len;
	struct odg_dest dest;
	struct sockaddr_storage name;
	u8 bytes[] __aligned(8);
};

struct odg_tx *odg_tx_copy(struct odg_port *port, const struct odg_dest *dest,
			   const struct odg_segs *segs);
void odg_tx_free(struct odg_port *port, struct odg_tx *tx);

void odg_send_count(struct odg_binding *binding, int ret);
int odg_send_now(struct odg_binding *binding, struct socket *sock,
		 const struct odg_dest *dest, const struct iov_iter *iter);
int odg_sendq_append(struct odg_binding *binding, struct odg_op *op);
void odg_sendq_work(struct work_struct *work);
void odg_sendq_wait(struct odg_binding *binding);
bool odg_sendq_is_hooked(const struct odg_binding *binding, struct sock *sk);
void odg_sendq_unhook(struct odg_binding *binding, struct sock *sk);

#endif /* ODG_SENDQ_H */
