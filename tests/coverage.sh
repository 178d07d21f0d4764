#!/bin/sh
# How much of lib/protocol and lib/core the tests reach: builds with coverage, runs the unit tests, among them the
# corpora of tests/fuzz, and the simulation where there is one, and prints lines reached and not reached for each file.
# Fails below 95 % of all lines. Needs gcovr.
#
# These lines are not reached:
# - code of mutations (mutated(...)): the tests of tests/sim for them have a build of their own;
# - lines that stand for code which the compiler generates or moves (a class's first line, a closing return);
# - races of two threads that no test can force.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/build.sh"
build=$top/build/coverage
least=95

command -v gcovr >/dev/null || { echo "gcovr is missing: apt-get install gcovr" >&2; exit 2; }

# Somewhat optimized: else some tests ask more of a target than it can do in time.
configure "$build" -Dbuildtype=debug -Doptimization=g -Db_coverage=true -Dcpp_args=-fprofile-update=atomic
ninja -C "$build" --quiet
find "$build" -name '*.gcda' -delete # what an earlier run has reached

meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 --suite unit
simulator=$build/tests/sim/aoe-sim
[ ! -x "$simulator" ] || meson test -C "$build" --no-rebuild --print-errorlogs --timeout-multiplier 4 --suite sim

# Without its assertions: gcovr 5.2 stumbles over lambdas of one name on several lines.
PYTHONOPTIMIZE=1 gcovr --root "$top" --object-directory "$build" --filter "$top/lib/protocol/" --filter "$top/lib/core/" \
    --exclude-unreachable-branches --fail-under-line "$least" --txt "$build/coverage.txt" "$build" || status=$?
cat "$build/coverage.txt"
exit "${status:-0}"
