/* SPDX-License-Identifier: MIT */
#ifndef THUMBNAIL_H
#define THUMBNAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Maximum of both sides of a thumbnail */
#define THUMBNAIL_SIDE 128

struct picture {
	int width;
	int height;
	int channels;
	uint8_t *pixels;
};

void even_exposure(struct picture *picture);

/* Defined by each guest: its colour channels, and the encoding of its thumbnails */
extern const int thumbnail_channels;
bool thumbnail_pack(const struct picture *thumbnail);

/* Append to the reply. This is a stbi_write_func. */
void reply_append(void *context, void *data, int size);

#endif /* THUMBNAIL_H */
