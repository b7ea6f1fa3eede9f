/* SPDX-License-Identifier: MIT */
/*
 * The part of <windows.h> that overlapped Winsock programs use, for Linux.
 *
 * Source compatibility, not binary: a program is compiled again.  Integer types
 * keep Windows' widths (LONG and DWORD have 32 bits), WCHAR is the C library's
 * wchar_t (32 bits).  odgram-winsock(7) lists what differs.
 */
#ifndef ODGRAM_WINDOWS_H
#define ODGRAM_WINDOWS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <wchar.h>

#ifdef __cplusplus
#define ODG_STATIC_ASSERT(cond, text) static_assert(cond, text)
extern "C" {
#else
#define ODG_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif

/* Calling conventions and annotations mean nothing here. */
#define __cdecl
#define __stdcall
#define APIENTRY
#define CALLBACK
#define FAR
#define IN
#define OPTIONAL
#define OUT
#define PASCAL
#define WINAPI

#define CONST		const
#define VOID		void

#ifndef FALSE
#define FALSE		0
#endif
#ifndef TRUE
#define TRUE		1
#endif

typedef int		BOOL, *PBOOL, *LPBOOL;
typedef uint8_t		BOOLEAN, BYTE, UCHAR, *PBYTE, *LPBYTE, *PUCHAR;
typedef char		CHAR, *PCHAR, *LPSTR, *PSTR;
typedef const char	*LPCSTR, *PCSTR;
typedef wchar_t		WCHAR, *PWCHAR, *LPWSTR, *PWSTR;
typedef const wchar_t	*LPCWSTR, *PCWSTR;
typedef int16_t		SHORT;
typedef uint16_t	USHORT, WORD, *PUSHORT, *PWORD, *LPWORD;
typedef int		INT, *PINT, *LPINT;
typedef unsigned int	UINT, *PUINT;
typedef int32_t		LONG, *PLONG, *LPLONG;
typedef uint32_t	ULONG, DWORD, *PULONG, *PDWORD, *LPDWORD;
typedef int64_t		LONGLONG;
typedef uint64_t	ULONGLONG, DWORD64, ULONG64;
typedef intptr_t	INT_PTR, LONG_PTR;
typedef uintptr_t	UINT_PTR, ULONG_PTR, DWORD_PTR, *PULONG_PTR;
typedef size_t		SIZE_T;
typedef void		*PVOID, *LPVOID;
typedef const void	*LPCVOID;

/* A SOCKET, or a number of the library's own: too large for one, a multiple of 4. */
typedef void		*HANDLE, **PHANDLE, **LPHANDLE;

#define INVALID_HANDLE_VALUE	((HANDLE)(LONG_PTR)-1)

typedef struct _GUID {
	ULONG	Data1;
	USHORT	Data2;
	USHORT	Data3;
	UCHAR	Data4[8];
} GUID, *LPGUID;

typedef struct _SECURITY_ATTRIBUTES {
	DWORD	nLength;
	LPVOID	lpSecurityDescriptor;
	BOOL	bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

typedef struct _OVERLAPPED {
	ULONG_PTR Internal;		/* NTSTATUS; written last, with release */
	ULONG_PTR InternalHigh;		/* bytes transferred */
	__extension__ union {
		__extension__ struct {
			DWORD Offset;
			DWORD OffsetHigh;
		};
		PVOID Pointer;
	};
	HANDLE	hEvent;
} OVERLAPPED, *LPOVERLAPPED;

ODG_STATIC_ASSERT(sizeof(OVERLAPPED) == 32 || sizeof(void *) != 8, "B-L2");
ODG_STATIC_ASSERT(offsetof(OVERLAPPED, hEvent) == 24 || sizeof(void *) != 8,
		  "B-L2");

#define MAKEWORD(low, high)	((WORD)(((BYTE)(low)) | ((WORD)((BYTE)(high))) << 8))
#define MAKELONG(low, high)	((LONG)(((WORD)(low)) | ((DWORD)((WORD)(high))) << 16))
#define LOBYTE(w)		((BYTE)((w) & 0xff))
#define HIBYTE(w)		((BYTE)(((w) >> 8) & 0xff))
#define LOWORD(l)		((WORD)((l) & 0xffff))
#define HIWORD(l)		((WORD)(((l) >> 16) & 0xffff))

#define ZeroMemory(p, n)	memset((p), 0, (n))
#define FillMemory(p, n, c)	memset((p), (c), (n))
#define CopyMemory(to, from, n)	memcpy((to), (from), (n))
#define MoveMemory(to, from, n)	memmove((to), (from), (n))

/* SecureZeroMemory - memset() that the compiler may not leave out */
static inline PVOID SecureZeroMemory(PVOID p, SIZE_T n)
{
	memset(p, 0, n);
	__asm__ __volatile__("" : : "r"(p) : "memory");
	return p;
}

typedef struct _OVERLAPPED_ENTRY {
	ULONG_PTR lpCompletionKey;
	LPOVERLAPPED lpOverlapped;
	ULONG_PTR Internal;		/* NTSTATUS */
	DWORD	dwNumberOfBytesTransferred;
} OVERLAPPED_ENTRY, *LPOVERLAPPED_ENTRY;

ODG_STATIC_ASSERT(sizeof(OVERLAPPED_ENTRY) == 32 || sizeof(void *) != 8, "B-L3");

#define INFINITE		0xffffffffU
#define MAXIMUM_WAIT_OBJECTS	64
#define WAIT_OBJECT_0		0U
#define WAIT_ABANDONED_0	0x80U
#define WAIT_IO_COMPLETION	0xc0U
#define WAIT_TIMEOUT		0x102U
#define WAIT_FAILED		0xffffffffU

#define ERROR_SUCCESS			0
#define ERROR_TOO_MANY_OPEN_FILES	4
#define ERROR_ACCESS_DENIED		5
#define ERROR_INVALID_HANDLE		6
#define ERROR_NOT_ENOUGH_MEMORY		8
#define ERROR_NOT_READY			21
#define ERROR_GEN_FAILURE		31
#define ERROR_NOT_SUPPORTED		50
#define ERROR_NETWORK_BUSY		54
#define ERROR_UNEXP_NET_ERR		59
#define ERROR_NETNAME_DELETED		64
#define ERROR_INVALID_PARAMETER		87
#define ERROR_SEM_TIMEOUT		121
#define ERROR_PIPE_NOT_CONNECTED	233
#define ERROR_MORE_DATA			234
#define ERROR_MR_MID_NOT_FOUND		317
#define ERROR_ABANDONED_WAIT_0		735
#define ERROR_OPERATION_ABORTED		995
#define ERROR_IO_INCOMPLETE		996
#define ERROR_IO_PENDING		997
#define ERROR_NOACCESS			998
#define ERROR_NOT_FOUND			1168
#define ERROR_INVALID_NETNAME		1214
#define ERROR_NETWORK_UNREACHABLE	1231
#define ERROR_HOST_UNREACHABLE		1232
#define ERROR_PROTOCOL_UNREACHABLE	1233
#define ERROR_PORT_UNREACHABLE		1234
#define ERROR_REQUEST_ABORTED		1235
#define ERROR_CONNECTION_ABORTED	1236
#define ERROR_NO_SYSTEM_RESOURCES	1450
#define ERROR_INVALID_USER_BUFFER	1784
#define ERROR_NOT_ENOUGH_QUOTA		1816

#define STATUS_PENDING			0x103U

/* One slot per thread, shared with WSAGetLastError() and WSASetLastError(). */
DWORD WINAPI GetLastError(VOID);
VOID WINAPI SetLastError(DWORD dwErrCode);

/* Events.  Names are not supported: lpName must be NULL (else error 50). */
HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES lpEventAttributes,
			   BOOL bManualReset, BOOL bInitialState, LPCSTR lpName);
HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES lpEventAttributes,
			   BOOL bManualReset, BOOL bInitialState, LPCWSTR lpName);
