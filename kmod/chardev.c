// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/odgram: the calls come in here, are checked for size and shape, and are
 * handed to the room that owns them.  No state of its own.
 */
#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/nospec.h>
#include <linux/odgram.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "binding.h"
#include "cancel.h"
#include "cq.h"
#include "main.h"
#include "notify.h"
#include "port.h"
#include "post.h"
#include "recv.h"
#include "region.h"
#include "rq.h"
#include "send.h"
#include "sockq.h"
#include "stats.h"
#include "udpsock.h"
#include "wait.h"

/* The ABI: a change of any of these breaks programs. */
static_assert(sizeof(struct odg_query) == 56);
static_assert(sizeof(struct odg_cq_create) == 24);
static_assert(sizeof(struct odg_cq_switch) == 8);
static_assert(sizeof(struct odg_bind) == 16);
static_assert(sizeof(struct odg_seg) == 16);
static_assert(sizeof(struct odg_recv) == 48);
static_assert(sizeof(struct odg_post) == 24);
static_assert(sizeof(struct odg_cancel) == 24);
static_assert(sizeof(struct odg_wait) == 24);
static_assert(sizeof(struct odg_port_stats) == 80);
static_assert(sizeof(struct odg_sock_stats) == 152);
static_assert(sizeof(struct odg_region_add) == 32);
static_assert(sizeof(struct odg_region_del) == 8);
static_assert(sizeof(struct odg_rq_create) == 48);
static_assert(sizeof(struct odg_rq_kick) == 8);
static_assert(sizeof(struct odg_rq_switch) == 8);
static_assert(sizeof(struct odg_rq_cancel) == 24);
static_assert(sizeof(struct odg_notify) == 8);
static_assert(sizeof(struct odg_rqe) == 32);
static_assert(sizeof(struct odg_send) == 72);
static_assert(sizeof(struct odg_send_batch) == 24);
static_assert(sizeof(struct odg_cqe) == 64);
static_assert(sizeof(struct odg_cqe_wide) == 128);
static_assert(offsetof(struct odg_cqe, status) == 36);
static_assert(offsetof(struct odg_cqe, addr) == 48);

union odg_arg {
	struct odg_query query;
	struct odg_cq_create cq_create;
	struct odg_cq_switch cq_switch;
	struct odg_bind bind;
	struct odg_post post;
	struct odg_cancel cancel;
	struct odg_wait wait;
	struct odg_port_stats port_stats;
	struct odg_sock_stats sock_stats;
	struct odg_region_add region_add;
	struct odg_region_del region_del;
	struct odg_rq_create rq_create;
	struct odg_rq_kick rq_kick;
	struct odg_rq_switch rq_switch;
	struct odg_rq_cancel rq_cancel;
	struct odg_notify notify;
	struct odg_send_batch send;
};

static int odg_ioctl_query(struct odg_port *port, union odg_arg *arg)
{
	arg->query = (struct odg_query) {
		.size = sizeof(arg->query),
		.abi_version = ODG_ABI_VERSION,
		.max_segs = ODG_MAX_SEGS,
		.max_posts = ODG_MAX_POSTS,
		.max_cq_entries = ODG_MAX_CQ_ENTRIES,
		.cq_off_prod = offsetof(struct odg_ring_shared, prod),
		.cq_off_cons = offsetof(struct odg_ring_shared, cons),
		.cq_off_entries = offsetof(struct odg_ring_shared, entries),
		.cq_off_loud = offsetof(struct odg_ring_shared, loud),
		.cq_off_arm = offsetof(struct odg_ring_shared, arm),
		.cq_off_changes = offsetof(struct odg_ring_shared, changes),
		.cq_off_errors = offsetof(struct odg_ring_shared, errors),
	};
	return 0;
}

static int odg_ioctl_cq_create(struct odg_port *port, union odg_arg *arg)
{
	return odg_cq_create(port, &arg->cq_create);
}

