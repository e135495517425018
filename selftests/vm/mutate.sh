#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Apply each patch of selftests/mutants to a copy of the module, build it, and
# run the tests that the patch names: one of them has to fail. A surviving mutant
# shows a line that no test guards. With --dry-run only try whether the patches
# apply exactly, without offset or fuzz.
#
# A patch begins with a line "Tests: NAME..."; the text between it and the diff
# says what goes wrong.

set -euo pipefail

if [ $# -lt 2 ]; then
	echo "usage: ${0##*/} SERIES|--dry-run PATCH..." >&2
	exit 2
fi
series=$1
shift

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/slotpool
work=$top/build/mutate
log=$work/log

# patch reports an offset unless it has -s.
try_patches()
{
	local patch output failed=0

	for patch; do
		if ! output=$(LC_ALL=C patch --dry-run -f -F0 -p1 -d "$top" <"$patch" 2>&1) ||
			grep -qE 'offset|fuzz' <<<"$output"; then
			echo "$patch does not apply exactly:" >&2
			grep -E "^Hunk|^can't find|offset|fuzz" <<<"$output" | sed 's/^/  /' >&2
			failed=1
		elif ! head -n 1 "$patch" | grep -q '^Tests: .'; then
			echo "$patch names no tests" >&2
			failed=1
		fi
	done
	return "$failed"
}

if [ "$series" = --dry-run ]; then
	try_patches "$@"
	exit
fi

# Build the module from a tree of its sources. $1: the tree; more for Kbuild
build()
{
	local tree=$1

	shift
	rm -rf "$tree"
	mkdir -p "$tree"
	cp -r "$top/Kbuild" "$top/kmod" "$top/uapi" "$tree"
	if ! patch -s -f -F0 -d "$tree" -p1 <"$patch" >"$log" 2>&1; then
		echo "does not apply; see $log"
		exit 2
	fi
	if ! make -C "$cache/linux-$series/headers" M="$tree" \
		CONFIG_DEBUG_INFO_BTF_MODULES= "$@" modules >"$log" 2>&1; then
		echo "does not build; see $log"
		exit 2
	fi
}

mkdir -p "$work"
rm -rf "$work/guest"
cp -r "$top/build/guest" "$work/guest"
survived=()
number=0
for patch; do
	number=$((number + 1))
	name=$(basename "$patch" .patch)
	printf '%3d/%d %-24s ' "$number" $# "$name"
	tests=$(sed -n '1s/^Tests: //p' "$patch")
	if [ -z "$tests" ]; then
		echo "names no tests"
		exit 2
	fi
	build "$work/module"
	# Tests of decay also load the module without dirty bits.
	case $tests in
	*decay*)
		build "$work/without-dirty-bits" KCFLAGS=-DSLOTPOOL_WITHOUT_DIRTY_BITS
		cp "$work/without-dirty-bits/slotpool.ko" "$work/guest/without-dirty-bits"
		;;
	esac
	programs=()
	for test in $tests; do
		programs+=("$top/build/selftests/$test")
	done
	find "$top/build/$series/modules" -name '*.ko' -exec cp {} "$work/module" \;
	if "$here/run.sh" --kernel "$series" --modules "$work/module" \
		--files "$work/guest" --timeout 300 -- "${programs[@]}" >"$log" 2>&1; then
		echo "survived: $tests"
		survived+=("$name")
	elif grep -qE '^ +[a-z0-9_.]+ +FAIL' "$log"; then
		printf 'killed by %s\n' \
			"$(sed -nE 's/^ +([a-z0-9_.]+) +FAIL.*/\1/p' "$log" | xargs)"
	else
		echo "killed: the machine died"
	fi
done
echo "${#survived[@]} of $# survived${survived[*]:+: ${survived[*]}}"
[ "${#survived[@]}" -eq 0 ]
