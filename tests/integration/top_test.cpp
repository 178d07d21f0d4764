// aoetarget top, on a terminal that tmux makes.
#include "catch.hpp"
#include "controlled_target.hpp"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <regex>
#include <sstream>

using namespace aoetest;

namespace {

constexpr Milliseconds patience{60000};

/// A terminal of 80x24 with a shell that runs `top`, says with which code it ended, and whether the terminal
/// is as it was.
class TopTerminal {
  public:
    explicit TopTerminal(const std::string& control, const std::string& environment = "LC_ALL=C.UTF-8") {
        const std::string script = folder_.write(
            "script",
            "trap : INT\nstty -g > before\necho in the beginning\n" + environment + " '" + target_program() +
                "' top --interval 0.2 --control '" + control +
                "'\necho \"code $?\"\nstty -g > after\ncmp before after && echo as it was\nexec cat\n");
        const ToolResult result = tmux({"-f", "/dev/null", "-u", "new-session", "-d", "-x", "80", "-y", "24",
                                        "-c", folder_.path(), "sh " + script});
        if (result.exit_code != 0)
            abort_test("tmux: " + result.error);
    }
    ~TopTerminal() { tmux({"kill-server"}); }
    TopTerminal(const TopTerminal&) = delete;
    TopTerminal& operator=(const TopTerminal&) = delete;

    void press(const std::string& key) const { tmux({"send-keys", key}); }
    void resize(unsigned columns, unsigned rows) const {
        tmux({"resize-window", "-x", std::to_string(columns), "-y", std::to_string(rows)});
    }
    [[nodiscard]] std::string text() const { return tmux({"capture-pane", "-p"}).output; }
    [[nodiscard]] std::vector<std::string> lines() const {
        std::vector<std::string> lines;
        std::istringstream stream(text());
        for (std::string line; std::getline(stream, line);)
            lines.push_back(line);
        return lines;
    }

  private:
    ToolResult tmux(std::vector<std::string> words) const {
        const std::vector<std::string> before{find_program("tmux"), "-S", folder_.path() + "/tmux"};
        words.insert(words.begin(), before.begin(), before.end());
        return run_tool(words, patience);
    }

    ScratchFolder folder_;
};

/// A target whose control socket stays the same when it is started anew.
class Restartable {
  public:
    Restartable() { start(); }
    void start() {
        process_.emplace(std::vector{wire_.target_end()}, std::vector{export_argument(1, 1, image_.path())},
                         std::vector<std::string>{"--control", socket()});
    }
    void stop() { process_.reset(); }
    [[nodiscard]] TargetProcess& process() { return *process_; }
    [[nodiscard]] std::string socket() const { return folder_.path() + "/test.sock"; }
    [[nodiscard]] const VethPair& wire() const { return wire_; }

  private:
    const VethPair& wire_ = standard_wire();
    ImageFile image_{8192};
    ScratchFolder folder_;
    std::optional<TargetProcess> process_;
};

/// Numbers become #, and any number of spaces one.
std::string masked(const std::string& line) {
    const std::string without_numbers = std::regex_replace(line, std::regex("[0-9.]+(us|ms|[kMGKs])?"), "#");
    const std::string narrow = std::regex_replace(without_numbers, std::regex(" +"), " ");
    return narrow.substr(0, narrow.find_last_not_of(' ') + 1);
}

/// Why top cannot be tested here, or nothing.
std::string obstacle() {
    if (find_program("tmux").empty())
        return "there is no tmux";
    if (const char* has_top = std::getenv("AOETARGET_HAS_TOP"); has_top != nullptr && *has_top == '0')
        return "this aoetarget was built without ncurses";
    return {};
}

} // namespace

#define NEEDS_A_TERMINAL()                                                                                   \
    if (const std::string reason = obstacle(); !reason.empty())                                              \
    SKIP_BECAUSE(reason)

TEST_CASE("top shows exports, interfaces and initiators at 80x24", "[observe][top]") {
    NEEDS_A_TERMINAL();
    const Restartable target;
    RawClient client(target.wire());
    const TopTerminal terminal(target.socket());
    unsigned asked = 0;
    std::vector<std::string> lines;
    const bool is_there = client.wait_until(
        [&] {
            for (unsigned i = 0; i < 50; ++i)
                client.ask(read_request(asked++ % 4096, 2));
            lines = terminal.lines();
            return lines.size() == 24 && !contains(lines[3], "- - ") && contains(lines[3], "█") &&
                   contains(lines[9], "e1.1");
        },
        patience);
    CAPTURE(terminal.text());
    REQUIRE(is_there);
    CHECK(masked(lines[0]).rfind("target default: version #, process #, up #; ", 0) == 0);
    CHECK(std::regex_match(masked(lines[1]),
                           std::regex("all exports: # reads/s, # writes/s, # bytes/s, # under way; # s")));
    CHECK(masked(lines[2]) == masked("EXPORT STATE READ/S WRITE/S BYTES/S R P99 W P99 QUEUE OLDEST HISTORY"));
    CHECK(std::regex_match(masked(lines[3]), std::regex("e# ok # # # # - # (-|#) .*█.*")));
    CHECK(lines[4].find_first_not_of(' ') == std::string::npos);
    CHECK(masked(lines[5]) == "INTERFACE STATE SINCE RECEIVED/S SENT/S LOST/S HISTORY");
    CHECK(contains(lines[6], target.wire().target_end()));
    CHECK(std::regex_match(masked(lines[8]),
                           std::regex("INITIATOR EXPORT READ/S WRITE/S (OTHER/S )?REPEATS/S SEEN HISTORY")));
    CHECK(contains(lines[23], "q quit"));
    CHECK(contains(lines[23], "*n name"));
}

