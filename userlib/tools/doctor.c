// SPDX-License-Identifier: MIT
/*
 * odgram doctor: is this machine, and this user, ready for odgram, and what to
 * type if not.
 *
 * Each check prints a line: "ok", "hint" (works, could be better) or "WRONG" (does
 * not work).  Only what is wrong makes the command fail.
 */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <odgram.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "tool.h"

/* Kernels the module compiles for: from, and up to but without. */
#define KERNEL_FIRST	(6 * 1000 + 1)
#define KERNEL_END	(7 * 1000 + 4)

/* Below these a program of some size runs into the limit. */
#define MEMLOCK_ENOUGH	(8UL << 20)
#define RMEM_ENOUGH	(1UL << 20)

enum verdict { FINE, HINT, WRONG };

static __attribute__((format(printf, 3, 4))) enum verdict
say(enum verdict verdict, const char *what, const char *format, ...)
{
	static const char *const words[] = { "ok", "hint", "WRONG" };
	va_list args;

	printf("%-5s  %-11s  ", words[verdict], what);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	return verdict;
}

static enum verdict check_kernel(void)
{
	unsigned int major, minor;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return say(HINT, "kernel", "cannot tell its version");
	if (major * 1000 + minor < KERNEL_FIRST)
		return say(WRONG, "kernel", "%s is too old: boot 6.1 or newer",
			   name.release);
	if (major * 1000 + minor >= KERNEL_END)
		return say(WRONG, "kernel",
			   "%s is newer than the module knows: boot 6.1 to 7.3",
			   name.release);
	return say(FINE, "kernel", "%s", name.release);
}

/* Would modprobe find it, for the kernel that runs? */
static bool is_installed(void)
{
	char path[200], *line = NULL;
	struct utsname name;
	bool found = false;
	size_t size = 0;
	FILE *file;

	if (uname(&name))
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", name.release);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && getline(&line, &size, file) > 0) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "/odgram.ko");
	}
	free(line);
	fclose(file);
	return found;
}

static enum verdict check_module(void)
{
	if (!access("/sys/class/misc/odgram", F_OK))
		return say(FINE, "module", "loaded");
	if (is_installed())
		return say(WRONG, "module", "not loaded: sudo modprobe odgram");
	return say(WRONG, "module",
		   "not installed for this kernel: in odgram's sources, make -C /lib/modules/$(uname -r)/build M=$PWD modules && sudo make -C /lib/modules/$(uname -r)/build M=$PWD modules_install && sudo depmod && sudo modprobe odgram");
}

/* Is the user of a group, by the databases, if not yet in this session? */
static bool is_listed(const char *user, const struct group *group)
{
	char **name;

	for (name = group->gr_mem; *name; name++)
		if (!strcmp(*name, user))
			return true;
	return false;
}

/* The device may not be opened: what is missing, rule, membership or login? */
static enum verdict explain_access(void)
{
	const struct passwd *passwd = getpwuid(geteuid());
	const char *user = passwd ? passwd->pw_name : "USER";
	const struct group *group;
	struct stat st;

	if (stat("/dev/odgram", &st))
		return say(WRONG, "device", "/dev/odgram: %s", strerror(errno));
	group = getgrgid(st.st_gid);
	if (!st.st_gid || !group)
		return say(WRONG, "device",
			   "/dev/odgram is root's alone: sudo groupadd --system odgram; sudo udevadm control --reload; sudo udevadm trigger --name-match=odgram");
	if (is_listed(user, group))
		return say(WRONG, "device",
			   "%s is in group %s, but not in this session: log in again, or newgrp %s",
			   user, group->gr_name, group->gr_name);
	return say(WRONG, "device",
		   "%s is not in the device's group: sudo usermod -aG %s %s, and log in again",
		   user, group->gr_name, user);
}

/* By opening a port: right of access, version and a small queue's memory. */
static enum verdict check_device(void)
{
	struct odg_port *port;
	char text[400];
	int err = odg_port_open(&port, 1, 0);

	if (err == -EACCES)
		return explain_access();
	if (err)
		return say(WRONG, "device", "%s",
			   odg_explain(ODG_CALL_OPEN, err, text, sizeof(text)));
	odg_port_close(port);
	return say(FINE, "device", "/dev/odgram opens for uid %u",
		   (unsigned int)geteuid());
}

static enum verdict check_memlock(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return say(HINT, "memlock", "%s", strerror(errno));
	if (limit.rlim_cur == RLIM_INFINITY)
		return say(FINE, "memlock", "no limit");
	if (limit.rlim_cur < MEMLOCK_ENOUGH)
		return say(HINT, "memlock",
			   "%" PRIu64 " KiB for pinned buffers: ulimit -l %lu, or LimitMEMLOCK= of the service",
			   (uint64_t)limit.rlim_cur >> 10, MEMLOCK_ENOUGH >> 10);
	return say(FINE, "memlock", "%" PRIu64 " KiB",
		   (uint64_t)limit.rlim_cur >> 10);
}

/* Where datagrams wait that found no posted receive. */
static enum verdict check_rmem(const char *name)
{
	unsigned long bytes;
	char path[64];
	FILE *file;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/sys/net/core/%s", name);
	file = fopen(path, "re");
	if (file) {
		found = fscanf(file, "%lu", &bytes);
		fclose(file);
	}
	/* only the first network namespace shows them */
	if (found != 1)
		return say(HINT, name, "not shown in this network namespace");
	if (bytes < RMEM_ENOUGH)
		return say(HINT, name,
			   "%lu bytes, little for bursts: sudo sysctl -w net.core.%s=%lu",
			   bytes, name, RMEM_ENOUGH);
	return say(FINE, name, "%lu bytes", bytes);
}

static int doctor(int argc, char **argv)
{
	int wrong = 0;

	if (argc > 1) {
		fprintf(stderr, "odgram doctor: no argument %s\n", argv[1]);
		return TOOL_USAGE;
	}
	wrong += check_kernel() == WRONG;
	wrong += check_module() == WRONG;
	wrong += check_device() == WRONG;
	wrong += check_memlock() == WRONG;
	wrong += check_rmem("rmem_default") == WRONG;
	wrong += check_rmem("rmem_max") == WRONG;
	return wrong ? TOOL_FAILED : TOOL_OK;
}

const struct tool_command tool_doctor = {
	.name = "doctor",
	.help = "is this machine ready for odgram, and what to type if not",
	.usage = "",
	.run = doctor,
};
