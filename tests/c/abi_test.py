#!/usr/bin/env python3
"""Checks that programs built against an earlier release work with today's C library. Ends with one line:

    N passed, N failed, N skipped

    abi_test.py LIBRARY HEADERS RELEASED

HEADERS has today's aoetarget.h. RELEASED has a folder with the headers of each release, and symbols.txt with what
the library exports. The headers of a release become a library of empty functions, whose types abidiff compares with
those of today's: so the comparison knows the interface, and nothing of what is behind it.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LIBRARY, HEADERS, RELEASED = map(pathlib.Path, sys.argv[1:])

# What abidiff may say about a struct that has grown at its end, behind the padding that it had.
GROWTH = re.compile(r"""\s*(?:$
    |Functions\ changes\ summary:\ 0\ Removed,.*
    |Variables\ changes\ summary:\ 0\ Removed,\ 0\ Changed,.*
    |\d+\ functions?\ with\ some\ indirect\ sub-type\ changes?:
    |\[C\]\ 'function\ .*has\ some\ indirect\ sub-type\ changes:
    |parameter\ \d+\ of\ type\ .*\ has\ sub-type\ changes:
    |in\ pointed\ to\ type\ 'function\ type\ .*':
    |in\ (?:pointed\ to|unqualified\ underlying)\ type\ '(?:const\ |struct\ )?aoetarget_\w+'.*:
    |type\ of\ '.*\ \w+'\ changed:
    |type\ size\ hasn't\ changed
    |\d+\ data\ member\ (?:insertion|change)s?:
    )$""", re.VERBOSE)


def text_of(headers):
    return "".join(re.sub(r"//.*", "", path.read_text()) for path in sorted((headers / "aoetarget-c").glob("*.h")))


def functions_of(headers):
    return re.findall(r"^AOETARGET_API\s+([^;#]*);", text_of(headers), re.MULTILINE)


def constants_of(headers):
    return dict(re.findall(r"\b(AOETARGET_[A-Z_]+)(?: = | )(\(?-?\d+\)?)", text_of(headers)))


def library_of(headers, folder):
    source, library = folder / "empty.c", folder / "empty.so"
    bodies = "".join(function + " { __builtin_trap(); }\n" for function in functions_of(headers))
    source.write_text("#include <aoetarget.h>\n" + bodies)
    subprocess.run(["cc", "-g", "-O0", "-shared", "-fPIC", "-I", headers, "-o", library, source], check=True)
    return library


def incompatibilities(old, new):
    """Yields what a program that was built with the old headers would meet."""
    for name, value in constants_of(old).items():
        if constants_of(new).get(name) != value:
            yield f"{name} was {value} and is {constants_of(new).get(name)}"
    with tempfile.TemporaryDirectory() as old_folder, tempfile.TemporaryDirectory() as new_folder:
        libraries = [library_of(old, pathlib.Path(old_folder)), library_of(new, pathlib.Path(new_folder))]
        report = subprocess.run(["abidiff", "--no-added-syms", *libraries], capture_output=True, text=True)
    if report.returncode & ~12:
        yield "abidiff failed: " + report.stderr
    old_size = 0
    for line in report.stdout.splitlines():
        if size := re.match(r"\s*type size changed from (\d+) to \d+ \(in bits\)$", line):
            old_size = int(size[1])
        elif member := re.match(r"\s*'.*', at offset (\d+) \(in bits\) at ", line):
            if int(member[1]) < old_size or old_size == 0:
                yield "a member that is not at the end: " + line.strip()
        elif not GROWTH.match(line):
            yield line.strip()


def exported_symbols():
    """One line for each: a release only adds some."""
    listing = subprocess.run(["nm", "-D", "--defined-only", "--with-symbol-versions", LIBRARY], capture_output=True,
                             text=True, check=True).stdout
    exported = {words[-1] for words in map(str.split, listing.splitlines()) if words[-2] != "A"}
    expected = set((RELEASED / "symbols.txt").read_text().split())
    yield from (f"{symbol} is exported and not in symbols.txt" for symbol in sorted(exported - expected))
    yield from (f"{symbol} is in symbols.txt and not exported" for symbol in sorted(expected - exported))
    declared = {re.search(r"(\w+)\(", function)[1] for function in functions_of(HEADERS)}
    for name in sorted(declared ^ {symbol.split("@")[0] for symbol in exported}):
        yield f"{name} is declared or exported, and not both"


def each_release():
    for release in sorted(path for path in RELEASED.iterdir() if path.is_dir()):
        yield from (f"since {release.name}: {fault}" for fault in incompatibilities(release, HEADERS))


# What could happen to a header: the file, what becomes of its text, and whether old programs survive it.
MUTANTS = [
    ("stats.h", r"(    uint64_t in_flight;.*\n)", r"\1    uint64_t more;\n", True),
    ("options.h", r"(    int64_t device_timeout_ms;\n)", r"\1    int64_t more;\n", True),
    ("event.h", r"(    uint64_t repeats;\n)", r"\1    uint64_t more;\n", True),
    ("target.h", r"(AOETARGET_API int aoetarget_unwatch\()", r"AOETARGET_API int aoetarget_more(int x);\n\1", True),
    ("stats.h", r"    uint64_t stale;.*\n", "", False),
    ("stats.h", r"    uint64_t in_flight;.*\n", "", False),
    ("stats.h", r"(    uint64_t in_flight;)", r"    uint64_t more;\n\1", False),
    ("options.h", r"(    uint8_t wait;\n)", r"\1    uint8_t in_the_padding;\n", False),
    ("options.h", r"    int32_t busy_poll_us;", "    uint32_t busy_poll_us;", False),
    ("options.h", r"int64_t device_timeout_ms;", "int64_t device_timeout_us;\n    int64_t more;", False),
    ("device.h", r"char\* text, size_t bytes\);", "char* text);", False),
    ("event.h", r"AOETARGET_EVENT_LINK_DOWN = 4", "AOETARGET_EVENT_LINK_DOWN = 44", False),
    ("target.h", r"API int aoetarget_unwatch\(", "API int aoetarget_do_not_watch(", False),
    ("target.h", r"aoetarget_cancel_call\(aoetarget_target\* target, uint64_t id\)",
     "aoetarget_cancel_call(aoetarget_target* target, uint32_t id)", False),
]


def mistakes_are_found():
    """Each mutant is judged as it should be."""
    for file, pattern, text, survives in MUTANTS:
        with tempfile.TemporaryDirectory() as folder:
            mutant = pathlib.Path(folder)
            shutil.copytree(HEADERS / "aoetarget-c", mutant / "aoetarget-c")
            shutil.copy(HEADERS / "aoetarget.h", mutant)
            path = mutant / "aoetarget-c" / file
            mutated, count = re.subn(pattern, text, path.read_text())
            path.write_text(mutated)
            faults = list(incompatibilities(HEADERS, mutant))
        if count != 1:
            yield f"{file}: '{pattern}' is there {count} times"
        elif bool(faults) == survives:
            yield f"{file}: '{pattern}' became '{text}', which " + (
                "is no mistake: " + "; ".join(faults) if survives else "was not found")


def speaks_as_we_read():
    """Reports differ from release to release. We read those of Debian 12."""
    program = shutil.which("abidiff")
    return program and ": 2.2." in subprocess.run([program, "--version"], capture_output=True, text=True).stdout


def main():
    checks = [exported_symbols]
    if speaks_as_we_read():
        checks += [each_release, mistakes_are_found]
    else:
        print("the comparison of types is left out: that takes abidiff 2.2")
    passed = failed = 0
    for check in checks:
        faults = list(check())
        for fault in faults:
            print(f"FAILED: {check.__name__.replace('_', ' ')}: {fault}")
        passed, failed = passed + (not faults), failed + bool(faults)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
