// An initiator: it sends requests, repeats them until an answer comes, and tells the checker the results.
#pragma once

#include "checker.hpp"
#include "faults.hpp"
#include "random.hpp"
#include "schedule.hpp"
#include "support/wire.hpp"

#include <map>

namespace aoesim {

using Frame = aoetest::Bytes;
using aoetest::Mac;

/// How the network may treat a request.
enum class Care : std::uint8_t {
    fair,   ///< A little delay and nothing else, of requests and answers: they must come in time.
    gentle, ///< Loss and a little delay: what the protocol cannot protect from anything worse.
    prompt, ///< Duplicates as well, all within the time in which nobody repeats.
    late,   ///< Copies may turn up after up to a second.
};

/// The world as an initiator sees it.
class Network {
  public:
    virtual void send(unsigned port, const Frame& frame, Care care, WriteId write) = 0;
    /// The largest frame payload that this port carries now, in bytes.
    [[nodiscard]] virtual unsigned mtu(unsigned port) const = 0;
    [[nodiscard]] virtual Mac port_mac(unsigned port) const = 0;
    /// Whether there is one more request to make for the host of this number.
    virtual bool take_request(unsigned host) = 0;
    /// An answer has not come in time, in words.
    virtual void unanswered(const std::string& what) = 0;
    virtual void answered_in_time() = 0;
    virtual void trace(const std::string& what) = 0;
    /// A promise was broken.
    virtual void fail(const std::string& what) = 0;

  protected:
    ~Network() = default;
};

/// An export and what was promised about it.
struct Volume {
    aoetarget::Address address;
    std::uint64_t sectors;
    std::uint64_t most_sectors; ///< That it will ever have.
    bool volatile_cache;
    bool trims;        ///< The device discards.
    bool trims_zeroes; ///< IDENTIFY says that trimmed sectors read as zeros.
    Checker checker;
    bool cache_off = false;             ///< An initiator was told that the write cache is off.
    std::vector<unsigned> writer_of{0}; ///< By write: the number of its host.
    /// Being written again with what they hold, so that nobody may write anything else there.
    std::vector<SectorRange> echoed{};

    [[nodiscard]] bool is_echoed(const SectorRange& range) const {
        return std::ranges::any_of(echoed, [&](const SectorRange& each) { return each.overlaps(range); });
    }
};

class Host {
  public:
    enum class Kind : std::uint8_t {
        linux_driver, ///< A new tag for every transmission, by another path.
        ipxe,         ///< The same tag, slowly; an error is final.
        windows,      ///< The same tag, soon.
        macos,        ///< The same tag, every 5 ms.
        constant_tag, ///< The same tag for everything, so one request at a time.
    };

    struct Setting {
        Kind kind = Kind::linux_driver;
        unsigned number = 0;         ///< From 1.
        std::vector<unsigned> ports; ///< By which it reaches the target.
        std::vector<Mac> macs;       ///< Its own, one for each of these.
        unsigned window = 8;
        SectorRange area;
        unsigned max_sectors = 17;
        double sequential = 0; ///< Reads, and writes, that go on where the last one ended.
        double writes = 0.5, flushes = 0, forced = 0, switches = 0, trims = 0;
        double verifies = 0.02; ///< Of the reads, those without data.
        double config_sets = 0; ///< At most one at a time, for an export drops a second.
        double repeats = 0;     ///< Of the reads and writes, those for the sectors of the one before.
        double echoes = 0;      ///< Of the requests, those that write the last data to its sectors again.
        Edges edges = Edges::own;
        std::optional<std::uint64_t> bucket; ///< Of the history, into which all writes are made to fall.
        bool cold = false;                   ///< Has not learnt yet how soon answers come.
        bool cut_short = false; ///< Its requests may reach the target so; the answer to them is ABRT.
        double reboots = 0;
        Time pause = microseconds(50); ///< Between an answer and the next request, at most.
        Time spacing{};                ///< If not zero: between requests instead, on average.
        Time deadline{};               ///< If not zero: each answer must come so soon, to the first request.
        Care care = Care::prompt;
    };

    Host(Setting setting, Volume& volume, Schedule& schedule, Random random, FaultCounts& faults,
         Network& network);

    void start();
    void receive(const Frame& frame);
    [[nodiscard]] const Setting& setting() const { return setting_; }
    [[nodiscard]] const Volume& volume() const { return volume_; }
    [[nodiscard]] std::size_t outstanding() const { return asked_.size(); }
    [[nodiscard]] bool has_mac(const Mac& mac) const {
        return std::ranges::find(setting_.macs, mac) != setting_.macs.end();
    }
    /// It learns that the volume has grown; whoever uses all of it goes on doing so.
    void note_growth(std::uint64_t before) {
        if (setting_.area == SectorRange{0, before})
            setting_.area.count = volume_.sectors;
    }
    /// What it still waits for, in words.
    [[nodiscard]] std::string waiting_for() const;
    void heal() {
        setting_.reboots = 0;
        setting_.deadline = {};
    }

  private:
    struct Asked {
        aoetest::Request request;
        SectorRange range;
        Checker::Moment began = 0;
        WriteId write = 0;
        bool reads = false;
        bool sets_config = false;
        bool echoes = false;
        std::uint8_t refused = 0; ///< It must not succeed, but with this ATA error.
        Time sent{};
        std::uint64_t transmission = 0; ///< Of all that this host has made.
        unsigned tries = 0;
        std::size_t path = 0;
    };

    void issue();
    void ask();
    Asked new_request();
    void make_request(Asked& asked);
    [[nodiscard]] bool sets_config() const;
    void go_on(SectorRange& range, std::uint64_t& next) const;
    void make_write(Asked& asked);
    void make_read(Asked& asked);
    [[nodiscard]] bool can_echo() const;
    void make_echo(Asked& asked);
    void make_trim(Asked& asked, bool two_blocks);
    void check_refusal(const Asked& asked, const aoetest::Reply& reply);
    [[nodiscard]] Checker::Promise promise(bool forced) const;
    [[nodiscard]] bool has_answer(const Asked& asked, const aoetest::Reply& reply) const;
    void transmit(Asked asked);
    void expire(std::uint32_t tag, std::uint64_t transmission);
    void answered(Asked& asked, const aoetest::Reply& reply);
    [[nodiscard]] std::string words_for(const Asked& asked) const;
    void maybe_reboot();
    std::uint32_t new_tag();
    [[nodiscard]] std::uint16_t jiffies() const;
    [[nodiscard]] Time age_of(std::uint32_t tag) const;
    [[nodiscard]] Time timeout(const Asked& asked) const;
    void learn(Time round_trip);

    Setting setting_;
    Volume& volume_;
    Schedule& schedule_;
    Random random_;
    FaultCounts& faults_;
    Network& network_;
    std::map<std::uint32_t, Asked> asked_; ///< By the tag of the newest transmission.
    std::uint32_t next_tag_ = 1;
    std::uint64_t transmissions_ = 0;
    std::size_t next_path_ = 0;
    std::uint64_t next_read_ = 0, next_write_ = 0; ///< Of sequential ones.
    double average_ = 0, deviation_ = 0;           ///< Of the round trip, in seconds.
    SectorRange previous_;                         ///< What was last read or written.
    Asked last_write_;  ///< Acknowledged, and to be echoed; its write is 0 at first.
    bool away_ = false; ///< Rebooting.
};

} // namespace aoesim
