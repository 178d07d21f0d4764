// Setting a target up: the refusals and their texts, and that every set-up can be taken down without being
// run.
#include "support/catch.hpp"
#include "support/open_files.hpp"
#include "support/refusal.hpp"
#include "target_fixture.hpp"

using namespace aoetest;
using aoetarget::ExportOptions;
using aoetarget::Geometry;
using aoetarget::Target;

namespace {

/// A device that is what it says and is never used.
class Described final : public aoetarget::BlockDevice {
  public:
    explicit Described(const Geometry& geometry, std::string identity = {})
        : geometry_(geometry), identity_(std::move(identity)) {}
    [[nodiscard]] Geometry geometry() const override { return geometry_; }
    [[nodiscard]] std::string identity() const override { return identity_; }
    void submit(aoetarget::Io& io) override { io.complete(); }

  private:
    Geometry geometry_;
    std::string identity_;
};

Geometry plain() {
    Geometry geometry;
    geometry.sectors = 2048;
    return geometry;
}

void add(Target& target, const ExportOptions& options, const Geometry& geometry = plain(),
         const std::string& identity = {}) {
    target.add_export(options, std::make_unique<Described>(geometry, identity));
}

} // namespace

TEST_CASE("a buffer count out of range is refused", "[target][setup]") {
    const unsigned count = GENERATE(0u, 1u, 65536u, ~0u);
    const Refusal refused = refusal_of([&] { Target target({.buffer_count = count}); });
    CHECK(refused.error == EINVAL);
    CHECK(refused.says(std::to_string(count)));
    CHECK(refused.says("2 to 65535"));
}

TEST_CASE("any buffer count in range is taken", "[target][setup]") {
    const unsigned count = GENERATE(2u, 128u, 65535u);
    CHECK(refusal_of([&] { Target target({.buffer_count = count}); }).error == 0);
}

TEST_CASE("busy polling for longer than a millisecond is refused", "[target][setup]") {
    const auto refused = [](std::chrono::microseconds time) {
        return refusal_of([&] { Target target({.busy_poll = time}); });
    };
    for (const int bad : {-1, 1001}) {
        CHECK(refused(std::chrono::microseconds(bad)).error == EINVAL);
        CHECK(refused(std::chrono::microseconds(bad)).says("0 to 1000 us"));
    }
    for (const int good : {0, 1, 1000})
        CHECK(refused(std::chrono::microseconds(good)).error == 0);
}

TEST_CASE("an interface that is not there is refused by name, with a hint", "[target][setup]") {
    enter_test_network();
    Target target;
    const std::string name = GENERATE(values<std::string>({"nosuch0", "", "a-name-longer-than-any"}));
    const Refusal refused = refusal_of([&] { target.add_interface(name); });
    CHECK(refused.error == ENODEV);
    CHECK(refused.says("interface " + name + ":"));
    CHECK(refused.says("ip link"));
    target.remove_interface(name); // nothing happens
}

TEST_CASE("an interface is added once", "[target][setup]") {
    const VethPair& wire = standard_wire();
    Target target;
    target.add_interface(wire.target_end());
    const Refusal refused = refusal_of([&] { target.add_interface(wire.target_end()); });
    CHECK(refused.error == EEXIST);
    CHECK(refused.says(wire.target_end()));
    CHECK(target.stats().interfaces.size() == 1);
    target.remove_interface(wire.target_end());
    CHECK(target.stats().interfaces.empty());
    target.add_interface(wire.target_end());
    CHECK(target.stats().interfaces.size() == 1);
}

TEST_CASE("an interface that cannot carry a sector is refused", "[target][setup]") {
    const VethPair wire("tiny", 547);
    Target target;
    const Refusal refused = refusal_of([&] { target.add_interface(wire.target_end()); });
    CHECK(refused.error == EMSGSIZE);
    CHECK(refused.says("547"));
    CHECK(refused.says("548"));
    wire.set_mtu(548);
    CHECK(refusal_of([&] { target.add_interface(wire.target_end()); }).error == 0);
    CHECK(target.stats().interfaces.at(0).sectors_per_frame == 1);
}

