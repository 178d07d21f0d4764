// A world in which the devices of some exports hang, and file systems block the kernel's workers, without
// other faults: every other export must continue as usual.
#include "world.hpp"

#include <numeric>

namespace aoesim {

namespace {

/// In which every answer of a healthy export must come.
constexpr Time prompt = milliseconds(100);

} // namespace

void World::make_hanging_world() {
    requests_for_troubled_ = requests_left_ / 2;
    requests_left_ -= requests_for_troubled_;
    length_ = milliseconds(random_.chance(0.6) ? random_.between(200, 1000) : random_.between(1000, 20000));
    // For those who ask the exports that hang.
    weather_ = {.lost = random_.rarely(0.1),
                .duplicated = random_.rarely(0.1),
                .late = random_.rarely(0.1),
                .truncated = random_.rarely(0.01),
                .corrupted = random_.rarely(0.02),
                .jitter = microseconds(random_.between(1, random_.chance(0.3) ? 10 : 500))};
    crowds_ = random_.rarely(0.5);
    make_hanging_machine();
    make_hanging_exports();
    make_healthy_hosts();
    make_troubled_hosts();
    if (freezes_state_)
        make_config_setters();
    for (Export& exported : exports_) {
        exported.reserve.forget(hosts_.size());
        exported.mask.forget(hosts_.size());
    }
}

void World::make_hanging_machine() {
    const std::size_t exports = random_.chance(0.5) ? random_.between(2, 4) : random_.between(3, 12);
    const std::uint64_t least = std::max<std::uint64_t>(16, 5 * exports);
    const auto slots = static_cast<std::uint32_t>(
        random_.chance(0.3) ? least : random_.between(least, random_.chance(0.5) ? 64 : 192));
    constexpr unsigned mtus[] = {1500, 1500, 4200, 9000};
    machine_setting_ = {
        .ports = static_cast<unsigned>(random_.between(1, 2)),
        .slots = slots,
        .lent = {},
        .queue_frames = 10000,                   // what is lost in a burst is nobody's fault
        .bounce_buffers = random_.between(1, 4), // besides one for each export
        .ahead_pieces = random_.between(1, 4),
        .piece_sectors = 8 * random_.between(1, 8),
        .alignment = random_.chance(0.3) ? 4096U : 512U,
        .batch = static_cast<unsigned>(random_.between(8, 64)),
        .mtus = {},
        .keeps_state = random_.chance(0.6),
        .exports = exports,
    };
    freezes_state_ = machine_setting_.keeps_state && random_.chance(0.4);
    const auto most_used = static_cast<std::uint32_t>(3 * exports);
    for (unsigned port = 0; port < machine_setting_.ports; ++port) {
        machine_setting_.mtus.push_back(mtus[random_.below(std::size(mtus))]);
        const bool as_many = random_.chance(0.4); // as a target lends
        const auto up_to = [&](std::uint32_t most) {
            return as_many ? most : static_cast<std::uint32_t>(random_.between(1, most));
        };
        Port::Lent lent{.socket = up_to(slots / 2)};
        if (random_.chance(0.5)) {
            lent.lane = up_to(slots * 3 / 8);
            lent.socket = std::min(lent.socket, slots - most_used - lent.lane);
        }
        machine_setting_.lent.push_back(lent);
    }
    machine_ = std::make_unique<Machine>(machine_setting_, schedule_, random_.fork(), result_.faults, *this);
}

void World::make_hanging_exports() {
    const std::size_t count = machine_setting_.exports;
    std::size_t troubled = random_.chance(0.4) ? count - 1 : random_.between(1, count - 1);
    const bool blocking = random_.chance(0.5);
    for (std::size_t i = 0; i < count; ++i) {
        Disk::Setting setting{.geometry = random_geometry()};
        if (blocking && random_.chance(0.7))
            setting.blocking = random_.chance(0.7) ? Disk::Blocking::changes_of_state : Disk::Blocking::all;
        setting.immediate = random_.chance(0.3) ? 0.5 : 0;
        setting.usual = microseconds(random_.between(5, 200));
        const bool is_troubled = random_.below(count - i) < troubled;
        troubled -= is_troubled ? 1 : 0;
        add_export(setting, is_troubled ? random_patience() : aoetarget::ExportOptions{});
        exports_.back().troubled = is_troubled;
    }
}

/// How many requests a host may have under way that must be answered in time whatever others do: half of an
/// even share of the slots that are not lent, and of a usual window.
std::uint64_t World::modest_window() const {
    std::uint64_t least = machine_setting_.slots;
    for (const Port::Lent& lent : machine_setting_.lent)
        least = std::min<std::uint64_t>(least, machine_setting_.slots - lent.lane - lent.socket);
    return std::clamp<std::uint64_t>(least / machine_setting_.exports / 2, 1, 8);
}

/// One at each export that is well. All that it asks for must be answered.
void World::make_healthy_hosts() {
    std::vector<Export*> healthy;
    for (Export& exported : exports_) {
        if (!exported.troubled)
            healthy.push_back(&exported);
    }
    for (Export* exported : healthy) {
        Host::Setting setting;
        setting.kind = random_.chance(0.7) ? Host::Kind::linux_driver : Host::Kind::windows;
        setting.number = static_cast<unsigned>(hosts_.size() + 1);
        setting.window = static_cast<unsigned>(random_.between(1, modest_window()));
        // By several ports requests that overlap may be read out of order, and then the late one is dropped.
        const bool several = setting.kind == Host::Kind::linux_driver && setting.window == 1;
        const auto first_port = static_cast<unsigned>(random_.below(machine_setting_.ports));
        for (unsigned i = 0; i < (several ? machine_setting_.ports : 1U); ++i) {
            setting.ports.push_back((first_port + i) % machine_setting_.ports);
            setting.macs.push_back(aoetest::numbered_mac(setting.number * 16 + i));
        }
        setting.area = {0, exported->volume->sectors};
        setting.max_sectors = static_cast<unsigned>(random_.between(1, 17));
        setting.sequential = random_.chance(0.3) ? 0.95 : 0;
        setting.writes = 0.5;
        setting.flushes = setting.trims = setting.verifies = 0.1;
        setting.forced = exported->volume->volatile_cache ? 0.3 : 0;
        setting.config_sets = freezes_state_ ? 0 : 0.05;
        // So that all of them together ask until the world ends.
        const auto at_once = static_cast<std::int64_t>(setting.window * healthy.size());
        setting.pause = std::max(Time(microseconds(1)),
                                 length_ * at_once * 2 / static_cast<std::int64_t>(requests_left_ + 1));
        setting.care = Care::fair;
        setting.deadline = prompt;
        add_host(setting, *exported);
    }
}

/// By the dozen sometimes, or one host that has all these exports.
void World::make_troubled_hosts() {
    std::vector<Export*> troubled;
    for (Export& exported : exports_) {
        if (exported.troubled)
            troubled.push_back(&exported);
    }
    const bool one_address = random_.chance(0.3), slow = random_.chance(0.4);
    const std::uint64_t count = one_address           ? troubled.size()
                                : random_.chance(0.5) ? random_.between(1, 4)
                                                      : random_.between(4, 40);
    const double verifies = random_.chance(0.3) ? 0.9 : 0.02, writes = random_.chance(0.5) ? 0.9 : 0.3;
    const double flushes = random_.rarely(0.5), forced = random_.rarely(0.9);
    const std::uint64_t most = random_.chance(0.7) ? 64 : 8; // as many as are advertised, at most
    for (std::uint64_t i = 0; i < count; ++i) {
        Export& exported = *troubled[i < troubled.size() ? i : random_.below(troubled.size())];
        Host::Setting setting;
        constexpr Host::Kind kinds[] = {Host::Kind::linux_driver, Host::Kind::linux_driver, Host::Kind::ipxe,
                                        Host::Kind::windows};
        setting.kind = kinds[random_.below(std::size(kinds))];
        setting.number = static_cast<unsigned>(hosts_.size() + 1);
        setting.ports = {static_cast<unsigned>(random_.below(machine_setting_.ports))};
        setting.macs = {aoetest::numbered_mac((one_address ? 100 : setting.number) * 16)};
        setting.window = static_cast<unsigned>(random_.between(1, most));
        setting.area = {0, exported.volume->sectors};
        setting.max_sectors = static_cast<unsigned>(random_.between(1, 17));
        setting.writes = writes;
        setting.verifies = verifies;
        setting.flushes = flushes;
        setting.forced = forced;
        setting.trims = random_.rarely(0.2);
        setting.config_sets = random_.chance(0.2) ? 0.1 : 0;
        setting.cut_short = weather_.truncated > 0;
        setting.cold = length_ > seconds(2) || random_.chance(0.5); // who repeats often costs time
        setting.pause = microseconds(random_.between(1, 500));
        if (slow) { // but never so fast that time hardly passes
            const Time spacing(random_.below(static_cast<std::uint64_t>(length_.count())) /
                               (2 * setting.window));
            setting.spacing = std::max(spacing, Time(microseconds(10)));
        }
        setting.care = setting.kind == Host::Kind::linux_driver ? Care::prompt : Care::late;
        add_host(setting, exported);
    }
}

/// At every export one, since an export has one change of its state under way.
void World::make_config_setters() {
    for (Export& exported : exports_) {
        Host::Setting setting;
        setting.kind = Host::Kind::windows;
        setting.number = static_cast<unsigned>(hosts_.size() + 1);
        setting.ports = {static_cast<unsigned>(random_.below(machine_setting_.ports))};
        setting.macs = {aoetest::numbered_mac(setting.number * 16)};
        setting.window = 1;
        setting.area = {0, exported.volume->sectors};
        setting.config_sets = 1;
        setting.pause = milliseconds(random_.between(1, 100));
        add_host(setting, exported);
    }
}

void World::make_trouble() {
    const auto moment = [&](Time latest) {
        return Time(random_.below(static_cast<std::uint64_t>(latest.count())));
    };
    for (const Export& exported : exports_) {
        if (!exported.troubled)
            continue;
        const Time from = random_.chance(0.5) ? Time{} : moment(length_ / 2);
        hang(*exported.disk, from, random_.chance(0.75) ? Time::max() : from + moment(length_ / 2));
    }
    if (freezes_state_)
        schedule_.after(moment(length_ / 4), [this] {
            if (!healed_)
                machine_->freeze_state();
        });
}

/// Now and then it does for a moment what it was asked for, and then hangs again.
void World::hang(Disk& disk, Time from, Time until) {
    schedule_.after(from, [this, &disk] {
        if (!healed_)
            disk.hang();
    });
    if (until == Time::max())
        return;
    schedule_.after(until, [this, &disk] {
        disk.thaw();
        hang(disk, Time(random_.below(static_cast<std::uint64_t>(length_.count() / 10))), Time::max());
    });
}

/// With everything still hanging: the power is cut, or the target is told to end and cannot, or all goes on.
void World::end_hanging_world() {
    for (const auto& host : hosts_)
        host->heal(); // who waits for the power must not be answered in time
    if (random_.chance(0.25))
        cut_power();
    else if (random_.chance(0.25))
        restart();
}

} // namespace aoesim
