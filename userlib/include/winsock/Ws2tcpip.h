/* SPDX-License-Identifier: MIT */
/* Windows does not mind the case of a file's name; programs write it both ways. */
#include <ws2tcpip.h>
