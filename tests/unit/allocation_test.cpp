// The data path allocates nothing: not in the core, not in the whole target. A host that adds and removes
// things for ever does not need ever more memory.
#include "core_fixture.hpp"
#include "support/catch.hpp"
#include "support/open_files.hpp"
#include "target_fixture.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include <malloc.h>

namespace {

thread_local bool counting = false;
std::atomic<std::uint64_t> allocations{0};
std::atomic<std::int64_t> live_bytes{0};

void* counted_allocation(std::size_t bytes, std::size_t alignment = 0) {
    void* memory = alignment != 0
                       ? std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)
                       : std::malloc(bytes);
    if (memory == nullptr)
        throw std::bad_alloc();
    if (counting)
        ++allocations;
    live_bytes += static_cast<std::int64_t>(malloc_usable_size(memory));
    return memory;
}

void counted_free(void* memory) noexcept {
    if (memory != nullptr)
        live_bytes -= static_cast<std::int64_t>(malloc_usable_size(memory));
    std::free(memory);
}

} // namespace

void* operator new(std::size_t bytes) {
    return counted_allocation(bytes);
}
void* operator new[](std::size_t bytes) {
    return counted_allocation(bytes);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
    return counted_allocation(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return counted_allocation(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
    return counted_allocation(bytes);
}
void operator delete(void* memory) noexcept {
    counted_free(memory);
}
void operator delete[](void* memory) noexcept {
    counted_free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    counted_free(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    counted_free(memory);
}
void operator delete(void* memory, std::align_val_t) noexcept {
    counted_free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    counted_free(memory);
}

using namespace aoetest;

namespace {

/// Every kind of request, many of each, with the tags that they have on the wire.
std::vector<Bytes> mixed_frames(CoreFixture& core) {
    std::vector<Bytes> frames;
    const auto add = [&](Request request, const Mac& source = client_mac) {
        request.source = source;
        frames.push_back(core.complete(*core.link, std::move(request)).encode());
    };
    for (std::uint32_t i = 0; i < 200; ++i) {
        const std::uint64_t lba = i * 7 % 250;
        add(write_request(lba, pattern(lba, 2, i)), i % 3 == 0 ? other_client_mac : client_mac);
        add(read_request(lba + 1, 2));
        add(read_request(lba + 3, 2));
        add(ata_request(ata::read_verify_ext, 0, 8, lba));
        if (i % 5 == 0)
            frames.push_back(frames.back()); // a copy
        switch (i % 8) {
        case 0:
            add(flush_request());
            break;
        case 1:
            add(identify_request());
            break;
        case 2:
            add(trim_request({{lba, 2}, {lba + 2, 2}}));
            break;
        case 3:
            add(config_request(ccmd_force, i % 16 == 3 ? "one" : "another"));
            break;
        case 4:
            add(mask_request(mask_edit, {{directive_add, client_mac}, {directive_add, other_client_mac}}));
            break;
        case 5:
            add(reserve_request(reserve_force,
                                i % 16 == 5 ? std::vector<Mac>{client_mac} : std::vector<Mac>{}));
            break;
        case 6:
            add(config_request().to(every_shelf, every_slot));
            break;
        default:
            add(read_request(10000, 1)); // not on the disk
        }
    }
    return frames;
}

void feed(CoreFixture& core, Disk& disk, const std::vector<Bytes>& frames) {
    std::size_t in_batch = 0;
    for (const Bytes& frame : frames) {
        if (core.link->free_slots() < 8 || ++in_batch % 13 == 0) {
            core.now += std::chrono::milliseconds(50);
            core.turn();
            while (!disk.pending.empty()) {
                disk.complete(disk.pending.size() / 2);
                core.turn();
            }
        }
        core.send_bytes(*core.link, frame);
    }
    core.turn();
    while (!disk.pending.empty()) {
        disk.complete();
        core.turn();
    }
}

} // namespace

TEST_CASE("the core allocates nothing for thousands of requests", "[allocation]") {
    const std::uint32_t block = GENERATE(512u, 4096u);
    CoreFixture core({.hears_events = false}); // a text is made for an event
    aoetarget::Geometry geometry = geometry_of(256, block);
    geometry.discard = geometry.volatile_cache = true;
    Disk& disk = core.add_export(geometry);
    core.add_export(geometry_of(64), {1, 2});
    disk.immediate = false;
    disk.logging = false;
    disk.error_of = [](const Disk::Io& io) { return io.range.first == 96 ? EIO : 0; };
    core.disks.back().logging = false;
    core.checking = false;
    const std::vector<Bytes> frames = mixed_frames(core);
    feed(core, disk, frames); // warm
    const std::size_t before = core.answers();
    allocations = 0;
    counting = true;
    for (int i = 0; i < 5; ++i)
        feed(core, disk, frames);
    counting = false;
    CHECK(core.answers() > before + 4000);
    CHECK(allocations == 0);
}

TEST_CASE("links and exports that come and go for ever do not take ever more memory", "[allocation]") {
    CoreFixture core;
    core.add_export(64);
    const auto cycle = [&] {
        core.core.remove_link(core.link->id);
        core.link->id = core.core.add_link(*core.link, 64);
        Disk disk(geometry_of(64));
        aoetarget::ExportOptions options;
        options.address = {2, 2};
        options.serial = "S";
        core.core.add_export(options, std::make_unique<FakeDevice>(disk), disk.geometry);
        core.core.remove_export({2, 2});
        core.turn();
        core.forget();
    };
    for (int i = 0; i < 100; ++i)
        cycle();
    const std::int64_t before = live_bytes;
    for (int i = 0; i < 1000; ++i)
        cycle();
    CHECK(live_bytes == before);
}

namespace {

/// Counts, on the target's thread, what is allocated between the reads of two sectors.
class CountingVolume final : public aoetarget::BlockDevice {
  public:
    static constexpr std::uint64_t begin = 1000, end = 1001;

    [[nodiscard]] aoetarget::Geometry geometry() const override {
        aoetarget::Geometry geometry;
        geometry.sectors = 2048;
        geometry.volatile_cache = true;
        return geometry;
    }
    void submit(aoetarget::Io& io) override {
        if (io.range.first == end)
            counting = false;
        io.complete();
        if (io.range.first == begin)
            counting = true;
    }
};

} // namespace

TEST_CASE("a target allocates nothing for thousands of requests", "[allocation]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    RunningTarget running([&](aoetarget::Target& target) {
        target.add_interface(wire.target_end());
        aoetarget::ExportOptions options;
        options.address = {1, 1};
        target.add_export(options, std::make_unique<CountingVolume>());
    });
    RawClient client(wire);
    const auto load = [&] {
        for (unsigned i = 0; i < 100; ++i) {
            std::vector<std::uint32_t> tags;
            for (unsigned j = 0; j < 8; ++j) {
                tags.push_back(client.send(read_request(4 * j, 2)));
                tags.push_back(client.send(write_request(4 * j + 2, pattern(0, 2, i))));
            }
            tags.push_back(client.send(config_request()));
            tags.push_back(client.send(identify_request()));
            tags.push_back(client.send(flush_request()));
            for (const std::uint32_t tag : tags) {
                if (!client.wait_for(tag))
                    FAIL("no answer");
            }
        }
    };
    load();
    allocations = 0;
    client.ask(read_request(CountingVolume::begin, 1));
    load();
    client.ask(read_request(CountingVolume::end, 1));
    CHECK(allocations == 0);
}

TEST_CASE("interfaces that come and go for ever do not take ever more of anything", "[allocation]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    aoetarget::Target target;
    target.add_export(at(1, 1), Volume::make(log));
    const auto cycle = [&] {
        target.add_interface(wire.target_end(), {.link = aoetarget::LinkKind::packet});
        target.poll();
        target.remove_interface(wire.target_end());
        for (int turn = 0; turn < 3; ++turn)
            target.poll();
    };
    for (int i = 0; i < 20; ++i)
        cycle();
    const std::int64_t bytes = live_bytes;
    const auto files = open_files();
    for (int i = 0; i < 300; ++i)
        cycle();
    CHECK(live_bytes == bytes);
    CHECK(open_files() == files);
}
