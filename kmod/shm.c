// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory of a queue, which a program maps.
 *
 * Lifetime: until neither the queue nor a mapping has it, and so long it is charged:
 * else a program that has its queues replaced and keeps them mapped would have memory
 * that nobody accounts for.  Mappings hold the open file, hence the user.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pincache.h"
#include "shm.h"

/**
 * odg_shm_new - zeroed memory that can be mapped
 * @user: who is charged, or NULL
 * @bytes: whole pages
 *
 * Return: it, or -ENOMEM.
 */
struct odg_shm *odg_shm_new(struct user_struct *user, size_t bytes)
{
	struct odg_shm *shm = kmalloc(sizeof(*shm), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!shm)
		return ERR_PTR(-ENOMEM);
	refcount_set(&shm->ref, 1);
	shm->user = user;
	shm->pages = bytes >> PAGE_SHIFT;
	ret = odg_charge_pages(user, shm->pages);
	if (ret)
		goto err_free;
	shm->start = vmalloc_user(bytes);
	if (!shm->start) {
		odg_uncharge_pages(user, shm->pages);
		ret = -ENOMEM;
		goto err_free;
	}
	return shm;

err_free:
	kfree(shm);
	return ERR_PTR(ret);
}

/* May sleep. */
void odg_shm_put(struct odg_shm *shm)
{
	if (!refcount_dec_and_test(&shm->ref))
		return;
	vfree(shm->start);
	odg_uncharge_pages(shm->user, shm->pages);
	kfree(shm);
}

static void odg_shm_vm_open(struct vm_area_struct *vma)
{
	struct odg_shm *shm = vma->vm_private_data;

	refcount_inc(&shm->ref);
}

static void odg_shm_vm_close(struct vm_area_struct *vma)
{
	odg_shm_put(vma->vm_private_data);
}

static const struct vm_operations_struct odg_shm_vm_ops = {
	.open = odg_shm_vm_open,
	.close = odg_shm_vm_close,
};

/* All of it, or the beginning.  The caller has a reference. */
int odg_shm_mmap(struct odg_shm *shm, struct vm_area_struct *vma)
{
	int ret = remap_vmalloc_range(vma, shm->start, 0);

	if (ret)
		return ret;
	refcount_inc(&shm->ref);
	vma->vm_private_data = shm;
	vma->vm_ops = &odg_shm_vm_ops;
	return 0;
}