TEST_CASE("options of an interface that are out of range are refused", "[target][setup]") {
    const VethPair& wire = standard_wire();
    Target target;
    const auto add_with = [&](const aoetarget::InterfaceOptions& options) {
        return refusal_of([&] { target.add_interface(wire.target_end(), options); });
    };
    for (const unsigned count : {1U, 65536U}) {
        const Refusal refused = add_with({.buffer_count = count});
        CHECK(refused.error == EINVAL);
        CHECK(refused.says(wire.target_end()));
        CHECK(refused.says("buffer count"));
    }
    for (const int seconds : {-1, 86401})
        CHECK(add_with({.advertise_interval = std::chrono::seconds(seconds)}).error == EINVAL);
    CHECK(add_with({.buffer_count = 65535, .advertise_interval = std::chrono::seconds(86400)}).error == 0);
}

TEST_CASE("an address is given to one export", "[target][setup]") {
    Target target;
    add(target, at(1, 2));
    const Refusal refused = refusal_of([&] { add(target, at(1, 2)); });
    CHECK(refused.error == EEXIST);
    CHECK(refused.says("e1.2"));
    CHECK(target.stats().exports.size() == 1);
    CHECK(target.remove_export({1, 2}));
    CHECK_FALSE(target.remove_export({1, 2}));
    add(target, at(1, 2));
}

TEST_CASE("export options out of range are refused", "[target][setup]") {
    struct Row {
        const char* name;
        std::function<void(ExportOptions&)> change;
        const char* words;
    };
    const std::vector<Row> rows{
        {"shelf", [](ExportOptions& options) { options.address.shelf = 65535; }, "0 to 65534"},
        {"slot", [](ExportOptions& options) { options.address.slot = 255; }, "0 to 254"},
        {"long serial", [](ExportOptions& options) { options.serial = std::string(21, 'x'); },
         "20 printable"},
        {"serial with a control character", [](ExportOptions& options) { options.serial = "a\nb"; },
         "serial"},
        {"serial beyond ASCII", [](ExportOptions& options) { options.serial = "\xC3\xA4"; }, "serial"},
        {"long model", [](ExportOptions& options) { options.model = std::string(41, 'x'); }, "40 printable"},
        {"long mask list", [](ExportOptions& options) { options.mask_list.resize(256); }, "255"},
        {"long list of allowed initiators", [](ExportOptions& options) { options.allow.resize(256); }, "255"},
        {"long pattern",
         [](ExportOptions& options) {
             options.allow = {{{}, 7}};
         },
         "6 bytes"},
    };
    Target target;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        ExportOptions options = at(1, 1);
        row.change(options);
        const Refusal refused = refusal_of([&] { add(target, options); });
        CHECK(refused.error == EINVAL);
        CHECK(refused.says("export e"));
        CHECK(refused.says(row.words));
    }
    CHECK(target.stats().exports.empty());
    ExportOptions largest = at(65534, 254);
    largest.serial = std::string(20, '~');
    largest.model = std::string(40, ' ');
    largest.mask_list.resize(255);
    largest.allow.resize(255);
    CHECK(refusal_of([&] { add(target, largest); }).error == 0);
}

