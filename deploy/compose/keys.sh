#!/bin/sh
# usage: keys.sh DIRECTORY HOST...
# Creates the keys of the demo in DIRECTORY: the exporter's key, and one host key for all its nodes.
set -eu
umask 077

directory=$1
shift
cd "$directory"
[ -e known_hosts ] && exit 0

ssh-keygen -q -t ed25519 -N '' -C scm-backup-exporter -f id_ed25519
ssh-keygen -q -t ed25519 -N '' -C node -f host_key
cp id_ed25519.pub authorized_keys
read -r type key _ <host_key.pub
# Last, and in one step: its presence shows that everything is ready.
for host; do
    echo "[$host]:2222 $type $key"
done >known_hosts.new
mv known_hosts.new known_hosts
