#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The wraps of subprojects/ do what they are for: where the distribution has neither libtraceevent nor libtracefs,
# the program builds with upstream's sources and runs. The sources come from where the wraps say; without a network:
#
#     WRAP_SOURCES=DIR tests/docs/test_wraps.sh      # DIR/libtraceevent and DIR/libtracefs, unpacked
#
# Exit status 77: skipped, the sources cannot be had.
set -euo pipefail
export LC_ALL=C
repo=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
	echo "skipped: $*"
	exit 77
}

# Git finds the local sources under the public address, so that the wrap files are used as they are.
instead_of() { # URL FOLDER
	export GIT_CONFIG_COUNT=$((${GIT_CONFIG_COUNT:-0} + 1))
	export "GIT_CONFIG_KEY_$((GIT_CONFIG_COUNT - 1))=url.file://$2.insteadOf"
	export "GIT_CONFIG_VALUE_$((GIT_CONFIG_COUNT - 1))=$1"
}

wrap_value() { sed -n "s/^$2 = //p" "$repo/subprojects/$1.wrap"; }

for tool in git meson ninja flex bison; do
	command -v $tool >/dev/null || skip "$tool is not installed"
done
for name in libtraceevent libtracefs; do
	url=$(wrap_value $name url) revision=$(wrap_value $name revision)
	if [ -n "${WRAP_SOURCES:-}" ]; then
		[ -f "$WRAP_SOURCES/$name/meson.build" ] || {
			echo "no meson.build in $WRAP_SOURCES/$name: unpack $revision there"
			exit 1
		}
		cp -r "$WRAP_SOURCES/$name" "$work/$name"
		rm -rf "${work:?}/$name/.git"
		git -C "$work/$name" -c init.defaultBranch=main init -q
		git -C "$work/$name" add -f .
		git -C "$work/$name" -c user.name=test -c user.email=test@localhost commit -q -m "$revision"
		git -C "$work/$name" tag "$revision"
		instead_of "$url" "$work/$name"
	else
		found=$(GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote "$url" "refs/tags/$revision" 2>/dev/null) ||
			skip "$url cannot be reached; WRAP_SOURCES names a folder with the sources"
		[ -n "$found" ] || { echo "$url has no tag $revision"; exit 1; }
	fi
done

# A copy, because meson puts subprojects into the source folder.
mkdir "$work/tree"
cp -r "$repo"/{meson.build,meson_options.txt,include,src,man,tests,subprojects} "$work/tree"
rm -rf "$work"/tree/subprojects/*/.git
meson setup "$work/build" "$work/tree" -Dtests=false -Dwerror=true --wrap-mode=forcefallback \
	--force-fallback-for=libtraceevent,libtracefs >"$work/setup.log" 2>&1 || {
	cat "$work/setup.log"
	exit 1
}
ninja -C "$work/build" >"$work/ninja.log" 2>&1 || {
	tail -n 60 "$work/ninja.log"
	exit 1
}
program=$work/build/src/scoutfs-trace
"$program" --version
if ldd "$program" | grep -E 'libtrace(fs|event)'; then
	echo "the program uses the distribution's library all the same"
	exit 1
fi
DESTDIR=$work/root meson install -C "$work/build" --no-rebuild --skip-subprojects >/dev/null
if find "$work/root" -name '*trace*' | grep -v 'scoutfs-trace'; then
	echo "installing would bring files of the subprojects"
	exit 1
fi
echo "built with $(wrap_value libtraceevent revision) and $(wrap_value libtracefs revision)"
