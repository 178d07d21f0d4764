# Sourced: while a guest writes and reads, the target stops, is killed and comes back, and its interface goes down and up and
# is deleted and made anew. The protocol has no sessions, so the guest only waits.

# The target's end of a wire to the switch that the guest's tap is plugged into; a tap that QEMU holds cannot be made anew.
restart_wire=wire0
restart_wire_mac=02:00:00:00:11:01

scenario_restart() {
    local failed_before=$failed sectors=98304 event
    local -A wanted_events=([stop]=3 [kill]=20 [flap]=20 [recreation]=5)
    declare -gA restart_events=([stop]=0 [kill]=0 [flap]=0 [recreation]=0)
    restart_failure=''
    make_file "$scratch/disk.img" "$sectors"
    make_file "$scratch/end.img" 8
    plan_events
    make_tap 1500
    make_switch 1500
    target_interface=$restart_wire
    start_target "$scratch/target.log" "1.1=$scratch/disk.img" || true
    exports="e1.1 file $sectors 1024"$'\n'
    each_moment=disturb_while_busy
    boot_guest busy 1500 240 BUSY_SECONDS=200 END_DEVICE=/dev/etherd/e1.2
    each_moment=:
    report_guest_cases restart "fio verify" "the kernel logged no error"
    for event in stop kill flap recreation; do
        check "restart: ${wanted_events[$event]} times $event under load" "it was ${restart_events[$event]}" \
            [ "${restart_events[$event]}" -eq "${wanted_events[$event]}" ]
    done
    check "restart: each stop and start went well" "$restart_failure" [ -z "$restart_failure" ]
    check "restart: the host finds what the guest reads" "the backing store differs from what the guest read, or the guest read nothing" \
        [ "$(checksum_of_stored "$scratch/disk.img")" = "$(value_from_guest "checksum e1.1")" ]
    report_stop restart
    echo "# $(value_from_guest rounds) rounds of fio meanwhile"
    show_logs_of_failure "$failed_before"
    target_interface=$interface
    remove_switch
}

make_switch() { # MTU
    remove_switch
    ip link add switch0 mtu "$1" type bridge forward_delay 0 stp_state 0 mcast_snooping 0
    ip link set dev switch0 up
    ip link set dev "$interface" master switch0
    make_wire "$1"
}

make_wire() { # MTU
    ip link add "$restart_wire" mtu "$1" address "$restart_wire_mac" type veth peer name "$restart_wire-s" mtu "$1"
    ip link set dev "$restart_wire-s" master switch0 up
    ip link set dev "$restart_wire" up
}

remove_switch() {
    ip link delete dev "$restart_wire" 2> /dev/null || true
    ip link delete dev switch0 2> /dev/null || true
}

plan_events() {
    local number
    restart_plan=()
    for ((number = 1; number <= wanted_events[kill]; number++)); do
        restart_plan+=(kill flap)
        [ $((number % 4)) -ne 0 ] || restart_plan+=(recreation)
        [ $((number % 6)) -ne 0 ] || restart_plan+=(stop)
    done
    restart_plan+=(end)
    restart_moments=0
}

# One event in every fourth moment, that is with most of a second of peace between two; the guest works on until the end.
disturb_while_busy() {
    local event
    grep --quiet '^busy' "$results" && [ ${#restart_plan[@]} -gt 0 ] || return 0
    restart_moments=$((restart_moments + 1))
    [ $((restart_moments % 4)) -eq 0 ] || return 0
    event=${restart_plan[0]}
    restart_plan=("${restart_plan[@]:1}")
    "disturb_by_$event"
    restart_events[$event]=$((${restart_events[$event]:-0} + 1))
}

disturb_by_stop() {
    stop_target || restart_failure="the target $target_end"
    sleep 0.5
    start_again
}

disturb_by_kill() {
    kill_target
    start_again
}

disturb_by_flap() {
    ip link set dev "$restart_wire" down
    sleep 0.2
    ip link set dev "$restart_wire" up
}

disturb_by_recreation() {
    ip link delete dev "$restart_wire"
    sleep 0.2
    make_wire 1500
}

# The guest sees a second device appear, and comes to its end.
disturb_by_end() {
    stop_target || restart_failure="the target $target_end"
    start_again "1.2=$scratch/end.img"
}

start_again() { # EXPORT...
    start_target "$target_log" "1.1=$scratch/disk.img" "$@" || restart_failure="the target did not start again"
}
