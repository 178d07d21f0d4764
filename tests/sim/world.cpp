#include "world.hpp"

#include <cstdio>

namespace aoesim {

using aoetest::Reply;

namespace {

constexpr Time latest = seconds(1); // after this a frame is never delivered
constexpr Time patience = seconds(120);
const Mac query_mac = aoetest::numbered_mac(0x2000);
const Mac greedy_mac = aoetest::numbered_mac(0x4000);

/// Most of the time nothing, so that seeds differ in kind.
double rarely(Random& random, double most) {
    return random.chance(0.5) ? 0 : most * static_cast<double>(random.below(1000)) / 1000;
}

} // namespace

World::World(std::uint64_t seed, std::uint64_t requests, bool tracing)
    : random_(seed * 2 + 1), requests_left_(requests), tracing_(tracing) {
    make_weather();
    make_exports();
    make_hosts();
}

World::~World() = default;

// --- What there is -------------------------------------------------------------------------------

void World::make_weather() {
    weather_ = {.lost = rarely(random_, 0.1),
                .duplicated = rarely(random_, 0.1),
                .late = rarely(random_, 0.1),
                .truncated = rarely(random_, 0.01),
                .corrupted = rarely(random_, 0.02),
                .jitter = microseconds(random_.between(1, 1000))};
    between_faults_ = random_.chance(0.2) ? seconds(1000) : Time(milliseconds(random_.between(5, 200)));
    power_cuts_ = rarely(random_, 0.1);
    restarts_ = rarely(random_, 0.1);
    constexpr unsigned mtus[] = {1500, 1500, 4200, 9000, 9000};
    machine_setting_ = {
        .ports = static_cast<unsigned>(random_.between(1, 3)),
        .slots = static_cast<std::uint32_t>(random_.between(16, 96)),
        .socket_frames = random_.between(16, 200),
        .bounce_buffers = random_.between(1, 3),
        .ahead_pieces = random_.between(1, 4),
        .piece_sectors = 8 * random_.between(1, 8),
        .alignment = random_.chance(0.3) ? 4096U : 512U,
        .batch = static_cast<unsigned>(random_.between(1, 64)),
        .mtus = {},
        .delayed_turns = rarely(random_, 0.01),
        .keeps_state = random_.chance(0.5),
        .save_errors = rarely(random_, 0.1),
    };
    if (random_.chance(0.1)) {
        // As in a real target the windows of a few hosts fit into the slots, whatever the greedy one does.
        between_floods_ = microseconds(random_.between(30, 100));
        machine_setting_.slots = 96;
        machine_setting_.buffer_count = 8;
    }
    for (unsigned port = 0; port < machine_setting_.ports; ++port)
        machine_setting_.mtus.push_back(mtus[random_.below(std::size(mtus))]);
    machine_ = std::make_unique<Machine>(machine_setting_, schedule_, random_.fork(), result_.faults, *this);
}

void World::make_exports() {
    exports_.resize(random_.between(1, 2));
    for (std::size_t i = 0; i < exports_.size(); ++i) {
        Disk::Setting setting;
        aoetarget::Geometry& geometry = setting.geometry;
        constexpr std::uint32_t blocks[] = {512, 512, 4096, 4096, 1024};
        constexpr std::uint32_t alignments[] = {1, 512, 4096};
        geometry.logical_block_bytes = geometry.physical_block_bytes =
            blocks[random_.below(std::size(blocks))];
        geometry.memory_alignment = alignments[random_.below(std::size(alignments))];
        geometry.sectors = 64 * random_.between(1, 4);
        geometry.volatile_cache = random_.chance(0.5);
        geometry.read_ahead = random_.chance(0.5);
        geometry.discard = random_.chance(0.7);
        geometry.discard_zeroes = geometry.discard && random_.chance(0.7);
        setting.kept = geometry.discard_zeroes ? 0 : 0.5;
        setting.immediate = random_.chance(0.3) ? 0.5 : 0;
        setting.slow = rarely(random_, 0.1);
        setting.errors = rarely(random_, 0.02);
        setting.busy = rarely(random_, 0.02);
        setting.full = rarely(random_, 0.02);
        setting.usual = microseconds(random_.between(10, 2000));
        setting.slowest = milliseconds(random_.between(10, 400));
        const aoetarget::Address address{static_cast<std::uint16_t>(i + 1), static_cast<std::uint8_t>(i)};
        exports_[i].disk = std::make_unique<Disk>(setting, schedule_, random_.fork(), result_.faults, *this);
        exports_[i].volume = std::make_unique<Volume>(
            Volume{.address = address,
                   .sectors = geometry.sectors,
                   .volatile_cache = geometry.volatile_cache,
                   .trims = geometry.discard,
                   // Parts of blocks are never discarded, so larger blocks promise nothing.
                   .trims_zeroes = geometry.discard_zeroes && geometry.logical_block_bytes == 512,
                   .checker = Checker(geometry.sectors)});
        machine_->add_export(address, *exports_[i].disk);
    }
}

void World::make_hosts() {
    const std::uint64_t count = random_.between(1, 4);
    const bool own_sectors = random_.chance(0.3);
    const bool shares_sectors = count > 1 && !own_sectors;
    for (unsigned number = 1; number <= count; ++number) {
        Export& exported = exports_[random_.below(exports_.size())];
        const std::uint64_t sectors = exported.volume->sectors;
        Host::Setting setting;
        constexpr Host::Kind kinds[] = {Host::Kind::linux_driver, Host::Kind::linux_driver, Host::Kind::ipxe,
                                        Host::Kind::windows, Host::Kind::macos};
        setting.kind = kinds[random_.below(std::size(kinds))];
        setting.number = number;
        const bool several = setting.kind == Host::Kind::linux_driver;
        const bool one_mac = random_.chance(0.5);
        const auto first_port = static_cast<unsigned>(random_.below(machine_setting_.ports));
        for (unsigned i = 0; i < (several ? machine_setting_.ports : 1U); ++i) {
            setting.ports.push_back((first_port + i) % machine_setting_.ports);
            setting.macs.push_back(aoetest::numbered_mac(number * 16 + (one_mac ? 0 : i)));
        }
        setting.window = static_cast<unsigned>(random_.between(1, between_floods_ > Time{} ? 4 : 24));
        setting.area = own_sectors ? SectorRange{(number - 1) * (sectors / count), sectors / count}
                                   : SectorRange{0, random_.chance(0.5) ? sectors : sectors / 4};
        setting.max_sectors = static_cast<unsigned>(random_.between(1, 17));
        setting.sequential = random_.chance(0.4) ? 0.95 : 0;
        setting.writes = 0.2 + 0.1 * static_cast<double>(random_.below(7));
        if (setting.sequential > 0 && between_floods_ == Time{} && random_.chance(0.5)) { // a copy of a disk
            setting.max_sectors = static_cast<unsigned>(random_.between(1, 4));
            setting.writes = 0.95;
            setting.window = 24;
            setting.sequential = 0.8;
        }
        if (exported.volume->volatile_cache) {
            setting.flushes = rarely(random_, 0.1);
            setting.forced = rarely(random_, 0.5);
            setting.switches = random_.chance(0.2) ? 0.005 : 0;
        }
        setting.trims = rarely(random_, 0.2);
        setting.repeats = rarely(random_, 0.5);
        setting.cut_short = weather_.truncated > 0;
        setting.cold = random_.chance(0.1);
        setting.reboots = rarely(random_, 0.02);
        setting.pause = microseconds(random_.between(1, 500));
        if (setting.kind != Host::Kind::linux_driver || (one_mac && !shares_sectors))
            setting.care = Care::late;
        hosts_.push_back(std::make_unique<Host>(setting, *exported.volume, schedule_, random_.fork(),
                                                result_.faults, *this));
    }
    unsigned number = 0;
    for (Export& exported : exports_) {
        exported.reserve.forget(count);
        exported.mask.forget(count);
        if (random_.chance(0.4))
            continue;
        std::vector<const Host*> all;
        for (const auto& host : hosts_)
            all.push_back(host.get());
        exported.manager = std::make_unique<Manager>(aoetest::numbered_mac(0x3000 + number++),
                                                     *exported.volume, std::move(all), machine_setting_.ports,
                                                     schedule_, random_.fork(), result_.faults, *this);
    }
}

World::Export* World::find(const aoetarget::Address& address) {
    const auto found =
        std::ranges::find_if(exports_, [&](const Export& each) { return each.volume->address == address; });
    return found != exports_.end() ? &*found : nullptr;
}

bool World::take_request() {
    if (requests_left_ == 0)
        return false;
    --requests_left_;
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

void World::taken(const Port::Waiting& waiting) {
    const Reply request{waiting.frame};
    Export* exported = find({request.shelf(), request.slot()});
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
    note_answer(reply);
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
    hand_over(frame, Time(random_.below(static_cast<std::uint64_t>(weather_.jitter.count()))));
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
        const unsigned host = found->volume->writer_of[*write];
        const Time arrived = found->arrived[*write];
        if (found->reserve.now[host] || found->mask.now[host])
            fail("write " + std::to_string(*write) + " of a host that is shut out lands");
        else if (arrived < found->reserve.since[host] || arrived < found->mask.since[host])
            fail("write " + std::to_string(*write) + " lands, which arrived before its host was shut out");
    }
}

// --- What goes wrong -----------------------------------------------------------------------------

void World::next_fault() {
    if (healed_)
        return;
    schedule_.after(Time(random_.below(static_cast<std::uint64_t>(2 * between_faults_.count()))),
                    [this] { next_fault(); });
    if (!machine_->is_running())
        return;
    if (machine_->is_stopping()) {
        if (random_.chance(power_cuts_))
            cut_power();
        return;
    }
    const auto number = static_cast<unsigned>(random_.below(machine_setting_.ports));
    Port& port = machine_->port(number);
    const Time duration = milliseconds(random_.between(1, 400));
    switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
    case 3:
        result_.faults.add(Fault::link_stalled);
        port.stalled_until = schedule_.now() + duration;
        return;
    case 4:
        result_.faults.add(Fault::link_down);
        machine_->set_link_up(number, false);
        schedule_.after(duration, [this, number] { machine_->set_link_up(number, true); });
        return;
    case 5: {
        constexpr unsigned mtus[] = {600, 1100, 1500, 4200, 9000};
        result_.faults.add(Fault::mtu_changed);
        machine_->set_mtu(number, mtus[random_.below(std::size(mtus))]);
        return;
    }
    case 6:
        machine_->replace_link(number);
        return;
    case 7: {
        result_.faults.add(Fault::disk_vanished);
        Disk& disk = *exports_[random_.below(exports_.size())].disk;
        disk.vanish(true);
        schedule_.after(duration, [&disk] { disk.vanish(false); });
        return;
    }
    default:
        if (random_.chance(power_cuts_))
            cut_power();
        else if (random_.chance(restarts_))
            restart();
    }
}

