# Sourced: one boot of the Debian guest with a scenario of guest/, and the verdicts that come back.

# boot_guest SCENARIO MTU SECONDS SETTING...: $exports has a line per export: ADDRESS LABEL SECTORS FRAME_BYTES.
# Sets $guest_end to "finished", or to what went wrong.
boot_guest() {
    local scenario=$1 mtu=$2 seconds=$3
    shift 3
    prepare_guest "$scenario" "MTU=$mtu" ROLE=initiator "$@"
    run_qemu "$seconds" "$mtu" "${guest_options[@]}"
    guest_end=$(sed -n 's/^end //p' "$results" | tail -n 1)
    if [ -n "$machine_end" ]; then
        guest_end=$machine_end
    elif [ -z "$guest_end" ]; then
        guest_end="setup-failed: the guest ended without a word, QEMU with status $qemu_status: $(tail -n 1 "$scratch/qemu.log")"
    fi
}

# Sets guest_options, with which QEMU boots it.
prepare_guest() { # SCENARIO SETTING...
    results=$scratch/results
    console=$scratch/console
    : > "$results"
    : > "$console"
    pack_scenario "$@"
    guest_options=(-kernel "$cache/vmlinux" -initrd "$scratch/initrd"
        -append "console=ttyS0 quiet panic=-1 nokaslr mitigations=off"
        -serial "file:$console" -serial "file:$results")
}

# The program under test, for a guest in which it is to run.
pack_target() { # FOLDER
    pack_program "$(command -v "$aoetarget")" "$1" target
}

pack_program() { # PROGRAM FOLDER NAME
    local library
    mkdir -p "$2/lib"
    cp --dereference "$1" "$2/$3"
    for library in $(ldd "$1" | grep --only-matching '/[^ ]*'); do
        cp --dereference "$library" "$2/lib/"
    done
}

# Files that a scenario wants beside its script, if any.
payload=

# A second archive behind the first one: the kernel unpacks both.
pack_scenario() { # SCENARIO SETTING...
    local tree=$scratch/tree
    rm -rf "$tree"
    mkdir -p "$tree/e2e"
    cp "$here"/guest/*.sh "$tree/e2e/"
    cp "$here/guest/$1.sh" "$tree/e2e/scenario.sh"
    install -m 755 "$here/guest/init" "$tree/init"
    shift
    printf '%s\n' "$@" > "$tree/e2e/settings"
    printf '%s' "$exports" > "$tree/e2e/exports"
    [ -z "$payload" ] || cp -R "$payload/." "$tree/e2e/"
    cp "$cache/initramfs.cpio" "$scratch/initrd"
    (cd "$tree" && find . -print0 | cpio --null --create --format=newc --owner=+0:+0 --quiet) >> "$scratch/initrd"
}

# What the guest said of each case; a case that it never came to has failed.
report_guest_cases() { # PREFIX CASE...
    local prefix=$1 name verdict
    shift
    for name in "$@"; do
        if grep --quiet --line-regexp --fixed-strings "ok $name" "$results"; then
            pass "$prefix $name"
        else
            verdict=$(sed -n "s|^not-ok $name: ||p" "$results")
            fail "$prefix $name" "${verdict:-the guest did not come to it ($guest_end)}"
        fi
    done
    check "$prefix guest ran to its end" "$guest_end" [ "$guest_end" = finished ]
}

value_from_guest() { # WORDS
    sed -n "s|^$1 ||p" "$results"
}

show_logs_of_failure() { # FAILED_BEFORE
    [ "$failed" -gt "$1" ] || return 0
    show_tail "the guest's console" "$console"
    show_tail "the target's output" "$target_log"
    show_tail "QEMU's output" "$scratch/qemu.log"
}
