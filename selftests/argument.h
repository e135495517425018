/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An argument of any command, with room for the largest that one may claim to be.
 */
#ifndef SELFTESTS_ARGUMENT_H
#define SELFTESTS_ARGUMENT_H

#include <linux/slotpool.h>

#define ARGUMENT_MAX 4096

union argument {
	struct {
		__u32 size;
		__u32 flags;
	} header;
	struct slotpool_info info;
	struct slotpool_alloc alloc;
	struct slotpool_reset reset;
	struct slotpool_free free;
	struct slotpool_resize resize;
	struct slotpool_purge purge;
	struct slotpool_list list;
	struct slotpool_stat stat;
	struct slotpool_image image;
	struct slotpool_export export;
	struct slotpool_import import;
	struct slotpool_release release;
	struct slotpool_seal seal;
	unsigned char bytes[ARGUMENT_MAX];
	__u32 words[ARGUMENT_MAX / sizeof(__u32)];
};

#endif /* SELFTESTS_ARGUMENT_H */
