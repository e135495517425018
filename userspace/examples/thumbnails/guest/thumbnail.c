// SPDX-License-Identifier: MIT
/*
 * Decode a picture and scale it down. STBI_ONLY_PNG and STBI_ONLY_JPEG, from the command
 * line of the build, choose the formats that the guest decodes.
 */
#include <stdlib.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBI_NO_STDIO
#include <stb/stb_image.h>

#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>

#include "guest.h"
#include "thumbnail.h"

static uint8_t *request;
static uint32_t request_bytes;
static uint8_t *reply;
static uint32_t reply_bytes;

uint8_t *request_buffer(uint32_t size)
{
	request = malloc(size);
	request_bytes = request ? size : 0;
	return request;
}

uint8_t *reply_data(void)
{
	return reply;
}

uint32_t reply_size(void)
{
	return reply_bytes;
}

void reply_append(void *context, void *data, int size)
{
	uint8_t *longer = realloc(reply, reply_bytes + size);

	(void)context;
	if (!longer)
		abort();
	reply = longer;
	memcpy(reply + reply_bytes, data, size);
	reply_bytes += size;
}

static int at_least_one(int length)
{
	return length ? length : 1;
}

static bool scale_down(const struct picture *picture, struct picture *thumbnail)
{
	int longer = picture->width > picture->height ? picture->width : picture->height;
	int side = longer < THUMBNAIL_SIDE ? longer : THUMBNAIL_SIDE;

	thumbnail->width = at_least_one(picture->width * side / longer);
	thumbnail->height = at_least_one(picture->height * side / longer);
	thumbnail->channels = picture->channels;
	thumbnail->pixels = malloc((size_t)thumbnail->width * thumbnail->height *
				   thumbnail->channels);
	if (!thumbnail->pixels)
		return false;
	return stbir_resize_uint8(picture->pixels, picture->width, picture->height, 0,
				  thumbnail->pixels, thumbnail->width,
				  thumbnail->height, 0, picture->channels);
}

int request_serve(void)
{
	struct picture picture = { .channels = thumbnail_channels };
	struct picture thumbnail;

	picture.pixels = stbi_load_from_memory(request, request_bytes,
					       &picture.width, &picture.height, NULL,
					       picture.channels);
	if (!picture.pixels || !scale_down(&picture, &thumbnail))
		return 0;
	even_exposure(&thumbnail);
	return thumbnail_pack(&thumbnail);
}
