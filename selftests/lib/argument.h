/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An argument of any command, with room for the largest that one may claim to be.
 */
#ifndef SELFTESTS_LIB_ARGUMENT_H
#define SELFTESTS_LIB_ARGUMENT_H

#include <linux/slotpool.h>

#define ARGUMENT_MAX 4096

union argument {
	struct {
		__u32 size;
		__u32 flags;
	} header;
	struct slotpool_info_args info;
	struct slotpool_alloc_args alloc;
	struct slotpool_reset_args reset;
	struct slotpool_free_args free;
	struct slotpool_resize_args resize;
	struct slotpool_purge_args purge;
	struct slotpool_list_args list;
	struct slotpool_stat_args stat;
	struct slotpool_image_args image;
	struct slotpool_export_args export;
	struct slotpool_import_args import;
	struct slotpool_release_args release;
	struct slotpool_seal_args seal;
	unsigned char bytes[ARGUMENT_MAX];
	__u32 words[ARGUMENT_MAX / sizeof(__u32)];
};

#endif /* SELFTESTS_LIB_ARGUMENT_H */
