#!/bin/sh
# copy-programs.sh DEBIAN TARGET FILE…: copies programs and libraries of a Debian root with the libraries they load.
set -eu
debian=$1 target=$2
shift 2
for file in "$@"; do
  echo "$file"
  chroot "$debian" /lib64/ld-linux-x86-64.so.2 --list "$file" | sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p; s/^\s*\(\/[^ ]*\) (.*$/\1/p'
done | sort -u | while read -r file; do
  mkdir -p "$target$(dirname "$file")"
  cp -L "$debian$file" "$target$file"
done
mkdir -p "$target/lib64"
cp -L "$debian/lib64/ld-linux-x86-64.so.2" "$target/lib64/"
