#include "hosts.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace aoetest {

namespace {

constexpr Milliseconds repeat_interval{500};
constexpr unsigned frames_per_turn = 8;
constexpr Milliseconds missed_after{500};

} // namespace

Mac host_mac(unsigned number) {
    return numbered_mac(0x5000 + number);
}

void StubbornHosts::ask(const Request& request) {
    waiting_.push_back({client_.completed(request), Clock::now()});
    client_.send(waiting_.back().request);
    if (waiting_.size() % frames_per_turn == 0)
        client_.receive(Milliseconds(0));
}

void StubbornHosts::turn() {
    const auto now = Clock::now();
    unsigned sent = 0;
    for (std::size_t looked_at = 0; looked_at < waiting_.size() && sent < frames_per_turn; ++looked_at) {
        next_ = (next_ + 1) % waiting_.size();
        Sent& one = waiting_[next_];
        if (now - one.newest < repeat_interval || client_.answers_to(*one.request.tag) > 0)
            continue;
        client_.send(one.request);
        one.newest = now;
        ++sent;
    }
}

void StubbornHosts::forget_answered() {
    std::erase_if(waiting_, [&](const Sent& one) { return client_.answers_to(*one.request.tag) > 0; });
}

std::size_t StubbornHosts::unanswered() {
    forget_answered();
    return waiting_.size();
}

bool StubbornHosts::finish(Milliseconds patience) {
    const auto deadline = Clock::now() + patience;
    while (unanswered() > 0 && Clock::now() < deadline) {
        turn();
        client_.receive(Milliseconds(2));
    }
    return unanswered() == 0;
}

std::string ModestHosts::Outcome::text() const {
    std::array<char, 160> line{};
    std::snprintf(line.data(), line.size(), "%u answers, slowest %.1f ms (%s), %u refused, %u missing (%s)",
                  answered, slowest_ms, slowest_kind.c_str(), refused, unanswered,
                  unanswered > 0 ? missing_kind.c_str() : "-");
    return line.data();
}

ModestHosts::ModestHosts(RawClient& client, const std::vector<Place>& places, std::size_t window)
    : client_(client), window_(window) {
    for (const Place& place : places) {
        const auto before = std::ranges::count_if(lanes_, [&](const Lane& lane) {
            return lane.place.shelf == place.shelf && lane.place.slot == place.slot;
        });
        lanes_.push_back({.place = place, .first = static_cast<std::uint64_t>(before) * sectors_per_place});
    }
}

// An export takes one change of its config string at a time, and no notice of another one meanwhile.
bool ModestHosts::is_saving(const Lane& lane) {
    return std::ranges::any_of(lane.waiting,
                               [](const Sent& one) { return one.kind == std::string("config string"); });
}

void ModestHosts::ask(Lane& lane) {
    // A third is only read, a third is written, a third is trimmed. Single sectors, and odd addresses, are
    // parts of blocks where those have 4096 bytes.
    constexpr std::uint64_t third = sectors_per_place / 3;
    const std::uint64_t step = lane.asked * 40 % (third - 8);
    const std::uint64_t read = lane.first + step;
    const std::uint64_t write = read + third;
    const std::uint64_t trim = write / 8 * 8 + third;
    const auto version = static_cast<std::uint32_t>(lane.asked);
    Sent sent{0, "", 0, Clock::now()};
    const auto send = [&](const char* kind, Request request) {
        sent.kind = kind;
        sent.tag = client_.send(request.to(lane.place.shelf, lane.place.slot).from(lane.place.host));
    };
    switch (lane.asked % 12) {
    case 0:
    case 6:
        send("write", write_request(write, pattern(write, 2, version)));
        break;
    case 1:
    case 7:
        sent.pattern_lba = read;
        send("read", read_request(read, 2));
        break;
    case 2:
        send("write of a part", write_request(write + 1, pattern(write + 1, 1, version)));
        break;
    case 3:
        sent.pattern_lba = read + 3;
        send("read of a part", read_request(read + 3, 1));
        break;
    case 4:
        send("verify", ata_request(ata::read_verify_ext, 0, 8, read, aflag_extended));
        break;
    case 5:
        send("stable write", write_request(write, pattern(write, 2, version), ata::write_dma_fua_ext));
        break;
    case 8:
        send("flush", flush_request());
        break;
    case 9:
        send("trim", trim_request({{trim, 8}}));
        break;
    case 10:
        send("config string", lane.place.saves && !is_saving(lane)
                                  ? config_request(ccmd_force, "run " + std::to_string(lane.asked))
                                  : config_request());
        break;
    default:
        send("identify", identify_request());
    }
    lane.waiting.push_back(sent);
    ++lane.asked;
}

void ModestHosts::take_answers(Lane& lane, Outcome& outcome) {
    const auto now = Clock::now();
    std::erase_if(lane.waiting, [&](const Sent& one) {
        const auto taken = now - one.time;
        if (client_.answers_to(one.tag) == 0) {
            outcome.unanswered += taken > missed_after ? 1 : 0;
            if (taken <= missed_after)
                return false;
            outcome.missing_kind = one.kind;
            return true;
        }
        const Reply reply = *client_.wait_for(one.tag);
        ++outcome.answered;
        const bool right =
            reply.command() == command_config
                ? !reply.is_error()
                : reply.succeeded() &&
                      (one.pattern_lba == 0 ||
                       reply.data() == pattern(one.pattern_lba, reply.data().size() / sector_bytes));
        outcome.refused += right ? 0 : 1;
        const double ms = std::chrono::duration<double, std::milli>(taken).count();
        if (ms > outcome.slowest_ms) {
            outcome.slowest_ms = ms;
            outcome.slowest_kind = one.kind;
        }
        return true;
    });
}

ModestHosts::Outcome ModestHosts::run(unsigned requests, const std::function<void()>& meanwhile) {
    Outcome outcome;
    unsigned asked = 0;
    const auto waits = [](const Lane& lane) { return !lane.waiting.empty(); };
    const auto has_answer = [&](const Lane& lane) {
        return std::ranges::any_of(lane.waiting,
                                   [&](const Sent& one) { return client_.answers_to(one.tag) > 0; });
    };
    while ((asked < requests || std::ranges::any_of(lanes_, waits)) && outcome.unanswered < window_) {
        for (Lane& lane : lanes_) {
            while (asked < requests && lane.waiting.size() < window_) {
                ask(lane);
                ++asked;
            }
        }
        client_.wait_until([&] { return std::ranges::any_of(lanes_, has_answer); }, Milliseconds(2));
        for (Lane& lane : lanes_)
            take_answers(lane, outcome);
        meanwhile();
    }
    for (Lane& lane : lanes_) {
        outcome.unanswered += static_cast<unsigned>(lane.waiting.size());
        lane.waiting.clear();
    }
    return outcome;
}

} // namespace aoetest
