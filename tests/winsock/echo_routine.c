// SPDX-License-Identifier: MIT
#include "echo.h"

#include "../../userlib/examples/echo-routine.c"

TEST(a73_a85_echo_by_routines)
{
	echoes();
}
