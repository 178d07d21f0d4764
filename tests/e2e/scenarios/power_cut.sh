# Sourced: the power fails while the target, inside a virtual machine, serves a client outside. What the machine had in memory
# is gone, and in every second cut also what its disks had in theirs; then every acknowledged write has to be on the disks.

# SLOT DURABILITY CACHE BACKING LOGICAL_BLOCK: a disk each, so that no flush for one does another a favour.
power_cut_exports='
0 stable direct disk 512
1 stable page disk 512
2 stable direct disk 4096
3 stable page disk 4096
4 stable direct ext4 512
5 stable page ext4 512
6 stable direct ext4 4096
7 stable page ext4 4096
8 volatile direct disk 512
9 volatile page disk 4096
10 volatile direct ext4 4096
11 volatile page ext4 512'

# The protocol state is on a disk of its own, and of this export it is changed all the time.
state_disk='state - - state 512'
state_slot=0

power_cut_sectors=16384 # of an export
power_cut_disk_bytes=$((32 * 1024 * 1024))

scenario_powercut() {
    local failed_before=$failed cut slot durability caching backing block
    local -A writes=() flushes=() lost=() betrayed=() wrong=() total_writes=() total_lost=()
    local state_changes=0 state_failure=''
    local made=0 cut_failure='' disk_failure='' client_failure=''
    make_pristine_disks
    for ((cut = 1; cut <= cuts; cut++)); do
        cut_power "$cut" || break
        made=$((made + 1))
        for_each_cut_export measure_losses
        target_is_vblade || measure_state
    done
    check "powercut: the power was cut $cuts times while the target served" "$cut_failure" [ "$made" -eq "$cuts" ]
    check "powercut: the disks had the properties that the test needs" "$disk_failure" [ -z "$disk_failure" ]
    check "powercut: every answer kept the rules" "$client_failure" [ -z "$client_failure" ]
    target_is_vblade || check "powercut: every acknowledged change of the protocol state is kept" \
        "${state_failure:-no change was acknowledged}" [ "$((state_changes > 0)) $state_failure" = "1 " ]
    for_each_cut_export report_losses
    check "powercut: data that was neither stable nor flushed was lost" "nothing was lost: this test would not notice it" \
        [ "${total_lost[volatile]}" -gt 0 ]
    echo "# powercut: $made cuts, $state_changes changes of the state, under stable ${total_writes[stable]} acknowledged writes and ${total_lost[stable]} lost sectors," \
        "under volatile ${total_writes[volatile]} and ${total_lost[volatile]}"
    show_logs_of_failure "$failed_before"
}

# Sets slot, durability, caching, backing, block.
for_each_cut_export() { # COMMAND
    while read -r slot durability caching backing block <&3; do
        "$1"
    done 3<<< "${power_cut_exports#?}"
}

# --- Disks -------------------------------------------------------------------------------------------------------------

make_pristine_disks() {
    local size
    mkdir "$scratch/pristine" "$scratch/folder"
    truncate --size=$((power_cut_sectors * 512)) "$scratch/pristine/disk" "$scratch/folder/image"
    truncate --size="$power_cut_disk_bytes" "$scratch/pristine/state"
    mkfs.ext4 -q "$scratch/pristine/state"
    for size in 512 4096; do
        truncate --size="$power_cut_disk_bytes" "$scratch/pristine/ext4-$size"
        # A small journal, so that it wraps; the file is a hole, so that its writes need the journal.
        mkfs.ext4 -q -b "$((size == 512 ? 1024 : size))" -J size=4 -d "$scratch/folder" "$scratch/pristine/ext4-$size"
    done
}

pristine_disk() { # BACKING BLOCK
    if [ "$1" = state ]; then
        echo "$scratch/pristine/state"
    elif [ "$1" = disk ]; then
        echo "$scratch/pristine/disk"
    else
        echo "$scratch/pristine/ext4-$2"
    fi
}

