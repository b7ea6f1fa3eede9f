// SPDX-License-Identifier: MIT
/*
 * The functions that SIO_GET_EXTENSION_FUNCTION_POINTER and its like for several
 * hand out, by GUID.
 * Constant: no locks.
 */
#include "receive.h"
#include "rio.h"

typedef void (*function)(void);

static const struct {
	GUID id;
	function fn;
} functions[] = {
	{ WSAID_WSARECVMSG, (function)odgw_recv_msg },
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

int odgw_extension_fill(const GUID *id, void *out, DWORD len, DWORD *written)
{
	static const GUID rio = WSAID_MULTIPLE_RIO;

	if (memcmp(id, &rio, sizeof(rio)))
		return WSAEINVAL;
	*written = sizeof(odgw_rio_table);
	if (len < sizeof(odgw_rio_table))
		return WSAEFAULT;
	memcpy(out, &odgw_rio_table, sizeof(odgw_rio_table));
	return 0;
}