BOOL WINAPI SetEvent(HANDLE hEvent);
BOOL WINAPI ResetEvent(HANDLE hEvent);
BOOL WINAPI CloseHandle(HANDLE hObject);
DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds);
DWORD WINAPI WaitForMultipleObjects(DWORD nCount, const HANDLE *lpHandles,
				    BOOL bWaitAll, DWORD dwMilliseconds);

DWORD WINAPI WaitForSingleObjectEx(HANDLE hHandle, DWORD dwMilliseconds,
				   BOOL bAlertable);
DWORD WINAPI WaitForMultipleObjectsEx(DWORD nCount, const HANDLE *lpHandles,
				      BOOL bWaitAll, DWORD dwMilliseconds,
				      BOOL bAlertable);

/*
 * Alertable waits run what is queued to the calling thread: routines of overlapped
 * calls that have completed, and APCs.
 */
typedef void (CALLBACK *PAPCFUNC)(ULONG_PTR Parameter);

DWORD WINAPI QueueUserAPC(PAPCFUNC pfnAPC, HANDLE hThread, ULONG_PTR dwData);
VOID WINAPI Sleep(DWORD dwMilliseconds);
DWORD WINAPI SleepEx(DWORD dwMilliseconds, BOOL bAlertable);

/*
 * Threads by handle, for QueueUserAPC() and waits.  They are pthreads; a pthread of
 * another origin gets a handle by DuplicateHandle() of GetCurrentThread().
 * DuplicateHandle() works within the process.
 */
