#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The Wireshark plugin on real captures, against the program's own reading of the same (flow_walk, which shares no
# code with it) and against what was counted when they were captured. No root needed.
#
#     test_wireshark.sh PLUGIN FLOW_WALK TEST_DATA
set -u
export LC_ALL=C
plugin=$1 flow_walk=$2 data=$3/real/pcap
command -v tshark >/dev/null || { echo "tshark is not installed"; exit 77; }
tshark -v 2>/dev/null | grep -q 'with Lua' || { echo "this tshark has no Lua"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Nobody's own settings and plugins.
export HOME=$work/own XDG_CONFIG_HOME=$work/own/config XDG_DATA_HOME=$work/own/data
mkdir -p "$HOME"
failed=0

ok() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' "$work/said" | head -n 30
		failed=$((failed + 1))
	fi
}

# Of the tshark that ran last; who runs it as root is told so.
no_complaint() { [ -e "$work/stderr" ] && ! grep -v 'Running as user' "$work/stderr"; }
shark() { tshark -X "lua_script:$plugin" "$@" 2>"$work/stderr"; }
equal() { [ "$1" = "$2" ] || { echo "$1, not $2"; return 1; }; }
count() { equal "$(shark -r "$1" -Y "$2" "${@:4}" | wc -l)" "$3"; } # FILE FILTER FRAMES [OPTION...]

# One line a message, in the order of flow_walk's columns; a frame may have several.
messages() { # FILE [OPTION...]
	shark -r "$1" "${@:2}" -Y scoutfs.cmd -T fields -E separator=/t -e frame.time_epoch -e tcp.srcport -e tcp.dstport \
		-e scoutfs.seq -e scoutfs.recv_seq -e scoutfs.id -e scoutfs.data_len -e scoutfs.cmd -e scoutfs.flags -e scoutfs.error |
		awk -F '\t' '{
			n = split($4, seq, ","); split($5, recv, ","); split($6, id, ","); split($7, len, ","); split($8, cmd, ",")
			split($9, flags, ","); split($10, error, ",")
			for (i = 1; i <= n; i++)
				print $1, $2, $3, seq[i], recv[i], id[i], len[i], cmd[i], substr(flags[i], length(flags[i])) + 0, error[i]
		}'
}

same_messages() { # NAME
	messages "$work/$1.pcap" >"$work/$1.theirs"
	"$flow_walk" "$work/$1.pcap" >"$work/$1.ours" || return 1
	[ -s "$work/$1.theirs" ] && diff "$work/$1.ours" "$work/$1.theirs"
}
found() { awk "$2" "$work/$1.theirs" | sort | uniq -c | xargs; } # NAME AWK: how often which line

# Of each response the time since its request, by the lines of flow_walk. What was sent again counts from its first time.
times_by_hand() {
	awk '{
		from = $2 "-" $3; to = $3 "-" $2; again = $8 && (from, $4) in sent; sent[from, $4] = 1
		if ($9) { if ((to, $6, $8) in asked) { split($1, t, "."); split(asked[to, $6, $8], a, ".")
				printf "%.9f\n", t[1] - a[1] + (t[2] - a[2]) / 1e9 } }
		else if (!again) asked[from, $6, $8] = $1
	}' "$1"
}

same_times() { # FILE
	"$flow_walk" "$1" | times_by_hand /dev/stdin | sort -g >"$work/ours"
	shark -r "$1" -Y scoutfs.time -T fields -e scoutfs.time | tr ',' '\n' | awk '{ printf "%.9f\n", $1 }' | sort -g >"$work/theirs"
	equal "$(wc -l <"$work/theirs")" "$2" || return 1
	# Times of tshark are doubles.
	paste "$work/ours" "$work/theirs" | awk '{ d = $1 - $2 } d > 2e-9 || d < -2e-9 { print; bad = 1 } END { exit bad }'
}

