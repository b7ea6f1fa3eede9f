// SPDX-License-Identifier: MIT
#include "echo.h"

#include "../../userlib/examples/echo-iocp.c"

TEST(a83_bcp4_echo_by_a_completion_port)
{
	echoes();
}
