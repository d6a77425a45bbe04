#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line of the built program: help, refusals, exit statuses, completion, and the man page's
# triggers. Records nothing. What needs root is left out without it, and said.
#
#     SCOUTFS_TRACE=build/src/scoutfs-trace MAN_PAGE=man/scoutfs-trace.8 tests/integration/test_cli.sh
set -u
export LC_ALL=C NO_COLOR=1 SCOUTFS_TRACE_NO_CONFIG=yes
bin=$(realpath "${SCOUTFS_TRACE:?}") man=$(realpath "${MAN_PAGE:?}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

ok() { # NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
		echo "ok - $name"
	else
		failed=$((failed + 1))
		echo "not ok - $name"
		sed 's/^/# out: /' "$work/out" | head -5
		sed 's/^/# err: /' "$work/err" | head -5
	fi
}

# Run the program; is the exit status $1?
gives() { # STATUS ARG...
	local want=$1 got
	shift
	"$bin" "$@" >"$work/out" 2>"$work/err" </dev/null
	got=$?
	[ $got = "$want" ] || { echo "# exit status $got instead of $want"; return 1; }
}

silent_out() { [ ! -s "$work/out" ]; }
silent_err() { [ ! -s "$work/err" ]; }
says() { grep -qF -- "$1" "$work/err"; }
prints() { grep -qF -- "$1" "$work/out"; }
fits() { ! LC_ALL=C.UTF-8 grep -qE '.{101}' "$work/out"; }

# Usage errors: status 2, nothing on standard output, these words on standard error.
refuses() { # WORDS ARG...
	local words=$1
	shift
	gives 2 "$@" && silent_out && says "$words"
}

helps() { # VERB
	gives 0 help "$1" && silent_err && fits && prints "Usage:" &&
		cp "$work/out" "$work/help" && gives 0 "$1" --help && cmp -s "$work/out" "$work/help"
}

for verb in record check recover status stop report help; do
	ok "help $verb is --help of $verb, and fits" helps $verb
done
version() { gives 0 --version && grep -qxE 'scoutfs-trace [0-9]+\.[0-9]+\.[0-9]+' "$work/out"; }
ok "--version is one line" version

ok "an unknown option is refused, the nearest named" refuses "did you mean --before?" --befor 3
ok "an unknown verb is refused, the nearest named" refuses "did you mean 'status'?" statsu
ok "a hint follows" says "scoutfs-trace --help"
ok "help of an unknown verb is refused" refuses "there is no verb 'nix'" help nix
ok "a bad port is refused" refuses "from 1 to 65535" 10.0.0.5 70000
ok "a bad address is refused" refuses "not an IP address" 10.0.0.300 5000
ok "a pasted address:port is explained" refuses "10.0.0.5 5000" 10.0.0.5:5000
ok "a bad time is refused" refuses "is not a time" --before soon
nothing_left() { gives 0 recover --output-dir "$work" --run-dir "$work" && silent_out && says "nothing to recover"; }
ok "recover where there is nothing to recover" nothing_left

run="--run-dir=$work/run"
nobody_there() { gives 1 "$1" "$run" && silent_out && says "no recorder runs"; }
ok "status without a recorder" nobody_there status
ok "stop without a recorder" nobody_there stop
nothing_there() { gives 1 recover "$work/none" "$run" && silent_out && says "$work/none"; }
ok "recover of nothing" nothing_there

full() { "$bin" --help >/dev/full 2>"$work/err"; [ $? = 1 ] && says "cannot write to standard output"; }
ok "a full standard output is an error" full
closed() { "$bin" status "$run" <&- >&- 2>&-; [ $? = 1 ]; }
ok "closed standard streams are borne" closed

# The list of triggers, and the man page's.
triggers_in_step() {
	gives 0 --list-triggers && silent_err || return 1
	awk '{print $1, $2}' "$work/out" | sort >"$work/table"
	sed -n 's/^\.It Cm \([a-z-]*\) Pq \([a-z]*\)$/\1 \2/p' "$man" | sort >"$work/page"
	[ -s "$work/table" ] && diff "$work/table" "$work/page"
}
ok "the man page lists the triggers and their roles" triggers_in_step
as_json() {
	gives 0 --list-triggers --json && python3 -c 'import json,sys
names = [t["name"] for t in json.load(open(sys.argv[1]))["triggers"]]
sys.exit(names != [l.split()[0] for l in open(sys.argv[2])])' "$work/out" "$work/list"
}
if command -v python3 >/dev/null; then
	"$bin" --list-triggers >"$work/list"
	ok "--list-triggers --json says the same" as_json
fi
lint() { mandoc -T lint -W warning "$man" >"$work/out" 2>"$work/err"; }
if command -v mandoc >/dev/null; then
	ok "the man page is sound" lint
fi

# Configuration. What is shown, used as a file, is the same again.
cat >"$work/conf" <<'END'
disk-budget = 4G   # more than usual
preset = script
trigger = 'log:it "failed" \. # x'
event = 'block:block_rq_error/error != 0'
event = sched
[report]
limit = 50
END
values() { jq -c '.settings[] | [.section, .option, .value]' "$work/out"; }
shown_again() {
	gives 0 check --show-config --config "$work/conf" --lag 250ms && silent_err && cp "$work/out" "$work/shown" || return 1
	gives 0 check --show-config --json --config "$work/conf" --lag 250ms && values | grep -v '"json"' >"$work/one" || return 1
	gives 0 check --show-config --json --config "$work/shown" && values | grep -v '"json"' >"$work/two" || return 1
	[ "$(grep -c '^\[null' "$work/one")" -gt 20 ] && grep -qxF '[null,"trigger","log:it \"failed\" \\. # x"]' "$work/one" &&
		grep -qxF '["report","limit","50"]' "$work/one" && diff "$work/one" "$work/two"
}
whose_word() {
	SCOUTFS_TRACE_LAG=2s SCOUTFS_TRACE_BEFORE=7m "$bin" check --show-config --config "$work/conf" --before 5m >"$work/out" 2>"$work/err"
	grep -qx "disk-budget = 4G  *# $work/conf:1" "$work/out" && grep -qx 'lag = 2s  *# environment SCOUTFS_TRACE_LAG' "$work/out" &&
		grep -qx 'before = 5m  *# flag' "$work/out" && grep -qx 'after = 1s  *# default' "$work/out" &&
		grep -qx '# duration =  *# not set' "$work/out" && silent_err
}
slip() {
	echo 'disk-bugdet = 4G' >"$work/slip"
	refuses "$work/slip:1: there is no option 'disk-bugdet'; did you mean 'disk-budget'?" stop "$run" --config "$work/slip"
}
if command -v jq >/dev/null; then
	ok "check --show-config is a configuration file that says the same" shown_again
fi
ok "check --show-config tells whose word each value is" whose_word
ok "a slip in the configuration names file and line" slip

# Completion, as bash would call it: the words so far, the last one being completed.
completes() { # EXPECTED WORD...
	local expected=$1
	shift
	bash -c 'source <("$1" --completion=bash); shift
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
		_scoutfs_trace "$1"; echo "${COMPREPLY[*]}"' - "$bin" "$bin" "$@" >"$work/out" 2>"$work/err"
	[ "$(cat "$work/out")" = "$expected" ] && silent_err
}
ok "completion of an option" completes --before --bef
ok "completion of a verb" completes "status stop" st
ok "completion knows a verb's options" completes "--run-dir" status --r
ok "completion of a word" completes "kernel any" --log-facility = ""
ok "completion of a word of report" completes "text csv json" report x --format = ""
ok "and of an option of the same name of export" completes "perfetto pcapng" export x --format ""
ok "completion of a trigger" completes leader-fence --no-trigger leader

# Who may record.
as_nobody() { # STATUS ARG...
	local want=$1
	shift
	(cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "$bin" "$@") >"$work/out" 2>"$work/err" </dev/null
	[ $? = "$want" ] && silent_out
}
if [ "$(id -u)" != 0 ]; then
	not_root() { gives 77 127.0.0.1 5000 -o "$work/o" "$run" && silent_out && says root; }
	ok "recording needs root" not_root
elif (cd / && setpriv --reuid=65534 --regid=65534 --clear-groups "$bin" --version) >/dev/null 2>&1; then
	not_root() { as_nobody 77 127.0.0.1 5000 -o /nonexistent/o --run-dir=/nonexistent/r && says root; }
	ok "recording needs root" not_root
else
	echo "# not tried: another user cannot run $bin"
fi

if [ "$(id -u)" = 0 ]; then
	mkdir -m 700 "$work/run"
	exec 9>"$work/run/lock"
	flock -n 9
	other_runs() { gives 75 127.0.0.1 5000 -o "$work/o" "$run" && silent_out && says recorder; }
	ok "another recorder is respected" other_runs
	check_too() { gives 75 check 127.0.0.1 5000 -o "$work/o" "$run" && grep -q '^ERROR  *recorder' "$work/out"; }
	ok "check tells of another recorder" check_too
	exec 9>&-
	untouched() { [ ! -e "$work/o" ]; }
	ok "a refused recording leaves nothing" untouched
else
	echo "# not tried without root: another recorder"
fi

echo "# $passed passed, $failed failed"
[ $failed = 0 ]