# Sets disk_options. No flush reaches the host's own disk, whose power does not fail.
add_disk() {
    local image=$scratch/disks/$slot log=$scratch/disks/$slot.log node=disk$slot write_cache=off
    cp --sparse=always "$(pristine_disk "$backing" "$block")" "$image"
    disk_options+=(-blockdev "driver=file,node-name=image$slot,filename=$image,cache.no-flush=on")
    if [ "$volatile_disks" = yes ]; then
        truncate --size=1G "$log"
        disk_options+=(
            -blockdev "driver=file,node-name=log$slot,filename=$log,cache.no-flush=on"
            -blockdev "driver=blklogwrites,node-name=$node,file=image$slot,log=log$slot,log-sector-size=512")
        write_cache=on
    else
        node=image$slot
    fi
    disk_options+=(-device "virtio-blk-pci,drive=$node,serial=disk$slot,write-cache=$write_cache,discard=off,write-zeroes=off,logical_block_size=$block,physical_block_size=$block")
    echo "disk$slot $backing" >> "$payload/disks"
    expected_disks+="disk disk$slot: $block write $([ "$write_cache" = on ] && echo back || echo through)"$'\n'
}

# --- A cut -------------------------------------------------------------------------------------------------------------

# Succeeds if the target served until its end; sets cut_failure if not. $seed is another every time, and is told.
cut_power() { # NUMBER
    local disk_options=() expected_disks='' exports='' client_exports=() mtu=1500 milliseconds
    payload=$scratch/payload
    volatile_disks=no
    seed=$((RANDOM * 32768 + RANDOM))
    milliseconds=$((700 + RANDOM % 2500))
    [ $(($1 % 2)) -eq 0 ] || volatile_disks=yes
    [ $(($1 / 2 % 2)) -eq 0 ] || mtu=9000
    echo "# cut $1: seed $seed, MTU $mtu, volatile disks: $volatile_disks, after $milliseconds ms"

    rm -rf "$payload" "$scratch/disks"
    mkdir "$payload" "$scratch/disks"
    for_each_cut_export add_disk
    read -r slot durability caching backing block <<< "$state_disk"
    add_disk
    for_each_cut_export add_client_export
    pack_target "$payload/program"
    write_target_commands
    make_tap "$mtu"
    prepare_guest power_cut "MTU=$mtu" ROLE=target
    payload=
    start_qemu "$mtu" "${guest_options[@]}" "${disk_options[@]}"
    run_until_cut "$milliseconds"
    [ -z "$cut_failure" ] || return 1
    [ "$(grep '^disk ' "$results")"$'\n' = "$expected_disks" ] || disk_failure="they were: $(grep '^disk ' "$results" | tr '\n' ';')"
}

run_until_cut() { # MILLISECONDS
    if ! appears_within 600 serving "$results"; then
        cut_failure="the target in the guest did not start: $(sed -n 's/^end //p' "$results" | tail -n 1) $(tail -n 1 "$scratch/qemu.log")"
        end_qemu
        return
    fi
    "$programs/power_cut" write "$interface" "$guest_mac" "$scratch/record" "$seed" "${client_exports[@]}" > "$scratch/client.log" 2>&1 &
    client_pid=$!
    appears_within 200 writing "$scratch/client.log" || cut_failure="the client did not start: $(tail -n 1 "$scratch/client.log")"
    sleep "$((milliseconds / 1000)).$(printf '%03d' $((milliseconds % 1000)))"
    [ -z "$(sed -n 's/^end //p' "$results")" ] || cut_failure="before the cut: $(sed -n 's/^end //p' "$results" | tail -n 1)"
    end_qemu
    end_client || client_failure="$(tail -n 3 "$scratch/client.log" | tr '\n' ' ')"
    [ -s "$scratch/record" ] || cut_failure=${cut_failure:-"the client left no record: $(tail -n 1 "$scratch/client.log")"}
}

add_client_export() {
    client_exports+=("$slot:$power_cut_sectors$([ "$durability" = stable ] || echo :flush)$(state_is_changed && echo :state)")
}

state_is_changed() {
    [ "$slot" = "$state_slot" ] && ! target_is_vblade
}

write_target_commands() {
    serve_command="serve -i eth0 --state-dir /state"
    for_each_cut_export add_to_commands
    target_is_vblade || echo "$serve_command" > "$payload/commands"
}

add_to_commands() {
    if target_is_vblade; then
        echo "1 $slot eth0 /disks/disk$slot" >> "$payload/commands"
    else
        serve_command+=" -e 1.$slot=/disks/disk$slot,durability=$durability,cache=$caching"
    fi
    echo "e1.$slot" >> "$payload/addresses"
}

appears_within() { # TENTHS_OF_A_SECOND WORD FILE
    local tries
    for ((tries = 0; tries < $1; tries++)); do
        ! grep --quiet "^$2" "$3" || return 0
        ! grep --quiet '^end ' "$results" || return 1
        kill -0 "$qemu_pid" 2> /dev/null || return 1
        sleep 0.1
    done
    return 1
}

