// aoetarget top: rates and latencies, live.
#include "control/client.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "figures/history.hpp"
#include "figures/rates.hpp"
#include "figures/screen.hpp"
#include "figures/snapshot.hpp"
#include "verbs/arguments.hpp"
#include "verbs/interval.hpp"
#include "verbs/target_choice.hpp"
#include "verbs/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <system_error>

#include <poll.h>
#include <unistd.h>

namespace cli {

const char* const top_help = R"(Usage: aoetarget top [--name NAME | --control PATH] [--interval S]

This command shows on a terminal what the exports, interfaces and initiators of a target that runs
on this machine do in a second. It reads the figures every S seconds; until it has done so twice, it
shows the averages since the target's start. If the target ends, the command waits until it is back.

  --interval S          Read the figures every S seconds, 0.1 to 86400; the default is 1.
  --name NAME           The target that was started with this name; the default is "default".
  --control PATH        The target with this control socket.
  -h, --help            Show this text.

Keys: q or Ctrl-C ends it. Arrows, PgUp, PgDn, Home and End scroll. n, r, b, l and o sort exports by
their names, requests, bytes, the 99th percentile of their latency, or the age of their oldest
request; initiators are sorted by their requests then.

'aoetarget stats --help' explains the columns of exports. LOST/S are frames that the kernel dropped
or the interface did not send, REPEATS/S copies of requests that were still under way, and SEEN is
the time since the last request. HISTORY has a bar for each time that the figures were read, the
newest on the right: requests, or frames, against the most of them on this line. Exports that are
not in order, and interfaces that are not up, are bold. A narrow terminal shows fewer columns, and
in the last line only the letters by which to sort; a star marks the one that counts.

Exit codes: 0 it was ended, 1 failed (for example because there is no terminal that it can use), 2
the command line is wrong, 4 no permission, 5 there is no such target.

Example:
  aoetarget top --interval 2
)";

namespace {

using Clock = std::chrono::steady_clock;

class Top {
  public:
    Top(std::string path, std::chrono::nanoseconds interval) : path_(std::move(path)), interval_(interval) {}

    /// Returns when the user asks for the end. Throws if there is no target at the beginning.
    void run() {
        connect();
        take(read_snapshot(*client_));
        Terminal terminal;
        terminal_ = &terminal;
        view_.plain = terminal.is_plain();
        try {
            for (auto next = Clock::now() + interval_;; next = std::max(next + interval_, Clock::now())) {
                draw();
                pass_time(-1, next);
                refresh();
            }
        } catch (const Quit&) { // with the terminal as it was
        }
    }

  private:
    struct Quit {};

    void connect() {
        client_.emplace(path_, [this](int socket) {
            if (terminal_ != nullptr)
                pass_time(socket, Clock::now() + patience);
        });
    }

    void refresh() {
        try {
            if (!client_)
                connect();
            take(read_snapshot(*client_));
            view_.notice.clear();
        } catch (const Failure& failure) {
            lose(failure.exit_code() == exit_not_found
                     ? "The target has ended. This screen continues when it is back."
                     : failure.what());
        } catch (const std::system_error& error) {
            lose(message_of(error));
        }
    }

    void lose(std::string notice) {
        client_.reset();
        view_.notice = std::move(notice);
    }

    void take(Snapshot snapshot) {
        if (snapshot_) {
            rates_ = rates_between(*snapshot_, snapshot);
            history_.add(rates_);
        } else {
            rates_ = rates_since_start(snapshot);
        }
        snapshot_ = std::move(snapshot);
    }

    /// Obeys keys until then, or until there is something to read in the socket, if that is one. If it takes
    /// longer there, it says so, and goes on.
    void pass_time(int socket, Clock::time_point until) {
        for (bool is_late = false;;) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
            if (left.count() <= 0 && socket < 0)
                return;
            if (left.count() <= 0 && !std::exchange(is_late, true)) {
                view_.notice = "The target does not answer.";
                draw();
            }
            pollfd waiting[]{{STDIN_FILENO, POLLIN, 0}, {socket, POLLIN, 0}};
            poll(waiting, std::size(waiting),
                 static_cast<int>((is_late ? longest_sleep : std::min(left, longest_sleep)).count()));
            if (Terminal::should_end() || (waiting[0].revents & (POLLHUP | POLLERR)) != 0)
                throw Quit();
            obey_keys();
            if (waiting[1].revents != 0)
                return;
        }
    }

    void obey_keys() {
        char letter = 0;
        bool is_changed = false;
        for (Key key = terminal_->read_key(letter); key != Key::none; key = terminal_->read_key(letter)) {
            obey(key, letter);
            is_changed = true;
        }
        if (is_changed)
            draw();
    }

    void obey(Key key, char letter) {
        const std::size_t page = std::max<std::size_t>(terminal_->rows(), 4) - 3;
        switch (key) {
        case Key::none:
            break;
        case Key::quit:
            throw Quit();
        case Key::up:
            view_.first -= std::min<std::size_t>(view_.first, 1);
            break;
        case Key::down:
            ++view_.first; // draw() takes it back at the end
            break;
        case Key::page_up:
            view_.first -= std::min(view_.first, page);
            break;
        case Key::page_down:
            view_.first += page;
            break;
        case Key::home:
            view_.first = 0;
            break;
        case Key::end:
            view_.first = std::size_t{1} << 30;
            break;
        case Key::other:
            const auto* const found = std::ranges::find(sort_keys, letter, &SortKey::key);
            if (found != sort_keys.end())
                view_.order = found->order;
            break;
        }
    }

    void draw() {
        view_.rows = terminal_->rows();
        view_.columns = terminal_->columns();
        const Screen screen = screen_of(*snapshot_, rates_, history_, view_);
        view_.first = screen.first;
        terminal_->show(screen);
    }

    static constexpr std::chrono::seconds patience{3};
    static constexpr std::chrono::milliseconds longest_sleep{200}; // a signal may come just before one

    std::string path_;
    std::chrono::nanoseconds interval_;
    std::optional<ControlClient> client_;
    std::optional<Snapshot> snapshot_;
    Rates rates_;
    History history_;
    View view_;
    Terminal* terminal_ = nullptr;
};

} // namespace

int top(const Arguments& arguments) {
    ArgumentParser parser("top");
    TargetChoice target;
    double interval = 1;
    target.add_to(parser);
    parser.add_option("--interval", interval);
    if (!parser.parse(arguments)) {
        fmt::print("{}", top_help);
        return 0;
    }
    Top(target.path(), parse_interval(interval)).run();
    return 0;
}

} // namespace cli
