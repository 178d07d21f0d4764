# Sourced: four kinds of backing store behind one target; fio and a file system on each; then the host looks at what is stored.

data_path() { # PREFIX MTU
    local prefix=$1 mtu=$2 failed_before=$failed
    local sectors=100351 block_sectors=100352 # the first one is odd: the last page is a part of one
    local frame_bytes=$((mtu > 9 * 512 + 36 ? (mtu - 36) / 4096 * 4096 : (mtu - 36) / 512 * 512))
    local labels=(file page-cache loop zram) paths=() target_exports=() cases=() label index

    make_file "$scratch/file.img" "$sectors"
    make_file "$scratch/page-cache.img" "$sectors"
    paths=("$scratch/file.img" "$scratch/page-cache.img")
    make_loop_device "$scratch/loop.img" "$sectors"
    paths+=("$device")
    if make_zram_device "$block_sectors"; then
        paths+=("$device")
    else
        labels=(file page-cache loop)
        skip "$prefix zram" "this kernel makes no zram device"
    fi

    exports=
    for index in "${!labels[@]}"; do
        label=${labels[index]}
        target_exports+=("1.$index=${paths[index]}")
        exports+="e1.$index $label $(($(size_of "${paths[index]}") / 512)) $frame_bytes"$'\n'
        cases+=("$label: discovery" "$label: fio verify" "$label: ext4 round trip")
    done
    target_exports[1]+=,cache=page

    make_tap "$mtu"
    start_target "$scratch/target.log" "${target_exports[@]}" || true
    boot_guest data_path "$mtu" 200 FIO_MEGABYTES=8 TREE_MEGABYTES=8
    report_guest_cases "$prefix" "${cases[@]}"
    for index in "${!labels[@]}"; do
        label=${labels[index]}
        check "$prefix $label: the host finds what the guest reads" "the backing store differs from what the guest read, or the guest read nothing" \
            [ "$(checksum_of_stored "${paths[index]}")" = "$(value_from_guest "checksum $label")" ]
    done
    report_stop "$prefix"
    show_logs_of_failure "$failed_before"
    release_devices
}

size_of() { # FILE_OR_DEVICE
    if [ -b "$1" ]; then
        blockdev --getsize64 "$1"
    else
        stat --dereference --format=%s "$1"
    fi
}
