#include "core_fixture.hpp"

#include "support/check.hpp"
#include "support/reply_rules.hpp"

#include <cstring>
#include <utility>

namespace aoetest {

using aoetarget::Address;
using aoetarget::ExportOptions;
using aoetarget::Geometry;
namespace core_layer = aoetarget::core;

Geometry geometry_of(std::uint64_t sectors, std::uint32_t block_bytes) {
    Geometry geometry;
    geometry.sectors = sectors;
    geometry.logical_block_bytes = geometry.physical_block_bytes = block_bytes;
    return geometry;
}

Geometry with_cache(std::uint64_t sectors, std::uint32_t block_bytes) {
    Geometry geometry = geometry_of(sectors, block_bytes);
    geometry.volatile_cache = true;
    geometry.discard = true;
    return geometry;
}

CoreFixture::CoreFixture(const Options& options)
    : bounce_(options.bounce_buffers * core_layer::BouncePool::buffer_bytes),
      ahead_(options.ahead_pieces * options.piece_sectors * sector_bytes),
      core({.buffer_count = options.buffer_count,
            .firmware_version = 0x0102,
            .firmware = "1.2",
            .bounce_memory = bounce_.bytes(),
            .ahead_memory = ahead_.bytes(),
            .piece_sectors = options.piece_sectors,
            .store = options.store,
            .events = options.events != nullptr ? options.events
                      : options.hears_events    ? &event_log_
                                                : nullptr}) {
    link = &add_link(options.mtu, options.slots, options.payload_alignment);
}

CoreFixture::~CoreFixture() {
    check_nothing_left();
}

void CoreFixture::check_nothing_left() {
    turn();
    for (const Disk& disk : disks) {
        if (!disk.violations.empty())
            report_failure("what a device may rely on: " + disk.violations);
        if (!disk.pending.empty())
            report_failure("the device still has " + std::to_string(disk.pending.size()) + " operations");
    }
    if (!core.idle())
        report_failure("the core is not idle");
    for (const auto& each : links) {
        each->finish_sending();
        if (!each->all_slots_free())
            report_failure(std::to_string(each->pool().slots() - each->free_slots()) + " slots are lost");
    }
}

FakeLink& CoreFixture::add_link(unsigned mtu, std::uint32_t slots, std::size_t payload_alignment) {
    const auto mac = numbered_mac(0x1000 + static_cast<unsigned>(links.size()));
    links.push_back(std::make_unique<FakeLink>(
        "eth" + std::to_string(links.size()), mac, mtu, slots,
        [this](FakeLink& from, aoetarget::ConstBytes frame) { sent(from, frame); }, payload_alignment));
    links.back()->id = core.add_link(*links.back(), slots);
    return *links.back();
}

void CoreFixture::remove_link(FakeLink& gone) {
    core.remove_link(gone.id);
    gone.up_now = false;
}

Disk& CoreFixture::add_export_with(const ExportOptions& options, const Geometry& geometry) {
    Disk& disk = disks.emplace_back(geometry);
    if (geometry.sectors <= 512)
        disk.fill(0, pattern(0, geometry.sectors));
    ExportOptions complete_options = options;
    if (complete_options.serial.empty())
        complete_options.serial = "S" + to_string(options.address);
    core.add_export(complete_options, std::make_unique<FakeDevice>(disk), geometry);
    return disk;
}

Disk& CoreFixture::add_export(const Geometry& geometry, Address address) {
    ExportOptions options;
    options.address = address;
    return add_export_with(options, geometry);
}

Disk& CoreFixture::replace_device(const Geometry& geometry, Address address, const std::string& what) {
    Disk& disk = disks.emplace_back(geometry);
    core.replace_device(address, std::make_unique<FakeDevice>(disk), geometry, what);
    return disk;
}

std::string CoreFixture::take_event(aoetarget::EventKind kind) {
    std::string text;
    std::erase_if(events, [&](const aoetarget::Event& event) {
        if (event.kind != kind)
            return false;
        if (!text.empty())
            report_failure("one event is due: " + text + event.text);
        text = event.text;
        return true;
    });
    return text;
}

Request CoreFixture::complete(const FakeLink& from, Request request) {
    if (!request.destination)
        request.destination = from.address;
    if (!request.source)
        request.source = client_mac;
    if (!request.tag)
        request.tag = next_tag_++;
    return request;
}

std::uint32_t CoreFixture::send(Request request) {
    return send(*link, std::move(request));
}

std::uint32_t CoreFixture::send(FakeLink& from, Request request) {
    request = complete(from, std::move(request));
    const Bytes frame = request.encode();
    const std::uint32_t tag = *request.tag;
    if (checking) {
        Exchange& exchange = exchanges_[tag];
        ++exchange.sends;
        exchange.request = std::move(request);
    }
    acted_upon_ = send_bytes(from, frame);
    return tag;
}

bool CoreFixture::send_bytes(FakeLink& from, const Bytes& frame) {
    auto slot = from.receive(frame);
    if (!slot)
        abort_test("no slot is free for a frame");
    slot->set_arrival(arrival);
    return core.receive(from.id, std::move(*slot));
}

void CoreFixture::drain(Disk& disk) {
    turn();
    while (!disk.pending.empty()) {
        disk.complete();
        turn();
    }
}

Reply CoreFixture::ask(FakeLink& from, const Request& request) {
    const std::uint32_t tag = send(from, request);
    turn();
    return reply(tag);
}

void CoreFixture::expect_silence(const Request& request) {
    const std::uint32_t tag = send(request);
    turn();
    if (answered(tag))
        report_failure("an answer where silence is due: " + hex_dump(replies(tag).front().bytes));
}

std::vector<CoreFixture::Answer> CoreFixture::take(std::uint32_t tag) {
    std::deque<Answer>& unread = exchanges_[tag].unread;
    std::vector<Answer> all(unread.begin(), unread.end());
    unread.clear();
    return all;
}

std::vector<Reply> CoreFixture::replies(std::uint32_t tag) {
    std::vector<Reply> all;
    for (Answer& answer : take(tag))
        all.push_back(std::move(answer.reply));
    return all;
}

Reply CoreFixture::reply(std::uint32_t tag) {
    std::vector<Reply> all = replies(tag);
    if (all.size() != 1)
        abort_test(std::to_string(all.size()) + " answers where one is due, to " +
                   hex_dump(exchanges_[tag].request.encode()));
    return std::move(all.front());
}

bool CoreFixture::answered(std::uint32_t tag) const {
    const auto found = exchanges_.find(tag);
    return found != exchanges_.end() && !found->second.unread.empty();
}

std::vector<CoreFixture::Answer> CoreFixture::take_advertisements() {
    return std::exchange(advertisements_, {});
}

void CoreFixture::forget() {
    exchanges_.clear();
    advertisements_.clear();
}

void CoreFixture::sent(FakeLink& from, aoetarget::ConstBytes frame) {
    ++answers_in_all_;
    if (!checking)
        return;
    Reply reply{Bytes(frame.size())};
    std::memcpy(reply.bytes.data(), frame.data(), frame.size());
    const auto complain = [&](const std::string& what) {
        report_failure(what + "\n  reply: " + hex_dump(reply.bytes));
    };
    if (reply.source() != from.address)
        complain("1.2: the source is not the address of the link");
    if (reply.bytes.size() > from.mtu_now + 14)
        complain("7: the frame is longer than the link can send");
    const auto found = exchanges_.find(reply.tag());
    if (found == exchanges_.end()) {
        if (reply.tag() != 0 || reply.command() != command_config)
            complain("nothing asked for this");
        for (const std::string& rule : broken_advertisement_rules(reply))
            complain(rule);
        advertisements_.push_back({std::move(reply), &from});
        return;
    }
    Exchange& exchange = found->second;
    for (const std::string& rule : broken_rules(reply, exchange.request))
        complain(rule);
    const unsigned address = unsigned{reply.shelf()} << 8 | reply.slot();
    if (++exchange.answers_by_address[address] > exchange.sends)
        complain("answered more often than asked");
    exchange.unread.push_back({std::move(reply), &from});
}

} // namespace aoetest
