#!/bin/sh
# Installs, by apt, what tools.txt names and this machine lacks: for the tests, or with the argument `demo` for the demo
# alone. Says so before it does; a second run does nothing. Services of the packages are not started.
set -eu

case ${1:-test} in
    test | demo) use=${1:-test} ;;
    *) echo "usage: install-tools.sh [test|demo]" >&2; exit 64 ;;
esac
table=$(dirname "$0")/tools.txt

# The same places as src/tool.rs looks in.
present() {
    command -v "$1" >/dev/null 2>&1 && return 0
    for directory in /usr/local/sbin /usr/sbin /sbin /usr/lib /usr/lib/*-linux-gnu /usr/lib/python3/dist-packages \
        /usr/share/bash-completion; do
        [ -e "$directory/$1" ] && return 0
    done
    return 1
}

# Sets $missing, the packages, and $absent, the programs.
look() {
    missing='' absent=''
    while read -r program package runs; do
        case $program in '' | '#'*) continue ;; esac
        [ "$use" = test ] || [ "$runs" = demo ] || continue
        present "$program" && continue
        absent="$absent $program"
        case " $missing " in *" $package "*) ;; *) missing="$missing $package" ;; esac
    done <"$table"
}

look
[ -z "$missing" ] && exit 0

command="apt-get install -y --no-install-recommends$missing"
echo "tools: missing:$absent" >&2

if ! command -v apt-get >/dev/null 2>&1; then
    echo "tools: there is no apt-get here; what is needed are Debian's packages:$missing" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    root=''
elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    root=sudo
else
    echo "tools: installing needs root; type: sudo $command" >&2
    exit 1
fi

echo "tools: installing, this once: $command" >&2

# RUNLEVEL=1 keeps services from starting under sysvinit; systemd asks policy-rc.d, which exits 101 for "do
# not". It stands only while we install, and only where the machine has no policy of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '$root rm -f "$policy"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
    $root chmod 755 "$policy"
fi

apt() {
    # shellcheck disable=SC2086 # the list of packages is meant to be split
    $root env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >&2
}

# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing || {
    # Most often the package lists are absent or old.
    apt update
    apt install -y --no-install-recommends $missing
}

look
if [ -n "$missing" ]; then
    echo "tools: still missing after the installation:$absent" >&2
    exit 1
fi