for packed in "$data"/*.pcap.zst; do
	name=$(basename "$packed" .pcap.zst)
	zstd -dqf "$packed" -o "$work/$name.pcap" || exit 1
	pcap=$work/$name.pcap
	ok "$name: every message as the program reads it, and none else" same_messages "$name"
	ok "$name: no complaint of Lua" no_complaint
	ok "$name: all is scoutfs, nothing is malformed, no message or a wrong checksum" count "$pcap" \
		'_ws.malformed || _ws.lua.error || scoutfs.invalid || scoutfs.cut || scoutfs_quorum.bad_crc ||
			(tcp.len > 0 && !scoutfs) || (udp && !(scoutfs_quorum.crc_good == 1))' 0
done

# As counted by the script that was run beside the capturing.
whole=$work/workload-whole-sll2.pcap leader=$work/fence-leader-sll2.pcap
ok "workload: 12085 messages" equal "$(wc -l <"$work/workload-whole-sll2.theirs")" 12085
ok "workload: 3926 LOCK requests, 1957 of them by the server" equal \
	"$(found workload-whole-sll2 '$8 == 7 && !$9 { print $2 == 19701 }')" "1969 0 1957 1"
ok "workload: 18 responses with ENOENT, all of GET_LOG_MERGE" equal \
	"$(found workload-whole-sll2 '$10 { print $8, $10 }')" "18 11 1"
ok "workload: all 6038 response times are those of the packets" same_times "$whole" 6038
ok "workload: 21 messages were sent twice" count "$whole" scoutfs.again 21
ok "fence-leader: the kinds of LOCK_RECOVER" equal "$(found fence-leader-sll2 '$8 == 8 { print $9, $7 }')" "4 0 32 2 1 392 2 1 8"
ok "fence-leader: 2 of the responses have 8 locks" count "$leader" 'scoutfs.lock.count == 8' 2
ok "fence-leader: 92 heartbeats of slot 0, 102 of slot 2" equal \
	"$(shark -r "$leader" -Y 'scoutfs_quorum.type == 2' -T fields -e scoutfs_quorum.from -e scoutfs_quorum.term | sort | uniq -c | xargs)" \
	"92 0 1 102 2 2"
ok "fence-leader: the three mounts greet, and are greeted, by their rids" equal \
	"$(shark -r "$leader" -Y scoutfs.greeting.rid -T fields -e scoutfs.greeting.rid | sort | uniq -c | xargs)" \
	"2 0x2968f968262b2863 2 0x562ffeb7e3f9334b 2 0xecefebb543a265ff"
ok "each row of the list says what is in it" equal \
	"$(shark -r "$leader" -Y 'scoutfs.cmd == 8 && scoutfs.response == 0' -T fields -e _ws.col.Protocol -e _ws.col.Info | head -n 1)" \
	$'SCOUTFS\tLOCK_RECOVER request id 1 from 0.0.0.0.0.0'

# Without recognising anything by itself.
off=(-o scoutfs.heuristic:FALSE)
short=$work/workload-en10mb.pcap
ok "nothing is recognised when that is switched off" count "$short" 'scoutfs || scoutfs_quorum' 0 "${off[@]}"
ok "the preference for ports" equal "$(messages "$short" "${off[@]}" -o scoutfs.ports:19700-19702 | wc -l)" 1359
ok "the preference for ports, of datagrams" count "$short" scoutfs_quorum 56 "${off[@]}" -o scoutfs.ports:19700-19702
ok "decode as" equal "$(messages "$short" "${off[@]}" -d tcp.port==19701,scoutfs | wc -l)" 1359
ok "decode as, of datagrams" count "$short" scoutfs_quorum 56 "${off[@]}" -d udp.port==19701,scoutfs_quorum

# Segments that divide messages, and a datagram with a flipped bit: tshark has to put together.
python3 - "$short" "$work/divided.pcap" "$work/flipped.pcap" <<'PYTHON' || exit 1
import struct, sys
raw = open(sys.argv[1], "rb").read()
divided, flipped, at, bad = [raw[:24]], [raw[:24]], 24, 0
while at < len(raw):
    sec, frac, n, wire = struct.unpack_from("<IIII", raw, at)
    frame = raw[at + 16:at + 16 + n]
    at += 16 + n
    if frame[23] == 17:
        bad += 1
        damaged = bytearray(frame)
        damaged[14 + 20 + 8 + 3] ^= bad == 5
        flipped.append(struct.pack("<IIII", sec, frac, n, wire) + bytes(damaged))
    head = 14 + 20 + (frame[14 + 20 + 12] >> 4) * 4
    data = frame[head:] if frame[23] == 6 else b""
    for i in range(0, max(len(data), 1), 50):
        part = bytearray(frame[:head] + data[i:i + 50]) if data else bytearray(frame)
        if data:
            struct.pack_into(">H", part, 16, len(part) - 14)
            struct.pack_into(">I", part, 38, (struct.unpack_from(">I", frame, 38)[0] + i) & 0xFFFFFFFF)
        divided.append(struct.pack("<IIII", sec, frac, len(part), len(part)) + bytes(part))
for name, pieces in ((sys.argv[2], divided), (sys.argv[3], flipped)):
    with open(name, "wb") as f:
        f.write(b"".join(pieces))
PYTHON
divided_same() {
	messages "$work/divided.pcap" | sort >"$work/theirs"
	"$flow_walk" "$work/divided.pcap" | sort >"$work/ours" # what needs to be confirmed comes a little later
	equal "$(wc -l <"$work/ours")" 1359 && diff "$work/ours" "$work/theirs"
}
ok "messages divided between segments are put together" divided_same
ok "a datagram with a flipped bit has a wrong checksum" count "$work/flipped.pcap" scoutfs_quorum.bad_crc 1

# Where a user puts plugins, it is found without being named.
mkdir -p "$HOME/.local/lib/wireshark/plugins" && cp "$plugin" "$HOME/.local/lib/wireshark/plugins"
ok "tshark finds it in the folder of plugins" equal "$(tshark -r "$short" -Y scoutfs 2>/dev/null | wc -l)" \
	"$(shark -r "$short" -Y scoutfs 2>/dev/null | wc -l)"

[ $failed = 0 ]
