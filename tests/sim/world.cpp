// A world from beginning to end, and its cables.
#include "world.hpp"

#include <cstdio>

namespace aoesim {

using aoetest::Reply;

namespace {

constexpr Time latest = seconds(1); // after this a frame is never delivered
constexpr Time patience = seconds(120);

} // namespace

World::Export* World::find(const aoetarget::Address& address) {
    const auto found =
        std::ranges::find_if(exports_, [&](const Export& each) { return each.volume->address == address; });
    return found != exports_.end() ? &*found : nullptr;
}

bool World::take_request(unsigned host) {
    const bool must_be_answered = !hanging_ || hosts_[host - 1]->setting().deadline > Time{};
    std::uint64_t& left = must_be_answered ? requests_left_ : requests_for_troubled_;
    if (left == 0)
        return false;
    --left;
    ++result_.requests;
    return true;
}

void World::trace(const std::string& what) {
    if (tracing_)
        std::printf("%12.6f %s\n", std::chrono::duration<double>(schedule_.now()).count() - 1000,
                    what.c_str());
}

void World::fail(const std::string& what) {
    if (!result_.violation.empty())
        return;
    result_.violation = what;
    trace("VIOLATION " + what);
}

// --- Cables --------------------------------------------------------------------------------------

unsigned World::mtu(unsigned port) const {
    const unsigned at_first = machine_setting_.mtus[port];
    return machine_->is_running() ? std::min(at_first, machine_->port(port).mtu_now) : at_first;
}

void World::send(unsigned port, const Frame& frame, Care care, WriteId write) {
    const auto jitter = [&] {
        return Time(random_.below(static_cast<std::uint64_t>(weather_.jitter.count())));
    };
    const auto lateness = [&] {
        if (care != Care::late)
            return Time(milliseconds(random_.below(20)));
        result_.faults.add(Fault::request_late);
        return Time(milliseconds(random_.below(static_cast<std::uint64_t>(latest / milliseconds(1)))));
    };
    if (care == Care::fair) {
        deliver(port, frame, write, jitter());
        return;
    }
    if (care != Care::gentle && random_.chance(weather_.duplicated)) {
        result_.faults.add(Fault::request_duplicated);
        deliver(port, frame, write, lateness());
    }
    if (random_.chance(weather_.lost)) {
        result_.faults.add(Fault::request_lost);
        return;
    }
    Frame sent = frame;
    if (care != Care::gentle && random_.chance(weather_.truncated)) {
        result_.faults.add(Fault::request_truncated);
        sent.resize(random_.below(sent.size()));
    } else if (care != Care::gentle && random_.chance(weather_.corrupted)) {
        result_.faults.add(Fault::request_corrupted);
        spoil(sent);
    } else if (care == Care::late && random_.chance(weather_.late)) {
        deliver(port, std::move(sent), write, lateness());
        return;
    }
    deliver(port, std::move(sent), write, jitter());
}

/// In a way that any target must see.
void World::spoil(Frame& frame) {
    switch (random_.below(7)) {
    case 0:
        frame[12] ^= 0x01; // Ethernet type
        break;
    case 1:
        frame[14] ^= static_cast<std::uint8_t>(0x10 << random_.below(4)); // version
        break;
    case 2:
        frame[14] |= aoetest::flag_response;
        break;
    case 3:
        frame[16] ^= 0x40; // shelf
        break;
    case 4:
        frame[18] ^= 0x20; // slot
        break;
    case 5:
        frame[19] |= static_cast<std::uint8_t>(0x10 << random_.below(4)); // command
        break;
    default:
        frame[6] |= 0x01; // a multicast source
    }
}

void World::deliver(unsigned port, Frame frame, WriteId write, Time delay) {
    schedule_.after(delay, [this, port, write, epoch = cables_epoch_, frame = std::move(frame)] {
        if (epoch != cables_epoch_ || !machine_->arrive(port, frame, write))
            return;
        if (tracing_) {
            const Reply view{frame};
            trace("-> port " + std::to_string(port) + " write " + std::to_string(write) + " " +
                  aoetest::hex_dump(frame, 36));
        }
        note_command(Reply{frame});
    });
}

void World::taken(const Port& port, const Port::Waiting& waiting) {
    const Reply request{waiting.frame};
    Export* exported = find({request.shelf(), request.slot()});
    if (exported != nullptr && operates_)
        note_taken(*exported, port, waiting);
    if (exported == nullptr || waiting.write == 0)
        return;
    exported->arrived.resize(std::max(exported->arrived.size(), waiting.write + 1), Time::min());
    Time& arrived = exported->arrived[waiting.write];
    arrived = std::max(arrived, waiting.arrival);
}

void World::left_target(const Port& port, const Frame& frame) {
    const Reply reply{frame};
    result_.digest =
        (result_.digest ^ static_cast<std::uint64_t>(schedule_.now().count())) * 0x100000001B3ULL;
    for (std::size_t i = 0; i < frame.size(); i += i < 60 ? 1 : 64)
        result_.digest = (result_.digest ^ frame[i]) * 0x100000001B3ULL;
    if (tracing_)
        trace("<- port " + std::to_string(port.number) + " " + std::to_string(frame.size()) + " bytes " +
              aoetest::hex_dump(frame, 36));
    check_frame(port, reply);
    if (operates_)
        check_is_let_in(port, reply);
    note_answer(reply);
    const Time delay = Time(random_.below(static_cast<std::uint64_t>(weather_.jitter.count())));
    if (is_fair_to(reply.destination())) {
        hand_over(frame, delay);
        return;
    }
    if (random_.chance(weather_.duplicated)) {
        result_.faults.add(Fault::reply_duplicated);
        hand_over(frame, milliseconds(random_.below(20)));
    }
    if (random_.chance(weather_.lost)) {
        result_.faults.add(Fault::reply_lost);
        return;
    }
    if (random_.chance(weather_.late)) {
        result_.faults.add(Fault::reply_late);
        hand_over(frame, milliseconds(random_.below(200)));
        return;
    }
    hand_over(frame, delay);
}

bool World::is_fair_to(const Mac& mac) const {
    return hanging_ && std::ranges::any_of(hosts_, [&](const auto& host) {
               return host->setting().care == Care::fair && host->has_mac(mac);
           });
}

void World::hand_over(const Frame& frame, Time delay) {
    schedule_.after(delay, [this, frame, epoch = cables_epoch_] {
        if (epoch != cables_epoch_)
            return;
        const Mac to = Reply{frame}.destination();
        if (to == query_mac)
            queries_answered_.push_back(Reply{frame}.tag());
        for (const auto& host : hosts_) {
            if (to == aoetest::broadcast_mac || host->has_mac(to))
                host->receive(frame);
        }
        for (const Export& exported : exports_) {
            if (exported.manager && exported.manager->mac() == to)
                exported.manager->receive(frame);
        }
    });
}

/// What holds for every frame that leaves a target.
void World::check_frame(const Port& port, const Reply& reply) {
    const auto expect = [&](bool condition, const char* what) {
        if (!condition)
            fail(std::string(what) + ": " + aoetest::hex_dump(reply.bytes, 60));
    };
    expect(reply.bytes.size() >= 60, "a frame of less than 60 bytes");
    expect(reply.bytes.size() <= port.mtu_now + 14, "a frame longer than the MTU");
    expect(reply.source() == port.address, "a frame with a foreign source");
    expect(reply.ethernet_type() == aoetest::ethernet_type_aoe && reply.version() == 1 && reply.is_response(),
           "a frame that is not an answer");
    expect(find({reply.shelf(), reply.slot()}) != nullptr, "an answer of an export that does not exist");
    if (reply.command() == aoetest::command_ata && reply.bytes.size() == 60) {
        for (std::size_t i = 36; i < 60; ++i)
            expect(reply.bytes[i] == 0, "padding that is not zero");
    }
}

/// A change of a list has reached the target: from here on that list may let in anybody.
void World::note_command(const Reply& request) {
    Export* exported = find({request.shelf(), request.slot()});
    if (exported == nullptr)
        return;
    if (request.command() == aoetest::command_reserve)
        exported->reserve.may_let_in_all(request.tag());
    else if (request.command() == aoetest::command_mask)
        exported->mask.may_let_in_all(request.tag());
}

/// A confirmed change of a list: from here on nothing of those whom it shuts out may reach the disk.
void World::note_answer(const Reply& reply) {
    Export* exported = find({reply.shelf(), reply.slot()});
    if (exported == nullptr || reply.is_error())
        return;
    const bool reserves = reply.command() == aoetest::command_reserve;
    if (!reserves && (reply.command() != aoetest::command_mask || reply.mask_error() != 0))
        return;
    const std::vector<Mac> permitted = reserves ? reply.holders() : reply.mask_list();
    Exclusion& exclusion = reserves ? exported->reserve : exported->mask;
    if (reply.tag() < exclusion.newest_command)
        return; // which may have changed the list again before this left
    for (const auto& host : hosts_) {
        const auto is_permitted = [&](const Mac& mac) { return host->has_mac(mac); };
        const bool excluded = !permitted.empty() && std::ranges::none_of(permitted, is_permitted);
        const unsigned number = host->setting().number;
        if (excluded && !exclusion.now[number])
            exclusion.since[number] = schedule_.now();
        exclusion.now[number] = excluded;
    }
}

void World::landing(const Disk& disk, const SectorRange& range, const std::uint8_t* bytes) {
    const auto found =
        std::ranges::find_if(exports_, [&](const Export& each) { return each.disk.get() == &disk; });
    for (std::uint64_t i = 0; i < range.count; ++i) {
        const std::uint64_t sector = range.first + i;
        const auto write = write_of(bytes + i * 512, sector);
        if (!write || *write >= found->volume->writer_of.size()) {
            fail("sector " + std::to_string(sector) + " is given what nobody has written");
            continue;
        }
        if (write_of(disk.sector(sector), sector) == write)
            continue;
        if (tracing_)
            trace("   sector " + std::to_string(sector) + " <= write " + std::to_string(*write));
        if (operates_ && *write != 0 && (found->lawful.size() <= *write || !found->lawful[*write]))
            fail("write " + std::to_string(*write) + " lands, though the operator had shut out its host");
        const unsigned host = found->volume->writer_of[*write];
        const Time arrived = found->arrived[*write];
        if (found->reserve.now[host] || found->mask.now[host])
            fail("write " + std::to_string(*write) + " of a host that is shut out lands");
        else if (arrived < found->reserve.since[host] || arrived < found->mask.since[host])
            fail("write " + std::to_string(*write) + " lands, which arrived before its host was shut out");
    }
}

// --- From beginning to end -----------------------------------------------------------------------

void World::step_until(Time limit, const std::function<bool()>& done) {
    while (!done() && schedule_.now() < limit && !schedule_.empty() && result_.violation.empty()) {
        schedule_.step();
        for (const Export& exported : exports_) {
            if (!exported.disk->violation().empty())
                fail(exported.disk->violation());
            if (!exported.volume->checker.violation().empty())
                fail(to_string(exported.volume->address) + " " + exported.volume->checker.violation());
        }
    }
}

Result World::run() {
    machine_->boot();
    for (const auto& host : hosts_)
        host->start();
    for (const Export& exported : exports_) {
        if (exported.manager)
            exported.manager->start();
    }
    if (hanging_)
        make_trouble();
    else
        next_fault();
    if (operates_)
        operate();
    query();
    if (between_floods_ > Time{})
        flood();
    step_until(schedule_.now() + seconds(300), [this] { return requests_left_ == 0; });
    if (hanging_)
        end_hanging_world();
    heal();
    expect_answers();
    expect_nothing_left();
    return result_;
}

void World::expect_answers() {
    const auto all_in = [this] {
        return machine_->is_running() && !machine_->is_stopping() &&
               std::ranges::all_of(exports_, [](const Export& exported) {
                   return !exported.manager || exported.manager->is_done();
               });
    };
    step_until(schedule_.now() + patience, all_in);
    if (!all_in())
        fail("a reserve or mask command was not answered");
    requests_left_ = requests_for_troubled_ = 0;
    const auto all_answered = [this] {
        return std::ranges::all_of(hosts_, [](const auto& host) { return host->outstanding() == 0; });
    };
    step_until(schedule_.now() + patience, all_answered);
    for (const auto& host : hosts_) {
        if (host->outstanding() != 0)
            fail(host->waiting_for());
    }
    flooding_ = false;
    step_until(schedule_.now() + seconds(5), [] { return false; }); // what is still on its way
    queries_answered_.clear();
    const std::uint32_t first_tag = query_tag_;
    std::size_t expected = 0;
    for (unsigned port = 0; port < machine_setting_.ports; ++port) {
        for (const bool identify : {true, false}) {
            auto request = identify ? aoetest::identify_request() : aoetest::config_request();
            request.to(aoetest::every_shelf, aoetest::every_slot).from(query_mac).tagged(query_tag_++);
            request.destination = aoetest::broadcast_mac;
            send(port, request.encode(), Care::gentle, 0);
            expected += exports_.size();
        }
    }
    step_until(schedule_.now() + seconds(1), [&] { return queries_answered_.size() == expected; });
    if (queries_answered_.size() != expected)
        fail(std::to_string(queries_answered_.size()) + " answers to queries from tag " +
             std::to_string(first_tag) + " on, of " + std::to_string(expected));
}

void World::expect_nothing_left() {
    step_until(schedule_.now() + seconds(5), [] { return false; });
    note_counters();
    if (!result_.violation.empty())
        return;
    if (const std::string left = machine_->leftovers(); !left.empty())
        fail(left);
    for (Export& exported : exports_) {
        Checker& checker = exported.volume->checker;
        checker.read_returned({0, exported.volume->sectors}, checker.now(), exported.disk->sector(0));
        if (!checker.violation().empty())
            fail("in the end: " + checker.violation());
    }
    machine_->close();
    step_until(schedule_.now() + seconds(60), [this] { return machine_->is_closed(); });
    if (!machine_->is_closed())
        fail("the target does not come to an end");
}

void World::note_counters() {
    for (const auto& stats : machine_->stats()) {
        result_.duplicates += stats.duplicates;
        result_.ordered += stats.ordered;
        result_.patched += stats.patched;
        result_.stale += stats.stale;
        result_.read_ahead += stats.read_ahead;
        result_.discards += stats.discards;
    }
}

} // namespace aoesim
