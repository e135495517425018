// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for qemu that counts the instructions of all processors between two markers
 * (marker.h) that a program executes. It writes a line "USER KERNEL" for each pair of
 * markers, to the file that the option out=FILE names.
 *
 * A block of translated code counts when it begins. A page fault in a block makes the
 * rest of the block count twice, which is negligible.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "marker.h"
#include "qemu_plugin.h"

#define MAX_CPUS 64

int qemu_plugin_version = 1;

struct counts {
	uint64_t user, kernel;
};

/* Each processor writes its own entry. */
static struct {
	struct counts counts;
} __attribute__((aligned(64))) cpus[MAX_CPUS];
static struct counts start;
static bool started;
static FILE *out;

static struct counts sum(void)
{
	struct counts sum = { 0 };

	for (int i = 0; i < MAX_CPUS; i++) {
		sum.user += cpus[i].counts.user;
		sum.kernel += cpus[i].counts.kernel;
	}
	return sum;
}

static void on_marker(unsigned int cpu, void *data)
{
	struct counts now = sum();

	(void)cpu;
	(void)data;
	started = !started;
	if (started) {
		start = now;
		return;
	}
	fprintf(out, "%llu %llu\n", (unsigned long long)(now.user - start.user),
		(unsigned long long)(now.kernel - start.kernel));
	fflush(out);
}

static void on_user_block(unsigned int cpu, void *nr_insns)
{
	cpus[cpu % MAX_CPUS].counts.user += (uintptr_t)nr_insns;
}

static void on_kernel_block(unsigned int cpu, void *nr_insns)
{
	cpus[cpu % MAX_CPUS].counts.kernel += (uintptr_t)nr_insns;
}

static bool is_marker(const struct qemu_plugin_insn *insn)
{
	static const unsigned char opcode[] = { 0x0f, 0x1f, 0x80 };
	const uint32_t marker = MARKER;
	const char *bytes = qemu_plugin_insn_data(insn);

	return qemu_plugin_insn_size(insn) == sizeof(opcode) + sizeof(marker) &&
	       !memcmp(bytes, opcode, sizeof(opcode)) &&
	       !memcmp(bytes + sizeof(opcode), &marker, sizeof(marker));
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *block)
{
	size_t nr_insns = qemu_plugin_tb_n_insns(block);
	bool is_kernel = qemu_plugin_tb_vaddr(block) >> 63;

	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(block, is_kernel ? on_kernel_block : on_user_block,
					     PLUGIN_CB_NO_REGS, (void *)(uintptr_t)nr_insns);
	for (size_t i = 0; i < nr_insns; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(block, i);

		if (is_marker(insn))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, PLUGIN_CB_NO_REGS,
							       NULL);
	}
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "out=", 4)) {
		fprintf(stderr, "instructions: needs out=FILE\n");
		return -1;
	}
	/* Append: a machine that died is started again, and both have written pairs. */
	out = fopen(argv[0] + 4, "a");
	if (!out) {
		perror(argv[0] + 4);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
	return 0;
}
