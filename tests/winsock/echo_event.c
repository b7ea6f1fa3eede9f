// SPDX-License-Identifier: MIT
#include "echo.h"

#include "../../userlib/examples/echo-event.c"

TEST(a41_a77_echo_by_events)
{
	echoes();
}