void World::cut_power() {
    trace("power cut");
    note_counters();
    machine_->power_cut();
    for (Export& exported : exports_)
        exported.volume->checker.power_cut();
    target_ended();
}

void World::restart() {
    trace("the target is told to end");
    machine_->stop([this, errors = flush_errors()] { stopped(errors); });
}

void World::stopped(const std::vector<std::uint64_t>& errors_before) {
    trace("the target has ended");
    note_counters();
    if (const std::string left = machine_->leftovers(); !left.empty())
        fail("after an orderly end " + left);
    const auto errors = flush_errors();
    for (std::size_t i = 0; i < exports_.size(); ++i) {
        Checker& checker = exports_[i].volume->checker;
        if (errors[i] == errors_before[i]) {
            checker.flush_acknowledged(checker.now());
            if (!exports_[i].disk->is_stable())
                fail("an orderly end has left data in the cache of the disk");
        }
        checker.restarted();
    }
    target_ended();
}

/// Of each export, in their order.
std::vector<std::uint64_t> World::flush_errors() const {
    std::vector<std::uint64_t> errors;
    for (const auto& stats : machine_->stats())
        errors.push_back(stats.flush_errors);
    return errors;
}

void World::target_ended() {
    ++cables_epoch_;
    for (Export& exported : exports_) {
        exported.volume->cache_off = false;
        if (machine_setting_.keeps_state)
            continue;
        exported.reserve.forget(hosts_.size());
        exported.mask.forget(hosts_.size());
    }
    schedule_.after(milliseconds(random_.between(1, 3000)), [this] {
        trace("power on");
        machine_->boot();
    });
}

