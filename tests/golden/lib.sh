# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the scripts here have in common. Sourced by a script whose arguments are the program and raw_bundle; it then has $program,
# $raw_bundle, $here, $data (the real captures), and after `begin TOOL...` a folder $work that goes with it. `ok NAME COMMAND...`
# and `result STATUS NAME` tell of a promise, `finish` ends the script.
set -u
export SCOUTFS_TRACE_NO_CONFIG=yes PYTHONDONTWRITEBYTECODE=1
program=$(readlink -f "$1") raw_bundle=$(readlink -f "$2")
here=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
data=$here/../data/real
work=
number=0 failed=0
# shellcheck source=tests/golden/real.sh
. "$here/real.sh"

begin() { # TOOL...: without one of them there is nothing to be told
	local tool
	for tool in "$@"; do
		command -v "$tool" >/dev/null || {
			echo "1..0 # SKIP no $tool"
			exit 77
		}
	done
	work=$(mktemp -d) || exit 1
	trap 'rm -rf "$work"' EXIT
}

result() { # STATUS NAME
	if [ "$1" = 0 ]; then
		echo "ok $((++number)) - $2"
	else
		echo "not ok $((++number)) - $2"
		failed=1
	fi
}

ok() { # NAME COMMAND...: what the command says is shown when it fails
	local name=$1 status
	shift
	"$@" >"$work/out" 2>&1
	status=$?
	result $status "$name"
	[ $status = 0 ] || head -30 "$work/out" | sed 's/^/# /'
}

skip() { echo "ok $((++number)) # SKIP $1"; }

finish() {
	echo "1..$number"
	exit $failed
}
