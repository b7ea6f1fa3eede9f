// SPDX-License-Identifier: MIT
/*
 * The functions that SIO_GET_EXTENSION_FUNCTION_POINTER hands out, by GUID.
 * Constant: no locks.
 */
#include "internal.h"

typedef void (*function)(void);

static const struct {
	GUID id;
	function fn;
} functions[] = {
	{ WSAID_WSASENDMSG, (function)WSASendMsg },
};

int odgw_extension_find(const GUID *id, void *out)
{
	size_t i;

	for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (memcmp(id, &functions[i].id, sizeof(*id)))
			continue;
		memcpy(out, &functions[i].fn, sizeof(functions[i].fn));
		return 0;
	}
	return WSAEINVAL;
}
