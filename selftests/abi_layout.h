/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The layout of the argument structures, in numbers: 32-bit and 64-bit callers
 * are compiled with them, and must agree.
 */
#ifndef SELFTESTS_ABI_LAYOUT_H
#define SELFTESTS_ABI_LAYOUT_H

#include <linux/slotpool.h>
#include <stddef.h>

#define ABI_SIZE(_struct, _size) \
	_Static_assert(sizeof(struct _struct) == (_size), "size of " #_struct)

#define ABI_FIELD(_struct, _field, _offset) \
	_Static_assert(offsetof(struct _struct, _field) == (_offset), #_struct "." #_field)

ABI_SIZE(slotpool_info, 112);
ABI_FIELD(slotpool_info, size, 0);
ABI_FIELD(slotpool_info, flags, 4);
ABI_FIELD(slotpool_info, features, 8);
ABI_FIELD(slotpool_info, slot_size, 16);
ABI_FIELD(slotpool_info, slot_stride, 24);
ABI_FIELD(slotpool_info, keep_bytes, 32);
ABI_FIELD(slotpool_info, max_unused_warm_slots, 40);
ABI_FIELD(slotpool_info, reserve_pages, 48);
ABI_FIELD(slotpool_info, max_client_pages, 56);
ABI_FIELD(slotpool_info, nr_slots, 64);
ABI_FIELD(slotpool_info, nr_shards, 68);
ABI_FIELD(slotpool_info, page_size, 72);
ABI_FIELD(slotpool_info, __reserved, 76);
ABI_FIELD(slotpool_info, max_unused_warm_bytes, 80);
ABI_FIELD(slotpool_info, max_image_bytes, 88);
ABI_FIELD(slotpool_info, max_client_image_bytes, 96);
ABI_FIELD(slotpool_info, max_pool_image_bytes, 104);

ABI_SIZE(slotpool_alloc, 64);
ABI_FIELD(slotpool_alloc, size, 0);
ABI_FIELD(slotpool_alloc, flags, 4);
ABI_FIELD(slotpool_alloc, key, 8);
ABI_FIELD(slotpool_alloc, limit, 16);
ABI_FIELD(slotpool_alloc, commit, 24);
ABI_FIELD(slotpool_alloc, keep, 32);
ABI_FIELD(slotpool_alloc, slot, 40);
ABI_FIELD(slotpool_alloc, placement, 44);
ABI_FIELD(slotpool_alloc, offset, 48);
ABI_FIELD(slotpool_alloc, image, 56);
ABI_FIELD(slotpool_alloc, contents, 60);

ABI_SIZE(slotpool_reset, 24);
ABI_FIELD(slotpool_reset, size, 0);
ABI_FIELD(slotpool_reset, flags, 4);
ABI_FIELD(slotpool_reset, slot, 8);
ABI_FIELD(slotpool_reset, __reserved, 12);
ABI_FIELD(slotpool_reset, held, 16);

ABI_SIZE(slotpool_free, 24);
ABI_FIELD(slotpool_free, size, 0);
ABI_FIELD(slotpool_free, flags, 4);
ABI_FIELD(slotpool_free, slot, 8);
ABI_FIELD(slotpool_free, __reserved, 12);
ABI_FIELD(slotpool_free, held, 16);

ABI_SIZE(slotpool_resize, 40);
ABI_FIELD(slotpool_resize, size, 0);
ABI_FIELD(slotpool_resize, flags, 4);
ABI_FIELD(slotpool_resize, slot, 8);
ABI_FIELD(slotpool_resize, __reserved, 12);
ABI_FIELD(slotpool_resize, limit, 16);
ABI_FIELD(slotpool_resize, commit, 24);
ABI_FIELD(slotpool_resize, old_limit, 32);

ABI_SIZE(slotpool_purge, 32);
ABI_FIELD(slotpool_purge, size, 0);
ABI_FIELD(slotpool_purge, flags, 4);
ABI_FIELD(slotpool_purge, key, 8);
ABI_FIELD(slotpool_purge, slot, 16);
ABI_FIELD(slotpool_purge, purged, 20);
ABI_FIELD(slotpool_purge, image, 24);
ABI_FIELD(slotpool_purge, __reserved, 28);

ABI_SIZE(slotpool_list_entry, 48);
ABI_FIELD(slotpool_list_entry, slot, 0);
ABI_FIELD(slotpool_list_entry, flags, 4);
ABI_FIELD(slotpool_list_entry, key, 8);
ABI_FIELD(slotpool_list_entry, limit, 16);
ABI_FIELD(slotpool_list_entry, commit, 24);
ABI_FIELD(slotpool_list_entry, held, 32);
ABI_FIELD(slotpool_list_entry, image, 40);
ABI_FIELD(slotpool_list_entry, __reserved, 44);

ABI_SIZE(slotpool_list, 24);
ABI_FIELD(slotpool_list, size, 0);
ABI_FIELD(slotpool_list, flags, 4);
ABI_FIELD(slotpool_list, entries, 8);
ABI_FIELD(slotpool_list, nr_entries, 16);
ABI_FIELD(slotpool_list, first, 20);

ABI_SIZE(slotpool_stat, 248);
ABI_FIELD(slotpool_stat, size, 0);
ABI_FIELD(slotpool_stat, flags, 4);
ABI_FIELD(slotpool_stat, used_slots, 8);
ABI_FIELD(slotpool_stat, warm_slots, 16);
ABI_FIELD(slotpool_stat, cold_slots, 24);
ABI_FIELD(slotpool_stat, held_pages, 32);
ABI_FIELD(slotpool_stat, reserve_free_pages, 40);
ABI_FIELD(slotpool_stat, committed_pages, 48);
ABI_FIELD(slotpool_stat, lost_pages, 56);
ABI_FIELD(slotpool_stat, affine_allocs, 64);
ABI_FIELD(slotpool_stat, recycled_allocs, 72);
ABI_FIELD(slotpool_stat, cold_allocs, 80);
ABI_FIELD(slotpool_stat, frees, 88);
ABI_FIELD(slotpool_stat, resets, 96);
ABI_FIELD(slotpool_stat, reset_pages, 104);
ABI_FIELD(slotpool_stat, dropped_pages, 112);
ABI_FIELD(slotpool_stat, read_faults, 120);
ABI_FIELD(slotpool_stat, write_faults, 128);
ABI_FIELD(slotpool_stat, refused_faults, 136);
ABI_FIELD(slotpool_stat, evictions, 144);
ABI_FIELD(slotpool_stat, client_pages, 152);
ABI_FIELD(slotpool_stat, warm_pages, 160);
ABI_FIELD(slotpool_stat, decay_samples, 168);
ABI_FIELD(slotpool_stat, decayed_pages, 176);
ABI_FIELD(slotpool_stat, prepared_pages, 184);
ABI_FIELD(slotpool_stat, images, 192);
ABI_FIELD(slotpool_stat, image_pages, 200);
ABI_FIELD(slotpool_stat, image_charged_pages, 208);
ABI_FIELD(slotpool_stat, image_reads, 216);
ABI_FIELD(slotpool_stat, image_drops, 224);
ABI_FIELD(slotpool_stat, client_images, 232);
ABI_FIELD(slotpool_stat, client_image_pages, 240);

ABI_SIZE(slotpool_image_range, 24);
ABI_FIELD(slotpool_image_range, offset, 0);
ABI_FIELD(slotpool_image_range, length, 8);
ABI_FIELD(slotpool_image_range, address, 16);

ABI_SIZE(slotpool_image, 72);
ABI_FIELD(slotpool_image, size, 0);
ABI_FIELD(slotpool_image, flags, 4);
ABI_FIELD(slotpool_image, length, 8);
ABI_FIELD(slotpool_image, ranges, 16);
ABI_FIELD(slotpool_image, offset, 24);
ABI_FIELD(slotpool_image, file_offset, 32);
ABI_FIELD(slotpool_image, file_length, 40);
ABI_FIELD(slotpool_image, nr_ranges, 48);
ABI_FIELD(slotpool_image, fd, 52);
ABI_FIELD(slotpool_image, slot, 56);
ABI_FIELD(slotpool_image, image, 60);
ABI_FIELD(slotpool_image, stored, 64);

ABI_SIZE(slotpool_export, 16);
ABI_FIELD(slotpool_export, size, 0);
ABI_FIELD(slotpool_export, flags, 4);
ABI_FIELD(slotpool_export, image, 8);
ABI_FIELD(slotpool_export, fd, 12);

ABI_SIZE(slotpool_import, 24);
ABI_FIELD(slotpool_import, size, 0);
ABI_FIELD(slotpool_import, flags, 4);
ABI_FIELD(slotpool_import, fd, 8);
ABI_FIELD(slotpool_import, image, 12);
ABI_FIELD(slotpool_import, length, 16);

ABI_SIZE(slotpool_release, 16);
ABI_FIELD(slotpool_release, size, 0);
ABI_FIELD(slotpool_release, flags, 4);
ABI_FIELD(slotpool_release, image, 8);
ABI_FIELD(slotpool_release, purged, 12);

ABI_SIZE(slotpool_seal, 16);
ABI_FIELD(slotpool_seal, size, 0);
ABI_FIELD(slotpool_seal, flags, 4);
ABI_FIELD(slotpool_seal, commands, 8);

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

#endif /* SELFTESTS_ABI_LAYOUT_H */
