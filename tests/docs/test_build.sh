#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The build keeps its promises: meson has nothing to warn of at our floor, installing puts there what users need and
# nothing else, and a call from a lower layer to a higher one does not link.
set -u
export LC_ALL=C
repo=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

ok() { # NAME COMMAND...
	local name=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		echo "ok - $name"
	else
		echo "not ok - $name"
		sed 's/^/# /' "$work/said" | tail -n 30
		failed=$((failed + 1))
	fi
}

mkdir "$work/tree"
cp -r "$repo"/{meson.build,meson_options.txt,include,src,man,tests,subprojects} "$work/tree"

set_up() { meson setup "$work/build" "$work/tree" --prefix=/usr -Dsystemd_unit_dir=/usr/lib/systemd/system >"$work/setup.log" 2>&1 || { cat "$work/setup.log"; return 1; }; }
ok "meson sets up the build" set_up
no_warning() { ! grep -E 'WARNING|DEPRECATION|NOTICE|introduced in' "$work/setup.log"; }
ok "nothing newer than the floor of meson, no warning" no_warning
unknown_option() { meson setup "$work/none" "$work/tree" -Dnonsense=1 2>&1 | grep -q 'nonsense'; }
ok "an unknown option is told" unknown_option

builds() { ninja -C "$work/build" src/scoutfs-trace man/scoutfs-trace && ninja -C "$work/build"; }
ok "it builds" builds

installed() {
	local file want=0
	DESTDIR=$work/root meson install -C "$work/build" --no-rebuild >/dev/null || return 1
	(cd "$work/root" && find . -type f -printf '%m %P\n' | sort -k 2) >"$work/files"
	cat "$work/files"
	for file in '755 usr/sbin/scoutfs-trace' '644 usr/share/bash-completion/completions/scoutfs-trace' \
		'644 usr/lib/systemd/system/scoutfs-trace-recover.service' \
		'644 usr/share/doc/scoutfs-trace/scoutfs-trace.conf.example'; do
		grep -qxF "$file" "$work/files" || { echo "lacks $file"; return 1; }
		want=$((want + 1))
	done
	for file in "$repo"/man/*.[1-8]; do
		file=${file##*/}
		grep -qxE "644 usr/share/man/man${file##*.}/$file(\.gz)?" "$work/files" || { echo "lacks $file"; return 1; }
		want=$((want + 1))
	done
	grep -qxE '644 usr/.*/wireshark/plugins/scoutfs\.lua' "$work/files" || { echo "lacks the plugin for Wireshark"; return 1; }
	want=$((want + 1))
	[ "$(wc -l <"$work/files")" = $want ]
}
ok "installing puts the program, its pages, its completion and the Wireshark plugin there, and nothing else" installed
plugin_found() {
	local folder
	folder=$(tshark -G folders 2>/dev/null | sed -n 's/^Global Lua Plugins:[[:blank:]]*//p')
	case $folder in
	/usr/local/* | '') echo "no tshark of the distribution's" ;;
	*) [ -f "$work/root$folder/scoutfs.lua" ] || { echo "tshark looks in $folder"; return 1; } ;;
	esac
}
ok "the plugin is where tshark looks for it" plugin_found
# systemd's own opinion of the unit, of which only the program is another: the one in it is not on this machine.
unit() {
	command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed"; return 0; }
	local program=/usr/sbin/scoutfs-trace
	sed "s|^ExecStart=$program|ExecStart=/bin/true|" "$work/root/usr/lib/systemd/system/scoutfs-trace-recover.service" \
		>"$work/scoutfs-trace-recover.service"
	grep -q '^ExecStart=/bin/true recover$' "$work/scoutfs-trace-recover.service" || { echo "it does not start $program"; return 1; }
	systemd-analyze verify --man=no "$work/scoutfs-trace-recover.service" >"$work/unit.log" 2>&1
	cat "$work/unit.log"
	! grep -q 'scoutfs-trace-recover' "$work/unit.log"
}
ok "systemd has nothing to say against the unit" unit
runs() { "$work/root/usr/sbin/scoutfs-trace" --version; }
ok "what is installed runs" runs

# A function of the layer above, called from a file of the layer below: the proof that the proof works.
climbs() { # LAYER FILE LAYER_ABOVE
	local file=$work/tree/src/$2 status symbol
	symbol=$(nm -g --defined-only "$work/build/src/$3/lib$3.a" | awk '$2 == "T" {print $3; exit}')
	[ -n "$symbol" ] || { echo "no function in $3"; return 1; }
	cp "$file" "$work/kept"
	printf '\nint %s(void);\nint test_of_the_layers(void);\nint test_of_the_layers(void)\n{\n\treturn %s();\n}\n' \
		"$symbol" "$symbol" >>"$file"
	ninja -C "$work/build" "src/layer_$1" >"$work/climb.log" 2>&1
	status=$?
	cp "$work/kept" "$file"
	[ $status != 0 ] && grep -q "undefined reference to .$symbol'" "$work/climb.log" && return 0
	tail "$work/climb.log"
	return 1
}
ok "base cannot call format" climbs base base/err.c format
ok "format cannot call record" climbs format format/chunk.c record
ok "record cannot call report" climbs record record/loss.c report
ok "report cannot call record" climbs report report/table.c record
ok "record cannot call cmd" climbs record record/loss.c cmd
without_plugin() { meson configure "$work/build" -Dwireshark=false && DESTDIR=$work/less meson install -C "$work/build" >/dev/null &&
	! find "$work/less" -name '*.lua' | grep .; }
ok "the plugin can be left out" without_plugin
without_tests() { meson setup "$work/bare" "$work/tree" -Dtests=false && ! ninja -C "$work/bare" -t targets all | grep '^tests/'; }
ok "without tests, none is built" without_tests

[ $failed = 0 ]