static int odg_ioctl_cq_switch(struct odg_port *port, union odg_arg *arg)
{
	return odg_cq_switch(port, &arg->cq_switch);
}

static int odg_ioctl_bind(struct odg_port *port, union odg_arg *arg)
{
	struct odg_watch *watch = odg_port_ready(port) ? port->watch : NULL;
	struct odg_binding *binding;
	struct socket *sock;
	int ret;

	if (arg->bind.flags & ~ODG_BIND_FLAGS ||
	    (arg->bind.flags & ODG_BIND_IN_HOOK && arg->bind.max_joined))
		return -EINVAL;

	sock = odg_udp_socket(arg->bind.fd);
	if (IS_ERR(sock))
		return PTR_ERR(sock);

	binding = odg_binding_attach(sock->sk);
	ret = PTR_ERR_OR_ZERO(binding);
	if (ret)
		goto out;
	odg_binding_set(binding, sock->sk, &arg->bind, watch);
	odg_binding_put(binding);
out:
	sockfd_put(sock);
	return ret;
}

/* Do something with the binding of a socket that has one. */
static int odg_with_binding(int fd, union odg_arg *arg,
			    int (*fn)(struct odg_binding *binding,
				      struct sock *sk, union odg_arg *arg))
{
	struct odg_binding *binding;
	struct socket *sock;
	int ret;

	sock = odg_bound_socket(fd, &binding);
	if (IS_ERR(sock))
		return PTR_ERR(sock);

	ret = fn(binding, sock->sk, arg);
	odg_binding_put(binding);
	sockfd_put(sock);
	return ret;
}

static int odg_do_unbind(struct odg_binding *binding, struct sock *sk,
			 union odg_arg *arg)
{
	return odg_binding_detach_idle(binding, sk);
}

static int odg_ioctl_unbind(struct odg_port *port, union odg_arg *arg)
{
	if (arg->bind.flags || arg->bind.max_joined)
		return -EINVAL;
	return odg_with_binding(arg->bind.fd, arg, odg_do_unbind);
}

static int odg_do_sock_stats(struct odg_binding *binding, struct sock *sk,
			     union odg_arg *arg)
{
	spin_lock_bh(&binding->lock);
	odg_sock_get_stats(binding, &arg->sock_stats);
	spin_unlock_bh(&binding->lock);
	arg->sock_stats.queued_bytes = odg_sockq_bytes(sk);
	return 0;
}

static int odg_ioctl_sock_stats(struct odg_port *port, union odg_arg *arg)
{
	return odg_with_binding(arg->sock_stats.fd, arg, odg_do_sock_stats);
}

static int odg_ioctl_port_stats(struct odg_port *port, union odg_arg *arg)
{
	odg_port_get_stats(port, &arg->port_stats);
	return 0;
}

static int odg_ioctl_post(struct odg_port *port, union odg_arg *arg)
{
	return odg_post(port, &arg->post);
}

/*
 * The call that is made for each receive: its argument crosses the border field by
 * field, if it is as long as we know it.
 */
static bool odg_import_post(struct odg_post *post,
			    const struct odg_post __user *upost)
{
	if (!user_read_access_begin(upost, sizeof(*upost)))
		return false;
	unsafe_get_user(post->size, &upost->size, err_fault);
	unsafe_get_user(post->fd, &upost->fd, err_fault);
	unsafe_get_user(post->recvs, &upost->recvs, err_fault);
	unsafe_get_user(post->count, &upost->count, err_fault);
	unsafe_get_user(post->flags, &upost->flags, err_fault);
	user_read_access_end();
	return post->size == sizeof(*post);

err_fault:
	user_read_access_end();
	return false;
}

static int odg_ioctl_cancel(struct odg_port *port, union odg_arg *arg)
{
	return odg_cancel(port, &arg->cancel);
}

static int odg_ioctl_wait(struct odg_port *port, union odg_arg *arg)
{
	return odg_wait(port, &arg->wait);
}

