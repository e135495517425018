/* SPDX-License-Identifier: MIT */
#ifndef THUMBNAIL_H
#define THUMBNAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Neither side of a thumbnail is longer. */
#define THUMBNAIL_SIDE 128

struct image {
	int width;
	int height;
	int channels;
	uint8_t *pixels;
};

void even_exposure(struct image *image);

/* What a guest is about: its colour channels, and how it packs a thumbnail. */
extern const int thumbnail_channels;
bool thumbnail_pack(const struct image *thumbnail);

/* Adds to the reply; a stbi_write_func. */
void reply_append(void *context, void *data, int size);

#endif /* THUMBNAIL_H */
