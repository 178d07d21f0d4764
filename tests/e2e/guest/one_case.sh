#!/bin/sh
# one_case.sh NAME: this case of the program with_modules runs, and passes.
set -eu
export LD_LIBRARY_PATH=/e2e/program/lib
program/with_modules "$1" | tee /tmp/output
grep -q -x '1 passed, 0 failed, 0 skipped' /tmp/output