static int odg_ioctl_region_add(struct odg_port *port, union odg_arg *arg)
{
	return odg_region_add(port, &arg->region_add);
}

static int odg_ioctl_region_del(struct odg_port *port, union odg_arg *arg)
{
	return odg_region_del(port, &arg->region_del);
}

static int odg_ioctl_rq_create(struct odg_port *port, union odg_arg *arg)
{
	return odg_rq_create(port, &arg->rq_create);
}

static int odg_do_rq_kick(struct odg_binding *binding, struct sock *sk,
			  union odg_arg *arg)
{
	if (!rcu_access_pointer(binding->rq))
		return -ENOENT;
	spin_lock_bh(&binding->lock);
	odg_drain(binding);
	spin_unlock_bh(&binding->lock);
	return 0;
}

static int odg_ioctl_rq_kick(struct odg_port *port, union odg_arg *arg)
{
	return odg_with_binding(arg->rq_kick.fd, arg, odg_do_rq_kick);
}

static int odg_ioctl_rq_switch(struct odg_port *port, union odg_arg *arg)
{
	return odg_rq_switch(port, &arg->rq_switch);
}

static int odg_ioctl_rq_cancel(struct odg_port *port, union odg_arg *arg)
{
	return odg_rq_cancel(port, &arg->rq_cancel);
}

static int odg_ioctl_notify(struct odg_port *port, union odg_arg *arg)
{
	return odg_notify_set(port, &arg->notify);
}

static int odg_ioctl_send(struct odg_port *port, union odg_arg *arg)
{
	return odg_send(port, &arg->send);
}

/**
 * struct odg_ioctl - one call
 * @fn: who does it
 * @size: of its argument as this kernel knows it
 * @min_size: of its argument in the first version
 * @answers: the argument is written back
 */
struct odg_ioctl {
	int (*fn)(struct odg_port *port, union odg_arg *arg);
	size_t size;
	size_t min_size;
	bool answers;
};

#define ODG_IOCTL(cmd, _fn, member, last, _answers)			\
	[_IOC_NR(cmd)] = {						\
		.fn = (_fn),						\
		.size = sizeof(((union odg_arg *)NULL)->member),	\
		.min_size = offsetofend(union odg_arg, member.last),	\
		.answers = (_answers),					\
	}

static const struct odg_ioctl odg_ioctls[] = {
	ODG_IOCTL(ODG_QUERY, odg_ioctl_query, query, cq_off_errors, true),
	ODG_IOCTL(ODG_CQ_CREATE, odg_ioctl_cq_create, cq_create, mmap_size,
		  true),
	ODG_IOCTL(ODG_BIND, odg_ioctl_bind, bind, max_joined, false),
	ODG_IOCTL(ODG_UNBIND, odg_ioctl_unbind, bind, max_joined, false),
	ODG_IOCTL(ODG_POST, odg_ioctl_post, post, flags, false),
	ODG_IOCTL(ODG_CANCEL, odg_ioctl_cancel, cancel, id, false),
	ODG_IOCTL(ODG_WAIT, odg_ioctl_wait, wait, __reserved, false),
	ODG_IOCTL(ODG_PORT_STATS, odg_ioctl_port_stats, port_stats, bad_entries,
		  true),
	ODG_IOCTL(ODG_SOCK_STATS, odg_ioctl_sock_stats, sock_stats, queued_bytes,
		  true),
	ODG_IOCTL(ODG_REGION_ADD, odg_ioctl_region_add, region_add, page_shift,
		  true),
	ODG_IOCTL(ODG_REGION_DEL, odg_ioctl_region_del, region_del, id, false),
	ODG_IOCTL(ODG_RQ_CREATE, odg_ioctl_rq_create, rq_create, off_entries,
		  true),
	ODG_IOCTL(ODG_RQ_KICK, odg_ioctl_rq_kick, rq_kick, fd, false),
	ODG_IOCTL(ODG_NOTIFY, odg_ioctl_notify, notify, eventfd, false),
	ODG_IOCTL(ODG_SEND, odg_ioctl_send, send, flags, false),
	ODG_IOCTL(ODG_RQ_SWITCH, odg_ioctl_rq_switch, rq_switch, fd, false),
	ODG_IOCTL(ODG_RQ_CANCEL, odg_ioctl_rq_cancel, rq_cancel, __reserved,
		  false),
	ODG_IOCTL(ODG_CQ_SWITCH, odg_ioctl_cq_switch, cq_switch, __reserved,
		  false),
};

