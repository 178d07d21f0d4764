// Many hosts behind one client, told apart by their addresses: some wait for exports that do not answer,
// others use those that do.
#pragma once

#include "raw_client.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace aoetest {

// The address of the host with this number.
Mac host_mac(unsigned number);

// Hosts that repeat every request until it is answered.
class StubbornHosts {
  public:
    explicit StubbornHosts(RawClient& client) : client_(client) {}

    // Sends it, and repeats it from now on in every turn() that is due.
    void ask(const Request& request);
    // To be called every few milliseconds. Sends a few frames at most, so that they do not crowd others out
    // of a socket.
    void turn();
    std::size_t unanswered();
    // Until all is answered. False: it was not within `patience`.
    bool finish(Milliseconds patience);

  private:
    using Clock = std::chrono::steady_clock;

    struct Sent {
        Request request;
        Clock::time_point newest;
    };

    void forget_answered();

    RawClient& client_;
    std::vector<Sent> waiting_;
    std::size_t next_ = 0;
};

// Hosts with a modest window that send requests of all kinds, each once: an answer that does not come is
// counted as missing.
class ModestHosts {
  public:
    // One host's use of one export, which holds the standard pattern.
    struct Place {
        Mac host;
        std::uint16_t shelf;
        std::uint8_t slot;
        // Whether it sets config strings, of which an export takes one at a time: one place at most does so.
        bool saves = false;
    };
    // The places of an export lie side by side.
    static constexpr std::uint64_t sectors_per_place = 3072;

    struct Outcome {
        unsigned answered = 0, refused = 0, unanswered = 0;
        double slowest_ms = 0;
        std::string slowest_kind, missing_kind;

        bool is_served(double limit_ms) const {
            return refused == 0 && unanswered == 0 && slowest_ms <= limit_ms;
        }
        std::string text() const;
    };

    ModestHosts(RawClient& client, const std::vector<Place>& places, std::size_t window = 4);

    // Sends that many requests and waits for the answers; gives up as soon as a whole window is missing.
    // `meanwhile` is called every few milliseconds.
    Outcome run(unsigned requests, const std::function<void()>& meanwhile);

  private:
    using Clock = std::chrono::steady_clock;

    struct Sent {
        std::uint32_t tag;
        const char* kind;
        std::uint64_t pattern_lba; // Of a read, 0 else.
        Clock::time_point time;
    };
    struct Lane {
        Place place;
        std::uint64_t first; // Of the sectors that are its own.
        std::uint64_t asked = 0;
        std::vector<Sent> waiting = {};
    };

    static bool is_saving(const Lane& lane);
    void ask(Lane& lane);
    void take_answers(Lane& lane, Outcome& outcome);

    RawClient& client_;
    std::size_t window_;
    std::vector<Lane> lanes_;
};

} // namespace aoetest
