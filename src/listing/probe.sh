# The probe: lists the backup tarballs below one directory of this node. It writes nothing on the node.
#
# A POSIX sh program without here-documents (many shells store those in temporary files). It runs either as
#     sh -s NONCE KEY <this text           with the assignments root=... limit=... in front, or
#     command="... | sh"                   of authorized_keys: root and limit are chosen by the last word of
#                                          SSH_ORIGINAL_COMMAND ($asked), and NONCE is the word before it.
# Before it is sent, comments, indentation and blank lines are removed, and its names are shortened (compact.rs lists
# them). src/listing/mod.rs describes the grammar of its output. Exit status: 0 after END, 3 after FAIL.
#
# root   directory to list; a leading ~, $NAME or ${NAME} is resolved here
# limit  seconds until everything is ended, if the node has `sleep` and /proc; may be empty
#
# A watcher ends tools that hang, for example on a stale mount. `timeout` would take another process for each tool, not
# every node has one that works, and it ends only processes that it has started itself.

main() {
    prepare
    identify "$@"
    start_watcher
    choose_tools
    resolve_root
    enter_root
    print_begin
    print_room
    print_listing
    finish 0
}

# Settings from a profile or the environment must not matter: TMOUT, for example, ends a `read` of bash.
prepare() {
    set +e +u +v +x +C
    set -f
    unset -f awk cd date df find kill printf read sleep stat wait xargs 2>/dev/null
    exec 3>&- 4>&- 5>&-
    unset IFS CDPATH ENV BASH_ENV TMOUT POSIXLY_CORRECT BLOCKSIZE BLOCK_SIZE DF_BLOCK_SIZE
    PATH=${PATH-}:/usr/local/bin:/usr/bin:/bin
    LC_ALL=C
    export PATH LC_ALL
    newline='
'
}

identify() {
    nonce=${asked% *}
    nonce=${1-${nonce##* }}
    case $nonce in
    '' | *[!0-9a-f]*) nonce=0 ;;
    esac
    mark="scm-backup-listing 1 $nonce" watched=no
    # A person who misspelt a root wants to see which there are. Each has a tab in front, which none can hold.
    [ -n "$root" ] || fail "root_not_allowed$allowed"
}

fail() {
    printf '\n%s FAIL %s\n' "$mark" "$1"
    finish 3
}

finish() {
    [ $watched = no ] || kill $watcher
    exit $1
}

# It holds no pipe open, and tells by the open file descriptors of this shell what this is at.
start_watcher() {
    [ -n "$limit" ] && [ -e /proc/$$/fd/0 ] && command -v sleep >/dev/null 2>&1 || return 0
    watch >/dev/null 2>&1 &
    watcher=$! watched=yes
}

# A small tool that is seen twice hangs, and is ended without its output. While descriptor 5 is open, tools may take long.
# At the limit all tools are ended, and processes that survive that are killed, including this shell.
watch() {
    # A child that has not yet become its tool would lose a gentler signal.
    trap 'kill -9 $!; exit' TERM
    pause=$((limit / 8 + 1)) seen=
    [ $pause -lt 5 ] || pause=5
    while [ $limit -gt 0 ]; do
        [ $pause -lt $limit ] || pause=$limit
        limit=$((limit - pause))
        sleep $pause &
        wait
        find_tools
        for pid in $tools; do
            case $seen in
            *" $pid "*) [ -e /proc/$$/fd/5 ] || kill $pid ;;
            esac
        done
        seen="$tools "
    done
    kill $tools
    sleep 1 &
    wait
    find_tools
    kill -9 $tree
}

# Tools are the descendants of this shell without children, except the watcher.
find_tools() {
    set +f
    read -r own _ state parent _ </proc/self/stat
    [ $parent = $$ ] || exit
    tree=" $$ " parents=" $$ " grown=yes
    while [ $grown ]; do
        grown=
        for entry in /proc/[0-9]*/stat; do
            read -r pid _ state parent _ <$entry || continue
            case "$state $pid $tree" in
            Z* | *" $pid "*" $pid "* | "$state $own "*) ;;
            *" $parent "*) tree="$tree$pid " parents="$parents$parent " grown=yes ;;
            esac
        done
    done
    tools=
    for pid in $tree; do
        case $parents in
        *" $pid "*) ;;
        *) tools="$tools $pid" ;;
        esac
    done
}

