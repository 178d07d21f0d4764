# Sourced: counts the verdicts and prints them, one line per test case.

passed=0
failed=0
skipped=0

pass() { # NAME
    passed=$((passed + 1))
    echo "ok - $1"
}

fail() { # NAME REASON
    failed=$((failed + 1))
    echo "not ok - $1: $2"
}

skip() { # NAME REASON
    skipped=$((skipped + 1))
    echo "skipped - $1: $2"
}

# check NAME REASON COMMAND...: passes if the command succeeds.
check() {
    local name=$1 reason=$2
    shift 2
    if "$@"; then
        pass "$name"
    else
        fail "$name" "$reason"
    fi
}

# What a person needs to understand a failure.
show_tail() { # TITLE FILE
    [ -s "$2" ] || return 0
    echo "    --- end of $1"
    tail -n 25 "$2" | tr -d '\r' | sed 's/^/    | /'
}
