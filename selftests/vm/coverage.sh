#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Read the counts that a machine with the coverage kernel printed, and list each
# line of the module that did not run, then a table of the files. Fail if less
# than TARGET % of the lines ran.
#
# The module is built more than once, and a header is part of many objects: a line
# ran if it ran in one of them.

set -euo pipefail

if [ $# -ne 2 ]; then
	echo "usage: ${0##*/} OUTPUT-OF-THE-MACHINE TARGET" >&2
	exit 2
fi
output=$1
target=$2

# Put the counts beside the objects, where gcov looks for them.
extract()
{
	local file='' tag text

	tr -d '\r' <"$output" | grep '^@gcov' | while read -r tag text; do
		case $tag in
		@gcov)
			file=$text
			: >"$file.base64"
			;;
		@gcov-data)
			echo "$text" >>"$file.base64"
			;;
		esac
	done
	tr -d '\r' <"$output" | sed -n 's/^@gcov //p' | while read -r file; do
		base64 -d "$file.base64" >"$file"
		rm "$file.base64"
		echo "$file"
	done
}

mapfile -t counts < <(extract)
if [ "${#counts[@]}" -eq 0 ]; then
	echo "${0##*/}: no counts in $output; did the machine finish?" >&2
	exit 1
fi

# The kernel's own sources aren't there, and aren't wanted.
for file in "${counts[@]}"; do
	gcov-12 --stdout --object-file "$file" "$file" \
		2> >(grep -v '^Cannot open source file' >&2)
done | awk -F : -v target="$target" '
	{ count = $1; line = $2 + 0; gsub(/[ *]/, "", count) }
	line == 0 && $3 == "Source" {
		file = $0
		sub(/.*:Source:/, "", file)
		wanted = sub(/.*\/kmod\//, "kmod/", file) || file ~ /^kmod\//
	}
	line == 0 || !wanted || count == "-" { next }
	{
		text = $0
		sub(/^[^:]*:[^:]*:/, "", text)
		texts[file, line] = text
		runs[file, line] += count ~ /^[0-9]/
		if (line > last[file])
			last[file] = line
	}
	END {
		for (file in last)
			files[++nr_files] = file
		for (i = 2; i <= nr_files; i++) {
			for (j = i; j > 1 && files[j - 1] > files[j]; j--) {
				file = files[j]
				files[j] = files[j - 1]
				files[j - 1] = file
			}
		}
		for (i = 1; i <= nr_files; i++) {
			file = files[i]
			for (line = 1; line <= last[file]; line++) {
				if (!((file, line) in runs))
					continue
				lines[file]++
				if (runs[file, line])
					run[file]++
				else
					printf "%s:%d:%s\n", file, line, texts[file, line]
			}
			all += lines[file]
			all_run += run[file]
		}
		printf "\n%-20s %6s %6s %7s\n", "file", "lines", "run", "%"
		for (i = 1; i <= nr_files; i++) {
			file = files[i]
			printf "%-20s %6d %6d %7.1f\n", file, lines[file], run[file], \
				100 * run[file] / lines[file]
		}
		printf "%-20s %6d %6d %7.1f\n", "all", all, all_run, 100 * all_run / all
		exit 100 * all_run < target * all
	}'
