#!/bin/sh
# fio_verify.sh ADDRESS MEGABYTES: writes with a checksum in every block, then reads and checks all of it.
# Three regions at once: mixed sizes at any sector (so at odd places of a 4096-byte block), small ones checked while
# others are still being written, and the last sectors of the device in large pieces.
set -eu
device=/dev/etherd/$1
megabytes=$2

bytes=$(($(blockdev --getsz "$device") * 512))
tail_bytes=$((megabytes * 1024 * 1024 + 512 * 7))

set -- --filename="$device" --ioengine=libaio --direct=1 --thread --group_reporting \
    --verify=crc32c --verify_fatal=1 --do_verify=1 --randseed="${SEED:-1}" \
    --name=mixed --rw=randwrite --bsrange=512-64k --iodepth=16 --offset=0 --size="${megabytes}m" \
    --name=backlog --rw=randwrite --bs=4k --iodepth=8 --verify_backlog=64 --offset="$((megabytes + 1))m" --size="${megabytes}m" \
    --name=tail --rw=write --bs=128k --iodepth=4 --offset=$((bytes - tail_bytes)) --size="$tail_bytes"
if ! fio --output=/tmp/fio.log "$@" 2> /tmp/fio.errors; then
    cat /tmp/fio.log /tmp/fio.errors
    echo "fio: $(cat /tmp/fio.errors /tmp/fio.log | grep -m 1 -E 'verify|error')"
    exit 1
fi
