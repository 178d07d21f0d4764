// An initiator that writes numbered sectors to many exports at once and remembers every acknowledgement. It
// outlives the target; its record is what the disks are measured by.
#include "check.hpp"
#include "power_cut.hpp"
#include "raw_client.hpp"
#include "state_changes.hpp"
#include "test_network.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <list>
#include <random>

namespace aoetest {

namespace {
unsigned failures = 0;
} // namespace

// Without a test framework: what breaks a rule of the protocol is told, and counted.
void report_failure(const std::string& message) {
    if (++failures <= 10)
        std::cerr << message << std::endl;
}
void abort_test(const std::string& message) {
    throw power_cut::Failure(message);
}
void note_skip(const std::string&) {}

namespace power_cut {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t writes_in_flight = 8; // to each export
constexpr std::uint64_t hot_sectors = 256;  // half of the writes go there, so that they replace each other
constexpr Milliseconds repeat_after{1500};  // longer than an emulated machine takes for an answer
constexpr Milliseconds flush_interval{400};
constexpr Milliseconds last_answers_within{300};

volatile std::sig_atomic_t ending = 0;

struct Write {
    std::uint64_t lba = 0;
    std::uint64_t sectors = 0;
    Version version = 0;
};

struct Sent {
    Request request; ///< With its tag.
    Clock::time_point when;
    Write write; ///< No sectors: a flush.
};

class Volume {
  public:
    Volume(RawClient& client, Record& record, std::uint8_t slot, std::uint64_t sectors, bool flushes)
        : client_(client), seed_(record.seed), slot_(slot), record_(record.exports[slot]), flushes_(flushes),
          random_(seed_ * 256 + slot) {
        record_.sectors = sectors;
        const Reply reply = client.ask(config_request().to(1, slot));
        max_sectors_ = reply.sectors_per_frame();
        if (Identify(client.ask(identify_request().to(1, slot)).data()).sectors_48() != sectors)
            throw Failure("the export has another size");
    }

    void send_more(Version& version) {
        while (writes_under_way_ < writes_in_flight) {
            const std::optional<Write> write = choose(version + 1);
            if (!write)
                return;
            ++version;
            send(*write);
        }
        if (flushes_ && !flush_under_way_ && Clock::now() >= flush_due_)
            send_flush();
    }

    [[nodiscard]] bool has_answers() const {
        return std::any_of(sent_.begin(), sent_.end(),
                           [&](const Sent& sent) { return client_.answers_to(*sent.request.tag) > 0; });
    }

    void take_answers() {
        for (auto sent = sent_.begin(); sent != sent_.end();) {
            const std::optional<Reply> reply = client_.wait_for(*sent->request.tag, Milliseconds(0));
            if (!reply) {
                ++sent;
                continue;
            }
            if (!reply->succeeded())
                report_failure("an error from 1." + std::to_string(slot_) + ": " + hex_dump(reply->bytes));
            answered(*sent, reply->succeeded());
            sent = sent_.erase(sent);
        }
    }

    void repeat_what_is_late() {
        for (Sent& sent : sent_)
            if (Clock::now() - sent.when > repeat_after) {
                client_.send(sent.request);
                sent.when = Clock::now();
                ++repeated;
            }
    }

    std::uint64_t repeated = 0;

  private:
    std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

    /// Nothing if what was chosen is still being written.
    std::optional<Write> choose(Version version) {
        Write write{0, 1 + below(max_sectors_), version};
        switch (below(4)) {
        case 0: // anywhere
            write.lba = below(record_.sectors - write.sectors + 1);
            break;
        case 1: // behind the last of this kind, so that the target has something to join
            if (stream_ + write.sectors > record_.sectors)
                stream_ = hot_sectors;
            write.lba = stream_;
            stream_ += write.sectors;
            break;
        default:
            write.lba = below(hot_sectors - write.sectors);
        }
        for (const Sent& other : sent_)
            if (write.lba < other.write.lba + other.write.sectors &&
                other.write.lba < write.lba + write.sectors)
                return std::nullopt;
        return write;
    }

    void send(const Write& write) {
        Bytes data;
        for (std::uint64_t lba = write.lba; lba < write.lba + write.sectors; ++lba) {
            const Bytes contents = sector_contents(seed_, slot_, lba, write.version);
            data.insert(data.end(), contents.begin(), contents.end());
            record_.touched[lba].sent = write.version;
        }
        ++writes_under_way_;
        send(write_request(write.lba, data), write);
    }

