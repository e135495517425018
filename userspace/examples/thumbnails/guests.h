/* SPDX-License-Identifier: MIT */
/* The guests, and serving a request with a fresh instance */
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

/**
 * enum start - how a fresh instance starts
 * @START_ZEROS: from zeros; it is instantiated and initialised
 * @START_IMAGE: from an image of an instantiated guest; it is initialised
 * @START_SNAPSHOT: from an image of an initialised guest
 */
enum start {
	START_ZEROS,
	START_IMAGE,
	START_SNAPSHOT,
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

/* Call once, before forking. */
void guests_init(void);

/*
 * Make images or snapshots of all guests. Instances of this process and of its forked
 * children start from them until guests_forget(). The memory must be open. Return 0 or
 * a negative errno value.
 */
int guests_prepare(enum start start);
void guests_forget(void);

const char *guest_name(enum guest_id guest);
const char *outcome_name(enum outcome outcome);

/* Serve @request with a fresh instance, and compare the reply with @expected. */
enum outcome guest_serve(enum guest_id guest, const struct bytes *request,
			 const struct bytes *expected);

#endif /* GUESTS_H */
