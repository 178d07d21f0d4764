// The core between links that end in the test and disks that the test controls. Every frame that leaves is
// checked against reply_rules.hpp; at the end nothing may be under way and every slot must be free again.
#pragma once

#include "core/core.hpp"
#include "fake_device.hpp"
#include "fake_link.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace aoetest {

inline const Mac client_mac = numbered_mac(1);
inline const Mac other_client_mac = numbered_mac(2);

constexpr aoetarget::Address address_of(unsigned shelf, unsigned slot) {
    return {static_cast<std::uint16_t>(shelf), static_cast<std::uint8_t>(slot)};
}

aoetarget::Geometry geometry_of(std::uint64_t sectors, std::uint32_t block_bytes = 512);
/// The same, where only a write that asks for it is durable, and sectors can be discarded.
aoetarget::Geometry with_cache(std::uint64_t sectors = 256, std::uint32_t block_bytes = 512);

class CoreFixture {
  public:
    struct Options {
        std::size_t bounce_buffers = 4;
        std::size_t ahead_pieces = 3; ///< Used where a geometry allows it.
        std::uint64_t piece_sectors = 32;
        unsigned buffer_count = 128;
        unsigned mtu = 1500; ///< Of the first link.
        std::uint32_t slots = 64;
        std::size_t payload_alignment = sector_bytes;
        aoetarget::core::StateStore* store = nullptr;
        bool hears_events = true;
        aoetarget::core::EventLog* events = nullptr; ///< Instead of the fixture's own.
    };

    /// An answer and the link by which it went.
    struct Answer {
        Reply reply;
        FakeLink* link;
    };

    CoreFixture() : CoreFixture(Options{}) {}
    explicit CoreFixture(const Options& options);
    ~CoreFixture();
    CoreFixture(const CoreFixture&) = delete;
    CoreFixture& operator=(const CoreFixture&) = delete;

    FakeLink& add_link(unsigned mtu = 1500, std::uint32_t slots = 64,
                       std::size_t payload_alignment = sector_bytes);
    void remove_link(FakeLink& link);
    /// `address`: e1.1 and so on. A disk of up to 512 sectors is filled with pattern().
    Disk& add_export_with(const aoetarget::ExportOptions& options, const aoetarget::Geometry& geometry);
    Disk& add_export(const aoetarget::Geometry& geometry, aoetarget::Address address = {1, 1});
    /// Another disk, of which the core gets a device for the export.
    Disk& replace_device(const aoetarget::Geometry& geometry, aoetarget::Address address = {1, 1},
                         const std::string& what = {});
    Disk& add_export(std::uint64_t sectors = 256) { return add_export(geometry_of(sectors)); }

    /// Fills in what the request leaves open and hands it to the core. Returns the tag.
    std::uint32_t send(Request request);
    std::uint32_t send(FakeLink& link, Request request);
    /// Hands these bytes to the core. Returns whether anybody acted upon them.
    bool send_bytes(FakeLink& link, const Bytes& frame);
    /// What send() would hand over.
    Request complete(const FakeLink& link, Request request);
    [[nodiscard]] bool acted_upon() const { return acted_upon_; } ///< The last that was sent.

    void turn() {
        core.turn(now);
        event_log_.deliver(now);
    }
    /// Completes the device's first operation again and again, turning in between, until there is none.
    void drain(Disk& disk);
    /// One request and its one answer, which must come without further ado.
    Reply ask(const Request& request) { return ask(*links.front(), request); }
    Reply ask(FakeLink& link, const Request& request);
    /// Sends, turns, and checks that there is no answer.
    void expect_silence(const Request& request);

    /// Answers to this tag that have come since the last call.
    std::vector<Answer> take(std::uint32_t tag);
    std::vector<Reply> replies(std::uint32_t tag);
    Reply reply(std::uint32_t tag); ///< There must be exactly one.
    [[nodiscard]] bool answered(std::uint32_t tag) const;
    [[nodiscard]] std::size_t answers() const { return answers_in_all_; }
    std::vector<Answer> take_advertisements();
    /// For a test that sends for ever: forgets all that was sent and answered.
    void forget();
    /// The text of the only event of this kind since the last call; empty: there is none.
    std::string take_event(aoetarget::EventKind kind);
    [[nodiscard]] aoetarget::ExportStats stats(std::size_t index = 0) const {
        return core.export_stats(now).at(index);
    }

    void check_nothing_left();

    std::vector<std::unique_ptr<FakeLink>> links; // before the core, whose requests lie in their slots
    std::deque<Disk> disks;
    std::vector<aoetarget::Event> events; ///< That were told, but for those of new initiators.
    aoetarget::core::Time now{1000};
    aoetarget::core::Time arrival{}; ///< Of the frames sent from now on; zero: the link does not tell.
    bool checking = true;            ///< Off: answers are counted and dropped.

  private:
    struct Exchange {
        Request request;
        unsigned sends = 0;
        std::deque<Answer> unread;
        std::map<unsigned, unsigned> answers_by_address;
    };

    void sent(FakeLink& link, aoetarget::ConstBytes frame);

    aoetarget::core::EventLog event_log_{[this](const aoetarget::Event& event) {
        if (event.kind != aoetarget::EventKind::initiator_new)
            events.push_back(event);
    }};
    AlignedMemory bounce_, ahead_;
    std::map<std::uint32_t, Exchange> exchanges_;
    std::vector<Answer> advertisements_;
    std::uint32_t next_tag_ = 1;
    std::size_t answers_in_all_ = 0;
    bool acted_upon_ = false;

  public:
    aoetarget::core::Core core;
    FakeLink* link = nullptr; ///< The first.
};

} // namespace aoetest