choose_tools() {
    awk=no
    command -v awk >/dev/null 2>&1 && awk=yes
    if prints_number find / -prune -printf %Ts; then
        list=printf
    elif prints_number stat_of_slash; then
        list=stat
        [ $awk = yes ] || fail no_awk
    else
        fail no_lister
    fi
}

prints_number() {
    ask "$@"
    case $answer in
    '' | *[!0-9]*) return 1 ;;
    esac
}

# Status 143 means that the watcher has ended the tool.
ask() {
    answer=$("$@" 2>/dev/null)
    [ $? -ne 143 ] || fail stuck
}

stat_of_slash() {
    find / -prune -print0 | xargs -0 -r -n 256 stat -c %Y
}

# Only plain variable names are evaluated.
resolve_root() {
    case $root in
    '~' | '~/'*)
        root=${HOME-}${root#'~'}
        ;;
    '${'*'}'*)
        variable=${root#??}
        variable=${variable%%'}'*}
        below=${root#*'}'}
        expand_root
        ;;
    '$'*)
        variable=${root#?}
        variable=${variable%%/*}
        below=${root#?"$variable"}
        expand_root
        ;;
    esac
    case $root in
    /*) ;;
    *) fail root_not_absolute ;;
    esac
}

expand_root() {
    case $variable in
    '' | [0-9]* | *[!A-Za-z0-9_]*) fail bad_root ;;
    esac
    case $below in
    '' | /*) ;;
    *) fail bad_root ;;
    esac
    eval "value=\${$variable-}"
    [ -n "$value" ] || ask_login_shell
    [ -n "$value" ] || fail root_var_unset
    root=$value$below
}

# Some nodes set the variable only in the profile of a login shell. Other output of that profile is noise. It is read no
# further than needed, because a background process of the profile may keep the pipe open for ever.
ask_login_shell() {
    shell=sh
    command -v bash >/dev/null 2>&1 && shell=bash
    exec 5>&1
    value=$($shell -lc "printf '\n%s\n' '<$nonce>'\"\${$variable-}\"'</$nonce>'" 2>/dev/null 5>&- | marked_line)
    exec 5>&-
    value=${value#"<$nonce>"}
    value=${value%"</$nonce>"}
}

marked_line() {
    while IFS= read -r line; do
        case $line in
        "<$nonce>"*"</$nonce>") printf '%s' "$line" && return ;;
        esac
    done
}

# The real directory, so that a root that is a symbolic link is walked too.
enter_root() {
    if ! cd -P "$root" 2>/dev/null; then
        while [ -n "$root" ] && ! [ -d "$root" ]; do
            [ -e "$root" ] && fail root_missing
            root=${root%/*}
            [ -d "${root:-/}" ] && [ -x "${root:-/}" ] && fail root_missing
        done
        fail root_denied
    fi
    [ -r . ] || fail root_denied
    case $PWD in
    *"$newline"*) fail bad_root ;;
    esac
}

print_begin() {
    ask date '+%s %z'
    printf '\n%s BEGIN list=%s awk=%s bounded=%s epoch=%s utc=%s\n' "$mark" $list $awk $watched $answer
    printf 'R %s\n' "$PWD"
}

# Device and mount point may contain spaces: the numbers are the three words before the percentage.
print_room() {
    total= used= avail=
    for word in $(df -P -k . 2>/dev/null); do
        case $total:$used:$avail:$word in
        *[!0-9:]*:*[0-9]% | :* | *::*) ;;
        *:*:*:*[0-9]%) printf 'S %s %s\n' "$total" "$avail" && return ;;
        esac
        total=$used used=$avail avail=$word
    done
}

# File descriptors: 3 for exit statuses, 4 for error messages of the tools, 5 for the listing.
print_listing() {
    exec 5>&1
    ended=$(
        exec 3>&1
        {
            if [ $awk = yes ]; then
                walk 2>&4 | awk -v list=$list "$finish_records" >&5
                echo "awk=$?" >&3
            else
                walk 2>&4 >&5
            fi
        } 4>&1 | count_complaints >&3
    )
    set -- $ended
    printf '\n%s END %s\n' "$mark" "$*"
}

# `find -exec {} +` of BusyBox and toybox loses records silently; xargs does not. A path that find prints never
# holds "//", which therefore ends a line of stat.
walk() {
    if [ $list = printf ]; then
        find . -name "*$newline*" -prune -printf 'X\n' \
            -o -type d -name LOCKED -prune -printf 'K %Ts %P\n' \
            -o -type f -name '*.gz' -printf 'F %s %Ts %P\n' \
            -o -type f -name '*.dna' -printf 'D %s %Ts - %P\n'
        echo "find=$?" >&3
    else
        {
            find . -name "*$newline*" -prune -print0 \
                -o -type d -name LOCKED -prune -print0 \
                -o -type f \( -name '*.gz' -o -name '*.dna' \) -print0
            echo "find=$?" >&3
        } | xargs -0 -r -n 256 stat -c '%f %s %Y %n//'
        echo "stat=$?" >&3
    fi
}

# Converts lines of stat to the form of find's, reads the sidecars and counts the records. A sidecar may have been replaced
# by a link to any file, so only a size and a digest leave the node, and only from a file that is a dict of plain
# strings and numbers.
finish_records='
function path_after(fields,   start, i) {
    start = fields + 1
    for (i = 1; i <= fields; i++) start += length($i)
    return substr($0, start)
}
function from_stat(   path) {
    if ($0 !~ /\/\/$/) { broken = 1; return 0 }
    if (broken) { broken = 0; $0 = "X"; return 1 }
    path = path_after(3)
    path = substr(path, 3, length(path) - 4)
    if ($1 ~ /^4...$/) $0 = "K " $3 " " path
    else if (path ~ /\.gz$/) $0 = "F " $2 " " $3 " " path
    else $0 = "D " $2 " " $3 " - " path
    return 1
}
function sidecar(path,   line, text, lines, got, pair, told) {
    while (lines < 16 && length(text) < 512 && (got = (getline line < ("./" path))) > 0)
        text = text (lines++ ? " " : "") line
    close("./" path)
    if (text ~ /^[{]\047dig\047: \047[0-9a-f]*\047, \047size\047: [0-9]*L?[}]$/ && length(text) < 99)
        return length(text) " " text " " path
    gsub(/[\t\r]/, " ", text)
    gsub(/[^ -~]/, "?", text)
    text = substr(text, 1, 512)
    if (got < 0 || text ~ /\\/ || !sub(/^ *[{]/, "", text)) return "- " path
    while (match(text, /^ *(\047[^\047]*\047|"[^"]*") *: *(\047[^\047]*\047|"[^"]*"|[0-9]+L?) */)) {
        pair = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        if (pair ~ /^ *.(dig|size). *: *([0-9]+L?|.[0-9a-fA-F]*.) *$/) told = told pair ","
        else if (pair ~ /^ *.(dig|size). *:/) told = told "?"
        if (!sub(/^,/, "", text)) break
    }
    if (text !~ /^ *[}] *$/) return "- " path
    told = "{" told "}"
    return length(told) " " told " " path
}
list == "stat" && !from_stat() { next }
$1 == "D" && $2 + 0 < 65536 { $0 = "D " $2 " " $3 " " sidecar(path_after(4)) }
{ records++; print }
END { print "N " records + 0 }
'

# In the C locale the GNU, BusyBox and toybox tools use the same text for these two errors.
count_complaints() {
    trap '' TERM
    denials=0 losses=0 others=0 first=
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in
        *': Permission denied') denials=$((denials + 1)) ;;
        *': No such file or directory') losses=$((losses + 1)) ;;
        *) others=$((others + 1)) first=${first:-$line} ;;
        esac
        [ $((denials + losses + others)) -gt 10 ] || printf '%s\n' "$line" >&2
    done
    printf 'denied=%s vanished=%s other=%s' $denials $losses $others
    [ $others -eq 0 ] || printf ' complaint=%.200s' "$first"
}

main "$@" </dev/null
