#!/bin/sh
# copy-programs.sh DEBIAN TARGET PROGRAM…: copies programs of a Debian root with the libraries they load.
set -eu
debian=$1 target=$2
shift 2
for program in "$@"; do
  chroot "$debian" ldd "$program" | sed -n 's/^.*=> \(\/[^ ]*\) .*$/\1/p; s/^\s*\(\/[^ ]*\) (.*$/\1/p' | sort -u > "$target.libraries"
  echo "$program" >> "$target.libraries"
  while read -r file; do
    mkdir -p "$target$(dirname "$file")"
    cp -L "$debian$(chroot "$debian" readlink -f "$file")" "$target$file"
  done < "$target.libraries"
done
rm "$target.libraries"
