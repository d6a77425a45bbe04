#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What holds for every file of the tree: a licence line, nothing left undone, no path of somebody's machine, settled
# layout, sound scripts. Looks at what git knows (or, in an unpacked release, at everything but build folders).
set -u
shopt -s lastpipe # ok() counts at the end of a pipe
export LC_ALL=C
cd "$(dirname "$0")/../.." || exit 1
repo=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

ok() { # NAME: standard input lists the faults
	cat >"$work/faults"
	if [ -s "$work/faults" ]; then
		echo "not ok - $1"
		sed 's/^/# /' "$work/faults" | head -40
		failed=$((failed + 1))
	else
		echo "ok - $1"
	fi
}

if git -c safe.directory="$repo" ls-files >"$work/known" 2>/dev/null && [ -s "$work/known" ]; then
	# A file may be gone from the folder before it is gone from the index.
	while read -r file; do [ -f "$file" ] && echo "$file"; done <"$work/known" >"$work/all"
else
	find . -type f ! -path './build*' ! -path './.git/*' ! -path './subprojects/lib*/*' -printf '%P\n' >"$work/all"
fi
[ -s "$work/all" ] || { echo "no file found in $repo"; exit 1; }
# Data of others' making is not ours to annotate.
grep -vE '^tests/data/.*/|^tests/fuzz/corpus/|^tests/golden/.*\.(txt|csv|json|expected)$|^LICENSE$' "$work/all" >"$work/ours"
mapfile -t ours <"$work/ours"

head_lacks_spdx() {
	local file
	for file in "${ours[@]}"; do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || echo "$file"
	done
}
head_lacks_spdx | ok "every file of ours begins with its licence"

# The words are put together here, so that this file does not name them.
undone='TO''DO|FIX''ME|X''XX'
grep -nIE "\\b($undone)\\b" "${ours[@]}" | ok "nothing is marked as undone"

strange="/home/[a-z]|/Users/[A-Za-z]|/tmp/(build|b)-|\\.\\./shared"
case $repo in
/usr/src/* | /tmp | / | /root | /src) ;;
*) strange="$strange|$repo\\b" ;;
esac
grep -nIE "$strange" "${ours[@]}" | grep -v '^tests/docs/test_tree.sh:' | ok "no path of somebody's machine"

grep -nIE '[[:blank:]]+$' "${ours[@]}" | ok "no blanks at the ends of lines"
grep -nI $'\r' "${ours[@]}" | ok "no carriage returns"

if command -v clang-format >/dev/null && clang-format --version | grep -q 'version 14\.'; then
	# Kernel trace macros are laid out by hand.
	grep -E '\.[ch]$' "$work/ours" | grep -v '^tests/guest/module/' | xargs clang-format --dry-run 2>&1 | grep 'warning:' |
		ok "C is laid out as .clang-format has it"
else
	echo "ok - C is laid out as .clang-format has it # SKIP other versions than clang-format 14 differ"
fi

grep -lE '^#!/bin/(ba)?sh' "${ours[@]}" >"$work/scripts"
# Variables of a file that a script sources are not its own: hence the exceptions.
if command -v shellcheck >/dev/null; then
	xargs shellcheck -x -S warning -e SC1091,SC2034,SC2154 -f gcc <"$work/scripts" 2>&1 | ok "scripts are sound to shellcheck"
else
	echo "ok - scripts are sound to shellcheck # SKIP it is not installed"
fi
while read -r script; do [ -x "$script" ] || echo "$script"; done <"$work/scripts" | ok "scripts can be executed"

[ $failed = 0 ]