static noinline long odg_ioctl_any(struct file *file, unsigned int cmd,
				   void __user *uptr)
{
	const struct odg_ioctl *ioctl;
	union odg_arg arg = {};
	u32 size;
	int ret;

	if (_IOC_TYPE(cmd) != ODG_IOC_TYPE || _IOC_DIR(cmd) != _IOC_NONE ||
	    _IOC_SIZE(cmd) || _IOC_NR(cmd) >= ARRAY_SIZE(odg_ioctls))
		return -ENOTTY;
	ioctl = &odg_ioctls[array_index_nospec(_IOC_NR(cmd),
					       ARRAY_SIZE(odg_ioctls))];

	if (get_user(size, (u32 __user *)uptr))
		return -EFAULT;
	if (size < ioctl->min_size)
		return -EINVAL;
	ret = copy_struct_from_user(&arg, ioctl->size, uptr, size);
	if (ret)
		return ret;
	size = min_t(size_t, size, ioctl->size);
	/* can the answer be written?  Find out before anything is done. */
	if (ioctl->answers && copy_to_user(uptr, &arg, size))
		return -EFAULT;

	ret = ioctl->fn(file->private_data, &arg);
	if (ret >= 0 && ioctl->answers && copy_to_user(uptr, &arg, size))
		return -EFAULT;
	return ret;
}

static long odg_ioctl(struct file *file, unsigned int cmd, unsigned long uarg)
{
	void __user *uptr = (void __user *)uarg;
	struct odg_post post;

	if (cmd == ODG_POST && odg_import_post(&post, uptr))
		return odg_post(file->private_data, &post);
	return odg_ioctl_any(file, cmd, uptr);
}

static int odg_open(struct inode *inode, struct file *file)
{
	file->private_data = odg_port_create();
	return file->private_data ? 0 : -ENOMEM;
}

static int odg_release(struct inode *inode, struct file *file)
{
	odg_port_release(file->private_data);
	return 0;
}

static __poll_t odg_poll(struct file *file, poll_table *wait)
{
	struct odg_port *port = file->private_data;

	if (!odg_port_ready(port))
		return EPOLLERR;
	poll_wait(file, &port->wait, wait);
	return odg_port_unread(port) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int odg_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct odg_port *port = file->private_data;

	if (!odg_port_ready(port))
		return -ENXIO;
	/* a private copy would never show a completion */
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff == ODG_MMAP_CQ >> PAGE_SHIFT ||
	    vma->vm_pgoff == ODG_MMAP_CQ_SPARE >> PAGE_SHIFT)
		return odg_cq_mmap(port, vma);
	return odg_rq_mmap(port, vma);
}

static const struct file_operations odg_fops = {
	.owner = THIS_MODULE,
	.open = odg_open,
	.release = odg_release,
	.unlocked_ioctl = odg_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = odg_poll,
	.mmap = odg_mmap,
};

static struct miscdevice odg_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "odgram",
	.fops = &odg_fops,
	/* the udev rule gives it to the group odgram; nobody else by default */
	.mode = 0660,
};

int odg_chardev_init(void)
{
	return misc_register(&odg_misc);
}

void odg_chardev_exit(void)
{
	misc_deregister(&odg_misc);
}
