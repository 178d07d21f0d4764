# Sourced: the target stops and comes back while a guest writes and reads. The protocol has no sessions, so the guest only waits.

scenario_restart() {
    local failed_before=$failed sectors=98304
    restarts=0 restart_due=0 restart_failure=
    make_file "$scratch/disk.img" "$sectors"
    make_tap 1500
    start_target "$scratch/target.log" "1.1=$scratch/disk.img" || true
    exports="e1.1 file $sectors 1024"$'\n'
    each_moment=restart_while_busy
    boot_guest restart 1500 120 BUSY_SECONDS=12
    each_moment=:
    report_guest_cases restart "fio verify" "the kernel logged no error"
    check "restart: the target was stopped and started at least twice" "it was $restarts times" [ "$restarts" -ge 2 ]
    check "restart: each stop and start went well" "$restart_failure" [ -z "$restart_failure" ]
    check "restart: the host finds what the guest reads" "the backing store differs from what the guest read, or the guest read nothing" \
        [ "$(checksum_of_stored "$scratch/disk.img")" = "$(value_from_guest "checksum e1.1")" ]
    report_stop restart
    show_logs_of_failure "$failed_before"
}

# Every three seconds, half a second long.
restart_while_busy() {
    if ! grep --quiet '^busy' "$results" || grep --quiet '^idle' "$results"; then
        restart_due=$((SECONDS + 2))
        return
    fi
    [ "$SECONDS" -ge "$restart_due" ] || return 0
    stop_target || restart_failure="the target $target_end"
    sleep 0.5
    start_target "$target_log" "1.1=$scratch/disk.img" || restart_failure="the target did not start again"
    restarts=$((restarts + 1))
    restart_due=$((SECONDS + 3))
}
