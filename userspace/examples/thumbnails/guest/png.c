// SPDX-License-Identifier: MIT
/* Convert PNG to PNG, with transparency. */
#include <stdlib.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

#include "thumbnail.h"

const int thumbnail_channels = 4;

bool thumbnail_pack(const struct picture *thumbnail)
{
	return stbi_write_png_to_func(reply_append, NULL, thumbnail->width,
				      thumbnail->height, thumbnail->channels,
				      thumbnail->pixels, 0);
}
