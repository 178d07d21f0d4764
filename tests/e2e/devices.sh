# Sourced: what an export is backed by. Everything made here is removed by release_devices.

loop_devices=()
zram_devices=()
zram_node=/dev/aoetarget-e2e-zram

# Random contents, so that data which was never written cannot pass for data that was.
make_file() { # PATH SECTORS
    head --bytes=$(($2 * 512)) /dev/urandom > "$1"
}

# These two print nothing and set $device: a subshell could not record what has to be removed.
make_loop_device() { # FILE SECTORS
    make_file "$1" "$2"
    device=$(losetup --find --show "$1")
    loop_devices+=("$device")
}

make_zram_device() { # SECTORS
    local number major minor
    [ -e /sys/class/zram-control ] || modprobe --quiet zram || return 1
    number=$(cat /sys/class/zram-control/hot_add) || return 1
    zram_devices+=("$number")
    echo $(($1 * 512)) > "/sys/block/zram$number/disksize"
    # A node of our own: under the usual name there may be a plain file, left by a program that came too late.
    device=$zram_node$number
    IFS=: read -r major minor < "/sys/block/zram$number/dev"
    rm -f "$device"
    mknod --mode=600 "$device" b "$major" "$minor"
    head --bytes=$(($1 * 512)) /dev/urandom | dd of="$device" bs=1M iflag=fullblock oflag=direct conv=nocreat status=none
}

release_devices() {
    local name
    for name in "${loop_devices[@]}"; do
        losetup --detach "$name" || true
    done
    loop_devices=()
    for name in "${zram_devices[@]}"; do
        rm -f "$zram_node$name"
        # udev may have it open for a moment
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            echo "$name" 2> /dev/null > /sys/class/zram-control/hot_remove && break
            sleep 0.3
        done
    done
    zram_devices=()
}

# Of what is stored, not of what the host's page cache holds, where the file system can tell the difference.
checksum_of_stored() { # PATH
    { dd if="$1" bs=1M iflag=direct status=none 2> /dev/null || dd if="$1" bs=1M status=none; } | md5sum | cut -d ' ' -f 1
}
