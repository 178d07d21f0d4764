// A terminal that shows lines of text and tells which keys were pressed. Only terminal.cpp knows ncurses,
// which a build may leave out.
#pragma once

#include "figures/screen.hpp"

#include <memory>

namespace cli {

enum class Key { none, other, quit, up, down, page_up, page_down, home, end };

class Terminal {
  public:
    /// Takes over the terminal of standard input and output. Throws Failure (failure.hpp) if there is none,
    /// if its kind is unknown, or if this program cannot use it.
    Terminal();
    /// Leaves the terminal as it was.
    ~Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;

    [[nodiscard]] std::size_t rows() const;
    [[nodiscard]] std::size_t columns() const;
    /// Whether it shows ASCII only.
    [[nodiscard]] bool is_plain() const;
    /// As many lines as there are rows.
    void show(const Screen& screen);
    /// Returns what was pressed, Key::none if there is nothing (more) to read; `letter` is set for
    /// Key::other.
    Key read_key(char& letter);
    /// Whether nobody is at the terminal any more, or a signal (SIGINT, SIGTERM, SIGHUP) asks for the end.
    [[nodiscard]] static bool should_end();

  private:
    struct Settings;
    std::unique_ptr<Settings> settings_;
};

} // namespace cli
