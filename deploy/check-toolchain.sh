#!/bin/sh
# Checks that the tools to build the exporter are installed, and prints what to type if one is missing. Used by the Makefile.
set -eu

cargo=${1:-cargo}
wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$(dirname "$0")/../Cargo.toml")

fail() {
    printf 'toolchain: %s\n' "$@" >&2
    exit 1
}

version() {
    "$1" --version 2>/dev/null | awk 'NR == 1 { print $2 }'
}

install="as the user who builds, type: curl -sSf https://sh.rustup.rs | sh"
command -v rustup >/dev/null 2>&1 && install='type: rustup update stable'

for program in "$cargo" rustc; do
    command -v "$program" >/dev/null 2>&1 \
        || fail "there is no $program here; Rust $wanted or later is needed" "$install"
    found=$(version "$program")
    # The older of the two versions, in the order of sort, must be the required one.
    [ "$(printf '%s\n%s\n' "$wanted" "$found" | sort -V | head -n 1)" = "$wanted" ] \
        || fail "$program is version ${found:-unknown}; Rust $wanted or later is needed" "$install"
done

# The linker that cargo uses. For a file that it does not have, it prints the bare name.
linker='as root, type: apt-get install gcc libc6-dev (elsewhere: the packages with cc and the headers of the C library)'
command -v cc >/dev/null 2>&1 || fail 'there is no linker here (cc)' "$linker"
[ "$(cc -print-file-name=crt1.o)" != crt1.o ] || fail 'the linker (cc) has no C library to link with (crt1.o)' "$linker"
