#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Compare a description for syzkaller with the header that it describes: the sizes
# of structures, the offsets and sizes of fields, a call for each command, the
# constants. This needs no syzkaller, and doesn't replace its compiler.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
description=${1:-$here/dev_slotpool.txt}
uapi=$here/../../uapi

failed=0
while read -r command; do
	if ! grep -q "^ioctl\$${command}[(_].*const\[${command}\]" "$description"; then
		echo "$description: no call for $command" >&2
		failed=1
	fi
done < <(sed -n 's/^#define \(SLOTPOOL_[A-Z]*\)[[:space:]]_IO(.*/\1/p' "$uapi/linux/slotpool.h")

# The header's slotpool_image_args has a description for each kind of source.
awk '
function fail(what)
{
	printf "#error \"line %d: %s\"\n", NR, what
}

function size_of(type)
{
	if (type ~ /^array\[int64, *[0-9]+\]/) {
		gsub(/^array\[int64, *|\].*/, "", type)
		return 8 * type
	}
	if (type ~ /^ptr64\[/ || type ~ /int64[]:[]|int64[ \t]*$|int64[ \t]+\(/)
		return 8
	if (type ~ /int32[]:[]|int32[ \t]*$|int32[ \t]+\(/)
		return 4
	sub(/[ \t].*/, "", type)
	if (type == "fd" || type in resources)
		return 4
	fail("no size known for " type)
	return 0
}

BEGIN {
	print "#include <linux/slotpool.h>"
	print "#include <stddef.h>"
	print "#define SIZE(s, f) sizeof(((struct s *)0)->f)"
}

/^resource / {
	name = $2
	sub(/\[.*/, "", name)
	resources[name] = 1
}

/^[a-z_]+ = / {
	for (i = 3; i <= NF; i++) {
		constant = $i
		sub(/,$/, "", constant)
		printf "_Static_assert((%s) + 1, \"constant\");\n", constant
	}
}

/^[a-z_]+ \{/ {
	struct = $1
	sub(/^slotpool_image_(memory|file|slot)_args$/, "slotpool_image_args", struct)
	offset = 0
	next
}

/^\}/ {
	printf "_Static_assert(sizeof(struct %s) == %d, \"line %d: size of %s\");\n", \
		struct, offset, NR, struct
	struct = ""
}

struct && NF && !/^#/ {
	type = $0
	sub(/^[ \t]*[a-z_]+[ \t]+/, "", type)
	size = size_of(type)
	field = $1 == "reserved" ? "__reserved" : $1
	# All results of STAT
	if (field == "values")
		printf "_Static_assert(offsetof(struct %s, used_slots) == %d, \"line %d\");\n", \
			struct, offset, NR
	else
		printf "_Static_assert(offsetof(struct %s, %s) == %d && SIZE(%s, %s) == %d, \"line %d: %s.%s\");\n", \
			struct, field, offset, struct, field, size, NR, struct, field
	offset += size
}
' "$description" | ${CC:-cc} -std=gnu11 -Wall -Werror -I"$uapi" -fsyntax-only -x c - || failed=1
exit $failed
