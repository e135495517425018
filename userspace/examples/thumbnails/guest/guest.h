/* SPDX-License-Identifier: MIT */
/*
 * What every guest exports; the runtime knows nothing else of it. In order: the
 * runtime asks for a buffer, writes the request to it, lets it be served, and
 * reads the reply.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdint.h>

uint8_t *request_buffer(uint32_t size);
/* Returns 0 if the guest can't make sense of the request. */
int request_serve(void);
uint8_t *reply_data(void);
uint32_t reply_size(void);

#endif /* GUEST_H */
