# Sourced: the network between target and guest loses frames in both directions.

scenario_loss() {
    local failed_before=$failed sectors=98304
    make_file "$scratch/disk.img" "$sectors"
    make_tap 1500
    start_target "$scratch/target.log" "1.1=$scratch/disk.img" || true
    exports="e1.1 file $sectors 1024"$'\n'
    boot_guest loss 1500 120 FIO_MEGABYTES=2
    report_guest_cases loss "fio verify before" "fio verify with loss"
    check "loss: the host finds what the guest reads" "the backing store differs from what the guest read, or the guest read nothing" \
        [ "$(checksum_of_stored "$scratch/disk.img")" = "$(value_from_guest "checksum e1.1")" ]
    report_stop loss
    show_logs_of_failure "$failed_before"
}
