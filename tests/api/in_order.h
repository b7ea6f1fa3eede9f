/* SPDX-License-Identifier: MIT */
/* For who has made a network namespace. */
#ifndef ODG_TESTS_API_IN_ORDER_H
#define ODG_TESTS_API_IN_ORDER_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

/*
 * What a device of this namespace receives goes by one CPU, as with lo in
 * tests/vm/guest: whoever sends may change its own.
 */
static inline bool in_order(const char *device)
{
	int fs = fsopen("sysfs", FSOPEN_CLOEXEC), tree, fd;
	char name[64];
	bool done;

	snprintf(name, sizeof(name), "class/net/%s/queues/rx-0/rps_cpus", device);
	fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	tree = fsmount(fs, FSMOUNT_CLOEXEC, 0);
	fd = openat(tree, name, O_WRONLY | O_CLOEXEC);
	done = write(fd, "1", 1) == 1;
	(close)(fd);
	(close)(tree);
	(close)(fs);
	return done;
}

#endif
