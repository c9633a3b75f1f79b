#!/bin/sh
# make-disk.sh BIN FOLDER ARCHIVE…: imports images by a containerd of its own and makes FOLDER/disk.ext4 of its store.
# Runs in a mount and a PID namespace of its own (lab/setup/tools.ts): /mnt and what it starts are gone with it.
set -eu
bin=$1 folder=$2
shift 2
export PATH="$bin:$PATH"
mount -t tmpfs tmpfs /mnt
cat > /mnt/config.toml <<END
version = 3
root = "$folder/tree/containerd"
state = "/mnt/state"
disabled_plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.erofs", "io.containerd.differ.v1.erofs"]
[grpc]
  address = "/mnt/containerd.sock"
[ttrpc]
  address = "/mnt/containerd.sock.ttrpc"
END
containerd --config /mnt/config.toml &
containerd=$!
until [ -S /mnt/containerd.sock ]; do kill -0 $containerd; sleep 0.1; done
for archive in "$@"; do
  ctr --address /mnt/containerd.sock --namespace k8s.io images import --local --snapshotter overlayfs "$archive"
done
ctr --address /mnt/containerd.sock --namespace k8s.io images list
kill $containerd
wait $containerd || true
truncate -s 6G "$folder/disk.ext4"
mkfs.ext4 -q -F -d "$folder/tree" "$folder/disk.ext4"
rm -r "$folder/tree"
