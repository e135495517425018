#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run selftests/fuzz/kernel.c on the debug kernel. After a failure save the
# sequences that the last pool ran. The last of them is the most suspicious.

set -euo pipefail

usage()
{
	echo "usage: ${0##*/} SECONDS [SEED] | --replay FILE" >&2
	exit 2
}

top=$(cd "$(dirname "$0")/../.." && pwd)
build=$top/build
files=$build/fuzz/files
environment='' seconds=600

[ $# -ge 1 ] || usage
rm -rf "$files"
mkdir -p "$files"
if [ "$1" = --replay ]; then
	[ $# -eq 2 ] || usage
	cp "$2" "$files/fuzz-replay"
else
	seconds=$1
	environment="FUZZ_SECONDS=$seconds${2:+ SLOTPOOL_SEED=$2}"
fi

# Allow time to boot, to look for leaks, and to detect a hang.
if "$top/selftests/vm/run.sh" --kernel debug --plain --timeout $((seconds + 900)) \
	--files "$files" --append "$environment PROGRAM_TIMEOUT=$((seconds + 600))" \
	-- "$build/fuzz/kernel"; then
	exit 0
fi
if [ ! -e "$build/vm/debug.output" ] || [ "$build/vm/debug.output" -ot "$files" ]; then
	echo "${0##*/}: the machine did not run" >&2
	exit 1
fi
crash=$build/fuzz/crash-$(date +%Y%m%d-%H%M%S)
awk '/^@seq / { if ($2 != pool) kept = ""; pool = $2; kept = kept $0 "\n" } END { printf "%s", kept }' \
	"$build/vm/debug.output" >"$crash"
cp "$build/vm/debug.console" "$crash.console"
echo "${0##*/}: the pool's sequences are in $crash, the kernel's messages in $crash.console;" \
	"try them with: make fuzz REPLAY=$crash" >&2
exit 1
