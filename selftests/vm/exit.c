// SPDX-License-Identifier: GPL-2.0-only
/*
 * End the virtual machine through qemu's isa-debug-exit device: qemu's exit
 * status then tells a finished run from a crash or a power-off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/io.h>
#include <termios.h>
#include <unistd.h>

#define DEBUG_EXIT_PORT 0x501

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: exit CODE\n");
		return 2;
	}
	/* qemu drops output that is still in the serial port's buffer. */
	tcdrain(STDOUT_FILENO);
	if (ioperm(DEBUG_EXIT_PORT, 1, 1)) {
		perror("ioperm");
		return 1;
	}
	outb(atoi(argv[1]), DEBUG_EXIT_PORT);
	return 1;
}
