# Sourced: the target in a guest that has what takes kernel modules: bonds, teams, VLANs, VRFs, and disks of device mapper, md and
# SCSI. The client is in the guest, too.

scenario_modules() {
    local failed_before=$failed program=$programs/with_modules names=()
    mapfile -t names < <(names_of_cases "$program" | grep --extended-regexp "$cases")
    payload=$scratch/payload
    mkdir -p "$payload"
    pack_target "$payload/program"
    pack_program "$program" "$payload/program" with_modules
    printf '%s\n' "${names[@]}" > "$payload/cases"
    exports=
    make_tap 1500
    boot_guest modules 1500 400 ROLE=target
    payload=
    check "modules: there are cases" "with_modules has none of these names" [ "${#names[@]}" -gt 0 ]
    report_guest_cases modules: "${names[@]}"
    show_logs_of_failure "$failed_before"
}

# Catch2 2 has an option for the names alone, and ends with their number as its status.
names_of_cases() { # PROGRAM
    { "$1" --list-test-names-only 2> /dev/null || true; } | grep . || "$1" --list-tests --verbosity quiet
}
