// Events as human-readable lines and as lines for the journal.
#include "catch.hpp"

#include "service/event_printer.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

using aoetarget::Event;
using aoetarget::EventKind;
using aoetarget::Severity;

namespace {

const Event link_down{.severity = Severity::warning,
                      .kind = EventKind::link_down,
                      .subject = "eth1",
                      .text = "The interface has no link.\n"};

/// What a printer writes to a standard error that leads into a pipe.
class Pipe {
  public:
    Pipe() {
        REQUIRE(pipe2(ends_, O_NONBLOCK) == 0);
        fcntl(ends_[1], F_SETFL, 0);
        saved_ = dup(STDERR_FILENO);
        dup2(ends_[1], STDERR_FILENO);
    }
    ~Pipe() {
        dup2(saved_, STDERR_FILENO);
        for (const int fd : {ends_[0], ends_[1], saved_})
            close(fd);
    }
    std::string read_all() {
        std::string all;
        char buffer[4096];
        for (ssize_t size = 0; (size = read(ends_[0], buffer, sizeof buffer)) > 0;)
            all.append(buffer, static_cast<std::size_t>(size));
        return all;
    }

  private:
    int ends_[2]{};
    int saved_ = -1;
};

} // namespace

TEST_CASE("an event on a terminal begins with the local time and the severity", "[cli][event]") {
    setenv("TZ", "UTC", 1);
    tzset();
    const auto time = std::chrono::system_clock::from_time_t(1'700'000'000);
    CHECK(cli::format_event(link_down, false, time) ==
          "2023-11-14 22:13:20 warning: eth1: The interface has no link. [link-down]\n");
    unsetenv("TZ");
}

TEST_CASE("an event in the journal begins with its priority", "[cli][event]") {
    CHECK(cli::format_event(link_down, true, {}) == "<4>eth1: The interface has no link. [link-down]\n");
    Event event = link_down;
    event.severity = Severity::error;
    event.text = "It fails.";
    event.repeats = 7;
    CHECK(cli::format_event(event, true, {}) ==
          "<3>eth1: It fails. (7 more of these since the last line.) [link-down]\n");
}

TEST_CASE("the page about events lists every kind once, in their order, with a severity", "[cli][event]") {
    std::vector<std::string> kinds, listed;
    for (int kind = 0; kind <= static_cast<int>(EventKind::events_lost); ++kind)
        kinds.emplace_back(name(static_cast<EventKind>(kind)));
    std::ifstream page(EVENTS);
    for (std::string line; std::getline(page, line);) {
        std::smatch row;
        if (std::regex_match(line, row,
                             std::regex("\\| `([a-z-]+)` \\| (error|warning|notice)\\b.* \\| .+ \\| .*\\|")))
            listed.push_back(row[1]);
    }
    CHECK(listed == kinds);
}

TEST_CASE("what several targets tell at once is printed once", "[cli][event]") {
    Pipe pipe;
    cli::EventPrinter printer;
    printer.print(link_down);
    std::thread([&] { printer.print(link_down); }).join();
    const std::string text = pipe.read_all();
    CHECK(text.ends_with(" warning: eth1: The interface has no link. [link-down]\n"));
    CHECK(text.find('\n') == text.size() - 1);
}

TEST_CASE("what one target tells twice is printed twice", "[cli][event]") {
    Pipe pipe;
    cli::EventPrinter printer;
    printer.print(link_down); // it is told again a second later, by the clock of the target
    printer.print(link_down);
    const std::string text = pipe.read_all();
    CHECK(std::ranges::count(text, '\n') == 2);
}

TEST_CASE("a standard error that nobody reads holds nothing up, and what was left out is told",
          "[cli][event]") {
    Pipe pipe;
    cli::EventPrinter printer;
    for (int i = 0; i < 5000; ++i) {
        Event event = link_down;
        event.subject = "eth" + std::to_string(i);
        printer.print(event);
    }
    pipe.read_all();
    Event event = link_down;
    event.subject = "last";
    printer.print(event);
    const std::string text = pipe.read_all();
    CHECK(text.find("earlier lines were left out") != std::string::npos);
    CHECK(text.find("last: ") != std::string::npos);
}
