// SPDX-License-Identifier: MIT
/* Run a guest as a native program: its replies are the expected ones. */
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "guest.h"

int main(int argc, char **argv)
{
	struct stat status;
	FILE *in, *out;
	uint8_t *buffer;

	if (argc != 3)
		error(2, 0, "usage: %s REQUEST REPLY", argv[0]);
	in = fopen(argv[1], "r");
	if (!in || fstat(fileno(in), &status))
		error(1, errno, "%s", argv[1]);
	buffer = request_buffer(status.st_size);
	if (!buffer || fread(buffer, status.st_size, 1, in) != 1)
		error(1, errno, "%s", argv[1]);
	fclose(in);
	if (!request_serve())
		error(1, 0, "%s: not understood", argv[1]);
	out = fopen(argv[2], "w");
	if (!out || fwrite(reply_data(), reply_size(), 1, out) != 1 || fclose(out))
		error(1, errno, "%s", argv[2]);
	return 0;
}
