#!/bin/sh
# usage: mails.sh DIRECTORY GRAFANA-URL FLAG... alertmanager-config FLAG...
# Writes Alertmanager's configuration and its mail templates to DIRECTORY, as the exporter prints them with these
# flags. If that fails, the files of the last start stay in place.
set -eu
umask 022

cd "$1"
grafana=$2
shift 2
# Both are complete before anything is written. The image has no mv.
config=$(scm-backup-exporter "$@")
templates=$(scm-backup-exporter alertmanager-config --templates --mail.grafana-url="$grafana")
printf '%s\n' "$config" >alertmanager.yml
printf '%s\n' "$templates" >scm-backup.tmpl
