#!/bin/sh
# usage: rootfs.sh DIRECTORY PROGRAM
# Creates the whole file system of the exporter's image in DIRECTORY: PROGRAM (the exporter), the programs that it runs,
# their libraries, and an account. All but PROGRAM comes from the machine that runs this script: Debian, with
# openssh-client and busybox.
set -eu
umask 022
# ldd must find what the image's own loader finds, and print the messages that are parsed below.
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
# ssh comes without its helpers for hardware keys, which nobody could touch, and for host-based logins, which are setuid.
put "$(command -v ssh)" /usr/bin/ssh
# ssh starts jump hosts through a shell. The shell is busybox, because the health check needs its wget.
put "$(command -v busybox)" /bin/busybox
ln -s busybox "$root/bin/sh"
ln -s busybox "$root/bin/wget"

# ssh looks up its own user. The C library itself reads these files and queries DNS, without NSS modules.
mkdir "$root/etc"
echo "scm:x:$account:$account::/home/scm:/bin/sh" >"$root/etc/passwd"
echo "scm:x:$account:" >"$root/etc/group"
printf '%s\n' 'passwd: files' 'group: files' 'hosts: files dns' >"$root/etc/nsswitch.conf"

# Mount points, since the root may be read-only. A volume takes its owner and mode from them.
mkdir -p "$root/dev" "$root/proc" "$root/sys" "$root/etc/scm-backup-exporter" "$root/home/scm/.ssh"
mkdir -m 1777 "$root/tmp"
chmod 700 "$root/home/scm" "$root/home/scm/.ssh"
# Without root, try the image as the account itself.
[ "$(id -u)" -ne 0 ] || chown -R "$account:$account" "$root/home/scm"
