// SPDX-License-Identifier: MIT
/* Convert PNG or JPEG to the blocks of a DXT1 texture, row by row, without a header. */
#include <string.h>

#define STB_DXT_IMPLEMENTATION
#include <stb/stb_dxt.h>

#include "thumbnail.h"

#define BLOCK_SIDE 4
#define DXT1_BLOCK_SIZE 8

const int thumbnail_channels = 4;

static int at_most(int value, int bound)
{
	return value < bound ? value : bound;
}

/* Repeat the last pixel beyond the edge of the picture. */
static void pack_block(const struct picture *picture, int left, int top)
{
	uint8_t pixels[BLOCK_SIDE * BLOCK_SIDE * 4];
	uint8_t block[DXT1_BLOCK_SIZE];
	uint8_t *pixel = pixels;

	for (int y = top; y < top + BLOCK_SIDE; y++) {
		for (int x = left; x < left + BLOCK_SIDE; x++) {
			int row = at_most(y, picture->height - 1);
			int column = at_most(x, picture->width - 1);

			memcpy(pixel,
			       picture->pixels + (row * picture->width + column) * 4,
			       4);
			pixel += 4;
		}
	}
	stb_compress_dxt_block(block, pixels, 0, STB_DXT_HIGHQUAL);
	reply_append(NULL, block, sizeof(block));
}

bool thumbnail_pack(const struct picture *thumbnail)
{
	for (int y = 0; y < thumbnail->height; y += BLOCK_SIDE)
		for (int x = 0; x < thumbnail->width; x += BLOCK_SIDE)
			pack_block(thumbnail, x, y);
	return true;
}