TEST_CASE("top obeys keys, and follows the size of the terminal", "[observe][top]") {
    NEEDS_A_TERMINAL();
    const Restartable target;
    RawClient client(target.wire());
    const TopTerminal terminal(target.socket());
    const auto shows = [&](const std::string& part) {
        return client.wait_until([&] { return contains(terminal.text(), part); }, patience);
    };
    REQUIRE(shows("*n name"));
    terminal.press("r");
    CHECK(shows("*r requests"));
    terminal.resize(45, 6);
    CHECK(client.wait_until(
        [&] {
            const auto lines = terminal.lines();
            return lines.size() == 6 && contains(lines[5], "q quit") &&
                   masked(lines[2]) == "EXPORT READ/S WRITE/S BYTES/S HISTORY";
        },
        patience));
    terminal.press("Down");
    CHECK(client.wait_until(
        [&] {
            const auto lines = terminal.lines();
            return lines.size() == 6 && lines[2].rfind("e1.1", 0) == 0;
        },
        patience));
    terminal.press("End");
    CHECK(shows("INITIATOR"));
    terminal.press("Home");
    CHECK(shows("EXPORT  READ/S"));
    terminal.resize(132, 30);
    CHECK(shows("R P50"));
    const bool by_key = GENERATE(true, false);
    terminal.press(by_key ? "q" : "C-c");
    CHECK(shows("as it was"));
    CAPTURE(terminal.text());
    CHECK(shows("code 0"));
    CHECK(shows("in the beginning"));
    CHECK_FALSE(contains(terminal.text(), "EXPORT"));
}

TEST_CASE("top waits for a target that has ended, or does not answer", "[observe][top]") {
    NEEDS_A_TERMINAL();
    Restartable target;
    RawClient client(target.wire());
    const TopTerminal terminal(target.socket());
    const auto shows = [&](const std::string& part) {
        return client.wait_until([&] { return contains(terminal.text(), part); }, patience);
    };
    REQUIRE(shows("process " + std::to_string(target.process().pid())));
    target.stop();
    CHECK(shows("The target has ended."));
    target.start();
    CHECK(shows("process " + std::to_string(target.process().pid())));
    CHECK(shows("all exports:"));
    target.process().signal(SIGSTOP);
    CHECK(shows("The target does not answer."));
    target.process().signal(SIGCONT);
    CHECK(shows("all exports:"));
    target.process().signal(SIGSTOP);
    CHECK(shows("The target does not answer."));
    terminal.press("q");
    CHECK(shows("code 0"));
    CHECK(shows("as it was"));
    target.process().signal(SIGCONT);
}

TEST_CASE("top in a terminal without UTF-8 draws with ASCII", "[observe][top]") {
    NEEDS_A_TERMINAL();
    const Restartable target;
    RawClient client(target.wire());
    const TopTerminal terminal(target.socket(), "LC_ALL=C");
    unsigned asked = 0;
    CHECK(client.wait_until(
        [&] {
            client.ask(read_request(asked++ % 4096, 2));
            const auto lines = terminal.lines();
            return lines.size() == 24 && contains(lines[3], "@");
        },
        patience));
}

TEST_CASE("top says what it lacks", "[observe][top]") {
    NEEDS_A_TERMINAL();
    const Restartable target;
    RawClient client(target.wire());
    const ToolResult no_terminal = run_target({"top", "--control", target.socket()});
    CHECK(no_terminal.exit_code == 1);
    CHECK(contains(no_terminal.error, "top needs a terminal"));
    CHECK(run_target({"top", "--control", target.socket() + ".none"}).exit_code == 5);
    const TopTerminal terminal(target.socket(), "TERM=nonsense");
    const bool has_ended =
        client.wait_until([&] { return contains(terminal.text(), "as it was"); }, patience);
    CAPTURE(terminal.text());
    CHECK(has_ended);
    CHECK(contains(terminal.text(), "code 1"));
    CHECK(contains(terminal.text(), "the kind of this terminal, 'nonsense', is unknown"));
}
