#!/bin/sh
# check_device.sh ADDRESS SECTORS FRAME_BYTES: the driver sees the export as what it is, and aoe-stat calls it up.
set -eu
address=$1 sectors=$2 frame_bytes=$3

seen=$(blockdev --getsz "/dev/etherd/$address")
if [ "$seen" != "$sectors" ]; then
    echo "the device has $seen sectors, the export $sectors"
    exit 1
fi
# Columns of aoe-stat: device, size, interfaces, frame size, state.
row=$(aoe-stat "$address")
# shellcheck disable=SC2086  # words
set -- $row
if [ "$1 $3 $4 $5" != "$address eth0 $frame_bytes up" ]; then
    echo "aoe-stat says '$*', expected $address on eth0 with frames of $frame_bytes bytes, up"
    exit 1
fi
