// SPDX-License-Identifier: MIT
/*
 * odg_explain(): what an error means and what to do about it.
 *
 * One table; the first row that fits the call and the error is used.  A row
 * for ANY call stands after the rows for particular ones.  No state, no locks.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "odgram.h"

#define ANY (-1)

/* Shows the value of RLIMIT_MEMLOCK in place of its one %s. */
#define MEMLOCK_TEXT "no memory, or more pages than RLIMIT_MEMLOCK allows to " \
	"lock (now %s): raise it with \"ulimit -l\" or LimitMEMLOCK=, or post less"

static const struct {
	int call;
	int err;
	const char *text;
} explanations[] = {
	{ ODG_CALL_OPEN, ENOENT,
	  "/dev/odgram is not there: load the module with \"modprobe odgram\"" },
	{ ODG_CALL_OPEN, ENODEV,
	  "the odgram module is not loaded: load it with \"modprobe odgram\"" },
	{ ODG_CALL_OPEN, ENXIO,
	  "the odgram module is not loaded: load it with \"modprobe odgram\"" },
	{ ODG_CALL_OPEN, EACCES,
	  "/dev/odgram may not be opened by this user: add yourself to the group "
	  "with \"usermod -aG odgram USER\" and log in again" },
	{ ODG_CALL_OPEN, EPERM,
	  "/dev/odgram may not be opened by this user: add yourself to the group "
	  "with \"usermod -aG odgram USER\" and log in again" },
	{ ODG_CALL_OPEN, EPROTONOSUPPORT,
	  "the loaded odgram module speaks another version than this library: "
	  "install both from the same release and load the module again" },
	{ ODG_CALL_OPEN, EINVAL,
	  "the queue's size or flags are wrong: ask for 1 to 262144 entries, and "
	  "for no flag but ODG_CQ_WIDE" },
	{ ODG_CALL_OPEN, EMFILE,
	  "no descriptor is left: close some, or raise RLIMIT_NOFILE with "
	  "\"ulimit -n\"" },
	{ ODG_CALL_POST, EAGAIN,
	  "the completion queue has no room for another receive, or no datagram is "
	  "queued for a receive that must not wait: release completions, or open "
	  "the port with more entries" },
	{ ODG_CALL_POST, EINVAL,
	  "the receive is malformed, or the socket has no local port: bind(2) it or "
	  "send from it first, and check flags, reserved fields, segments (1 to "
	  "1024) and lengths (2^31 - 1 bytes together)" },
	{ ODG_CALL_POST, EFAULT,
	  "a buffer or an argument is not in writable memory" },
	{ ODG_CALL_SEND, EAGAIN,
	  "the completion queue has no room for another send, or the socket has none "
	  "for a send that must not wait: release completions, or open the port with "
	  "more entries" },
	{ ODG_CALL_SEND, EINVAL,
	  "the send is malformed, or its destination has port 0: check flags, name, "
	  "control messages and segments (1 to 1024)" },
	{ ODG_CALL_SEND, EFAULT,
	  "an argument or a buffer is not in memory, or an answer not in writable "
	  "memory" },
	{ ODG_CALL_SEND, EDESTADDRREQ,
	  "the send names no destination and the socket is not connected" },
	{ ODG_CALL_SEND, EMSGSIZE,
	  "the datagram is longer than UDP can send (65507 bytes, or 65527 with "
	  "IPv6): nothing was sent" },
	{ ODG_CALL_SEND, EACCES,
	  "the destination is a broadcast address: set SO_BROADCAST on the socket" },
	{ ODG_CALL_SEND, EPIPE, "the socket is shut down for writing" },
	{ ODG_CALL_BIND, EBUSY,
	  "another encapsulation owns the socket, or receives or sends still wait on "
	  "a socket to be detached: cancel them first" },
	{ ODG_CALL_BIND, ENOENT,
	  "odgram is not attached to the socket: nothing to detach" },
	{ ODG_CALL_CANCEL, ENOENT,
	  "nothing to cancel: the operation has completed, see its completion" },
	{ ODG_CALL_WAIT, EINVAL,
	  "the wait is for more completions than the queue holds, or the spin longer "
	  "than a second" },
	{ ODG_CALL_WAIT, EINTR,
	  "a signal ended the wait before anything completed: wait again" },
	{ ODG_CALL_WAIT, ETIME,
	  "the time is up and nothing has completed" },
	{ ODG_CALL_STATS, ENOENT,
	  "odgram is not attached to the socket: post to it or call odg_bind()" },
	{ ODG_CALL_COMPLETION, EMSGSIZE,
	  "the datagram was longer than the buffers: the first part is there, the "
	  "rest is lost; post longer buffers, or have the rest kept "
	  "(ODG_BIND_PARTIAL)" },
	{ ODG_CALL_COMPLETION, ECANCELED,
	  "the operation was cancelled, or its socket was closed: no data" },
	{ ODG_CALL_COMPLETION, ECONNREFUSED,
	  "an earlier send met a port nobody listens on (ICMP port unreachable): "
	  "post again" },
	{ ODG_CALL_COMPLETION, ENETRESET,
	  "an earlier send ran out of hops on its way (ICMP time exceeded): post "
	  "again, and raise IP_TTL" },
	{ ODG_CALL_COMPLETION, ENETDOWN,
	  "the device that the socket is bound to went down: post again, for when it "
	  "is back" },
	{ ODG_CALL_COMPLETION, EFAULT,
	  "a buffer was unmapped before the datagram could be copied: keep buffers "
	  "mapped until their completion" },
	{ ANY, EBADF, "the descriptor is closed, or is being closed" },
	{ ANY, EBUSY,
	  "the socket belongs to another encapsulation (a tunnel, ESP, a sockmap)" },
	{ ANY, ENOTSOCK, "the descriptor is not a socket" },
	{ ANY, EOPNOTSUPP, "the socket is not an IPv4 or IPv6 UDP socket" },
	{ ANY, ESHUTDOWN, "the socket is shut down for reading" },
	{ ANY, ENOMEM, MEMLOCK_TEXT },
	{ ANY, ENXIO, "the port has no completion queue" },
	{ ANY, ENOTTY,
	  "the loaded odgram module does not know this call: it is older than the "
	  "library" },
	{ ANY, E2BIG,
	  "the loaded odgram module does not know a field this program uses: it is "
	  "older than the program" },
};

static void memlock_text(char *buf, size_t size)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_MEMLOCK, &lim))
		snprintf(buf, size, "unknown");
	else if (lim.rlim_cur == RLIM_INFINITY)
		snprintf(buf, size, "unlimited");
	else
		snprintf(buf, size, "%llu KiB",
			 (unsigned long long)lim.rlim_cur / 1024);
}

const char *odg_explain(enum odg_call call, int err, char *buf, size_t size)
{
	int saved = errno;
	char limit[32];
	size_t i;

	err = err < 0 ? -err : err;
	for (i = 0; i < sizeof(explanations) / sizeof(explanations[0]); i++) {
		if (explanations[i].err != err)
			continue;
		if (explanations[i].call == (int)call ||
		    explanations[i].call == ANY)
			break;
	}

	if (i == sizeof(explanations) / sizeof(explanations[0])) {
		errno = err;
		snprintf(buf, size, err ? "%m" : "no error");
	} else if (err == ENOMEM) {
		memlock_text(limit, sizeof(limit));
		snprintf(buf, size, MEMLOCK_TEXT, limit);
	} else {
		snprintf(buf, size, "%s", explanations[i].text);
	}
	errno = saved;
	return buf;
}
