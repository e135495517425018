#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Read the output of test programs, in the form that init describes, print a
# result for each, and write "<passed> <failed>" to a file. A skipped test counts
# as failed, and so does each test of a plan that did not run.

set -euo pipefail

if [ $# -lt 2 ]; then
	echo "usage: ${0##*/} RESULT-FILE PROGRAM... <OUTPUT" >&2
	exit 2
fi
result=$1
shift

total_passed=0
total_failed=0
program=''
done=''
kernel=()
declare -A finished

# A machine may be booted once more in the middle of a program. Discard the
# unfinished output when a program starts.
start()
{
	program=$1
	plan='' passed=0 failed=0 since=$SECONDS details=() recent=() kernel=()
}

# Explain a failure with the program's output since its last test.
fail()
{
	failed=$((failed + 1))
	details+=("${recent[@]}" "$1")
	recent=()
}

end()
{
	local status=$1 count=$((passed + failed))

	if [ -z "$plan" ]; then
		fail "$program: no plan (1..N)"
	elif [ "$plan" -gt "$count" ]; then
		fail "$program: ended after $count of $plan tests"
		failed=$((failed + plan - count - 1))
	elif [ "$plan" -lt "$count" ] || [ "$plan" -eq 0 ]; then
		fail "$program: planned $plan tests and ran $count"
	elif [ "$status" != 0 ] && [ "$failed" -eq 0 ]; then
		fail "$program: exit status $status, although every test passed"
	fi

	if [ "${#kernel[@]}" -gt 0 ]; then
		failed=$((failed + 1))
		details+=("${kernel[@]}")
	fi

	if [ "$failed" -eq 0 ]; then
		printf '  %-24s ok    %4d passed  %4d s\n' \
			"$program" "$passed" $((SECONDS - since))
	else
		printf '  %-24s FAIL  %4d passed, %d failed\n' \
			"$program" "$passed" "$failed"
		printf '      %s\n' "${details[@]}"
	fi
	total_passed=$((total_passed + passed))
	total_failed=$((total_failed + failed))
	finished[$program]=y
	program='' kernel=()
}

while IFS= read -r line; do
	line=${line%$'\r'}
	case $line in
	"@start "*)
		start "${line#@start }"
		;;
	"@end "*)
		end "${line##* }"
		;;
	"@kernel "*)
		kernel+=("kernel: ${line#@kernel }")
		;;
	"@done")
		done=y
		;;
	"@gcov"*)
		;;
	1..*)
		plan=${line#1..}
		plan=${plan%%[!0-9]*}
		;;
	"not ok "*)
		fail "$line"
		;;
	"ok "*"# SKIP"*)
		fail "$line (a skipped test is a failed one)"
		;;
	"ok "*)
		passed=$((passed + 1))
		recent=()
		;;
	*)
		recent+=("$line")
		;;
	esac
done
[ -z "$program" ] || end "none, it did not end"

for program; do
	if [ -z "${finished[$program]:-}" ]; then
		echo "  $program did not run"
		total_failed=$((total_failed + 1))
	fi
done
if [ "${#kernel[@]}" -gt 0 ]; then
	printf '  %s\n' "${kernel[@]}"
	total_failed=$((total_failed + 1))
fi
if [ -z "$done" ]; then
	echo "  the run did not finish"
	total_failed=$((total_failed + 1))
fi
echo "$total_passed $total_failed" >"$result"
[ "$total_failed" -eq 0 ]
