# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Which packages the build, the demo and the tests need, and their installation. Sourced by tests/demo, tests/run
# and .ci/run. The caller owns `set`; nothing here runs before packages_want().
#
# One row a need: group, how it is probed, the package of apt, the package of dnf.
#   cmd NAME   a program in PATH         pc NAME   a library that pkg-config knows       file PATH   a file
# Without a row of the groups build and view nothing works. The rows of the other groups are wishes: a distribution
# that lacks one loses a test or two, which say so. libtraceevent and libtracefs are wishes too, since the build
# brings its own (subprojects/) where there are none.
PACKAGES='
build  cmd   gcc             gcc                gcc
build  file  /usr/include/stdio.h libc6-dev     glibc-devel
build  cmd   meson           meson              meson
build  cmd   ninja           ninja-build        ninja-build
build  cmd   pkg-config      pkg-config         pkgconf-pkg-config
build  pc    libzstd         libzstd-dev        libzstd-devel
build  pc    libpcap         libpcap-dev        libpcap-devel
build  pc    libarchive      libarchive-dev     libarchive-devel
ftrace pc    libtraceevent   libtraceevent-dev  libtraceevent-devel
ftrace pc    libtracefs      libtracefs-dev     libtracefs-devel
wrap   cmd   git             git                git
wrap   cmd   flex            flex               flex
wrap   cmd   bison           bison              bison
view   cmd   tar             tar                tar
view   cmd   zstd            zstd               zstd
view   cmd   trace-cmd       trace-cmd          trace-cmd
view   cmd   tcpdump         tcpdump            tcpdump
view   cmd   flock           util-linux         util-linux
view   cmd   ss              iproute2           iproute
test   cmd   python3         python3            python3
test   cmd   tshark          tshark             wireshark-cli
test   cmd   bsdtar          libarchive-tools   bsdtar
test   cmd   jq              jq                 jq
test   cmd   ip              iproute2           iproute
test   cmd   setpriv         util-linux         util-linux
test   cmd   strace          strace             strace
test   cmd   mkfs.ext4       e2fsprogs          e2fsprogs
test   cmd   mandoc          mandoc             mandoc
test   cmd   shellcheck      shellcheck         ShellCheck
test   cmd   chromium        chromium           chromium
test   cmd   gnuplot         gnuplot-nox        gnuplot
test   cmd   clang           clang              clang
test   cmd   clang-format    clang-format       clang-tools-extra
guest  cmd   qemu-system-x86_64 qemu-system-x86 qemu-kvm-core
guest  cmd   busybox         busybox-static     busybox
guest  cmd   cpio            cpio               cpio
guest  cmd   mkfs.ext4       e2fsprogs          e2fsprogs
guest  cmd   modprobe        kmod               kmod
guest  cmd   mkfs.xfs        xfsprogs           xfsprogs
guest  cmd   setquota        quota              quota
guest  cmd   dmsetup         dmsetup            device-mapper
guest  cmd   make            make               make
guest  cmd   jq              jq                 jq
guest  cmd   python3         python3            python3
asan   asan  gcc             gcc                libasan+libubsan
'

# packages_missing GROUP: the packages of the group that are not there, one a line, by the names of apt or dnf
packages_missing() {
	local group how what deb rpm
	while read -r group how what deb rpm; do
		[ "$group" = "$1" ] || continue
		case $how in
		cmd) command -v "$what" >/dev/null && continue ;;
		pc) pkg-config --exists "$what" 2>/dev/null && continue ;;
		file) [ -e "$what" ] && continue ;;
		asan) echo 'int main(void){return 0;}' |
			gcc -fsanitize=address,undefined -x c -o /dev/null - 2>/dev/null && continue ;;
		esac
		if command -v apt-get >/dev/null; then
			echo "$deb"
		else
			tr + '\n' <<<"$rpm"
		fi
	done <<<"$PACKAGES" | sort -u
}

packages_install() { # PACKAGE...
	echo "installing: $*"
	if command -v apt-get >/dev/null; then
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" </dev/null
	else
		# Headers are in a repository of their own there, switched off as a rule.
		local id repos=()
		for id in $(dnf -q repolist --all | awk '{print $1}' |
			grep -xE 'crb|powertools|codeready-builder-for-rhel-[0-9]+-[a-z0-9_]+-rpms' || true); do
			repos+=("--enablerepo=$id")
		done
		dnf install -y -q --setopt=install_weak_deps=False "${repos[@]}" "$@" </dev/null
	fi >"$packages_log" 2>&1
}

# packages_want GROUP...: install what is missing of these groups, asking nothing. Fails, with the reason on standard
# error, if something is missing without which nothing works.
packages_want() {
	local group missing one lists_fresh='' packages_log
	packages_log=$(mktemp)
	for group in "$@"; do
		missing=$(packages_missing "$group")
		[ -n "$missing" ] || continue
		if [ "$(id -u)" != 0 ]; then
			echo "missing packages: ${missing//$'\n'/ }"
		elif command -v apt-get >/dev/null || command -v dnf >/dev/null; then
			if [ -z "$lists_fresh" ] && command -v apt-get >/dev/null; then
				apt-get update -q >"$packages_log" 2>&1 </dev/null || true
				lists_fresh=1
			fi
			# shellcheck disable=SC2086
			if ! packages_install $missing; then
				for one in $missing; do
					packages_install "$one" || echo "  not to be had: $one"
				done
			fi
		fi
		missing=$(packages_missing "$group")
		[ -n "$missing" ] || continue
		case $group in
		build | view)
			tail -n 5 "$packages_log" >&2
			rm -f "$packages_log"
			echo "cannot go on without: ${missing//$'\n'/ }" >&2
			if [ "$(id -u)" != 0 ]; then
				echo "Install them, or run this with sudo." >&2
			else
				echo "Install them with the package manager of this distribution, then start again." >&2
			fi
			return 1
			;;
		ftrace) packages_want wrap ;;
		esac
	done
	rm -f "$packages_log"
}
