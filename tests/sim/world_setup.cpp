// Makes the parts of a world.
#include "collision.hpp"
#include "world.hpp"

namespace aoesim {

World::World(std::uint64_t seed, std::uint64_t requests, bool tracing)
    : random_(seed * 2 + 1), requests_left_(requests), tracing_(tracing), hanging_(random_.chance(0.3)),
      operator_(~seed) {
    if (hanging_) {
        make_hanging_world();
        return;
    }
    operates_ = operator_.chance(0.4);
    make_weather();
    make_exports();
    make_hosts();
}

World::~World() = default;

void World::make_weather() {
    weather_ = {.lost = random_.rarely(0.1),
                .duplicated = random_.rarely(0.1),
                .late = random_.rarely(0.1),
                .truncated = random_.rarely(0.01),
                .corrupted = random_.rarely(0.02),
                .jitter = microseconds(random_.between(1, 1000))};
    between_faults_ = random_.chance(0.2) ? seconds(1000) : Time(milliseconds(random_.between(5, 200)));
    power_cuts_ = random_.rarely(0.1);
    restarts_ = random_.rarely(0.1);
    crowds_ = random_.rarely(0.2);
    constexpr unsigned mtus[] = {1500, 1500, 4200, 9000, 9000};
    machine_setting_ = {
        .ports = static_cast<unsigned>(random_.between(1, 3)),
        .slots = static_cast<std::uint32_t>(random_.chance(0.15) ? 16 : random_.between(16, 96)),
        .lent = {},
        .queue_frames = random_.between(16, 200),
        .bounce_buffers = random_.between(1, 3),
        .ahead_pieces = random_.between(1, 4),
        .piece_sectors = 8 * random_.between(1, 8),
        .alignment = random_.chance(0.3) ? 4096U : 512U,
        .batch = static_cast<unsigned>(random_.between(1, 64)),
        .mtus = {},
        .delayed_turns = random_.rarely(0.01),
        .keeps_state = random_.chance(0.5),
        .save_errors = random_.rarely(0.1),
        .exports = random_.between(1, 2),
    };
    if (random_.chance(0.1)) {
        // As in a real target the windows of a few hosts fit into the slots, whatever the greedy one does.
        between_floods_ = microseconds(random_.between(30, 100));
        machine_setting_.slots = 96;
        machine_setting_.buffer_count = 8;
    }
    for (unsigned port = 0; port < machine_setting_.ports; ++port) {
        machine_setting_.mtus.push_back(mtus[random_.below(std::size(mtus))]);
        Port::Lent lent{.socket = machine_setting_.slots / 2};
        if (random_.chance(0.3)) // as much as a lane takes, or less
            lent = {.lane = static_cast<std::uint32_t>(random_.between(1, machine_setting_.slots * 3 / 8)),
                    .socket = static_cast<std::uint32_t>(random_.between(1, machine_setting_.slots / 2))};
        machine_setting_.lent.push_back(lent);
    }
    machine_ = std::make_unique<Machine>(machine_setting_, schedule_, random_.fork(), result_.faults, *this);
}

void World::make_exports() {
    for (std::size_t i = 0; i < machine_setting_.exports; ++i) {
        Disk::Setting setting{.geometry = random_geometry()};
        setting.immediate = random_.chance(0.3) ? 0.5 : 0;
        setting.slow = random_.rarely(0.1);
        setting.errors = random_.rarely(0.02);
        setting.busy = random_.rarely(0.02);
        setting.full = random_.rarely(0.02);
        setting.usual = microseconds(random_.between(10, 2000));
        setting.slowest = milliseconds(random_.between(10, 400));
        add_export(setting, random_patience());
    }
}

aoetarget::ExportOptions World::random_patience() {
    aoetarget::ExportOptions options;
    if (random_.chance(0.5))
        options.silence_on_error = milliseconds(random_.chance(0.3) ? 0 : random_.between(10, 3000));
    options.device_timeout = milliseconds(random_.chance(0.5) ? random_.between(20, 1000) : 0);
    return options;
}

aoetarget::Geometry World::random_geometry() {
    constexpr std::uint32_t blocks[] = {512, 512, 4096, 4096, 1024};
    constexpr std::uint32_t alignments[] = {1, 512, 4096};
    aoetarget::Geometry geometry;
    geometry.logical_block_bytes = geometry.physical_block_bytes = blocks[random_.below(std::size(blocks))];
    geometry.memory_alignment = alignments[random_.below(std::size(alignments))];
    geometry.sectors = 64 * random_.between(1, 4);
    geometry.volatile_cache = random_.chance(0.5);
    geometry.read_ahead = random_.chance(0.5);
    geometry.discard = random_.chance(0.7);
    geometry.discard_zeroes = geometry.discard && random_.chance(0.7);
    return geometry;
}

void World::add_export(const Disk::Setting& wanted, const aoetarget::ExportOptions& wanted_options) {
    Disk::Setting setting = wanted;
    const aoetarget::Geometry& geometry = setting.geometry;
    setting.kept = geometry.discard_zeroes ? 0 : 0.5;
    const std::size_t number = exports_.size();
    const aoetarget::Address address{static_cast<std::uint16_t>(number + 1),
                                     static_cast<std::uint8_t>(number)};
    Export& added = exports_.emplace_back();
    added.disk = std::make_unique<Disk>(setting, schedule_, random_.fork(), result_.faults, *this,
                                        machine_->workers());
    added.volume = std::make_unique<Volume>(
        Volume{.address = address,
               .sectors = geometry.sectors,
               .most_sectors = (operates_ ? 2 : 1) * geometry.sectors,
               .volatile_cache = geometry.volatile_cache,
               .trims = geometry.discard,
               // Parts of blocks are never discarded, so larger blocks promise nothing.
               .trims_zeroes = geometry.discard_zeroes && geometry.logical_block_bytes == 512,
               .checker = Checker((operates_ ? 2 : 1) * geometry.sectors)});
    aoetarget::ExportOptions options = wanted_options;
    options.address = address;
    machine_->add_export(options, *added.disk);
    added.policies.emplace_back();
}

void World::add_host(const Host::Setting& setting, Export& exported) {
    hosts_.push_back(
        std::make_unique<Host>(setting, *exported.volume, schedule_, random_.fork(), result_.faults, *this));
}

void World::make_hosts() {
    const std::uint64_t count = random_.between(1, 4);
    const bool own_sectors = random_.chance(0.3);
    // What the history of writes has to tell apart.
    const Edges edges = random_.chance(0.3) ? Edges::plain : Edges::own;
    const double echoes = random_.chance(0.3) ? 0.5 : 0;
    std::optional<std::uint64_t> bucket;
    if (edges == Edges::plain && random_.chance(0.5))
        bucket = random_.below(history_buckets);
    const bool shares_sectors = count > 1 && !own_sectors;
    for (unsigned number = 1; number <= count; ++number) {
        Export& exported = exports_[random_.below(exports_.size())];
        const std::uint64_t sectors = exported.volume->sectors;
        Host::Setting setting;
        constexpr Host::Kind kinds[] = {Host::Kind::linux_driver, Host::Kind::linux_driver,
                                        Host::Kind::ipxe,         Host::Kind::windows,
                                        Host::Kind::macos,        Host::Kind::constant_tag};
        setting.kind = kinds[random_.below(std::size(kinds))];
        if (bucket && setting.kind == Host::Kind::macos)
            setting.kind = Host::Kind::windows; // which does not repeat by the thousand
        if (edges == Edges::plain && random_.chance(0.4))
            setting.kind = Host::Kind::constant_tag;
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
        if (setting.kind == Host::Kind::constant_tag)
            setting.window = 1;
        if (exported.volume->volatile_cache) {
            setting.flushes = random_.rarely(0.1);
            setting.forced = setting.kind != Host::Kind::constant_tag ? random_.rarely(0.5) : 0;
            setting.switches = random_.chance(0.2) ? 0.005 : 0;
        }
        setting.trims = random_.rarely(0.2);
        setting.repeats = setting.kind == Host::Kind::constant_tag ? 0.5 : random_.rarely(0.5);
        setting.echoes = echoes;
        setting.edges = edges;
        setting.bucket = bucket;
        setting.cut_short = weather_.truncated > 0;
        setting.cold = random_.chance(0.1);
        setting.reboots = random_.rarely(0.02);
        setting.pause = microseconds(random_.between(1, 500));
        if (setting.kind != Host::Kind::linux_driver || (one_mac && !shares_sectors))
            setting.care = Care::late;
        add_host(setting, exported);
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

} // namespace aoesim
