// SPDX-License-Identifier: MIT
/*
 * Makes all thumbnails equally bright. That is reckoned in amounts of light,
 * and tables made when the guest starts lead from the values of sRGB to those
 * and back.
 */
#include <math.h>

#include "thumbnail.h"

#define NR_VALUES 256
#define NR_LIGHTS 65536
#define MIDDLE_GREY (NR_LIGHTS * 18 / 100)

static uint16_t light_of[NR_VALUES];
static uint8_t value_of[NR_LIGHTS];

static double linear(double value)
{
	return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4);
}

static void __attribute__((constructor)) make_tables(void)
{
	int value, light;

	for (value = 0; value < NR_VALUES; value++)
		light_of[value] = linear(value / 255.0) * (NR_LIGHTS - 1) + 0.5;
	value = 0;
	for (light = 0; light < NR_LIGHTS; light++) {
		if (value < NR_VALUES - 1 && light_of[value + 1] <= light)
			value++;
		value_of[light] = value;
	}
}

/* With four channels the last is transparency. */
static bool is_colour(const struct image *image, size_t i)
{
	return image->channels < 4 || i % 4 < 3;
}

void even_exposure(struct image *image)
{
	size_t size = (size_t)image->width * image->height * image->channels;
	uint64_t sum = 0, count = 0, light;

	for (size_t i = 0; i < size; i++) {
		if (is_colour(image, i)) {
			sum += light_of[image->pixels[i]];
			count++;
		}
	}
	if (!sum)
		return;
	for (size_t i = 0; i < size; i++) {
		if (is_colour(image, i)) {
			light = light_of[image->pixels[i]] * MIDDLE_GREY * count / sum;
			if (light >= NR_LIGHTS)
				light = NR_LIGHTS - 1;
			image->pixels[i] = value_of[light];
		}
	}
}
