# SPDX-License-Identifier: GPL-2.0-only
#
# Check that the costs in the output of two machines differ by less than 1 %.

BEGIN { FS = "\t" }

$1 != "record" || $4 != "cost" { next }
NR == FNR { first[$2, $3] = $6; next }
($2, $3) in first {
	nr++
	difference = $6 / first[$2, $3] - 1
	if (difference < 0)
		difference = -difference
	if (difference > most) {
		most = difference
		which = $2 ", " $3
	}
	if (difference >= 0.01) {
		printf "%s, %s: %d and %d instructions in two machines\n", $2, $3,
			first[$2, $3], $6
		failed = 1
	}
}

END {
	if (!nr) {
		print "the two machines have measured no cost in common"
		exit 1
	}
	printf "%d costs were measured in two machines; they differ by %.2f %% at most%s\n", nr,
		100 * most, which ? " (" which ")" : ""
	exit failed
}
