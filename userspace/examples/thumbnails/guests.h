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

/**
 * enum start - how a fresh instance comes about
 * @START_ZEROS: its memory is zeros; it is instantiated and initialised.
 * @START_IMAGE: its memory is an image of one that was just instantiated; it
 *	is initialised.
 * @START_SNAPSHOT: its memory is an image of one that was initialised already.
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

/* Once for a process and those that it forks */
void guests_init(void);

/*
 * Instances start from an image or a snapshot until guests_forget(), also in
 * processes that are forked. The memory has to be open. Returns 0 or a negative
 * errno value.
 */
int guests_prepare(enum start start);
void guests_forget(void);

const char *guest_name(enum guest_id guest);
const char *outcome_name(enum outcome outcome);

/* Is the reply of a fresh instance to @request the @expected one? */
enum outcome guest_serve(enum guest_id guest, const struct bytes *request,
			 const struct bytes *expected);

#endif /* GUESTS_H */
