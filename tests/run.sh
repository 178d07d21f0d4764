#!/bin/sh
# Installs the packages that the tests need, builds everything, and runs all suites. Ends with one line:
#
#     N passed, N failed, N skipped
#
# sudo sh tests/run.sh            everything but the last two: first what is quick, then the rest
# sudo sh tests/run.sh quick      what is quick: unit tests, and simulated worlds that failed once
# sudo sh tests/run.sh SUITE...   some of: quick unit integration sim e2e sanitizers threads fuzz quickstart debian13
#
# It builds in build/, where a developer does, and in folders of their own below it for other compilers and options.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/build.sh"
build=$top/build
passed=0 failed=0 skipped=0
suites='quick unit integration sim e2e sanitizers threads fuzz quickstart debian13'

say() { printf '\n== %s\n' "$*"; }

# install_packages SUITE...: those of these suites that are not there yet, in one go.
install_packages() {
    missing= lists="$top/cli/packages.txt $top/tests/packages.txt"
    case " $* " in *' e2e '*) lists="$lists $top/tests/e2e/packages.txt" ;; esac
    case " $* " in *' sanitizers '* | *' threads '* | *' fuzz '*) lists="$lists $top/tests/packages-clang.txt" ;; esac
    case " $* " in *' debian13 '*) lists="$lists $top/tests/packages-debian13.txt" ;; esac
    # shellcheck disable=SC2086 # several lists
    for package in $(cat $lists); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing:$missing"
    apt-get update -q >/dev/null
    # Debian starts the daemons that it installs, such as prometheus, unless this program forbids it.
    policy=/usr/sbin/policy-rc.d status=0
    if [ -e "$policy" ]; then
        policy=
    else
        trap 'rm -f "$policy"; exit 130' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    # shellcheck disable=SC2086 # one word for each package
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >/dev/null || status=$?
    if [ -n "$policy" ]; then
        rm -f "$policy"
        trap - INT TERM HUP
    fi
    return "$status"
}

# set_up DIR [MESON OPTION...]: configures a build directory and builds everything in it.
set_up() {
    configure "$@" && build_all "$1"
}

# build_all DIR [TARGET...]: or these targets only, and tells how long that took.
build_all() {
    dir=$1 began=$(date +%s)
    shift
    ninja -C "$dir" --quiet "$@" || return
    echo "# built in $(($(date +%s) - began)) s"
}

# What failed, for the end of a long output.
failures=
# keep_failures LOG: remembers the lines in which test programs tell of failures.
keep_failures() {
    failures="$failures
-- $suite, from $1:
$(grep -av '^Inherited environment' "$1" | grep -aE -B 5 -A 8 'FAILED|not ok|NOT FOUND|again: |TIMEOUT|ERROR: |^debian13.sh: |runtime error: |WARNING: ThreadSanitizer' | tail -60)"
}

# count LOG STATUS [FILE]: adds up the closing lines of the test programs in FILE, or in the log; a failure that none of
# them owns up to is one more.
count() {
    log=$1
    # shellcheck disable=SC2046 # three numbers
    set -- $(awk -v status="$2" '
        /^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ { p += $1; f += $3; s += $5 }
        END { if (status != 0 && f == 0) f = 1; print p + 0, f + 0, s + 0 }' "${3:-$1}" || echo 0 1 0)
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    [ "$2" -eq 0 ] || keep_failures "$log"
    printf '%s: %s passed, %s failed, %s skipped\n' "$suite" "$1" "$2" "$3"
}

# run_meson DIR SUITE... [-SUITE...]: test programs that Meson knows, without those of the suites with a minus.
run_meson() {
    dir=$1
    shift
    suites=
    for name in "$@"; do
        case $name in
        -*) suites="$suites --no-suite ${name#-}" ;;
        *) suites="$suites --suite $name" ;;
        esac
    done
    status=0
    # shellcheck disable=SC2086 # several options
    meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier 4 $suites || status=$?
    grep -a '^skipped: ' "$dir/meson-logs/testlog.txt" || true
    count "$dir/meson-logs/testlog.txt" "$status"
}

