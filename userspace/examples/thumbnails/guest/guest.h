/* SPDX-License-Identifier: MIT */
/*
 * Exports of every guest, in the order of their calls. The runtime asks for a buffer,
 * writes the request to it, has the request served, and reads the reply. It knows
 * nothing else about a guest.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

uint8_t *request_buffer(uint32_t size);
/* Return 0 if the request is invalid. */
int request_serve(void);
uint8_t *reply_data(void);
uint32_t reply_size(void);

#endif /* GUEST_H */
