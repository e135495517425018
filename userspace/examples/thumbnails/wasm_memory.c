// SPDX-License-Identifier: MIT
/*
 * Memory functions that wasm2c's output calls. The linker's --wrap puts them in place of
 * the packaged runtime's functions; the rest of that runtime is used unchanged.
 *
 * A process has one memory at a time, and one thread.
 */
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <wasm-rt.h>

#include "memory.h"

#define WASM_PAGE_SIZE 65536

static const struct memory_backend *backend;
static struct sigaction runtime_action;
static uint8_t *current;
static uint64_t key;
static uint64_t first_faults;
static struct memory_use use;

void __wrap_wasm_rt_allocate_memory(wasm_rt_memory_t *memory,
				    uint32_t initial_pages, uint32_t max_pages)
{
	size_t limit = (size_t)initial_pages * WASM_PAGE_SIZE;

	memory->data = NULL;
	if (backend->alloc(key, limit, &current, &use.placement))
		wasm_rt_trap(WASM_RT_TRAP_UNREACHABLE);
	use.made = true;
	memory->data = current;
	memory->size = limit;
	memory->pages = initial_pages;
	memory->max_pages = max_pages;
}

uint32_t __wrap_wasm_rt_grow_memory(wasm_rt_memory_t *memory, uint32_t delta)
{
	uint32_t old_pages = memory->pages;
	uint64_t new_pages = (uint64_t)old_pages + delta;

	if (new_pages > memory->max_pages ||
	    backend->grow(new_pages * WASM_PAGE_SIZE))
		return UINT32_MAX;
	use.grown |= delta;
	memory->pages = new_pages;
	memory->size = new_pages * WASM_PAGE_SIZE;
	return old_pages;
}

void __wrap_wasm_rt_free_memory(wasm_rt_memory_t *memory)
{
	if (!memory->data)
		return;
	backend->free();
	memory->data = NULL;
	current = NULL;
}

/*
 * The runtime's handler would report an access that the module refused as an exhausted
 * stack: it looks for SEGV_ACCERR in si_code, which only mprotect() leads to.
 */
static void on_segv(int signal, siginfo_t *info, void *context)
{
	if (current && (uintptr_t)info->si_addr - (uintptr_t)current < REACH)
		wasm_rt_trap(WASM_RT_TRAP_OOB);
	runtime_action.sa_sigaction(signal, info, context);
}

int memory_init(void)
{
	struct sigaction action = {
		.sa_sigaction = on_segv,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	wasm_rt_init();
	return sigaction(SIGSEGV, &action, &runtime_action) ? -errno : 0;
}

int memory_open(const struct memory_backend *chosen)
{
	backend = chosen;
	return backend->open();
}

void memory_close(void)
{
	backend->close();
}

void memory_set_key(uint64_t next)
{
	key = next;
	use = (struct memory_use){};
	first_faults = memory_page_faults();
}

void memory_mark_started(void)
{
	use.start_faults = memory_page_faults() - first_faults;
}

uint64_t memory_page_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

int memory_save(void)
{
	return backend->save(key);
}

void memory_forget(void)
{
	backend->forget();
}

const struct memory_use *memory_use(void)
{
	return &use;
}
