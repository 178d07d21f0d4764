// A target whose devices are slow, fail, or finish in any order, and one host that sends more requests than
// they can serve.
#include "support/catch.hpp"
#include "support/faulty_device.hpp"
#include "support/flood.hpp"
#include "target_fixture.hpp"

#include <cerrno>
#include <map>
#include <random>

using namespace aoetest;
using aoetarget::Io;
using aoetarget::Target;
using std::chrono::milliseconds;

namespace {

using Clock = std::chrono::steady_clock;

std::unique_ptr<FaultyDevice> faulty(VolumeLog& log, const Faults& faults) {
    return std::make_unique<FaultyDevice>(Volume::make(log), faults);
}

/// Asks again and again, as an initiator would.
bool answers_again(RawClient& client, const Request& request) {
    for (int attempt = 0; attempt < 300; ++attempt)
        if (client.wait_for(client.send(request), Milliseconds(100)))
            return true;
    return false;
}

/// Reads with a few requests in flight, and repeats what gets no answer, as an initiator does. Returns the
/// rate of answers.
double reads_per_second(RawClient& client, milliseconds time, std::size_t window = 8) {
    struct Sent {
        Request request;
        Clock::time_point when;
    };
    std::vector<Sent> sent;
    std::uint64_t next = 0;
    const auto send_new = [&] {
        Sent one{client.completed(read_request(2 * (next++ * 37 % 1000), 2)), Clock::now()};
        client.send(one.request);
        return one;
    };
    for (std::size_t i = 0; i < window; ++i)
        sent.push_back(send_new());
    const auto is_answered = [&](const Sent& one) { return client.answers_to(*one.request.tag) > 0; };
    const auto begin = Clock::now();
    unsigned answers = 0;
    while (Clock::now() - begin < time) {
        client.wait_until([&] { return std::ranges::any_of(sent, is_answered); }, Milliseconds(20));
        for (Sent& one : sent) {
            if (is_answered(one)) {
                ++answers;
                one = send_new();
            } else if (Clock::now() - one.when > milliseconds(200)) {
                client.send(one.request);
                one.when = Clock::now();
            }
        }
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    client.wait_until([&] { return std::ranges::all_of(sent, is_answered); });
    return answers / seconds;
}

} // namespace

TEST_CASE("a flood for a slow device takes nothing from its neighbour, and nothing from itself",
          "[target][faults]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    VolumeLog slow_log;
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), faulty(log, {.latency = milliseconds(5)}));
        target.add_export(at(1, 2), faulty(slow_log, {.service = milliseconds(4)}));
    });
    RawClient client(wire);
    const Mac greedy = numbered_mac(0x77);
    client.leave_to_others(greedy);
    const auto time = milliseconds(2000);
    const double rate = reads_per_second(client, time);

    std::vector<Bytes> frames; // scattered, so that the target cannot make one read of many
    for (std::uint64_t i = 0; i < 500; ++i)
        frames.push_back(client.completed(read_request(4 * (i * 7 % 500), 1).to(1, 2).from(greedy)).encode());
    Flood flood(wire.client_end(), frames, 20);
    std::this_thread::sleep_for(milliseconds(300)); // until all that it may occupy is occupied
    double flooded_rate = 0;
    double slow_rate = 0;
    // A busy machine may take the processor away from any of the threads here: up to ten attempts.
    for (int attempt = 0; attempt < 10 && (flooded_rate < 0.9 * rate || slow_rate < 0.9 * 250); ++attempt) {
        const unsigned operations = slow_log.operations;
        const auto begin = Clock::now();
        flooded_rate = reads_per_second(client, time);
        slow_rate =
            (slow_log.operations - operations) / std::chrono::duration<double>(Clock::now() - begin).count();
    }
    flood.stop();

    CAPTURE(rate, flooded_rate, slow_rate, flood.sent());
    CHECK(static_cast<double>(flood.sent()) > 20 * 250 * 2.0); // twenty times what the slow device can do
    CHECK(flooded_rate >= 0.9 * rate);
    CHECK(slow_rate >= 0.9 * 250);
    CHECK(answers_again(client, read_request(0, 2).to(1, 2)));
}

TEST_CASE(
    "with a device that delays, reorders and fails, every answer is right and every answered write is there",
    "[target][faults]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    constexpr std::uint64_t bad_from = 1500;
    VolumeLog log;
    std::minstd_rand device_random(1);
    RunningTarget running([&](Target& target) {
        target.add_interface(wire.target_end());
        const auto error_of = [&](const Io& io) {
            if (device_random() % 32 == 0)
                return EAGAIN; // no answer: the initiator repeats
            return io.op != Io::Op::flush && io.range.end() > bad_from ? EIO : 0;
        };
        target.add_export(at(1, 1), faulty(log, {.jitter = milliseconds(3), .error_of = error_of}));
    });
    RawClient client(wire);
    std::minstd_rand random(2);
    std::map<std::uint64_t, std::uint32_t> newest; // by sector
    for (std::uint32_t round = 1; round <= 40; ++round) {
        struct Sent {
            Request request;
            std::uint64_t lba;
        };
        std::vector<Sent>
            sent; // no two on the same sectors: what is repeated has lost its place in the order
        for (std::uint64_t cell = 0; cell < 32; ++cell) {
            const std::uint64_t lba = cell * 64 + random() % 62;
            sent.push_back({client.completed(write_request(lba, pattern(lba, 2, round))), lba});
        }
        std::shuffle(sent.begin(), sent.end(), random);
        for (const Sent& one : sent)
            client.send(one.request);
        for (const Sent& one : sent) {
            std::optional<Reply> reply;
            for (int attempt = 0; attempt < 250 && !reply; ++attempt) {
                reply = client.wait_for(*one.request.tag, Milliseconds(20));
                if (!reply)
                    client.send(one.request);
            }
            REQUIRE(reply);
            CAPTURE(round, one.lba);
            if (one.lba + 2 <= bad_from) {
                CHECK(reply->succeeded());
                newest[one.lba] = newest[one.lba + 1] = round;
            } else {
                CHECK(reply->status() == status_fault);
                CHECK(reply->ata_error() == error_abort);
            }
        }
    }
    for (const auto& [lba, round] : newest) {
        std::optional<Reply> reply;
        for (int attempt = 0; attempt < 20 && !reply; ++attempt)
            reply = client.wait_for(client.send(read_request(lba, 1)), Milliseconds(50));
        REQUIRE(reply);
        CHECK(difference(reply->data(), pattern(lba, 1, round), lba).empty());
    }
    CHECK(running.stats().exports.at(0).in_flight == 0);
}
