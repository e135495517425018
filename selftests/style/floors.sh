#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Checks that calls in the module only go down. Each source, or header without a
# source, names its floor once. A file includes only headers of lower floors, and
# the table in the design document has each file with its floor.

set -euo pipefail

top=$(cd "$(dirname "$0")/../.." && pwd)
kmod=$top/kmod
table=$top/Documentation/design.rst
failed=0

complain()
{
	echo "$*" >&2
	failed=1
}

declare -A floor
for file in "$kmod"/*.[ch]; do
	name=$(basename "${file%.[ch]}")
	count=$(grep -c '^ \* Floor: [0-9][0-9]*$' "$file" || true)
	[ "$count" -eq 0 ] && continue
	if [ "$count" -gt 1 ] || [ -n "${floor[$name]:-}" ]; then
		complain "$name: names its floor more than once"
		continue
	fi
	floor[$name]=$(sed -n 's/^ \* Floor: //p' "$file")
done

for file in "$kmod"/*.[ch]; do
	name=$(basename "${file%.[ch]}")
	if [ -z "${floor[$name]:-}" ]; then
		complain "${file#"$top/"}: names no floor"
		continue
	fi
	while read -r included; do
		[ "$included" != "$name" ] || continue
		if [ "${floor[$included]:-99}" -ge "${floor[$name]}" ]; then
			complain "${file#"$top/"}: includes $included.h, which is not below floor ${floor[$name]}"
		fi
	done < <(sed -n 's/^#include "\(.*\)\.h"$/\1/p' "$file")
done

for name in "${!floor[@]}"; do
	if ! grep -qE "^\`\`$name\.[ch]\`\` +${floor[$name]} " "$table"; then
		complain "${table#"$top/"}: has no row for $name on floor ${floor[$name]}"
	fi
done
# shellcheck disable=SC2016
while read -r name; do
	[ -n "${floor[$name]:-}" ] || complain "${table#"$top/"}: has a row for $name, which is no file"
done < <(sed -nE 's/^``([a-z_]+)\.[ch]`` +[0-9]+ .*/\1/p' "$table")
exit "$failed"
