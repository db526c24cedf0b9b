#!/bin/sh
# usage: rootfs.sh DIRECTORY PROGRAM
# Makes in DIRECTORY the whole file system of the exporter's image: PROGRAM, which is the exporter, what it runs, the
# libraries of these, and an account. The rest is of the machine that this runs on: Debian, with openssh-client
# and busybox.
set -eu
umask 022
# What ldd finds is to be what the image's own loader finds, and its words are those looked for below.
unset LD_LIBRARY_PATH LD_PRELOAD
export LC_ALL=C

root=$1
account=10222

# put PROGRAM PATH: a program, and the libraries that it is linked with.
put() {
    install -D -m 755 "$1" "$root$2"
    libraries=$(ldd "$1" 2>&1) || libraries="not found: $libraries"
    case $libraries in
        *'not a dynamic executable'*) return ;;
        *'not found'*) echo "rootfs: the libraries of $1: $libraries" >&2; exit 1 ;;
    esac
    # "NAME => PATH (ADDRESS)", or "PATH (ADDRESS)" for the loader. Each at its path, since there is no ld.so.cache.
    for path in $(printf '%s\n' "$libraries" | sed -n 's|^[^/]*\(/[^ ]*\) (0x[0-9a-f]*)$|\1|p'); do
        cp -L --parents "$path" "$root"
    done
}

mkdir "$root"
chmod 755 "$root"
put "$2" /usr/local/bin/scm-backup-exporter
# Without its helpers for hardware keys, which nobody could touch, and for host-based logins, which are setuid.
put "$(command -v ssh)" /usr/bin/ssh
# ssh runs its way to a jump host by the shell. It is busybox for wget, which is the health check.
put "$(command -v busybox)" /bin/busybox
ln -s busybox "$root/bin/sh"
ln -s busybox "$root/bin/wget"

# ssh wants to know who it is. The C library itself reads these files and asks DNS: it needs no NSS modules.
mkdir "$root/etc"
echo "scm:x:$account:$account::/home/scm:/bin/sh" >"$root/etc/passwd"
echo "scm:x:$account:" >"$root/etc/group"
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' >"$root/etc/nsswitch.conf"

# Where something is mounted: the root may be read-only. A volume takes owner and mode from here.
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/etc/scm-backup-exporter" "$root/home/scm/.ssh"
mkdir -m 1777 "$root/tmp"
chmod 700 "$root/home/scm" "$root/home/scm/.ssh"
# Whoever is not root tries the image out as the account.
[ "$(id -u)" -ne 0 ] || chown -R "$account:$account" "$root/home/scm"
