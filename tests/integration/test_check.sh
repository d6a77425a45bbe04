#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# `scoutfs-trace check` on hosts with one thing wrong each, made in a mount and network namespace of
# its own: nothing of the host changes but one uprobe event of ours, which is never enabled and is
# removed at the end. What this kernel or this container cannot show is left out.
#
#     sudo SCOUTFS_TRACE=build/src/scoutfs-trace TEST_DATA=tests/data tests/integration/test_check.sh
set -u
export LC_ALL=C NO_COLOR=1 SCOUTFS_TRACE_NO_CONFIG=yes
if [ "$(id -u)" != 0 ]; then
	echo "needs root"
	exit 77
fi
if [ -z "${CHECK_TEST_INSIDE:-}" ]; then
	CHECK_TEST_INSIDE=1 exec unshare --mount --net --propagation private "$0" "$@"
fi

work=$(mktemp -d)
chmod 755 "$work"
bin=$work/scoutfs-trace
data=$(realpath "${TEST_DATA:?}")
install -m 0755 "$(realpath "${SCOUTFS_TRACE:?}")" "$bin" || exit 1
tracing=/sys/kernel/tracing
event=check_test_$$
heart=
instance=$tracing/instances/scoutfs-trace.chk$$

forget_event() {
	! grep -q "scoutfs/$event " $tracing/uprobe_events ||
		echo "-:scoutfs/$event" 2>/dev/null >>$tracing/uprobe_events
}
cleanup() {
	[ -n "$heart" ] && kill "$heart" 2>/dev/null && wait "$heart" 2>/dev/null
	umount "$work"/mnt.* 2>/dev/null
	mountpoint -q $tracing || mount -t tracefs nodev $tracing
	[ ! -d "$instance" ] || rmdir "$instance"
	forget_event || echo "# somebody else enabled scoutfs/$event: remove it from $tracing/uprobe_events later"
	rm -rf --one-file-system "$work"
}
trap cleanup EXIT

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
		sed 's/^/# /' "$work/out" "$work/err" | head -60
	fi
}

# Run check with these arguments, on an output and a run folder of its own; is the exit status $1?
gives() { # STATUS ARG...
	local want=$1 got
	shift
	"$bin" check --run-dir "$work/run" -o "$work/output" --disk-budget 16M --no-heartbeat-wait "$@" \
		>"$work/out" 2>"$work/err" </dev/null
	got=$?
	[ $got = "$want" ] || { echo "# exit status $got instead of $want"; return 1; }
}
# Does the row say so, and its why and fix with it? Words are fixed text.
row() { # STATUS NAME WORDS [FIX]
	awk -v status="$1" -v name="$2" '
		/^[a-zE]/ { mine = ($1 == status && $2 == name) } mine' "$work/out" >"$work/row"
	grep -qF -- "$3" "$work/row" && { [ -z "${4:-}" ] || grep -F ' fix: ' "$work/row" | grep -qF -- "$4"; }
}
nothing_left() { [ ! -e "$1" ]; }

# The host: tracing with an event in the group scoutfs, loopback up.
ip link set lo up
mountpoint -q $tracing || mount -t tracefs nodev $tracing || exit 77
cp /bin/true "$work/true"
echo "p:scoutfs/$event $work/true:0x1000" >>$tracing/uprobe_events || exit 77
server="127.0.0.1 19700"

ready() { gives 0 $server && row ok scoutfs-events "has trace events" && row ok address 127.0.0.1:19700 &&
	row ok interface "all interfaces" && row ok output "$work/output" && row ok disk free && row ok recorder "No other"; }
ok "a host that is ready" ready
ok "the output folder was made, for root alone" test "$(stat -c %a "$work/output")" = 700
network() { row warning network "namespace of its own" nsenter; }
if stat -L /proc/1/ns/net >/dev/null 2>&1; then
	ok "a network namespace is noticed" network
fi
mount_row() { row warning mount "No scoutfs" "mount -a -t scoutfs"; }
ok "no scoutfs mount is a warning" mount_row

# Addresses and ports. Some are refused when the command line is read, some by the row.
refused() { # IP PORT: the sentence names the one that is BAD
	"$bin" check --run-dir "$work/run" -o "$work/output" "$@" >"$work/out" 2>"$work/err" </dev/null
	[ $? = 2 ] && grep -qF -- "$bad" "$work/out" "$work/err"
}
for bad in scoutfs1.example 10.0.0.256 fe80::1%nosuch0; do
	ok "the address $bad is refused" refused "$bad" 5000
done
for bad in 0 65536 http; do
	ok "the port $bad is refused" refused 127.0.0.1 "$bad"
done
everybody() { gives 2 0.0.0.0 19700 && row ERROR address "this host's own" journalctl; }
ok "the address of nobody is refused" everybody
v6() { gives 0 ::1 19700 && row ok address "[::1]:19700"; }
ok "a v6 address is taken" v6