TEST_CASE("an impossible geometry is refused", "[target][setup]") {
    struct Row {
        const char* name;
        std::function<void(Geometry&)> change;
    };
    const std::vector<Row> rows{
        {"no sectors", [](Geometry& geometry) { geometry.sectors = 0; }},
        {"more than 48 bits", [](Geometry& geometry) { geometry.sectors = 1ULL << 48; }},
        {"block of nothing", [](Geometry& geometry) { geometry.logical_block_bytes = 0; }},
        {"small block", [](Geometry& geometry) { geometry.logical_block_bytes = 256; }},
        {"odd block",
         [](Geometry& geometry) { geometry.logical_block_bytes = geometry.physical_block_bytes = 1536; }},
        {"large block",
         [](Geometry& geometry) { geometry.logical_block_bytes = geometry.physical_block_bytes = 131072; }},
        {"odd physical block", [](Geometry& geometry) { geometry.physical_block_bytes = 5000; }},
        {"physical below logical",
         [](Geometry& geometry) {
             geometry.logical_block_bytes = 4096;
             geometry.physical_block_bytes = 512;
         }},
        {"no alignment", [](Geometry& geometry) { geometry.memory_alignment = 0; }},
        {"odd alignment", [](Geometry& geometry) { geometry.memory_alignment = 48; }},
        {"large alignment", [](Geometry& geometry) { geometry.memory_alignment = 8192; }},
        {"part of a block at the end",
         [](Geometry& geometry) {
             geometry.logical_block_bytes = geometry.physical_block_bytes = 4096;
             geometry.sectors = 2049;
         }},
        {"offset beyond the physical block",
         [](Geometry& geometry) { geometry.physical_offset_sectors = 0x4000; }},
    };
    Target target;
    for (const Row& row : rows) {
        CAPTURE(row.name);
        Geometry geometry = plain();
        row.change(geometry);
        const Refusal refused = refusal_of([&] { add(target, at(3, 4), geometry); });
        CHECK(refused.error == EINVAL);
        CHECK(refused.says("export e3.4"));
        CHECK(refused.says("geometry"));
    }
}

TEST_CASE("the extremes of a possible geometry are taken", "[target][setup]") {
    Geometry geometry = plain();
    geometry.sectors = (1ULL << 48) - 128;
    geometry.logical_block_bytes = geometry.physical_block_bytes = 65536;
    geometry.memory_alignment = 4096;
    Target target;
    CHECK(refusal_of([&] { add(target, at(0, 0), geometry); }).error == 0);
}

TEST_CASE("a default serial number is the same for the same volume and address, and for no other",
          "[target][setup]") {
    const auto serial = [](unsigned slot, const std::string& identity) {
        Target target;
        add(target, at(1, slot), plain(), identity);
        return target.stats().exports.at(0).serial;
    };
    CHECK(serial(1, "a") == serial(1, "a"));
    CHECK(serial(1, "a") != serial(2, "a"));
    CHECK(serial(1, "a") != serial(1, "b"));
    CHECK_FALSE(serial(1, "").empty());
    CHECK(serial(1, "").size() <= 20);
}

TEST_CASE("version and features are human-readable", "[target][setup]") {
    CHECK(std::string(aoetarget::version()).find('.') != std::string::npos);
    const std::string features = Target().features();
    CHECK(features.starts_with("io_uring: "));
    CHECK(features.find('\n') == std::string::npos);
}

TEST_CASE("a target that was never run is destroyed with all that it has", "[target][setup]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    VolumeLog log;
    const auto way = GENERATE(Volume::Way::at_once, Volume::Way::worker);
    const std::string what = GENERATE(values<std::string>(
        {"set up", "removed export", "removed interface", "stopped", "watching", "polled"}));
    CAPTURE(what);
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    {
        Target target;
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log, 2048, way));
        if (what == "removed export")
            target.remove_export({1, 1});
        if (what == "removed interface")
            target.remove_interface(wire.target_end());
        if (what == "stopped")
            target.stop();
        if (what == "watching") {
            target.watch(ends[0], [] {});
            REQUIRE(write(ends[1], "x", 1) == 1);
        }
        if (what == "polled")
            target.poll();
    }
    CHECK_FALSE(log.exists);
    CHECK(log.flushes == 1);
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("a target is destroyed while its interfaces change", "[target][setup]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    const bool polled = GENERATE(false, true);
    for (int i = 0; i < 20; ++i) {
        Target target;
        target.add_interface(wire.target_end());
        if (polled)
            target.poll();
        set_link(wire.client_end(), i % 2 != 0);
    }
    set_link(wire.client_end(), true);
    SUCCEED();
}

TEST_CASE("descriptors and memory are given back", "[target][setup]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    { const Target warm; }
    const std::size_t before = open_files();
    for (int i = 0; i < 10; ++i) {
        VolumeLog log;
        Target target;
        target.add_interface(wire.target_end());
        target.add_export(at(1, 1), Volume::make(log));
        target.poll();
    }
    CHECK(open_files() == before);
}