    void send_flush() {
        covered_.clear();
        for (const auto& [lba, sector] : record_.touched)
            covered_.emplace_back(lba, sector.acknowledged);
        flush_under_way_ = true;
        short_flush_ = !short_flush_;
        send(flush_request(short_flush_ ? ata::flush_cache : ata::flush_cache_ext), Write{});
    }

    void send(Request request, const Write& write) {
        request = client_.completed(request.to(1, slot_));
        client_.send(request);
        sent_.push_back({std::move(request), Clock::now(), write});
    }

    void answered(const Sent& sent, bool succeeded) {
        if (sent.write.sectors == 0) {
            flush_under_way_ = false;
            flush_due_ = Clock::now() + flush_interval;
            record_.flushes += succeeded;
            for (const auto& [lba, version] : covered_)
                if (succeeded)
                    record_.touched[lba].flushed = version;
            return;
        }
        --writes_under_way_;
        if (!succeeded)
            return;
        ++record_.writes;
        for (std::uint64_t i = 0; i < sent.write.sectors; ++i)
            record_.touched[sent.write.lba + i].acknowledged = sent.write.version;
    }

    RawClient& client_;
    std::uint64_t seed_;
    std::uint8_t slot_;
    ExportRecord& record_;
    bool flushes_;
    std::mt19937_64 random_;
    unsigned max_sectors_ = 0;
    std::uint64_t stream_ = hot_sectors;
    std::list<Sent> sent_;
    std::size_t writes_under_way_ = 0;
    bool flush_under_way_ = false;
    bool short_flush_ = false;
    Clock::time_point flush_due_ = Clock::now() + flush_interval;
    std::vector<std::pair<std::uint64_t, Version>> covered_; ///< By the flush under way.
};

Mac mac_from(const std::string& text) {
    std::array<unsigned, 6> octets{};
    if (std::sscanf(text.c_str(), "%x:%x:%x:%x:%x:%x", &octets[0], &octets[1], &octets[2], &octets[3],
                    &octets[4], &octets[5]) != 6)
        throw Failure("no MAC address: " + text);
    Mac mac;
    std::transform(octets.begin(), octets.end(), mac.octets.begin(),
                   [](unsigned octet) { return static_cast<std::uint8_t>(octet); });
    return mac;
}

std::list<Volume> volumes_from(const Arguments& texts, RawClient& client, Record& record,
                               std::optional<StateChanges>& changes) {
    std::list<Volume> volumes;
    for (const std::string& text : texts) {
        unsigned slot = 0;
        unsigned long sectors = 0;
        if (std::sscanf(text.c_str(), "%u:%lu", &slot, &sectors) != 2)
            throw Failure("no export: " + text);
        volumes.emplace_back(client, record, static_cast<std::uint8_t>(slot), sectors,
                             text.find(":flush") != std::string::npos);
        if (text.find(":state") != std::string::npos)
            changes.emplace(client, record, static_cast<std::uint8_t>(slot));
    }
    return volumes;
}

void keep_writing(RawClient& client, std::list<Volume>& volumes, std::optional<StateChanges>& changes) {
    Version version = 0;
    const auto has_answers = [&] {
        return std::any_of(volumes.begin(), volumes.end(),
                           [](const Volume& volume) { return volume.has_answers(); });
    };
    while (ending == 0) {
        for (Volume& volume : volumes)
            volume.send_more(version);
        if (changes)
            changes->go_on(repeat_after);
        client.wait_until(has_answers, Milliseconds(20));
        client.receive(Milliseconds(0));
        for (Volume& volume : volumes) {
            volume.take_answers();
            volume.repeat_what_is_late();
        }
    }
    // What the target sent before its end is an acknowledgement like any other.
    client.receive(last_answers_within);
    for (Volume& volume : volumes)
        volume.take_answers();
    if (changes)
        changes->take_answer();
}

} // namespace

int write(const Arguments& arguments) {
    std::signal(SIGTERM, [](int) { ending = 1; });
    stay_in_this_network();
    Record record;
    record.seed = std::stoull(arguments[3]);
    RawClient client(arguments[0], mac_from(arguments[1]));
    client.set_sentinel(config_request().to(1, every_slot));
    std::optional<StateChanges> changes;
    std::list<Volume> volumes =
        volumes_from(Arguments(arguments.begin() + 4, arguments.end()), client, record, changes);
    std::cout << "writing" << std::endl;
    keep_writing(client, volumes, changes);
    save(record, arguments[2]);
    std::uint64_t repeated = 0;
    for (const Volume& volume : volumes)
        repeated += volume.repeated;
    std::cout << "repeated " << repeated << std::endl;
    return failures == 0 ? 0 : 1;
}

} // namespace power_cut

} // namespace aoetest
