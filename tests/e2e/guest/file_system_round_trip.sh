#!/bin/sh
# file_system_round_trip.sh ADDRESS MEGABYTES: makes an ext4, copies a tree into it, unmounts, checks it, mounts it again and compares.
set -eu
device=/dev/etherd/$1
megabytes=$2
tree=/tmp/tree

# Files of many sizes; about half of the bytes are in one large file.
make_tree() {
    rm -rf "$tree"
    mkdir -p "$tree/small" "$tree/odd/deeper"
    dd if=/dev/urandom of="$tree/large" bs=64k count=$((megabytes * 8)) 2> /dev/null
    for number in $(seq 1 60); do
        dd if="$tree/large" of="$tree/small/$number" bs=1k skip="$number" count=$((number % 9)) 2> /dev/null
    done
    for number in $(seq 1 12); do
        dd if="$tree/large" of="$tree/odd/deeper/$number" bs=777 skip="$number" count=$((megabytes * 45)) 2> /dev/null
    done
    ln -s ../large "$tree/odd/link"
}

checksums() { # FOLDER
    (cd "$1" && find . -type f -exec md5sum {} + | sort -k 2 && find . -type l -exec readlink {} +)
}

make_tree
mkfs.ext4 -q -F "$device"
mount -t ext4 "$device" /mnt
cp -a "$tree" /mnt/
umount /mnt
e2fsck -f -n "$device"
echo 3 > /proc/sys/vm/drop_caches
mount -t ext4 -o ro "$device" /mnt
checksums "$tree" > /tmp/expected
checksums /mnt/tree > /tmp/found
umount /mnt
rm -rf "$tree"
[ "$(wc -l < /tmp/expected)" -eq 74 ]
cmp /tmp/expected /tmp/found
