// The terminal of a program that was built without ncurses: there is none.
#include "verbs/terminal.hpp"

#include "exit_code.hpp"
#include "failure.hpp"

namespace cli {

struct Terminal::Settings {};

Terminal::Terminal() {
    throw Failure(
        exit_failed,
        "this aoetarget was built without ncurses, which top needs: install libncurses-dev and build it "
        "anew with -Dtop=enabled, or use 'aoetarget stats --interval 1'");
}

Terminal::~Terminal() = default;

std::size_t Terminal::rows() const {
    return 0;
}

std::size_t Terminal::columns() const {
    return 0;
}

bool Terminal::is_plain() const {
    return true;
}

void Terminal::show(const Screen& /*screen*/) {}

Key Terminal::read_key(char& /*letter*/) {
    return Key::quit;
}

bool Terminal::should_end() {
    return true;
}

} // namespace cli
