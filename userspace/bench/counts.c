// SPDX-License-Identifier: MIT
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counts.h"
#include "measure.h"

uint64_t count_page_faults(void)
{
	struct rusage own, children;

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return own.ru_minflt + own.ru_majflt + children.ru_minflt + children.ru_majflt;
}

uint64_t count_huge_faults(void)
{
	FILE *file = fopen("/proc/vmstat", "r");
	unsigned long value = 0;
	char line[120];

	while (file && fgets(line, sizeof(line), file) &&
	       sscanf(line, "thp_fault_alloc %lu", &value) != 1)
		;
	if (file)
		fclose(file);
	return value;
}

/* All system calls first, then the calls that change mappings */
static const char *const events[] = {
	"raw_syscalls/sys_enter",
	"syscalls/sys_enter_mmap",
	"syscalls/sys_enter_munmap",
	"syscalls/sys_enter_mremap",
	"syscalls/sys_enter_mprotect",
};

#define NR_EVENTS (sizeof(events) / sizeof(*events))

static int files[NR_EVENTS];

/* Open a counter of an event. Return its file descriptor, or -1. */
static int open_event(const char *event)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attributes),
		.inherit = true,
	};
	unsigned long long id;
	char path[80];
	bool known;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/%s/id", event);
	file = fopen(path, "r");
	if (!file)
		return -1;
	known = fscanf(file, "%llu", &id) == 1;
	fclose(file);
	attributes.config = id;
	return known ? syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0) : -1;
}

static void close_events(unsigned int nr)
{
	while (nr--)
		close(files[nr]);
}

static uint64_t read_event(int file)
{
	uint64_t value;

	if (read(file, &value, sizeof(value)) != sizeof(value))
		err(1, "perf_event");
	return value;
}

int count_calls_begin(void)
{
	for (unsigned int i = 0; i < NR_EVENTS; i++) {
		files[i] = open_event(events[i]);
		if (files[i] < 0) {
			close_events(i);
			return -1;
		}
	}
	/* The first counter has counted the calls that opened the others. */
	for (unsigned int i = 0; i < NR_EVENTS; i++)
		ioctl(files[i], PERF_EVENT_IOC_RESET, 0);
	return 0;
}

void count_calls_end(uint64_t *calls, uint64_t *mapping_calls)
{
	/* The first counter includes the resets of the others, and this read. */
	*calls = read_event(files[0]) - NR_EVENTS;
	*mapping_calls = 0;
	for (unsigned int i = 1; i < NR_EVENTS; i++)
		*mapping_calls += read_event(files[i]);
	close_events(NR_EVENTS);
}

static atomic_bool stop;
static pthread_t spinner;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "counting interrupts needs two CPUs");
}

/* Keep CPU 1 in the process's address space, for TLB flushes to interrupt it. */
static void *spin(void *nothing)
{
	pin(1);
	while (!atomic_load(&stop))
		;
	return nothing;
}

void count_shootdowns_begin(void)
{
	pin(0);
	if (pthread_create(&spinner, NULL, spin, NULL))
		errx(1, "cannot create a thread");
}

uint64_t count_shootdowns(void)
{
	FILE *file = fopen("/proc/interrupts", "r");
	uint64_t sum = 0;
	char line[1024];

	while (file && fgets(line, sizeof(line), file)) {
		char *at = strstr(line, "TLB:");
		char *end;

		if (!at)
			continue;
		/* Stop at the description that follows the numbers. */
		for (at += 4; sum += strtoull(at, &end, 10), end != at; at = end)
			;
	}
	if (!file)
		err(1, "/proc/interrupts");
	fclose(file);
	return sum;
}

void count_shootdowns_end(void)
{
	atomic_store(&stop, true);
	pthread_join(spinner, NULL);
}
