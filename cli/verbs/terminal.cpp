// ncurses. It takes KEY_RESIZE as a key: the next show() has the new size.
#include "verbs/terminal.hpp"

#include "exit_code.hpp"
#include "failure.hpp"
#include "text.hpp"

#include <fmt/format.h>

#include <clocale>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <curses.h>
#include <langinfo.h>
#include <unistd.h>

namespace cli {
namespace {

volatile std::sig_atomic_t asked_to_end = 0;

void note_signal(int /*number*/) {
    asked_to_end = 1;
}

std::string kind_of_terminal() {
    const char* kind = std::getenv("TERM");
    return kind == nullptr ? "" : kind;
}

} // namespace

struct Terminal::Settings {
    SCREEN* screen = nullptr;
    bool plain = false;
};

Terminal::Terminal() : settings_(std::make_unique<Settings>()) {
    if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0)
        throw Failure(exit_failed,
                      "top needs a terminal; use 'aoetarget stats --interval 1' where there is none");
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        action.sa_handler = note_signal; // without SA_RESTART, so that it ends every wait
        sigaction(number, &action, nullptr);
    }
    std::setlocale(LC_CTYPE, "");
    settings_->plain = std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    const std::string kind = kind_of_terminal();
    settings_->screen = kind.empty() ? nullptr : newterm(kind.c_str(), stdout, stdin);
    if (settings_->screen == nullptr)
        throw Failure(
            exit_failed,
            fmt::format("the kind of this terminal, '{}', is unknown here; set TERM to one that it is "
                        "like, for example TERM=xterm",
                        printable(kind)));
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
}

Terminal::~Terminal() {
    endwin();
    delscreen(settings_->screen);
}

std::size_t Terminal::rows() const {
    return static_cast<std::size_t>(LINES);
}

std::size_t Terminal::columns() const {
    return static_cast<std::size_t>(COLS);
}

bool Terminal::is_plain() const {
    return settings_->plain;
}

void Terminal::show(const Screen& screen) {
    erase();
    int row = 0;
    for (const Screen::Line& line : screen.lines) {
        const auto look = line.look == Screen::Line::Look::heading ? A_REVERSE
                          : line.look == Screen::Line::Look::alarm ? A_BOLD
                                                                   : A_NORMAL;
        attron(look);
        mvaddstr(row++, 0, line.text.c_str());
        attroff(look);
    }
    refresh();
}

Key Terminal::read_key(char& letter) {
    const int key = getch();
    letter = key > ' ' && key <= '~' ? static_cast<char>(key) : '\0';
    switch (key) {
    case ERR:
        return Key::none;
    case 'q':
        return Key::quit;
    case KEY_UP:
        return Key::up;
    case KEY_DOWN:
        return Key::down;
    case KEY_PPAGE:
        return Key::page_up;
    case KEY_NPAGE:
        return Key::page_down;
    case KEY_HOME:
        return Key::home;
    case KEY_END:
        return Key::end;
    default:
        return Key::other;
    }
}

bool Terminal::should_end() {
    return asked_to_end != 0;
}

} // namespace cli
