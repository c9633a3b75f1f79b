#!/bin/sh
# In the build of an image: pick.sh OUT BASE PATH...
# Copies each PATH of this Debian, and the shared libraries that it needs, to OUT; what BASE (an earlier OUT, or
# /nonexistent) holds is left out. So an image holds what its programs need and no package manager, shell or perl. The
# packages that the files are from go to OUT/var/lib/dpkg/status.d, where scanners look, with their copyrights.
set -eu
out=$1 base=$2
shift 2

# A file or link by its real folder (/lib is a link to /usr/lib), with what the link names.
copy() {
  folder=$(realpath "$(dirname "$1")")
  path=$folder/$(basename "$1")
  [ ! -e "$base$path" ] && [ ! -e "$out$path" ] || return 0
  mkdir -p "$out$folder"
  cp -a "$path" "$out$path"
  if [ -L "$path" ]; then
    target=$(readlink "$path")
    case $target in /*) ;; *) target=$folder/$target ;; esac
    copy "$target"
  fi
}

libraries() {
  find "$@" -type f \( -perm /111 -o -name '*.so*' \) -exec ldd {} + 2>/dev/null |
    sed -n -e 's/.* => \(\/[^ ]*\) .*/\1/p' -e 's/^\t\(\/[^ ]*\) .*/\1/p' | sort -u
}

packages() {
  (cd "$out" && find . -type f -o -type l) | sed 's/^\.//' | xargs dpkg -S 2>/dev/null |
    sed -e '/^diversion/d' -e 's/: .*//' -e 's/:[a-z0-9]*$//' | sort -u
}

mkdir -p "$out"
for path in "$@"; do copy "$path"; done
for library in $(libraries "$out"); do copy "$library"; done
missing=$(find "$out" -type f \( -perm /111 -o -name '*.so*' \) -exec ldd {} + 2>/dev/null | grep 'not found' || true)
[ -z "$missing" ] || { echo "libraries that this Debian lacks: $missing" >&2; exit 1; }

mkdir -p "$out/var/lib/dpkg/status.d"
for package in $(packages); do
  dpkg-query --status "$package" >"$out/var/lib/dpkg/status.d/$package"
  mkdir -p "$out/usr/share/doc/$package"
  cp -aL "/usr/share/doc/$package/copyright" "$out/usr/share/doc/$package/" || true
done
