// SPDX-License-Identifier: MIT
#include <errno.h>
#include <string.h>
#include <wasm-rt-impl.h>

#include "grey.h"
#include "guests.h"
#include "jpeg.h"
#include "memory.h"
#include "png.h"
#include "stray.h"
#include "texture.h"

/* wasm2c generates separate types and functions for each guest. */
struct guest {
	const char *name;
	void *instance;
	/* A copy of the initial instance, without its memory */
	void *started;
	size_t instance_size;
	void (*init)(void);
	void (*instantiate)(void *instance);
	void (*free)(void *instance);
	void (*initialize)(void *instance);
	wasm_rt_memory_t *(*memory)(void *instance);
	uint32_t (*request_buffer)(void *instance, uint32_t size);
	uint32_t (*request_serve)(void *instance);
	uint32_t (*reply_data)(void *instance);
	uint32_t (*reply_size)(void *instance);
};

#define DEFINE_GUEST(program)                                                   \
	static Z_##program##_instance_t program##_instance, program##_started;  \
	static void program##_instantiate(void *instance)                       \
	{                                                                       \
		Z_##program##_instantiate(instance);                            \
	}                                                                       \
	static void program##_free(void *instance)                              \
	{                                                                       \
		Z_##program##_free(instance);                                   \
	}                                                                       \
	static void program##_initialize(void *instance)                        \
	{                                                                       \
		Z_##program##Z__initialize(instance);                           \
	}                                                                       \
	static wasm_rt_memory_t *program##_memory(void *instance)               \
	{                                                                       \
		return Z_##program##Z_memory(instance);                         \
	}                                                                       \
	static uint32_t program##_request_buffer(void *instance, uint32_t size) \
	{                                                                       \
		return Z_##program##Z_request_buffer(instance, size);           \
	}                                                                       \
	static uint32_t program##_request_serve(void *instance)                 \
	{                                                                       \
		return Z_##program##Z_request_serve(instance);                  \
	}                                                                       \
	static uint32_t program##_reply_data(void *instance)                    \
	{                                                                       \
		return Z_##program##Z_reply_data(instance);                     \
	}                                                                       \
	static uint32_t program##_reply_size(void *instance)                    \
	{                                                                       \
		return Z_##program##Z_reply_size(instance);                     \
	}                                                                       \
	static const struct guest program##_guest = {                           \
		.name = #program,                                               \
		.instance = &program##_instance,                                \
		.started = &program##_started,                                  \
		.instance_size = sizeof(program##_instance),                    \
		.init = Z_##program##_init_module,                              \
		.instantiate = program##_instantiate,                           \
		.free = program##_free,                                         \
		.initialize = program##_initialize,                             \
		.memory = program##_memory,                                     \
		.request_buffer = program##_request_buffer,                     \
		.request_serve = program##_request_serve,                       \
		.reply_data = program##_reply_data,                             \
		.reply_size = program##_reply_size,                             \
	}

DEFINE_GUEST(png);
DEFINE_GUEST(jpeg);
DEFINE_GUEST(grey);
DEFINE_GUEST(texture);
DEFINE_GUEST(stray);

static const struct guest *const guests[NR_GUESTS] = {
	[GUEST_PNG] = &png_guest,
	[GUEST_JPEG] = &jpeg_guest,
	[GUEST_GREY] = &grey_guest,
	[GUEST_TEXTURE] = &texture_guest,
	[GUEST_STRAY] = &stray_guest,
};

static enum start start;

const char *guest_name(enum guest_id guest)
{
	return guests[guest]->name;
}

const char *outcome_name(enum outcome outcome)
{
	static const char *const names[] = {
		[OUTCOME_UNSERVED] = "not served",
		[OUTCOME_RIGHT] = "answered right",
		[OUTCOME_WRONG] = "answered wrong",
		[OUTCOME_TRAPPED] = "trapped",
		[OUTCOME_NO_MEMORY] = "got no memory",
	};

	return names[outcome];
}

void guests_init(void)
{
	for (int i = 0; i < NR_GUESTS; i++)
		guests[i]->init();
}

/* Save a started instance, for later ones to start as copies of it. */
static int make_started(enum guest_id id)
{
	const struct guest *guest = guests[id];
	int ret;

	memory_set_key(id);
	memset(guest->instance, 0, guest->instance_size);
	if (wasm_rt_impl_try())
		return -ENOMEM;
	guest->instantiate(guest->instance);
	if (start == START_SNAPSHOT)
		guest->initialize(guest->instance);
	ret = memory_save();
	wasm_rt_free_memory(guest->memory(guest->instance));
	memcpy(guest->started, guest->instance, guest->instance_size);
	return ret;
}

int guests_prepare(enum start how)
{
	int ret = 0;

	start = how;
	for (int i = 0; !ret && i < NR_GUESTS; i++)
		ret = make_started(i);
	return ret;
}

void guests_forget(void)
{
	if (start == START_ZEROS)
		return;
	memory_forget();
	for (int i = 0; i < NR_GUESTS; i++) {
		/* This frees the table. The memory is gone already. */
		guests[i]->free(guests[i]->started);
		memset(guests[i]->started, 0, guests[i]->instance_size);
	}
	start = START_ZEROS;
}

static void begin(const struct guest *guest)
{
	wasm_rt_memory_t *memory;

	if (start == START_ZEROS) {
		memset(guest->instance, 0, guest->instance_size);
		guest->instantiate(guest->instance);
	} else {
		memcpy(guest->instance, guest->started, guest->instance_size);
		memory = guest->memory(guest->instance);
		wasm_rt_allocate_memory(memory, memory->pages, memory->max_pages);
	}
	if (start != START_SNAPSHOT)
		guest->initialize(guest->instance);
}

/* Guests don't change their tables: all instances share the table of @started. */
static void end(const struct guest *guest)
{
	if (start == START_ZEROS)
		guest->free(guest->instance);
	else
		wasm_rt_free_memory(guest->memory(guest->instance));
}

/* Return a pointer into the guest's memory. Don't trust the guest's address and size. */
static uint8_t *inside(const struct guest *guest, uint32_t start, size_t size)
{
	const wasm_rt_memory_t *memory = guest->memory(guest->instance);

	if (!start || start > memory->size || size > memory->size - start)
		return NULL;
	return memory->data + start;
}

static enum outcome converse(const struct guest *guest,
			     const struct bytes *request,
			     const struct bytes *expected)
{
	uint8_t *buffer, *reply;
	uint32_t start;

	start = guest->request_buffer(guest->instance, request->size);
	buffer = inside(guest, start, request->size);
	if (!buffer)
		return OUTCOME_WRONG;
	memcpy(buffer, request->data, request->size);
	if (!guest->request_serve(guest->instance))
		return OUTCOME_WRONG;
	if (guest->reply_size(guest->instance) != expected->size)
		return OUTCOME_WRONG;
	start = guest->reply_data(guest->instance);
	reply = inside(guest, start, expected->size);
	if (!reply || memcmp(reply, expected->data, expected->size))
		return OUTCOME_WRONG;
	return OUTCOME_RIGHT;
}

enum outcome guest_serve(enum guest_id id, const struct bytes *request,
			 const struct bytes *expected)
{
	const struct guest *guest = guests[id];
	enum outcome outcome;

	memory_set_key(id);
	if (wasm_rt_impl_try()) {
		outcome = memory_use()->made ? OUTCOME_TRAPPED : OUTCOME_NO_MEMORY;
	} else {
		begin(guest);
		memory_mark_started();
		outcome = converse(guest, request, expected);
	}
	end(guest);
	return outcome;
}