#define CREATE_SUSPENDED			0x4
#define STACK_SIZE_PARAM_IS_A_RESERVATION	0x10000
#define STILL_ACTIVE				259
#define DUPLICATE_CLOSE_SOURCE			0x1
#define DUPLICATE_SAME_ACCESS			0x2

typedef DWORD (WINAPI *LPTHREAD_START_ROUTINE)(LPVOID lpThreadParameter);

HANDLE WINAPI CreateThread(LPSECURITY_ATTRIBUTES lpThreadAttributes,
			   SIZE_T dwStackSize,
			   LPTHREAD_START_ROUTINE lpStartAddress,
			   LPVOID lpParameter, DWORD dwCreationFlags,
			   LPDWORD lpThreadId);
DWORD WINAPI ResumeThread(HANDLE hThread);
VOID WINAPI ExitThread(DWORD dwExitCode);
BOOL WINAPI GetExitCodeThread(HANDLE hThread, LPDWORD lpExitCode);
HANDLE WINAPI GetCurrentThread(VOID);
DWORD WINAPI GetCurrentThreadId(VOID);
HANDLE WINAPI GetCurrentProcess(VOID);
BOOL WINAPI DuplicateHandle(HANDLE hSourceProcessHandle, HANDLE hSourceHandle,
			    HANDLE hTargetProcessHandle, LPHANDLE lpTargetHandle,
			    DWORD dwDesiredAccess, BOOL bInheritHandle,
			    DWORD dwOptions);

/*
 * I/O completion ports.  The sockets bound to one report there, packets first in
 * first out; the thread that began to wait last is woken first.
 */
#define FILE_SKIP_COMPLETION_PORT_ON_SUCCESS	0x1
#define FILE_SKIP_SET_EVENT_ON_HANDLE		0x2

HANDLE WINAPI CreateIoCompletionPort(HANDLE FileHandle,
				     HANDLE ExistingCompletionPort,
				     ULONG_PTR CompletionKey,
				     DWORD NumberOfConcurrentThreads);
BOOL WINAPI GetQueuedCompletionStatus(HANDLE CompletionPort,
				      LPDWORD lpNumberOfBytesTransferred,
				      PULONG_PTR lpCompletionKey,
				      LPOVERLAPPED *lpOverlapped,
				      DWORD dwMilliseconds);
BOOL WINAPI GetQueuedCompletionStatusEx(HANDLE CompletionPort,
					LPOVERLAPPED_ENTRY lpCompletionPortEntries,
					ULONG ulCount,
					PULONG ulNumEntriesRemoved,
					DWORD dwMilliseconds, BOOL fAlertable);
BOOL WINAPI PostQueuedCompletionStatus(HANDLE CompletionPort,
				       DWORD dwNumberOfBytesTransferred,
				       ULONG_PTR dwCompletionKey,
				       LPOVERLAPPED lpOverlapped);
BOOL WINAPI SetFileCompletionNotificationModes(HANDLE FileHandle, UCHAR Flags);

/* hFile is a socket.  The codes are Win32's, unlike WSAGetOverlappedResult()'s. */
BOOL WINAPI GetOverlappedResult(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				LPDWORD lpNumberOfBytesTransferred, BOOL bWait);
BOOL WINAPI GetOverlappedResultEx(HANDLE hFile, LPOVERLAPPED lpOverlapped,
				  LPDWORD lpNumberOfBytesTransferred,
				  DWORD dwMilliseconds, BOOL bAlertable);
BOOL WINAPI CancelIo(HANDLE hFile);
BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped);

#ifdef UNICODE
#define CreateEvent	CreateEventW
#else
#define CreateEvent	CreateEventA
#endif

/*
 * On Windows a plain test of Internal.  Here somebody has to take the
 * completion out of the queue, so the macro calls the library.
 */
BOOL odg_has_overlapped_io_completed(const OVERLAPPED *overlapped);

#define HasOverlappedIoCompleted(lpOverlapped) \
	(odg_has_overlapped_io_completed(lpOverlapped))

#ifdef __cplusplus
}
#endif

#endif /* ODGRAM_WINDOWS_H */
