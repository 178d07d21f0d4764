#!/bin/bash
# End-to-end tests: a Debian kernel with its own aoe driver, and iPXE, in virtual machines against a running target; and the
# target in a virtual machine whose power fails, or which has bonds, arrays and whatever else takes kernel modules.
#
#   run.sh --aoetarget PROGRAM [--programs FOLDER] [--only SCENARIO] [--cuts N] [--cases PATTERN] [--cache FOLDER]
#       FOLDER of --programs: where the build has the tests' own programs (default: ../tests/e2e, seen from PROGRAM)
#       SCENARIO: mtu1500 mtu9000 loss restart change modules powercut ipxe; --only may be given more than once
#       N: how often powercut cuts the power (default: 5)
#       PATTERN: the cases of modules with such names, as grep -E takes it (default: all)
#       FOLDER of --cache keeps the guest's kernel and tools between runs (default: aoetarget-e2e in the user's cache folder)
#
# Needs root, for a network namespace, a tap, loop and zram devices of its own; all of them are gone when it ends.
# The last line on standard output is "N passed, N failed, N skipped"; the exit status is 0 if nothing failed.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/aoetarget-e2e
aoetarget=
programs=
cuts=5
cases=.
all=(mtu1500 mtu9000 loss restart change modules powercut ipxe)
wanted=()

usage() {
    sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
        --aoetarget) aoetarget=${2:?--aoetarget needs a program} ;;
        --programs) programs=${2:?--programs needs a folder} ;;
        --cuts) cuts=${2:?--cuts needs a number} ;;
        --cases) cases=${2:?--cases needs a pattern} ;;
        --cache) cache=${2:?--cache needs a folder} ;;
        --only) wanted+=("${2:?--only needs a scenario}") ;;
        *) usage ;;
    esac
    shift 2
done
[ -n "$aoetarget" ] || usage
command -v "$aoetarget" > /dev/null || { echo "run.sh: there is no program $aoetarget" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "run.sh: needs root, for network namespaces and devices" >&2; exit 2; }
[ ${#wanted[@]} -gt 0 ] || wanted=("${all[@]}")
for scenario in "${wanted[@]}"; do
    [[ " ${all[*]} " = *" $scenario "* ]] || usage
done
[[ $cuts =~ ^[1-9][0-9]*$ ]] || usage
programs=${programs:-$(dirname "$(command -v "$aoetarget")")/../tests/e2e}
declare -A program_of=([powercut]=power_cut [modules]=with_modules)
for scenario in "${wanted[@]}"; do
    program=${program_of[$scenario]:-}
    if [ -n "$program" ] && [ ! -x "$programs/$program" ]; then
        echo "run.sh: there is no program $program in $programs; build it, or name the folder with --programs" >&2
        exit 2
    fi
done

# The guest is built with the network of the machine; everything after that happens in a namespace without any.
if [ "${AOETARGET_E2E_NAMESPACE:-}" != own ]; then
    "$here/build_guest.sh" "$cache"
    AOETARGET_E2E_NAMESPACE=own exec unshare --net -- "$here/run.sh" "${arguments[@]}"
fi

for part in report devices target qemu guest; do
    # shellcheck disable=SC1090  # named in the line above
    . "$here/$part.sh"
done
for part in "$here"/scenarios/*.sh; do
    # shellcheck disable=SC1090  # all of the folder
    . "$part"
done

scratch=$(mktemp --directory "${TMPDIR:-/tmp}/aoetarget-e2e.XXXXXX")

leave_nothing() {
    end_qemu
    end_client || true
    kill_target
    release_devices
    remove_tap
    rm -rf "$scratch"
}
trap leave_nothing EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

for scenario in "${wanted[@]}"; do
    began=$SECONDS
    : > "$scratch/target.log"
    case $scenario in
        mtu1500) data_path mtu1500 1500 ;;
        mtu9000) data_path mtu9000 9000 ;;
        *) "scenario_$scenario" ;;
    esac
    echo "# $scenario took $((SECONDS - began)) s"
done

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
