// SPDX-License-Identifier: MIT
/*
 * Registered I/O: the table of its functions, its lock, its end.
 *
 * The lock protects all that rio.h says needs it.  It is held over system calls
 * that pin memory: only those wait that create, close or register, too.
 */
#include "rio.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const RIO_EXTENSION_FUNCTION_TABLE odgw_rio_table = {
	.cbSize = sizeof(odgw_rio_table),
	.RIOReceive = odgw_rio_receive,
	.RIOReceiveEx = odgw_rio_receive_ex,
	.RIOSend = odgw_rio_send,
	.RIOSendEx = odgw_rio_send_ex,
	.RIOCloseCompletionQueue = odgw_rio_close_cq,
	.RIOCreateCompletionQueue = odgw_rio_create_cq,
	.RIOCreateRequestQueue = odgw_rio_create_rq,
	.RIODequeueCompletion = odgw_rio_dequeue,
	.RIODeregisterBuffer = odgw_rio_deregister,
	.RIONotify = odgw_rio_notify,
	.RIORegisterBuffer = odgw_rio_register,
	.RIOResizeCompletionQueue = odgw_rio_resize_cq,
	.RIOResizeRequestQueue = odgw_rio_resize_rq,
};

void odgw_rio_lock(void)
{
	pthread_mutex_lock(&lock);
}

void odgw_rio_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* destroy_all - no handle is valid any more, no port open; lock held */
static void destroy_all(void)
{
	struct odgw_rio_cq *cq;

	odgw_slot_for_each(&odgw_rio_cqs, cq)
		if (cq->slot.handle)
			odgw_rio_cq_destroy(cq);
	odgw_rio_rqs_destroy();
	odgw_rio_buffers_destroy();
}

/* The last WSACleanup(), or a child: requests end without completions. */
void odgw_rio_shutdown(void)
{
	odgw_rio_lock();
	destroy_all();
	odgw_rio_unlock();
}