# A failure is known within three minutes.
suite_quick() {
    set_up "$build" || return
    run_meson "$build" unit sim
}

suite_unit() {
    set_up "$build" || return
    run_meson "$build" unit
}

suite_integration() {
    set_up "$build" || return
    run_meson "$build" integration integration-xdp
}

# Simulated worlds: each seed is a case. With the check that mistakes made on purpose are found.
suite_sim() {
    set_up "$build" && build_all "$build" tests/sim/sim-mutations || return
    run_meson "$build" sim mutations
    status=0
    "$build/tests/sim/aoe-sim" --seeds 2000 --requests 2000 --jobs "$(nproc)" >"$build/sim.log" || status=$?
    cat "$build/sim.log"
    count "$build/sim.log" "$status"
}

suite_e2e() {
    set_up "$build" || return
    status=0
    "$top/tests/e2e/run.sh" --aoetarget "$build/cli/aoetarget" >"$build/e2e.log" || status=$?
    cat "$build/e2e.log"
    count "$build/e2e.log" "$status"
}

# The same unit and integration tests, with AddressSanitizer and UndefinedBehaviorSanitizer, built by clang without a warning.
# What tries all orders of events is left out: it is slow then, and about results, not about memory.
suite_sanitizers() {
    configure_sanitizers "$build/sanitizers" && build_all "$build/sanitizers" || return
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        run_meson "$build/sanitizers" unit integration sim -exhaustive
}

# What happens on several threads, with ThreadSanitizer.
suite_threads() {
    CC=clang CXX=clang++ configure "$build/threads" -Dbuildtype=debug -Doptimization=1 -Db_sanitize=thread -Db_lundef=false || return
    build_all "$build/threads" tests/unit/unit-ring tests/unit/unit-target tests/unit/unit-cli tests/unit/unit-c || return
    status=0
    TSAN_OPTIONS=halt_on_error=1 meson test -C "$build/threads" --no-rebuild --print-errorlogs --timeout-multiplier 8 \
        ring target cli c || status=$?
    count "$build/threads/meson-logs/testlog.txt" "$status"
}

# A few seconds for each fuzz target; tests/fuzz/README.md says how to give them more.
suite_fuzz() {
    status=0
    mkdir -p "$build"
    "$top/tests/fuzz/run.sh" --seconds 6 >"$build/fuzz.log" 2>&1 || status=$?
    cat "$build/fuzz.log"
    count "$build/fuzz.log" "$status"
}

# The README's first command.
suite_quickstart() {
    status=0
    mkdir -p "$build"
    sh "$top/cli/quickstart.sh" >"$build/quickstart-suite.log" 2>&1 || status=$?
    cat "$build/quickstart-suite.log"
    [ "$status" -ne 0 ] || echo '1 passed, 0 failed, 0 skipped' >>"$build/quickstart-suite.log"
    count "$build/quickstart-suite.log" "$status"
}

# The same and the unit and integration tests on Debian 13, in a root made from the archive that this machine uses.
suite_debian13() {
    status=0
    mkdir -p "$build"
    sh "$top/tests/debian13.sh" >"$build/debian13.log" 2>&1 || status=$?
    tail -n 40 "$build/debian13.log"
    tail -n 1 "$build/debian13.log" >"$build/debian13.counts" # of a log that also has those of programs that failed
    count "$build/debian13.log" "$status" "$build/debian13.counts"
}

[ $# -gt 0 ] || set -- quick integration sim e2e sanitizers threads fuzz
for suite in "$@"; do
    case " $suites " in
    *" $suite "*) ;;
    *)
        echo "tests/run.sh: there is no suite '$suite'; there are: $suites" >&2
        exit 2
        ;;
    esac
done
install_packages "$@"
for suite in "$@"; do
    say "$suite"
    suite_began=$(date +%s) built=yes
    "suite_$suite" || built=
    echo "# $suite took $(($(date +%s) - suite_began)) s"
    [ -z "$built" ] || continue
    failed=$((failed + 1)) failures="$failures
-- $suite: it could not be built"
done
[ -z "$failures" ] || printf '\n== what failed%s\n' "$failures"
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
