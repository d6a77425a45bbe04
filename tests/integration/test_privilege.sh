#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the recorder may do once it records, by the kernel's own account of each thread; whom its files belong to; and
# that who can write where it writes cannot lead it elsewhere.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace SIM=build/tests/sim/sim tests/integration/test_privilege.sh
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
begin setpriv strace
umask 0 # what is private is so by itself

sim_start "nodes 3; rate 400; forever" >&2

# Numbers from capabilities(7): dac_override 1, dac_read_search 2, net_admin 12, net_raw 13, sys_ptrace 19, syslog 34.
mask() { local m=0 c; for c in "$@"; do m=$((m | 1 << c)); done; printf '%016x' $m; }
declare -A may=(
	[spool]=$(mask)
	[rings]=$(mask 1 2 34) # syslog: symbols of modules that come back
	[packets]=$(mask 12 13)
	[series]=$(mask 2)
	[scoutfs-trace]=$(mask 1 2 12 19 34)
)
# A filter of system calls (2), where the kernel and the machine have them; which calls, tests/unit/test_confine.c asks.
filtered=0
case $(uname -m) in x86_64 | aarch64) [ ! -e /proc/sys/kernel/seccomp ] || filtered=2 ;; esac
status_of() { sed -n "s/^$2:[[:space:]]*//p" "$1/status"; } # THREAD FIELD
each_thread() {
	local t name have seen=0
	for t in /proc/"$rec_pid"/task/*; do
		name=$(cat "$t/comm")
		[ -n "${may[$name]:-}" ] || { echo "a thread called $name"; return 1; }
		for field in CapEff CapPrm; do
			have=$(status_of "$t" $field)
			[ $((0x$have & ~0x${may[$name]})) = 0 ] || { echo "$name has $field $have"; return 1; }
		done
		same "$(mask)" "$(status_of "$t" CapInh)" "$name CapInh" && same "$(mask)" "$(status_of "$t" CapAmb)" "$name CapAmb" &&
			same 1 "$(status_of "$t" NoNewPrivs)" "$name NoNewPrivs" && same "$filtered" "$(status_of "$t" Seccomp)" "$name Seccomp" || return 1
		seen=$((seen + 1))
	done
	[ $seen -ge 5 ] || { echo "$seen threads"; return 1; }
}
ok "a recording" record
ok "each thread has what it needs, and can gain nothing" until_true each_thread
private() {
	local odd
	odd=$(find "$rec_dir" "$out" "$run" \( -type d ! -perm 0700 -o \( -type f -o -type s \) ! -perm 0600 -o ! -user root -o -type l \) -printf '%M %u %p\n')
	same "" "$odd" "what others may read" && same 700 "$(stat -c %a "$run")" "run folder"
}
ok "folders 0700, files and socket 0600, root's" private
ok "it ends" recorder_signal TERM
bundle_private() { unpack && stopped signal && same "600 root" "$(stat -c '%a %U' "$bundle")" "the bundle"; }
ok "so is the bundle" bundle_private

# Not only what is left to be looked at: each file that it makes on its way, by its system calls. New (O_EXCL), never through
# a link (O_NOFOLLOW), for nobody else from its first moment, and named from the descriptor of a folder; but for
# the lock, which stays, and the socket, which cannot be made with a mode: its folder is private.
made() {
	local made odd
	strace -f -qq -o "$work/strace.log" -e trace=open,openat,creat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,chmod,fchmod,fchmodat \
		"$bin" $address $port -o "$out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait --duration 300ms \
		>"$work/rec.out" 2>"$work/rec.err" </dev/null 9>&-
	same 0 $? "exit status" || return 1
	made=$(grep -E "O_CREAT|O_TMPFILE|^[0-9]+ +(creat|mk|symlink|link|ch|fch)" "$work/strace.log" | grep -v 'ENOENT\|/sys/kernel/\|/proc/\|EEXIST')
	[ "$(grep -c O_EXCL <<<"$made")" -ge 20 ] || { echo "$made"; return 1; }
	odd=$(grep -v -E 'openat\([0-9]+, "[^/"]+", [A-Z_|]*O_CREAT\|O_EXCL\|[A-Z_|]*O_NOFOLLOW[A-Z_|]*, 0600( <unfinished|\))|openat\([0-9]+, ".", O_WRONLY\|O_CLOEXEC\|O_TMPFILE, 0600( <unfinished|\))|mkdirat\([0-9]+, "[^/"]+", 0700( <unfinished|\))|"lock", O_RDWR\|O_CREAT\|O_NOFOLLOW\|O_CLOEXEC, 0600|fchmodat\([0-9]+, "control", 0600( <unfinished|\))|resumed' <<<"$made")
	same "" "$odd" "made otherwise"
}
ok "each file it makes is new, private at once, and not through a link" made

# The user's own command keeps what the user has.
ok "a command: recorded" record -- sh -c "grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status >$work/command; sleep 0.3"
ok "a command: ends it" recorder_wait
whole() { same "$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) 0 0" "$(awk '{print $2}' "$work/command" | tr '\n' ' ' | sed 's/ $//')" "of the command"; }
ok "a command keeps the user's capabilities, and all system calls" whole

# Whoever owns the output folder moves the session away while it records, and puts a link in its place.
mkdir "$work/victim" && echo precious >"$work/victim/file"
moved() {
	record && until_true recorded_at_least .events 100 || return 1
	mv "$rec_dir" "$out/moved" && ln -s "$work/victim" "$rec_dir" || return 1
	recorder_signal TERM
	unpack && same trueX "$(m .complete)X" complete || { cat "$work/rec.err"; return 1; }
	same "precious" "$(cat "$work/victim/file")" "behind the link" && same file "$(ls "$work/victim")" "files behind the link"
	rm -rf "$out/moved" "$rec_dir"
}
ok "a session folder that was replaced by a link: the bundle is whole, nothing behind the link is touched" moved

# Names that can be guessed beforehand: the run folder's. Links in them are not followed.
planted() {
	local name status
	rm -rf "$work/run2" && mkdir -m 700 "$work/run2" && echo precious >"$work/precious" || return 1
	for name in $(ls -A "$run" 2>/dev/null) lock control; do
		ln -sf "$work/precious" "$work/run2/$name"
	done
	timeout 30 "$bin" $address $port -o "$out" --run-dir "$work/run2" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait --duration 100ms \
		>"$work/rec.out" 2>"$work/rec.err"
	status=$?
	same 1 $status "exit status" && says "$work/run2/lock cannot be used" && same "precious" "$(cat "$work/precious")" "behind the links"
}
ok "links planted in the run folder are not written through" planted

# Whoever owns the folder above swaps the output folder for a link, as fast as he can, while a recorder arms, records and
# ends in it. It may end with an error; it may not write, or remove, anything behind the link.
mkdir "$work/evil" && mkdir -m 700 "$work/evil/out" && chown nobody "$work/evil" && chmod 711 "$work" && chmod 777 "$work/victim"
cat >"$work/swap.py" <<'PY'
import os, random, sys, time
os.chdir(sys.argv[1])
victim = sys.argv[2]
pause = float(sys.argv[3]) # with all in its place, at most
while True:
    time.sleep(random.random() * pause)
    for do in ((os.rename, "out", "hidden"), (os.symlink, victim, "out"), (os.unlink, "out"), (os.rename, "hidden", "out")):
        try:
            do[0](*do[1:])
        except OSError:
            pass
PY
swapped() {
	local i attacker tried=0
	setpriv --reuid=nobody --clear-groups python3 "$work/swap.py" "$work/evil" "$work/victim" 0 9>&- &
	attacker=$!
	for i in 1 2 3 4 5 6; do
		timeout -k 10 60 "$bin" $address $port -o "$work/evil/out" --run-dir "$run" --disk-budget 64M --ring-memory 8M --no-heartbeat-wait --duration 100ms \
			>"$work/rec.out" 2>"$work/rec.err" </dev/null 9>&-
		case $? in 124 | 13[0-9]) kill -9 $attacker; return 1 ;; 0 | 4) tried=$((tried + 1)) ;; esac
	done
	kill -9 $attacker
	wait $attacker 2>/dev/null
	echo "$tried of 6 made a bundle"
	same precious "$(cat "$work/victim/file")" "behind the link" && same file "$(ls -A "$work/victim")" "files behind the link" &&
		same "" "$(find "$work/evil" -mindepth 2 \( -type d ! -perm 0700 -o -type f ! -perm 0600 -o ! -user root \) -printf '%M %u %p\n')" "what others may read" &&
		same "" "$(new_instances)" instances
}
ok "an output folder that is swapped for a link all the time: nothing behind the link is touched, nothing is readable" swapped
rm -rf "$work/evil"
chmod 700 "$work"

# The same while a dead recorder's folder is recovered: whoever owns the folder above swaps the output folder for a link to
# one of his own, in which a folder of the same name waits.
dead_one() {
	record && until_true recorded_at_least .events 300 || return 1
	kill -9 "$rec_pid"
	wait "$rec_pid" 2>/dev/null
	rec_pid=
}
ok "a recorder dies" dead_one
dead=$rec_dir dead_name=${rec_dir##*/}
mkdir -p "$work/victim/$dead_name" && echo precious >"$work/victim/$dead_name/file" && chmod 711 "$work"
swapped_recover() {
	local i attacker recovered=0 odd made
	for i in 1 2 3 4 5 6; do
		rm -rf "$work/evil" && mkdir "$work/evil" && mkdir -m 700 "$work/evil/out" && chown nobody "$work/evil" && cp -a "$dead" "$work/evil/out/" || return 1
		setpriv --reuid=nobody --clear-groups python3 "$work/swap.py" "$work/evil" "$work/victim" "0.00$i" 9>&- &
		attacker=$!
		until_true in_motion
		# By its name, and all that is there.
		where=("$work/evil/out/$dead_name")
		[ $((i % 2)) = 0 ] || where=(--output-dir "$work/evil/out")
		timeout -k 10 60 "$bin" recover "${where[@]}" --run-dir "$run" \
			>"$work/rec.out" 2>"$work/rec.err" </dev/null 9>&-
		case $? in 124 | 13[0-9]) kill -9 $attacker; return 1 ;; esac
		kill -9 $attacker
		wait $attacker 2>/dev/null
		same "file $dead_name precious precious" "$(ls "$work/victim" | tr '\n' ' ')$(cat "$work/victim/file" "$work/victim/$dead_name/file" | tr '\n' ' ' | sed 's/ $//')" "behind the link" &&
			same file "$(ls -A "$work/victim/$dead_name")" "files behind the link" || return 1
		odd=$(find "$work/evil" -mindepth 2 \( -type d ! -perm 0700 -o -type f ! -perm 0600 -o ! -user root \) -printf '%M %u %p\n')
		same "" "$odd" "what others may read" || return 1
		# Either it is a bundle, whole, or the folder waits for the next try.
		made=$(find "$work/evil" -name '*.tar.zst' ! -name '.*')
		if [ -n "$made" ]; then
			zstd -tq "$made" && recovered=$((recovered + 1)) || return 1
		else
			[ -d "$work/evil/out/$dead_name" ] || [ -d "$work/evil/hidden/$dead_name" ] || { echo "neither bundle nor folder"; cat "$work/rec.err"; return 1; }
		fi
	done
	echo "$recovered of 6 recovered"
}
in_motion() { [ -d "$work/evil/hidden" ] || [ -h "$work/evil/out" ]; }
ok "recover under a swapped output folder: nothing behind the link is touched, nothing readable, bundle or folder is left" swapped_recover
rm -rf "$work/evil"
left_to_recover() {
	"$bin" recover "$dead" --run-dir "$run" >"$work/rec.out" 2>"$work/rec.err"
	bundle=$(cat "$work/rec.out")
	unpack && same true "$(m .died)" died && [ ! -e "$dead" ]
}
ok "the dead recorder's own folder is recovered" left_to_recover
chmod 700 "$work"

finish
