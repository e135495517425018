// SPDX-License-Identifier: MIT
/*
 * Make all thumbnails equally bright. The computation uses linear amounts of light.
 * Tables, made when the guest starts, convert between these and the values of sRGB.
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

/* The last of four channels is transparency. */
static bool is_colour(const struct picture *picture, size_t i)
{
	return picture->channels < 4 || i % 4 < 3;
}

void even_exposure(struct picture *picture)
{
	size_t size = (size_t)picture->width * picture->height * picture->channels;
	uint64_t sum = 0, count = 0, light;

	for (size_t i = 0; i < size; i++) {
		if (is_colour(picture, i)) {
			sum += light_of[picture->pixels[i]];
			count++;
		}
	}
	if (!sum)
		return;
	for (size_t i = 0; i < size; i++) {
		if (is_colour(picture, i)) {
			light = light_of[picture->pixels[i]] * MIDDLE_GREY * count / sum;
			if (light >= NR_LIGHTS)
				light = NR_LIGHTS - 1;
			picture->pixels[i] = value_of[light];
		}
	}
}
