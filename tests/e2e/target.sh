# Sourced: the program under test. A program named vblade is driven by its own command line, one process per export,
# which shows that a failure is the target's and not the harness's.

target_pids=()
target_log=
interface=tap0
target_interface=$interface # where the target is
target_control=none

# An export is written as for aoetarget: SHELF.SLOT=PATH[,OPTION...]
start_target() { # LOG EXPORT...
    local served address path arguments=()
    target_log=$1
    shift
    target_started=$(wc --lines 2> /dev/null < "$target_log" || echo 0)
    if target_is_vblade; then
        for served in "$@"; do
            address=${served%%=*}
            path=${served#*=}
            "$aoetarget" "${address%.*}" "${address#*.}" "$target_interface" "${path%%,*}" >> "$target_log" 2>&1 &
            target_pids+=("$!")
        done
    else
        for served in "$@"; do
            arguments+=(-e "$served")
        done
        "$aoetarget" serve --control "$target_control" -i "$target_interface" "${arguments[@]}" >> "$target_log" 2>&1 &
        target_pids+=("$!")
    fi
    wait_for_target "$@"
}

target_is_vblade() {
    [ "$(basename "$aoetarget")" = vblade ]
}

# It says a line about each export as soon as that answers.
wait_for_target() { # EXPORT...
    local served tries answering
    for ((tries = 0; tries < 100; tries++)); do
        answering=0
        for served in "$@"; do
            if tail --lines=+$((target_started + 1)) "$target_log" | grep --quiet --fixed-strings "e${served%%=*}"; then
                answering=$((answering + 1))
            fi
        done
        [ "$answering" -lt $# ] || return 0
        target_alive || return 1
        sleep 0.1
    done
    return 1
}

target_alive() {
    local pid
    [ ${#target_pids[@]} -gt 0 ] || return 1
    for pid in "${target_pids[@]}"; do
        kill -0 "$pid" 2> /dev/null || return 1
    done
}

# Succeeds if it ends in time and as it should; says what was wrong in $target_end.
stop_target() {
    local pid status expected=0
    target_end=
    ! target_is_vblade || expected=143
    for pid in "${target_pids[@]}"; do
        kill -TERM "$pid" 2> /dev/null || target_end="was no longer running"
        if ! ends_within 100 "$pid"; then
            kill -KILL "$pid" 2> /dev/null || true
            target_end="did not end within 10 s of SIGTERM"
        fi
        status=0
        wait "$pid" || status=$?
        if [ "$status" -ne "$expected" ]; then
            target_end="${target_end:+$target_end, }exit status $status"
        fi
    done
    target_pids=()
    [ -z "$target_end" ]
}

report_stop() { # PREFIX
    if stop_target; then
        pass "$1 target stops on SIGTERM"
    else
        fail "$1 target stops on SIGTERM" "$target_end"
    fi
}

# On the way out, when nobody asks any more how it ended.
kill_target() {
    local pid
    for pid in "${target_pids[@]}"; do
        kill -KILL "$pid" 2> /dev/null || true
        wait "$pid" 2> /dev/null || true
    done
    target_pids=()
}

ends_within() { # TENTHS_OF_A_SECOND PID
    local tries
    for ((tries = 0; tries < $1; tries++)); do
        kill -0 "$2" 2> /dev/null || return 0
        sleep 0.1
    done
    return 1
}