/// Somebody looks for targets, as new hosts and tools do.
void World::query() {
    if (healed_)
        return;
    schedule_.after(milliseconds(random_.between(1, 100)), [this] { query(); });
    auto request = random_.chance(0.5) ? aoetest::identify_request() : aoetest::config_request();
    request.to(aoetest::every_shelf, aoetest::every_slot).from(query_mac).tagged(query_tag_++);
    request.destination = aoetest::broadcast_mac;
    send(static_cast<unsigned>(random_.below(machine_setting_.ports)), request.encode(), Care::prompt, 0);
}

/// Reads of one sector after another, each of them new, to all exports by all ports.
void World::flood() {
    if (!flooding_)
        return;
    schedule_.after(between_floods_, [this] { flood(); });
    const Export& exported = exports_[flood_tag_ % exports_.size()];
    const auto port = static_cast<unsigned>(random_.below(machine_setting_.ports));
    auto request = aoetest::read_request(random_.below(exported.volume->sectors), 1);
    request.to(exported.volume->address.shelf, exported.volume->address.slot);
    request.from(greedy_mac).tagged(flood_tag_++);
    request.destination = port_mac(port);
    send(port, request.encode(), Care::gentle, 0);
}

void World::heal() {
    trace("all faults stop");
    healed_ = true;
    weather_ = {};
    machine_->heal();
    if (machine_->is_running()) {
        for (unsigned number = 0; number < machine_->ports(); ++number) {
            machine_->port(number).stalled_until = {};
            machine_->set_link_up(number, true);
            machine_->set_mtu(number, machine_setting_.mtus[number]); // what was sent then fits again
        }
    }
    for (const Export& exported : exports_) {
        exported.disk->heal();
        if (exported.manager)
            exported.manager->heal();
    }
    for (const auto& host : hosts_)
        host->heal();
    machine_->wake();
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
    next_fault();
    query();
    if (between_floods_ > Time{})
        flood();
    step_until(schedule_.now() + seconds(300), [this] { return requests_left_ == 0; });
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
    requests_left_ = 0;
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
