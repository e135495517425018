// SPDX-License-Identifier: MIT
/*
 * A guest with a bug: it writes to an address from the request without a check that the
 * address is in its memory, and replies with the byte that it reads there.
 */
#include <stddef.h>

#include "guest.h"

static struct {
	uint32_t address;
	uint32_t write;
} request;
static uint8_t reply;

uint8_t *request_buffer(uint32_t size)
{
	return size == sizeof(request) ? (uint8_t *)&request : NULL;
}

int request_serve(void)
{
	volatile uint8_t *anywhere = (volatile uint8_t *)(uintptr_t)request.address;

	if (request.write)
		*anywhere = 0xaa;
	reply = *anywhere;
	return 1;
}

uint8_t *reply_data(void)
{
	return &reply;
}

uint32_t reply_size(void)
{
	return sizeof(reply);
}