# Interfaces.
iface() { gives 2 $server -i loo && row ERROR interface "no network interface loo" "-i lo?"; }
ok "an interface that is not there, and the one that was meant" iface
down() {
	local r
	ip link set lo down
	gives 1 $server -i lo && row ERROR interface "lo is down" "ip link set lo up"
	r=$?
	ip link set lo up
	return $r
}
ok "an interface that is down" down
ok "an interface that is up" gives 0 $server -i lo

# Extra events.
system() { gives 2 $server -e schedd && row ERROR extra-events "no event system schedd" "-e sched?"; }
ok "an unknown event system, and the one that was meant" system
unknown() { gives 2 $server -e sched:sched_swich && row ERROR extra-events "no event sched_swich in sched" "sched:sched_switch?"; }
ok "an unknown event, and the one that was meant" unknown
ok "known events" gives 0 $server -e sched:sched_switch -e sched

# The output folder.
out() { # STATUS DIR WORDS FIX: the folder is what is wrong
	gives 1 $server -o "$2" && row "$1" output "$3" "$4"
}
mkdir "$work/real"
ln -s "$work/real" "$work/link"
ok "a symbolic link" out ERROR "$work/link" "is a symbolic link" "-o $work/real"
ok "a symbolic link with a slash behind it" out ERROR "$work/link/" "is a symbolic link" "-o $work/real"
install -d -m 0777 "$work/open"
ok "a folder that others may write in" out ERROR "$work/open" "Others may write" "install -d"
install -d -m 0700 -o 65534 "$work/theirs"
ok "a folder that belongs to another" out ERROR "$work/theirs" "belongs to user 65534" "install -d"
touch "$work/file"
ok "a file" out ERROR "$work/file" "it is not a folder" "-o DIR"
ok "a folder that cannot be made" out ERROR /proc/nowhere/deep "cannot be made" "-o DIR"
install -d -m 1777 "$work/sticky"
ok "a folder like /tmp is taken" gives 0 $server -o "$work/sticky"
mkdir "$work/mnt.small" "$work/mnt.ro" "$work/mnt.big"
mount -t tmpfs -o size=64m,mode=700 tmpfs "$work/mnt.big" && mount -t tmpfs -o size=112m,mode=700 tmpfs "$work/mnt.small"
small() { gives 1 $server -o "$work/mnt.small" --disk-budget 1G && row ERROR disk "has 112 MiB free" "--disk-budget 24M"; }
ok "no room, and the budget that would fit" small
ok "that budget does fit" gives 0 $server -o "$work/mnt.small" --disk-budget 24M
memory() { row warning output "is in memory" "-o DIR"; }
ok "a folder in memory is a warning" memory
none() { gives 1 $server -o "$work/mnt.big" && row ERROR disk "has 64 MiB free" "-o DIR"; }
ok "no room for any budget" none
mount -t tmpfs -o ro,mode=700 tmpfs "$work/mnt.ro"
ok "a read-only file system" out ERROR "$work/mnt.ro" "cannot be written to" remount
gone() { gives 2 $server -o "$work/new/deep" -e nosuchsystem && nothing_left "$work/new"; }
ok "a folder made for nothing is taken away again" gone
kept() { gives 0 $server -o "$work/new/deep" && [ -d "$work/new/deep" ] && [ -z "$(ls -A "$work/new/deep")" ]; }
ok "a folder made for a host that is ready stays, empty" kept

# Memory.
rings() { gives 0 $server --ring-memory 1024T && row warning memory "do not fit" "--ring-memory"; }
ok "absurd rings are cut, with a warning" rings

# Another recorder, and what a dead one left.
mkdir -m 0700 "$work/run"
touch "$work/run/lock"
held() {
	local r
	exec 8<>"$work/run/lock"
	flock -x 8
	gives 75 $server && row ERROR recorder "with PID" "scoutfs-trace stop" && row skipped leftovers recorder
	r=$?
	exec 8>&-
	return $r
}
ok "another recorder" held
ok "its lock released" gives 0 $server
touch "$work/lockfile" && ln -sf "$work/lockfile" "$work/run/lock"
link() { gives 1 $server && row ERROR recorder "cannot be used"; }
ok "a lock that is a symbolic link" link
rm "$work/run/lock"
mkdir "$work/output/scoutfs-trace.node.2026-1120-1000.AbCdEf" "$work/output/scoutfs-trace.node.2026-1120-1100.GhIjKl"
touch "$work/output/scoutfs-trace.node.2026-1120-1000.AbCdEf/session.json"
touch "$work/output/scoutfs-trace.node.2026-1120-1100.GhIjKl/manifest.json"
left() { gives 0 $server && row warning leftovers AbCdEf "scoutfs-trace recover $work/output/scoutfs-trace.node.2026-1120-1000.AbCdEf"; }
ok "an unfinished recording, not an unpacked bundle" left
rm -r "$work"/output/scoutfs-trace.*
mkdir -p "$work/output/scoutfs-trace.node.2026-1120-1000.AbCdEf/spool"
touch "$work/output/scoutfs-trace.node.2026-1120-1000.AbCdEf"/{journal,losses,comms,spool/tail,spool/reserve.0}
unborn() { gives 0 $server && row warning leftovers "before it could record" "scoutfs-trace recover $work/output/scoutfs-trace.node.2026-1120-1000.AbCdEf"; }
ok "one that was killed before it recorded anything" unborn
rm -r "$work"/output/scoutfs-trace.*
mkdir "$instance"
stale() { gives 0 $server && row warning leftovers "scoutfs-trace.chk$$" recover; }
ok "a left-over instance" stale
living() {
	local r
	exec 8<"$instance"
	flock -x 8
	gives 0 $server && ! grep -q "chk$$" "$work/out"
	r=$?
	exec 8<&-
	return $r
}
ok "the instance of a recorder that lives" living
rmdir "$instance"

