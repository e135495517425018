/* SPDX-License-Identifier: MIT */
/* The guests, and what it takes to serve one request with a fresh instance */
#ifndef GUESTS_H
#define GUESTS_H

#include <stddef.h>
#include <stdint.h>

enum guest_id {
	GUEST_PNG,
	GUEST_JPEG,
	GUEST_GREY,
	GUEST_TEXTURE,
	GUEST_STRAY,
	NR_GUESTS,
};

enum outcome {
	OUTCOME_UNSERVED,
	OUTCOME_RIGHT,
	OUTCOME_WRONG,
	OUTCOME_TRAPPED,
	OUTCOME_NO_MEMORY,
};

struct bytes {
	uint8_t *data;
	size_t size;
};

const char *guest_name(enum guest_id guest);
const char *outcome_name(enum outcome outcome);
void guests_init(void);

/* Is the reply of a fresh instance to @request the @expected one? */
enum outcome guest_serve(enum guest_id guest, const struct bytes *request,
			 const struct bytes *expected);

#endif /* GUESTS_H */
