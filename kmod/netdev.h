/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef ODG_NETDEV_H
#define ODG_NETDEV_H

int odg_netdev_init(void);
void odg_netdev_exit(void);

#endif /* ODG_NETDEV_H */
