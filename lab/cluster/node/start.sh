#!/bin/sh
# First command of a node's guest: network, disk, then containerd, kubelet and kube-proxy, each started again when it
# ends. Everything that differs between nodes is in $LAB_RUN/node.env and the files beside it (node-files.ts).
set -eu
# shellcheck source=/dev/null
. "$LAB_RUN/node.env"
export PATH="$BIN:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
say() { echo "node: $* ($(cut -d' ' -f1 /proc/uptime) s)"; }

hostname "$NODE_NAME"
printf '127.0.0.1 localhost\n%s %s\n' "$NODE_ADDRESS" "$NODE_NAME" > /etc/hosts
: > /etc/resolv.conf
ip link set vec0 name eth0
ip -batch "$LAB_RUN/network.batch"
while read -r name value; do echo "$value" > "/proc/sys/$name"; done < "$LAB_RUN/sysctls"
# As flannel's --ip-masq: pods reach each other under their own addresses, all others under the node's.
iptables-restore --noflush "$LAB_RUN/masquerade.rules"

# kubelet wants what the kernel does not say of its processor: https://github.com/google/cadvisor, machine.getClockSpeed
sed '/^$/d' /proc/cpuinfo > /run/cpuinfo
printf 'cpu MHz\t\t: 2000.000\nphysical id\t: 0\ncore id\t\t: 0\n\n' >> /run/cpuinfo
mount --bind /run/cpuinfo /proc/cpuinfo

mkdir -p /disk
mount -t ext4 -o noatime /dev/ubda /disk
for folder in containerd kubelet pods containers cni; do mkdir -p "/disk/$folder"; done
mkdir -p /var/lib/containerd /var/lib/kubelet /var/log/pods /var/log/containers /var/lib/cni /run/stopped /etc/cni/net.d
mount --bind /disk/containerd /var/lib/containerd
mount --bind /disk/kubelet /var/lib/kubelet
mount --bind /disk/pods /var/log/pods
mount --bind /disk/containers /var/log/containers
mount --bind /disk/cni /var/lib/cni
mount --make-rshared /
mkdir -p /run/k
cp "$LAB_RUN"/keys/* /run/k/
cp "$LAB_RUN/cni.conflist" /etc/cni/net.d/10-lab.conflist
say "mounted"

# As systemd has it: what runs the node in a slice of its own, or each of its programs would count as much as all pods
# together. With the weight that kubelet gives all pods of one processor (100 at most, were it systemd's own).
mkdir -p /sys/fs/cgroup/system
echo 39 > /sys/fs/cgroup/system/cpu.weight
echo $$ > /sys/fs/cgroup/system/cgroup.procs

keep() { # name, command…: starts it again, unless /run/stopped/NAME is there
  name=$1
  shift
  (
    while :; do
      if [ -e "/run/stopped/$name" ]; then sleep 0.2; continue; fi
      code=0
      "$@" >> "$LAB_RUN/$name.log" 2>&1 &
      echo $! > "/run/$name.pid"
      wait $! || code=$?
      echo "node: $name ended with $code" >> "$LAB_RUN/$name.log"
      sleep 0.5
    done
  ) &
}

keep containerd containerd --config "$LAB_RUN/containerd.toml"
until [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done
say "containerd up"
keep kubelet kubelet --config "$LAB_RUN/kubelet.yaml" --kubeconfig /run/k/node.kubeconfig \
  --hostname-override "$NODE_NAME" --node-ip "$NODE_ADDRESS" --v=1
keep kube-proxy kube-proxy --config "$LAB_RUN/kube-proxy.yaml" --hostname-override "$NODE_NAME"
# To who started the guest: it need not stay (lab/kernel/guest.ts).
echo 0 >&3
# Nobody reads what comes from here on.
exec >/dev/null 2>&1 3>&-
wait
