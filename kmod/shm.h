/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_SHM_H
#define ODG_SHM_H

#include <linux/refcount.h>
#include <linux/types.h>

struct user_struct;
struct vm_area_struct;

/**
 * struct odg_shm - memory that a program maps
 * @ref: the queue's that is there, and one of each mapping
 * @user: who is charged, or NULL
 * @pages: how many
 * @start: zeroed at first
 */
struct odg_shm {
	refcount_t ref;
	struct user_struct *user;
	unsigned long pages;
	void *start;
};

struct odg_shm *odg_shm_new(struct user_struct *user, size_t bytes);
void odg_shm_put(struct odg_shm *shm);
int odg_shm_mmap(struct odg_shm *shm, struct vm_area_struct *vma);

#endif /* ODG_SHM_H */