client_pid=

end_client() {
    local status=0
    [ -n "$client_pid" ] || return 0
    kill -TERM "$client_pid" 2> /dev/null || true
    ends_within 100 "$client_pid" || kill -KILL "$client_pid" 2> /dev/null || true
    wait "$client_pid" 2> /dev/null || status=$?
    client_pid=
    return "$status"
}

# --- What is left ------------------------------------------------------------------------------------------------------

# A disk with a volatile cache may have kept nothing of what was not flushed, or a part of it: both are looked at.
measure_losses() {
    local image=$scratch/disks/$slot
    if [ "$volatile_disks" = no ]; then
        measure_image "$image" first
        return
    fi
    cp --sparse=always "$(pristine_disk "$backing" "$block")" "$image"
    cp --sparse=always "$image" "$image.some"
    "$programs/power_cut" replay "$image.log" "$image" > /dev/null
    measure_image "$image" first
    "$programs/power_cut" replay "$image.log" "$image.some" "$seed" > /dev/null
    measure_image "$image.some" again
}

measure_state() {
    local image=$scratch/disks/state changes
    if [ "$volatile_disks" = yes ]; then
        cp --sparse=always "$(pristine_disk state 512)" "$image"
        "$programs/power_cut" replay "$image.log" "$image" > /dev/null
    fi
    if recover_file "$image" "e1.$state_slot.state" &&
        changes=$("$programs/power_cut" verify-state "$scratch/record" "$image.file" 2> "$scratch/details"); then
        state_changes=$((state_changes + changes))
    else
        state_failure="after cut $cut: $(tr '\n' ' ' < "$scratch/details")"
    fi
}

measure_image() { # IMAGE first|again
    local image=$1 w=0 f=0 l=0 b=0 x=0
    if [ "$backing" = ext4 ]; then
        recover_file "$image" image || {
            wrong[$slot]=$((${wrong[$slot]:-0} + 1))
            echo "# cut $cut, slot $slot: the file system is broken"
            return
        }
        image=$1.file
    fi
    if ! "$programs/power_cut" verify "$scratch/record" "$slot" "$image" > "$scratch/verdict" 2> "$scratch/details"; then
        x=1
    else
        read -r w f l b x < "$scratch/verdict"
    fi
    if [ "$2" = first ]; then
        writes[$slot]=$((${writes[$slot]:-0} + w))
        flushes[$slot]=$((${flushes[$slot]:-0} + f))
    fi
    lost[$slot]=$((${lost[$slot]:-0} + l))
    betrayed[$slot]=$((${betrayed[$slot]:-0} + b))
    wrong[$slot]=$((${wrong[$slot]:-0} + x))
    if [ "$x" -gt 0 ] || [ "$b" -gt 0 ] || { [ "$durability" = stable ] && [ "$l" -gt 0 ]; }; then
        sed "s/^/# cut $cut, slot $slot: /" "$scratch/details"
    fi
}

# What a mount would do: the journal is replayed. Then the exported file is taken out.
recover_file() { # IMAGE NAME
    local status=0
    e2fsck -f -y "$1" > "$scratch/e2fsck.log" 2>&1 || status=$?
    [ "$status" -le 1 ] || return 1
    rm -f "$1.file"
    debugfs -R "dump /$2 $1.file" "$1" > /dev/null 2>&1 && [ -s "$1.file" ]
}

report_losses() {
    local name="powercut: durability=$durability cache=$caching on $backing with blocks of $block"
    local w=${writes[$slot]:-0} f=${flushes[$slot]:-0} l=${lost[$slot]:-0} b=${betrayed[$slot]:-0} x=${wrong[$slot]:-0}
    if [ "$durability" = stable ]; then
        check "$name: nothing acknowledged is lost" "of $w writes $l sectors are lost, $x hold what was never written" \
            [ "$((w > 0 && l == 0 && x == 0))" -eq 1 ]
    else
        check "$name: nothing that was flushed is lost" "of $f flushes $b sectors are lost, $x hold what was never written" \
            [ "$((f > 0 && b == 0 && x == 0))" -eq 1 ]
    fi
    echo "# $w acknowledged writes, $f flushes, $l sectors lost"
    total_writes[$durability]=$((${total_writes[$durability]:-0} + w))
    total_lost[$durability]=$((${total_lost[$durability]:-0} + l))
}
