#!/bin/sh
# First process of the guest: builds the guest's file system, then hands over to the agent.
# /run/boot holds this file and boot.env (written by launch.ts).
set -eu
. /run/boot/boot.env
# hostfs takes its folder as one bare word; mount(2) passes it so on every kernel, the newer fsconfig(2) does not.
export LIBMOUNT_FORCE_MOUNT2=always

say() { echo "lab init: $* ($(cut -d' ' -f1 /proc/uptime) s)"; }
fail() { echo "lab init: $*"; exit 1; }

mount_folder() { # path on the machine, ro|rw: the same path in the guest
  mkdir -p "/run/new$1"
  # Programs that are not root come here too, whatever the machine thinks of its /root.
  above=$(dirname "$1")
  while [ "$above" != / ]; do
    chmod a+rx "/run/new$above" 2>/dev/null || true
    above=$(dirname "$above")
  done
  if [ "$LAB_KIND" = uml ]; then
    mount -t hostfs -o "$1" none "/run/new$1"
    [ "$2" = rw ] || mount -o remount,ro,bind "/run/new$1"
  else
    mount --bind "$1" "/run/new$1"
    [ "$2" = rw ] || mount -o remount,ro,bind "/run/new$1"
  fi
}

mount -t proc proc /proc
if [ "$LAB_KIND" = uml ]; then
  # Node's io_uring makes some UML kernels panic.
  echo 2 2>/dev/null > /proc/sys/kernel/io_uring_disabled || true
  # Unprivileged pid numbers wrap at 32768 otherwise; the tests start and kill thousands of processes.
  echo 4194304 > /proc/sys/kernel/pid_max
  # Else every new network namespace gets a tunl0, gre0, sit0 … of its own.
  echo 2 2>/dev/null > /proc/sys/net/core/fb_tunnels_only_for_init_net || true
fi

if [ -n "$LAB_MODULES" ]; then
  # Without /sys modprobe believes that nothing is loaded and loads every dependency anew.
  mount -t sysfs sysfs /sys
  release=$(uname -r)
  mkdir -p "/run/modules/lib/modules/$release"
  mount -t hostfs -o "$LAB_MODULES" none "/run/modules/lib/modules/$release"
  # shellcheck disable=SC2086 # one word a module
  modprobe -d /run/modules -a $LAB_MODULE_NAMES || echo "lab init: not all kernel modules were loaded"
  # No more are loaded on demand: with CONFIG_BPFILTER (6.1) each socket option of iptables asks modprobe for
  # "bpfilter" first, 0.1 s a time and ten times a command (net/ipv4/bpfilter/sockopt.c).
  echo > /proc/sys/kernel/modprobe
fi

# The root: the cached Debian below, what the guest writes above it in memory.
say "modules loaded"
mkdir -p /run/above /run/new
mount -t tmpfs -o mode=755 tmpfs /run/above
mkdir /run/above/upper /run/above/work
mount -t overlay -o "lowerdir=$LAB_LOWER,upperdir=/run/above/upper,workdir=/run/above/work" overlay /run/new \
  || fail "no overlay file system"
cd /run/new
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs var/log
if [ "$LAB_KIND" = uml ]; then
  mount -t sysfs sysfs sys
  mount -t devtmpfs devtmpfs dev
  mkdir -p dev/pts dev/shm
  mount -t devpts -o gid=5,mode=620,ptmxmode=666,newinstance devpts dev/pts
  [ -e dev/ptmx ] || ln -s pts/ptmx dev/ptmx
else
  mount -t sysfs sysfs sys
  mount --rbind /dev dev
fi
[ -e dev/fd ] || ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t cgroup2 cgroup2 sys/fs/cgroup || echo "lab init: no cgroup2"
for controller in cpu memory pids io; do
  echo "+$controller" 2>/dev/null > sys/fs/cgroup/cgroup.subtree_control || true
done

mount_folder "$LAB_CACHE" ro
mkdir -p "/run/new$LAB_CACHE/compile-cache" 2>/dev/null || true
mount_folder "$LAB_CHECKOUT" ro
mount_folder "$LAB_CACHE/compile-cache" rw
mount_folder "$LAB_RUN" rw

say "mounted"
mkdir -p run/boot mnt
mount --bind /run/boot run/boot
pivot_root . mnt
cd /
# What is mounted below the old root (and the machine's mounts with kernel "host") is out of sight from here on.
umount -l /mnt
mount --make-rprivate /

hostname lab
printf '127.0.0.1 localhost\n127.0.1.1 lab\n::1 localhost\n' > /etc/hosts
printf 'lab\n' > /etc/hostname
ip link set lo up
mkdir -p /run/netns /run/lock /var/log/nginx
# A kernel without nf_tables takes only the iptables that speaks the old interface.
if ! nft list tables >/dev/null 2>&1; then
  for tool in iptables iptables-save iptables-restore; do
    ln -sf "/usr/sbin/xtables-legacy-multi" "/usr/sbin/$tool"
  done
fi
# The read-only root of containers: this root without what is mounted on it.
mkdir -p /run/image
mount --bind / /run/image
mount -o remount,ro,bind /run/image

if [ "$LAB_KIND" = uml ]; then
  exec 3<>/dev/ttyS0
  stty raw -echo <&3
fi
export PATH="$LAB_CHECKOUT/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export HOME=/root LANG=C.UTF-8 NODE_COMPILE_CACHE="$LAB_CACHE/compile-cache" UV_USE_IO_URING=0
export LAB_KERNEL LAB_RUN LAB_MODULES
ulimit -n 65536 2>/dev/null || true
cd "$LAB_CHECKOUT"
say "ready"
node lab/kernel/agent.ts </dev/null &
# wait also reaps every process that lost its parent.
wait $!
echo "lab init: the agent ended with $?"