# Heartbeats: crc32c as the kernel makes it, without the last inversion.
cat >"$work/heart.py" <<'PY'
import socket, struct, sys, time
def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 19700))
kind = int(sys.argv[1])
while True:
    m = struct.pack("<QQQBBH", 0x3d167d58c1980018, 0, 7, kind, 3, 0)
    s.sendto(m + struct.pack("<I", crc32c(m)), ("127.0.0.1", 19701))
    time.sleep(0.05)
PY
listens() { # ARG...: as gives, but waiting for a heartbeat
	"$bin" check $server --run-dir "$work/run" -o "$work/output" --disk-budget 16M >"$work/out" 2>"$work/err" </dev/null
}
if command -v python3 >/dev/null; then
	python3 "$work/heart.py" 2 &
	heart=$!
	beats() { listens && row ok heartbeat "slot 3, term 7"; }
	ok "a heartbeat is heard" beats
	kill $heart; wait $heart 2>/dev/null
	python3 "$work/heart.py" 0 &
	heart=$!
	votes() { listens && row warning heartbeat "No heartbeat of 127.0.0.1:19700" "quorum/is_leader" && ! grep -q "(0 other" "$work/out"; }
	ok "a vote request is none" votes
	kill $heart; wait $heart 2>/dev/null
	heart=
fi

# A node of a real cluster: its sysfs and debugfs in place of ours. /sys/fs holds cgroups too: only this
# namespace loses them.
mkdir "$work/node"
zstd -dqc "$data/real/host/fence-client-after.tar.zst" | tar -x -C "$work/node" || exit 1
nothing() { gives 2 && row ERROR address "nothing on this host names a scoutfs server" "scoutfs-trace IP PORT"; }
if ! dmesg --facility=kern 2>/dev/null | grep -q 'scoutfs f\.'; then
	ok "no address given, none found" nothing
fi
mount -t tmpfs tmpfs /sys/fs && mkdir /sys/fs/scoutfs && mount --bind "$work/node/sys/fs/scoutfs" /sys/fs/scoutfs
mount -t tmpfs tmpfs /sys/kernel/debug && mkdir /sys/kernel/debug/scoutfs &&
	mount --bind "$work/node/sys/kernel/debug/scoutfs" /sys/kernel/debug/scoutfs
found() { gives 0 && row ok address "127.0.0.1:19700, found on this host: the server runs here"; }
ok "no address given, the server found" found
other=f.b9a17e.r.ecefeb
mkdir "$work/node/sys/fs/scoutfs/$other" "$work/node/sys/kernel/debug/scoutfs/$other"
cp "$data/real/host/fence-leader-after.$other.connections" "$work/node/sys/kernel/debug/scoutfs/$other/connections"
several() { gives 2 && row ERROR address "more than one server: 127.0.0.1:19700" "scoutfs-trace 127.0.0.1 19700" &&
	row ERROR address 127.0.0.1:19702; }
ok "several servers: listed, none chosen" several

# Not root.
nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$bin" check $server >"$work/out" 2>"$work/err"
	[ $? = 77 ] && row ERROR privileges "not root" sudo && row skipped output privileges
}
ok "not root" nobody
capless() {
	setpriv --bounding-set=-net_raw --inh-caps=-net_raw "$bin" check $server >"$work/out" 2>"$work/err"
	[ $? = 77 ] && row ERROR privileges "without CAP_NET_RAW" "on the host itself"
}
ok "root without a capability" capless
inside() {
	unshare --user --map-root-user "$bin" check $server >"$work/out" 2>"$work/err"
	[ $? = 77 ] && row ERROR privileges "user namespace" "root of the host"
}
if unshare --user --map-root-user true 2>/dev/null; then
	ok "root of a user namespace only" inside
fi

# Last, since it takes tracing away from this namespace: not mounted, it is mounted.
umounted() {
	umount $tracing && gives 0 $server && row ok tracing "$tracing" && mountpoint -q $tracing
}
ok "tracefs that is not mounted is mounted" umounted
forget_event 2>/dev/null
events() { gives 1 $server && row ERROR scoutfs-events "not loaded" "modprobe scoutfs"; }
if [ ! -d $tracing/events/scoutfs ]; then
	ok "no scoutfs events" events
fi

echo "$passed passed, $failed failed"
[ $failed = 0 ]
