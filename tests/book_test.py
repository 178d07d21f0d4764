#!/usr/bin/env python3
"""Checks that the tree's statements about itself are true. Ends with one line:

    N passed, N failed, N skipped

Each check is a case. What is wrong is named with its file and line.
"""
import pathlib
import re
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
RULES = TOP / "lib/core/ordering.md"

TEXT = {".c", ".cpp", ".h", ".hpp", ".in", ".py", ".sh", ".md", ".txt", ".build"}
CODE = {".c", ".cpp", ".h", ".hpp"}


def files(*folders, suffixes):
    for folder in folders:
        for path in sorted((TOP / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and "corpus" not in path.parts:
                yield path


def tree(suffixes):
    yield from files("lib", "cli", "tests", "bench", suffixes=suffixes)
    yield from (path for path in [TOP / "README.md", TOP / "meson.build"] if path.suffix in suffixes)


def place(path, text, offset):
    return f"{path.relative_to(TOP)}:{text.count(chr(10), 0, offset) + 1}"


def headings(document):
    return re.findall(r"^#+ (.*?)\s*$", document.read_text(), re.MULTILINE)


def anchor(heading):
    """As the common renderers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def find_document(name, cited_from):
    """A path from the file that cites it, from the top, or from lib/, where includes begin."""
    for base in (cited_from.parent, TOP, TOP / "lib"):
        if (base / name).is_file():
            return base / name
    return None


def without_line_breaks(text):
    """Comments may break anywhere: each break and the marks of the next line become blanks, so that offsets stay."""
    return re.sub(r"\n[ \t]*(?:///?<?|#)?[ \t]*", lambda match: " " * len(match[0]), text)


def cited_documents_and_headings():
    """The path of a page, also with headings: PAGE, "Heading" and "Heading"; in Markdown [text](PAGE#heading) too."""
    citation = re.compile(r'(?<![\w/.*-])((?:[\w.-]+/)*[\w-]+\.md)\b((?:(?:,| and|, and) +"[^"]+")*)')
    link = re.compile(r"\]\(((?:[\w.-]+/)*[\w.-]*)(?:#([\w-]+))?\)")
    for path in tree(TEXT):
        text = path.read_text()
        for match in citation.finditer(without_line_breaks(text)):
            document = find_document(match[1], path)
            if document is None:
                yield f"{place(path, text, match.start())}: there is no {match[1]}"
                continue
            for heading in re.findall(r'"([^"]+)"', match[2]):
                if re.sub(" +", " ", heading) not in headings(document):
                    yield f'{place(path, text, match.start())}: {match[1]} has no heading "{heading}"'
        if path.suffix != ".md":
            continue
        for match in link.finditer(text):
            document = path.parent / match[1] if match[1] else path
            if not document.exists():
                yield f"{place(path, text, match.start())}: there is no {match[1]}"
            elif match[2] and match[2] not in map(anchor, headings(document)):
                yield f"{place(path, text, match.start())}: {match[1]} has no heading #{match[2]}"


def rule_codes_are_defined():
    defined = {match[0] for heading in headings(RULES) if (match := re.match(r"[RH]\d\b", heading))}
    for path in tree(CODE | {".md"}):
        text = path.read_text()
        for match in re.finditer(r"\b[RH][1-9]\b", text):
            if match[0] not in defined:
                yield f"{place(path, text, match.start())}: {match[0]} is no rule of {RULES.relative_to(TOP)}"


def files_begin_with_their_purpose():
    for path in files("lib", "cli", suffixes=CODE | {".sh"}):
        lines = path.read_text().splitlines()
        first = lines[1] if lines[0].startswith("#!") else lines[0]
        if not re.match(r"(//|#) \S", first):
            yield f"{path.relative_to(TOP)}:1: it does not begin with what it is for"


def formatting():
    sources = [str(path) for path in tree(CODE)]
    result = subprocess.run(["clang-format", "--dry-run", "--Werror", *sources], capture_output=True, text=True)
    for match in re.finditer(r"^(\S+?:\d+):\d+: error: .*clang-format", result.stderr, re.MULTILINE):
        yield f"{match[1]}: clang-format would change it"


def declared_functions_are_used():
    """By name: a name that several functions share counts as used if one of them is."""
    declaration = re.compile(r"^\s+(?:\[\[nodiscard\]\] |static |constexpr |virtual |explicit |friend )*"
                             r"[\w:<>,*& ]+[ *&]([a-z]\w*)\([^;{]*[;{]|^[\w:<>,*& \[\]]+[ *&]([a-z]\w*)\([^;]*\);", re.MULTILINE)
    uses = {}
    for path in tree(CODE):
        for line in path.read_text().splitlines():
            line = re.sub(r"//.*", "", line)
            defines = re.match(r"\w.*\b\w+::~?(\w+)\(", line)
            for name in re.findall(r"\b[a-z_]\w*\b", line):
                if defines is None or name != defines[1]:
                    uses[name] = uses.get(name, 0) + 1
    for path in files("lib", "cli", suffixes={".hpp"}):
        text = path.read_text()
        for match in declaration.finditer(text):
            name = match[1] or match[2]
            if uses.get(name, 0) < 2 and not name.startswith(("operator", "io_uring_")):
                yield f"{place(path, text, match.start(match.lastindex))}: {name}() is used nowhere"


def options_are_described():
    """Each option of a configuration is in the help of serve and on the command's page."""
    option = re.compile(r'(?:\{\{"([a-z-]+)", ValueType|_flag<[^>]*>\("([a-z-]+)"\))')
    subjects = {"name", "address", "path"}  # what an argument begins with
    option_of_entry = {"cli/verbs/serve.cpp": r"^  {}(?![\w-])", "cli/README.md": r"^\| .*`{}(?![\w-])"}
    option_of_target = {"cli/verbs/serve.cpp": r"^  --{}(?![\w-])", "cli/README.md": r"`--{}(?![\w-])"}
    kinds = {"export": option_of_entry, "interface": option_of_entry, "target": option_of_target}
    for kind, descriptions in kinds.items():
        path = TOP / f"cli/config/{kind}_spec.cpp"
        text = path.read_text()
        if not option.search(text):
            yield f"{place(path, text, 0)}: no option is found"
        for match in option.finditer(text):
            name = match[1] or match[2]
            for document, form in descriptions.items():
                described = re.search(form.format(name), (TOP / document).read_text(), re.MULTILINE)
                if not described and name not in subjects:
                    yield f"{place(path, text, match.start())}: {document} does not describe {name}"


def formats_as_we_do():
    """Each release of clang-format has a taste of its own. Ours is that of Debian 12."""
    program = shutil.which("clang-format")
    return program and "version 14." in subprocess.run([program, "--version"], capture_output=True, text=True).stdout


def main():
    checks = [
        cited_documents_and_headings,
        rule_codes_are_defined,
        files_begin_with_their_purpose,
        declared_functions_are_used,
        options_are_described,
    ]
    if formats_as_we_do():
        checks.append(formatting)
    else:
        print("formatting is left out: that takes clang-format 14")
    passed = failed = 0
    for check in checks:
        title = check.__name__.replace("_", " ")
        faults = list(check())
        for fault in faults:
            print(f"FAILED: {title}: {fault}")
        passed, failed = passed + (not faults), failed + bool(faults)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
