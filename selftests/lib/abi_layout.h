/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of the argument structures, in numbers: 32-bit and 64-bit callers
 * are compiled with them, and must agree.
 */
#ifndef SELFTESTS_LIB_ABI_LAYOUT_H
#define SELFTESTS_LIB_ABI_LAYOUT_H

#include <linux/slotpool.h>
#include <stddef.h>

#define ABI_SIZE(_struct, _size) \
	_Static_assert(sizeof(struct _struct) == (_size), "size of " #_struct)

#define ABI_FIELD(_struct, _field, _offset) \
	_Static_assert(offsetof(struct _struct, _field) == (_offset), #_struct "." #_field)

ABI_SIZE(slotpool_info_args, 112);
ABI_FIELD(slotpool_info_args, size, 0);
ABI_FIELD(slotpool_info_args, flags, 4);
ABI_FIELD(slotpool_info_args, features, 8);
ABI_FIELD(slotpool_info_args, slot_size, 16);
ABI_FIELD(slotpool_info_args, slot_stride, 24);
ABI_FIELD(slotpool_info_args, keep_bytes, 32);
ABI_FIELD(slotpool_info_args, max_unused_warm_slots, 40);
ABI_FIELD(slotpool_info_args, reserve_pages, 48);
ABI_FIELD(slotpool_info_args, max_client_pages, 56);
ABI_FIELD(slotpool_info_args, nr_slots, 64);
ABI_FIELD(slotpool_info_args, nr_shards, 68);
ABI_FIELD(slotpool_info_args, page_size, 72);
ABI_FIELD(slotpool_info_args, __reserved, 76);
ABI_FIELD(slotpool_info_args, max_unused_warm_bytes, 80);
ABI_FIELD(slotpool_info_args, max_image_bytes, 88);
ABI_FIELD(slotpool_info_args, max_client_image_bytes, 96);
ABI_FIELD(slotpool_info_args, max_pool_image_bytes, 104);

ABI_SIZE(slotpool_alloc_args, 64);
ABI_FIELD(slotpool_alloc_args, size, 0);
ABI_FIELD(slotpool_alloc_args, flags, 4);
ABI_FIELD(slotpool_alloc_args, key, 8);
ABI_FIELD(slotpool_alloc_args, limit, 16);
ABI_FIELD(slotpool_alloc_args, commit, 24);
ABI_FIELD(slotpool_alloc_args, keep, 32);
ABI_FIELD(slotpool_alloc_args, slot, 40);
ABI_FIELD(slotpool_alloc_args, placement, 44);
ABI_FIELD(slotpool_alloc_args, offset, 48);
ABI_FIELD(slotpool_alloc_args, image, 56);
ABI_FIELD(slotpool_alloc_args, contents, 60);

ABI_SIZE(slotpool_reset_args, 24);
ABI_FIELD(slotpool_reset_args, size, 0);
ABI_FIELD(slotpool_reset_args, flags, 4);
ABI_FIELD(slotpool_reset_args, slot, 8);
ABI_FIELD(slotpool_reset_args, __reserved, 12);
ABI_FIELD(slotpool_reset_args, held, 16);

ABI_SIZE(slotpool_free_args, 24);
ABI_FIELD(slotpool_free_args, size, 0);
ABI_FIELD(slotpool_free_args, flags, 4);
ABI_FIELD(slotpool_free_args, slot, 8);
ABI_FIELD(slotpool_free_args, __reserved, 12);
ABI_FIELD(slotpool_free_args, held, 16);

ABI_SIZE(slotpool_resize_args, 40);
ABI_FIELD(slotpool_resize_args, size, 0);
ABI_FIELD(slotpool_resize_args, flags, 4);
ABI_FIELD(slotpool_resize_args, slot, 8);
ABI_FIELD(slotpool_resize_args, __reserved, 12);
ABI_FIELD(slotpool_resize_args, limit, 16);
ABI_FIELD(slotpool_resize_args, commit, 24);
ABI_FIELD(slotpool_resize_args, old_limit, 32);

ABI_SIZE(slotpool_purge_args, 32);
ABI_FIELD(slotpool_purge_args, size, 0);
ABI_FIELD(slotpool_purge_args, flags, 4);
ABI_FIELD(slotpool_purge_args, key, 8);
ABI_FIELD(slotpool_purge_args, slot, 16);
ABI_FIELD(slotpool_purge_args, purged, 20);
ABI_FIELD(slotpool_purge_args, image, 24);
ABI_FIELD(slotpool_purge_args, __reserved, 28);

ABI_SIZE(slotpool_list_entry, 48);
ABI_FIELD(slotpool_list_entry, slot, 0);
ABI_FIELD(slotpool_list_entry, flags, 4);
ABI_FIELD(slotpool_list_entry, key, 8);
ABI_FIELD(slotpool_list_entry, limit, 16);
ABI_FIELD(slotpool_list_entry, commit, 24);
ABI_FIELD(slotpool_list_entry, held, 32);
ABI_FIELD(slotpool_list_entry, image, 40);
ABI_FIELD(slotpool_list_entry, __reserved, 44);

ABI_SIZE(slotpool_list_args, 24);
ABI_FIELD(slotpool_list_args, size, 0);
ABI_FIELD(slotpool_list_args, flags, 4);
ABI_FIELD(slotpool_list_args, entries, 8);
ABI_FIELD(slotpool_list_args, nr_entries, 16);
ABI_FIELD(slotpool_list_args, first, 20);

ABI_SIZE(slotpool_stat_args, 248);
ABI_FIELD(slotpool_stat_args, size, 0);
ABI_FIELD(slotpool_stat_args, flags, 4);
ABI_FIELD(slotpool_stat_args, used_slots, 8);
ABI_FIELD(slotpool_stat_args, warm_slots, 16);
ABI_FIELD(slotpool_stat_args, cold_slots, 24);
ABI_FIELD(slotpool_stat_args, held_pages, 32);
ABI_FIELD(slotpool_stat_args, reserve_free_pages, 40);
ABI_FIELD(slotpool_stat_args, committed_pages, 48);
ABI_FIELD(slotpool_stat_args, lost_pages, 56);
ABI_FIELD(slotpool_stat_args, affine_allocs, 64);
ABI_FIELD(slotpool_stat_args, recycled_allocs, 72);
ABI_FIELD(slotpool_stat_args, cold_allocs, 80);
ABI_FIELD(slotpool_stat_args, frees, 88);
ABI_FIELD(slotpool_stat_args, resets, 96);
ABI_FIELD(slotpool_stat_args, reset_pages, 104);
ABI_FIELD(slotpool_stat_args, dropped_pages, 112);
ABI_FIELD(slotpool_stat_args, read_faults, 120);
ABI_FIELD(slotpool_stat_args, write_faults, 128);
ABI_FIELD(slotpool_stat_args, refused_faults, 136);
ABI_FIELD(slotpool_stat_args, evictions, 144);
ABI_FIELD(slotpool_stat_args, client_pages, 152);
ABI_FIELD(slotpool_stat_args, warm_pages, 160);
ABI_FIELD(slotpool_stat_args, decay_samples, 168);
ABI_FIELD(slotpool_stat_args, decayed_pages, 176);
ABI_FIELD(slotpool_stat_args, prepared_pages, 184);
ABI_FIELD(slotpool_stat_args, images, 192);
ABI_FIELD(slotpool_stat_args, image_pages, 200);
ABI_FIELD(slotpool_stat_args, image_charged_pages, 208);
ABI_FIELD(slotpool_stat_args, image_reads, 216);
ABI_FIELD(slotpool_stat_args, image_drops, 224);
ABI_FIELD(slotpool_stat_args, client_images, 232);
ABI_FIELD(slotpool_stat_args, client_image_pages, 240);

ABI_SIZE(slotpool_image_range, 24);
ABI_FIELD(slotpool_image_range, offset, 0);
ABI_FIELD(slotpool_image_range, length, 8);
ABI_FIELD(slotpool_image_range, address, 16);

ABI_SIZE(slotpool_image_args, 72);
ABI_FIELD(slotpool_image_args, size, 0);
ABI_FIELD(slotpool_image_args, flags, 4);
ABI_FIELD(slotpool_image_args, length, 8);
ABI_FIELD(slotpool_image_args, ranges, 16);
ABI_FIELD(slotpool_image_args, offset, 24);
ABI_FIELD(slotpool_image_args, file_offset, 32);
ABI_FIELD(slotpool_image_args, file_length, 40);
ABI_FIELD(slotpool_image_args, nr_ranges, 48);
ABI_FIELD(slotpool_image_args, fd, 52);
ABI_FIELD(slotpool_image_args, slot, 56);
ABI_FIELD(slotpool_image_args, image, 60);
ABI_FIELD(slotpool_image_args, stored, 64);

ABI_SIZE(slotpool_export_args, 16);
ABI_FIELD(slotpool_export_args, size, 0);
ABI_FIELD(slotpool_export_args, flags, 4);
ABI_FIELD(slotpool_export_args, image, 8);
ABI_FIELD(slotpool_export_args, fd, 12);

ABI_SIZE(slotpool_import_args, 24);
ABI_FIELD(slotpool_import_args, size, 0);
ABI_FIELD(slotpool_import_args, flags, 4);
ABI_FIELD(slotpool_import_args, fd, 8);
ABI_FIELD(slotpool_import_args, image, 12);
ABI_FIELD(slotpool_import_args, length, 16);

ABI_SIZE(slotpool_release_args, 16);
ABI_FIELD(slotpool_release_args, size, 0);
ABI_FIELD(slotpool_release_args, flags, 4);
ABI_FIELD(slotpool_release_args, image, 8);
ABI_FIELD(slotpool_release_args, purged, 12);

ABI_SIZE(slotpool_seal_args, 16);
ABI_FIELD(slotpool_seal_args, size, 0);
ABI_FIELD(slotpool_seal_args, flags, 4);
ABI_FIELD(slotpool_seal_args, commands, 8);

/* Commands carry no size: they are the same numbers for all callers. */
_Static_assert(SLOTPOOL_INFO == 0xf700, "SLOTPOOL_INFO");
_Static_assert(SLOTPOOL_ALLOC == 0xf701, "SLOTPOOL_ALLOC");
_Static_assert(SLOTPOOL_RESET == 0xf702, "SLOTPOOL_RESET");
_Static_assert(SLOTPOOL_FREE == 0xf703, "SLOTPOOL_FREE");
_Static_assert(SLOTPOOL_RESIZE == 0xf704, "SLOTPOOL_RESIZE");
_Static_assert(SLOTPOOL_PURGE == 0xf705, "SLOTPOOL_PURGE");
_Static_assert(SLOTPOOL_LIST == 0xf706, "SLOTPOOL_LIST");
_Static_assert(SLOTPOOL_STAT == 0xf707, "SLOTPOOL_STAT");
_Static_assert(SLOTPOOL_IMAGE == 0xf708, "SLOTPOOL_IMAGE");
_Static_assert(SLOTPOOL_EXPORT == 0xf709, "SLOTPOOL_EXPORT");
_Static_assert(SLOTPOOL_IMPORT == 0xf70a, "SLOTPOOL_IMPORT");
_Static_assert(SLOTPOOL_RELEASE == 0xf70b, "SLOTPOOL_RELEASE");
_Static_assert(SLOTPOOL_SEAL == 0xf70c, "SLOTPOOL_SEAL");

#endif /* SELFTESTS_LIB_ABI_LAYOUT_H */
