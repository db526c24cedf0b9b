#!/bin/sh
# usage: node.sh SRVNODE KIND/NAME:MIB...
# A node of the demo: a week of nightly tarballs of each repo, and sshd. The tarballs are sparse and take no room.
#
#   CUT         the repo whose newest tarball is truncated
#   STALE_DAYS  the number of days without a new tarball
#   SCM_FOLD, KEYS, PORT   override the container's
set -eu

root=${SCM_FOLD:-/srv/scm}
keys=${KEYS:-/home/scm/.ssh}
port=${PORT:-2222}
srvnode=$1
shift

# tarball REPO MIB DAYS-AGO
tarball() {
    made=$(($(date +%s) - 86400 * $3 - 3600))
    directory=$root/backup/$srvnode/$1/$(date -u -d "@$made" +%Y/%m/%d/%H%M%S)
    name=${1#*/}
    # The name of a subversion tarball includes its revision.
    case $1 in svn/*) name=$name-$((1000 - $3)) ;; esac
    bytes=$(($2 * 1048576))
    mkdir -p "$directory"
    truncate -s "$bytes" "$directory/$name.tar.gz"
    printf "{'dig': '00000000000000000000000000000000', 'size': %sL}" "$bytes" >"$directory/$name.tar.gz.dna"
    # The sidecar gives the size that the newest tarball should have.
    if [ "$1" = "${CUT:-}" ] && [ "$3" -eq "${STALE_DAYS:-0}" ]; then
        truncate -s $((bytes / 3)) "$directory/$name.tar.gz"
    fi
    touch -d "@$made" "$directory/$name.tar.gz" "$directory/$name.tar.gz.dna"
}

# Created again at each start, so that the demo's nights are always the last ones.
rm -rf "${root:?}/backup"
for repo; do
    for night in 6 5 4 3 2 1 0; do
        tarball "${repo%:*}" "${repo#*:}" $((night + ${STALE_DAYS:-0}))
    done
done

# Another container creates the keys at the same time.
tries=0
until [ -e "$keys/known_hosts" ]; do
    tries=$((tries + 1))
    [ "$tries" -le 60 ] || { echo "no keys in $keys" >&2; exit 1; }
    sleep 1
done

exec /usr/sbin/sshd -D -e -f /dev/null -p "$port" -h "$keys/host_key" \
    -o AuthorizedKeysFile="$keys/authorized_keys" -o AuthenticationMethods=publickey \
    -o PidFile=none -o StrictModes=no -o UsePAM=no
