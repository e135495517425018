// SPDX-License-Identifier: MIT
/* Convert JPEG to JPEG. */
#include <stdlib.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#include <stb/stb_image_write.h>

#include "thumbnail.h"

#define QUALITY 85

const int thumbnail_channels = 3;

bool thumbnail_pack(const struct picture *thumbnail)
{
	return stbi_write_jpg_to_func(reply_append, NULL, thumbnail->width,
				      thumbnail->height, thumbnail->channels,
				      thumbnail->pixels, QUALITY);
}
