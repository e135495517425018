#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Add up the "<passed> <failed>" files of a directory. A step without a file did
# not finish, and counts as failed.

set -eu

if [ $# -lt 2 ]; then
	echo "usage: ${0##*/} DIRECTORY STEP..." >&2
	exit 2
fi
directory=$1
shift

passed=0
failed=0
for step; do
	if [ -f "$directory/$step" ]; then
		read -r step_passed step_failed <"$directory/$step"
		passed=$((passed + step_passed))
		failed=$((failed + step_failed))
	else
		echo "$step did not finish"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
