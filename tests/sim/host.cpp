#include "host.hpp"

#include "collision.hpp"

namespace aoesim {

namespace ata = aoetest::ata;
using aoetest::Reply;
using aoetest::Request;

namespace {

constexpr Time longest_timeout = seconds(20);
constexpr Time jiffy = milliseconds(4);

Time in_time(double number_of_seconds) {
    return std::chrono::duration_cast<Time>(std::chrono::duration<double>(number_of_seconds));
}

} // namespace

Host::Host(Setting setting, Volume& volume, Schedule& schedule, Random random, FaultCounts& faults,
           Network& network)
    : setting_(std::move(setting)), volume_(volume), schedule_(schedule), random_(random), faults_(faults),
      network_(network), average_(setting_.cold ? 0.25 : 0.001), deviation_(setting_.cold ? 2 : 0.001) {}

// --- Asking --------------------------------------------------------------------------------------

void Host::start() {
    issue();
    if (setting_.spacing > Time{})
        schedule_.after(Time(random_.below(static_cast<std::uint64_t>(2 * setting_.spacing.count()))),
                        [this] { start(); });
}

void Host::issue() {
    while (!away_ && asked_.size() < setting_.window && network_.take_request(setting_.number)) {
        ask();
        if (setting_.spacing > Time{})
            return;
    }
}

void Host::ask() {
    Asked asked = new_request();
    asked.path = next_path_++ % setting_.ports.size();
    if (setting_.kind == Kind::constant_tag) {
        // Something that targets return and do not look at: which request an answer is for.
        asked.request.at(32) = static_cast<std::uint8_t>(next_tag_);
        asked.request.at(33) = static_cast<std::uint8_t>(next_tag_ >> 8);
    }
    asked.request.tagged(new_tag());
    transmit(std::move(asked));
}

Host::Asked Host::new_request() {
    Asked asked;
    if (setting_.config_sets > 0 && !sets_config() && random_.chance(setting_.config_sets)) {
        asked.sets_config = true;
        asked.request =
            aoetest::config_request(aoetest::ccmd_force, "host " + std::to_string(setting_.number) + ", " +
                                                             std::to_string(next_tag_));
    } else {
        make_request(asked);
    }
    asked.began = volume_.checker.now();
    asked.request.to(volume_.address.shelf, volume_.address.slot);
    return asked;
}

bool Host::sets_config() const {
    return std::ranges::any_of(asked_, [](const auto& each) { return each.second.sets_config; });
}

void Host::make_request(Asked& asked) {
    unsigned most = setting_.max_sectors;
    for (const unsigned port : setting_.ports)
        most = std::min(most, (network_.mtu(port) - 36) / 512);
    most = std::max(most, 1U);
    const std::uint64_t first = setting_.area.first + random_.below(setting_.area.count);
    SectorRange range{first, std::min(random_.between(1, most), setting_.area.end() - first)};
    if (previous_.count > 0 && previous_.count <= most && random_.chance(setting_.repeats))
        range = previous_;
    if (random_.chance(setting_.flushes)) {
        asked.request = aoetest::flush_request(random_.chance(0.5) ? ata::flush_cache : ata::flush_cache_ext);
    } else if (random_.chance(setting_.switches)) {
        asked.request = aoetest::ata_request(ata::set_features, 0x82);
    } else if (random_.chance(setting_.echoes) && can_echo()) {
        make_echo(asked);
    } else if (random_.chance(setting_.trims) && volume_.echoed.empty()) {
        make_trim(asked, most > 1 && random_.chance(0.2));
    } else {
        const bool writes = random_.chance(setting_.writes);
        if (random_.chance(setting_.sequential))
            go_on(range, writes ? next_write_ : next_read_);
        else if (last_write_.write != 0 && random_.chance(setting_.echoes / 20)) // it has other data at last
            range = last_write_.range;
        asked.range = previous_ = range;
        if (writes && !volume_.is_echoed(range))
            make_write(asked);
        else
            make_read(asked);
    }
}

void Host::make_read(Asked& asked) {
    const bool is_28_bit = setting_.kind == Kind::constant_tag;
    const auto sectors = static_cast<std::uint8_t>(asked.range.count);
    asked.reads = !random_.chance(setting_.verifies);
    if (asked.reads)
        asked.request = aoetest::read_request(asked.range.first, sectors,
                                              is_28_bit ? ata::read_sectors : ata::read_sectors_ext);
    else
        asked.request = aoetest::ata_request(is_28_bit ? ata::read_verify : ata::read_verify_ext, 0, sectors,
                                             asked.range.first);
}

/// From where the last one ended, and from the beginning after the end.
void Host::go_on(SectorRange& range, std::uint64_t& next) const {
    const std::uint64_t end = setting_.area.end();
    range.first = next < end ? next : setting_.area.first;
    range.count = std::min(range.count, end - range.first);
    next = range.end();
}

Checker::Promise Host::promise(bool forced) const {
    if (!volume_.volatile_cache || forced)
        return Checker::Promise::always;
    return volume_.cache_off ? Checker::Promise::cache_off : Checker::Promise::none;
}

void Host::make_write(Asked& asked) {
    const bool forced = random_.chance(setting_.forced);
    asked.write = volume_.checker.write_begins(asked.range, promise(forced));
    volume_.writer_of.push_back(setting_.number);
    aoetest::Bytes data(asked.range.bytes());
    for (std::uint64_t i = 0; i < asked.range.count; ++i)
        fill_sector(&data[i * 512], asked.write, asked.range.first + i, setting_.edges);
    const std::uint8_t opcode = forced ? ata::write_dma_fua_ext
                                : setting_.kind == Kind::constant_tag || random_.chance(0.5)
                                    ? ata::write_sectors
                                    : ata::write_sectors_ext;
    if (setting_.bucket && random_.chance(0.3)) // more would cost the target time and no more
        collide(data, asked.range, opcode, *setting_.bucket);
    asked.request = aoetest::write_request(asked.range.first, data, opcode);
}

/// Nobody else writes there meanwhile, so for the checker it is the same write.
bool Host::can_echo() const {
    return last_write_.write != 0 && !volume_.is_echoed(last_write_.range) &&
           volume_.checker.is_newest(last_write_.range, last_write_.write);
}

void Host::make_echo(Asked& asked) {
    asked.range = last_write_.range;
    asked.write = last_write_.write;
    asked.request = last_write_.request;
    asked.echoes = true;
    volume_.echoed.push_back(asked.range);
    volume_.checker.write_begins_again(asked.write,
                                       promise(asked.request.opcode() == ata::write_dma_fua_ext));
}

/// Of a few ranges anywhere, some of them side by side as those of a long range are.
void Host::make_trim(Asked& asked, bool two_blocks) {
    const SectorRange& area = setting_.area;
    std::vector<SectorRange> ranges;
    std::uint64_t next = area.end();
    for (std::uint64_t left = random_.between(1, 4); left > 0; --left) {
        if (next == area.end() || random_.chance(0.7))
            next = area.first + random_.below(area.count);
        ranges.push_back({next, std::min(random_.between(1, 24), area.end() - next)});
        next = ranges.back().end();
    }
    asked.range = ranges.front(); // to be named in a message
    const bool beyond_end = random_.chance(0.05);
    if (!volume_.trims)
        asked.refused = aoetest::error_abort;
    else if (beyond_end)
        asked.refused = aoetest::error_id_not_found;
    faults_.add(asked.refused != 0 ? Fault::forbidden_trim : Fault::trim);
    std::vector<aoetest::TrimRange> list;
    if (asked.refused == 0) {
        asked.write = volume_.checker.trim_begins(ranges, promise(false),
                                                  volume_.trims_zeroes ? Checker::Effect::certain
                                                                       : Checker::Effect::advice);
        volume_.writer_of.push_back(setting_.number);
        list.push_back({asked.write, 0}); // for the disk (Disk::trim_of)
    }
    for (const SectorRange& range : ranges)
        list.push_back({range.first, static_cast<std::uint16_t>(range.count)});
    if (beyond_end) // which the target must see before it discards the others
        list.push_back(
            {volume_.sectors - 1, static_cast<std::uint16_t>(volume_.most_sectors - volume_.sectors + 2)});
    asked.request = aoetest::trim_request(list, two_blocks ? 2 : 1);
}

std::uint32_t Host::new_tag() {
    const std::uint32_t number = next_tag_++;
    switch (setting_.kind) {
    case Kind::linux_driver:
        return (number & 0x7FFF) << 16 | jiffies();
    case Kind::ipxe:
        return 0x18AE0000 | (number & 0xFFFF);
    case Kind::constant_tag:
        return 0x0000A0E0;
    case Kind::windows: // in the order of its bytes
        return __builtin_bswap32(number);
    case Kind::macos:
        break;
    }
    return number;
}

std::uint16_t Host::jiffies() const {
    return static_cast<std::uint16_t>(schedule_.now() / jiffy);
}

/// Of a tag of Linux: even the answer to a transmission that has been replaced tells how long answers take
/// (lib/protocol/README.md, "Linux"), or a host whose target has much to do would never wait long enough.
Time Host::age_of(std::uint32_t tag) const {
    return static_cast<std::uint16_t>(jiffies() - static_cast<std::uint16_t>(tag)) * jiffy;
}

void Host::transmit(Asked asked) {
    const std::uint32_t tag = *asked.request.tag;
    asked.request.from(setting_.macs[asked.path]);
    asked.request.destination = network_.port_mac(setting_.ports[asked.path]);
    asked.sent = schedule_.now();
    asked.transmission = transmissions_++;
    ++asked.tries;
    network_.send(setting_.ports[asked.path], asked.request.encode(), setting_.care, asked.write);
    Time delay = timeout(asked);
    if (setting_.deadline == Time{}) // timers of many hosts never keep step for long
        delay += Time(random_.below(static_cast<std::uint64_t>(delay.count() / 16)));
    schedule_.after(delay, [this, tag, number = asked.transmission] { expire(tag, number); });
    asked_.insert_or_assign(tag, std::move(asked));
}

Time Host::timeout(const Asked& asked) const {
    if (setting_.deadline > Time{})
        return setting_.deadline;
    const unsigned doublings = std::min(asked.tries - 1, 10U);
    switch (setting_.kind) {
    case Kind::linux_driver:
        return std::clamp<Time>(in_time(2 * average_ + 8 * deviation_), milliseconds(100), longest_timeout);
    case Kind::ipxe:
        return std::min<Time>(milliseconds(250 << std::min(doublings, 5U)), seconds(8));
    case Kind::windows:
    case Kind::constant_tag:
        return std::min<Time>(milliseconds(20 << doublings), seconds(1));
    case Kind::macos:
        break;
    }
    return milliseconds(5);
}

void Host::expire(std::uint32_t tag, std::uint64_t transmission) {
    const auto found = asked_.find(tag);
    if (found == asked_.end() || found->second.transmission != transmission)
        return;
    if (setting_.deadline > Time{}) {
        network_.unanswered(words_for(found->second));
        return;
    }
    Asked asked = std::move(found->second);
    asked_.erase(found);
    if (setting_.kind == Kind::linux_driver) {
        asked.request.tagged(new_tag());
        asked.path = (asked.path + 1) % setting_.ports.size();
    }
    transmit(std::move(asked));
}

// --- Learning ------------------------------------------------------------------------------------

void Host::receive(const Frame& frame) {
    const Reply reply{frame};
    if (away_ || !reply.is_response() || reply.shelf() != volume_.address.shelf ||
        reply.slot() != volume_.address.slot)
        return;
    const bool is_config = reply.command() == aoetest::command_config;
    if (!is_config && reply.command() != aoetest::command_ata)
        return;
    const auto found = asked_.find(reply.tag());
    if (found == asked_.end()) {
        if (setting_.kind == Kind::linux_driver && !is_config)
            learn(age_of(reply.tag()));
        return;
    }
    if (!has_answer(found->second, reply))
        return;
    if (reply.is_error() && setting_.kind != Kind::ipxe)
        return; // and goes on asking
    Asked asked = std::move(found->second);
    asked_.erase(found);
    learn(schedule_.now() - asked.sent);
    if (setting_.deadline > Time{})
        network_.answered_in_time();
    answered(asked, reply);
    maybe_reboot();
    if (setting_.spacing > Time{})
        return;
    schedule_.after(Time(random_.below(static_cast<std::uint64_t>(setting_.pause.count()))),
                    [this] { issue(); });
}

/// Whether it is the answer to this request, where the tag is right.
bool Host::has_answer(const Asked& asked, const Reply& reply) const {
    const bool is_config = reply.command() == aoetest::command_config;
    if (asked.sets_config || is_config)
        return asked.sets_config == is_config; // or it is an advertisement
    return setting_.kind != Kind::constant_tag ||
           (reply.bytes[32] == asked.request.byte_at(32) && reply.bytes[33] == asked.request.byte_at(33));
}

/// A failure tells nothing: a write may have been made, in part or whole, or may yet be.
void Host::answered(Asked& asked, const Reply& reply) {
    if (asked.sets_config)
        return;
    if (asked.refused != 0) {
        check_refusal(asked, reply);
        return;
    }
    if (!reply.succeeded())
        return;
    if (asked.echoes) // else it may yet be made, so nobody writes there any more
        volume_.echoed.erase(std::ranges::find(volume_.echoed, asked.range));
    Checker& checker = volume_.checker;
    if (asked.reads) {
        if (reply.bytes.size() != 36 + asked.range.bytes())
            network_.trace("a read got an answer of another length");
        else
            checker.read_returned(asked.range, asked.began, &reply.bytes[36]);
    } else if (asked.write != 0) {
        checker.write_acknowledged(asked.write);
        const bool is_favourite = last_write_.write == 0 || last_write_.range == asked.range;
        if (asked.request.opcode() != ata::data_set_management && (is_favourite || random_.chance(0.02)))
            last_write_ = asked;
    } else if (asked.request.opcode() == ata::set_features) {
        checker.flush_acknowledged(asked.began);
        volume_.cache_off = true;
    } else if (asked.request.opcode() != ata::read_verify_ext && asked.request.opcode() != ata::read_verify) {
        checker.flush_acknowledged(asked.began);
    }
}

void Host::check_refusal(const Asked& asked, const Reply& reply) {
    if (reply.is_error()) // of AoE: its host is shut out, say
        return;
    const bool aborted = setting_.cut_short && reply.ata_error() == aoetest::error_abort;
    if (reply.status() != aoetest::status_error || (reply.ata_error() != asked.refused && !aborted))
        network_.fail("a trim " +
                      std::string(volume_.trims ? "beyond the end" : "of a disk that cannot discard") +
                      " is answered with status " + std::to_string(reply.status()) + ", error " +
                      std::to_string(reply.ata_error()));
}

void Host::learn(Time round_trip) {
    const double taken = std::chrono::duration<double>(round_trip).count();
    const double off = taken - average_;
    average_ += off / 256;
    deviation_ += ((off < 0 ? -off : off) - deviation_) / 8;
}

/// A host that boots again begins with the same tags. It takes longer than frames live.
void Host::maybe_reboot() {
    if (setting_.kind == Kind::linux_driver || !asked_.empty() || !random_.chance(setting_.reboots))
        return;
    faults_.add(Fault::initiator_reboot);
    away_ = true;
    schedule_.after(milliseconds(1900), [this] {
        away_ = false;
        next_tag_ = 1;
        issue();
    });
}

std::string Host::waiting_for() const {
    if (asked_.empty())
        return "nothing";
    return words_for(asked_.begin()->second) + ", and for " + std::to_string(asked_.size() - 1) + " others";
}

std::string Host::words_for(const Asked& asked) const {
    const auto waited = std::chrono::duration_cast<milliseconds>(schedule_.now() - asked.sent).count();
    std::string what = "the config string";
    if (!asked.sets_config)
        what = "command " + std::to_string(asked.request.opcode()) + " for " +
               std::to_string(asked.range.count) + " sectors from " + std::to_string(asked.range.first);
    return "host " + std::to_string(setting_.number) + " still waits for the answer of " +
           to_string(volume_.address) + " to " + what + ", sent " + std::to_string(asked.tries) +
           " times, last " + std::to_string(waited) + " ms ago";
}

} // namespace aoesim
