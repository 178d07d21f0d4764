# Sourced: iPXE boots from the export, reads it by way of the BIOS and writes one sector.

ipxe_kernel=/usr/lib/ipxe/ipxe.lkrn

scenario_ipxe() {
    local failed_before=$failed image=$scratch/boot.img sectors=32768 # 16 MiB: iPXE needs that much for its geometry
    make_file "$image" "$sectors"
    make_boot_sector "$scratch/boot_sector"
    dd if="$scratch/boot_sector" of="$image" conv=notrunc status=none
    cp "$image" "$scratch/boot.img.before"

    make_tap 1500
    start_target "$scratch/target.log" "1.1=$image" || true
    console=$scratch/console
    : > "$console"
    printf '#!ipxe\nifopen net0\nsanboot aoe:e1.1\n' > "$scratch/script.ipxe"
    run_qemu 60 1500 -kernel "$ipxe_kernel" -initrd "$scratch/script.ipxe" -serial file:"$console" \
        -device isa-debug-exit,iobase=0xf4,iosize=4

    # The boot sector's exit code 0 reaches us as status 1.
    check "ipxe boots from the export" "${machine_end:-QEMU ended with status $qemu_status}" [ "${machine_end:-$qemu_status}" = 1 ]
    check "ipxe reads the stored sectors" "the boot sector printed $(sed -n 's/^sum //p' "$console" | tr -d '\r'), the image has $(sum_of_stretches)" \
        [ "$(sed -n 's/^sum //p' "$console" | tr -d '\r')" = "$(sum_of_stretches)" ]
    write_expected_sector "$scratch/boot.img.before"
    check "ipxe writes one sector, and nothing else changes" "the image is not what it should be" \
        [ "$(checksum_of_stored "$image")" = "$(checksum_of_stored "$scratch/boot.img.before")" ]
    report_stop ipxe
    show_logs_of_failure "$failed_before"
}

make_boot_sector() { # OUTPUT
    as --32 -o "$1.o" "$here/ipxe/boot_sector.S"
    ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$1" "$1.o"
    [ "$(stat --format=%s "$1")" -eq 512 ]
}

# 32 stretches of 32 sectors, 1037 sectors apart, as eight digits.
sum_of_stretches() {
    local stretch
    for ((stretch = 0; stretch < 32; stretch++)); do
        dd if="$scratch/boot.img.before" bs=512 skip=$((stretch * 1037)) count=32 status=none
    done | od --address-radix=n --format=u4 --output-duplicates --width=4 |
        awk '{ sum = (sum + $1) % 4294967296 } END { printf "%08x\n", sum }'
}

# Sector 32761 then holds the sum, the sum plus 1, and so on.
write_expected_sector() { # IMAGE
    local sum word index
    sum=$((16#$(sum_of_stretches)))
    for ((index = 0; index < 128; index++)); do
        word=$(printf '%08x' $(((sum + index) & 0xffffffff)))
        printf '%b' "\\x${word:6:2}\\x${word:4:2}\\x${word:2:2}\\x${word:0:2}"
    done | dd of="$1" bs=512 seek=32761 conv=notrunc status=none
}
