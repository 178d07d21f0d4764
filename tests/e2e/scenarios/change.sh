# Sourced: while a guest writes and reads, exports and interfaces come and go around its disk, and the disk itself grows and
# is opened anew.

change_wire=wire1

scenario_change() {
    local failed_before=$failed sectors=98304 event
    local -A wanted_changes=([export]=10 [interface]=10 [growth]=10 [reopening]=10)
    declare -gA changes=([export]=0 [interface]=0 [growth]=0 [reopening]=0)
    change_failure=''
    make_file "$scratch/disk.img" "$sectors"
    make_file "$scratch/end.img" 8
    make_file "$scratch/other.img" 8
    plan_changes
    make_tap 1500
    ip link add "$change_wire" type veth peer name "$change_wire-s"
    ip link set dev "$change_wire" up
    ip link set dev "$change_wire-s" up
    target_control=$scratch/control.sock
    start_target "$scratch/target.log" "1.1=$scratch/disk.img" || true
    exports="e1.1 file $sectors 1024"$'\n'
    each_moment=change_while_busy
    boot_guest busy 1500 240 BUSY_SECONDS=200 END_DEVICE=/dev/etherd/e1.2
    each_moment=:
    report_guest_cases change "fio verify" "the kernel logged no error"
    for event in "${!wanted_changes[@]}"; do
        check "change: ${wanted_changes[$event]} times $event under load" "it was ${changes[$event]}" \
            [ "${changes[$event]}" -eq "${wanted_changes[$event]}" ]
    done
    check "change: each change was carried out" "$change_failure" [ -z "$change_failure" ]
    check "change: the guest sees the disk in its new size" "it sees $(value_from_guest size) bytes" \
        [ "$(value_from_guest size)" = "$(stat --format=%s "$scratch/disk.img")" ]
    check "change: the host finds what the guest reads" "the backing store differs from what the guest read, or the guest read nothing" \
        [ "$(checksum_of_stored "$scratch/disk.img")" = "$(value_from_guest "checksum e1.1")" ]
    report_stop change
    echo "# $(value_from_guest rounds) rounds of fio meanwhile"
    show_logs_of_failure "$failed_before"
    target_control=none
    ip link delete dev "$change_wire"
}

plan_changes() {
    local number
    change_plan=()
    for ((number = 1; number <= wanted_changes[export]; number++)); do
        change_plan+=(export growth interface reopening)
    done
    change_plan+=(end)
    change_moments=0
}

# One change in every third moment; the guest works on until the end.
change_while_busy() {
    local event
    grep --quiet '^busy' "$results" && [ ${#change_plan[@]} -gt 0 ] || return 0
    change_moments=$((change_moments + 1))
    [ $((change_moments % 3)) -eq 0 ] || return 0
    event=${change_plan[0]}
    change_plan=("${change_plan[@]:1}")
    "change_by_$event"
    changes[$event]=$((${changes[$event]:-0} + 1))
}

ask_target() { # VERB ARGUMENT...
    "$aoetarget" "$@" --control "$target_control" >> "$target_log" 2>&1 || change_failure="'aoetarget $*' failed"
}

change_by_export() {
    ask_target add -e "1.3=$scratch/other.img"
    ask_target remove -e 1.3
}

change_by_interface() {
    ask_target add -i "$change_wire"
    ask_target remove -i "$change_wire"
}

change_by_growth() {
    truncate --size=+1M "$scratch/disk.img"
    ask_target resize 1.1
}

change_by_reopening() {
    ask_target reopen 1.1
}

# The guest sees a second device appear, and comes to its end.
change_by_end() {
    ask_target add -e "1.2=$scratch/end.img"
}
