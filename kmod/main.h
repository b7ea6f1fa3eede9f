/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_MAIN_H
#define ODG_MAIN_H

struct workqueue_struct;

/* Runs the reaping that no call did in time. */
extern struct workqueue_struct *odg_wq;

int odg_chardev_init(void);
void odg_chardev_exit(void);

#endif /* ODG_MAIN_H */
