// Interfaces of the C interface, what it counts, and what it finds from the initiator's side.
#include "c_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>
#include <numeric>

#include <fcntl.h>

using namespace aoetest;
using Catch::Matchers::Contains;

namespace {

/// A volume that C serves on the standard wire.
struct CScene {
    CScene() {
        aoetarget_export_options options = c_export(1, 1);
        options.serial = "serial-of-c";
        if (aoetarget_add_interface(target, wire.target_end().c_str(), nullptr, nullptr) != 0 ||
            aoetarget_add_export(target, &options, volume.device()) != 0)
            abort_test(aoetarget_error());
    }

    Patience patience;
    const VethPair& wire = standard_wire();
    CVolume volume;
    CTarget target;
};

template <typename Struct, typename Fill, typename... Where>
Struct filled(Fill fill, Where... where) {
    Struct out;
    CHECK(fill(where..., &out, sizeof out) == static_cast<int>(sizeof out));
    return out;
}

} // namespace

TEST_CASE("C sees what an interface, an export and an initiator have done", "[c][stats]") {
    CScene scene;
    RunningCTarget running(scene.target);
    {
        RawClient client(scene.wire);
        client.read(0, 1);
        client.write(0, pattern(1, 2));
        client.write(4, pattern(1, 1));
    }
    aoetarget_stats* stats = nullptr;
    running.on_its_thread([&] { stats = aoetarget_take_stats(scene.target); });
    REQUIRE(stats != nullptr);
    const auto interface =
        filled<aoetarget_interface_stats>(aoetarget_stats_interface, stats, std::size_t{0});
    CHECK(interface.name == scene.wire.target_end());
    CHECK(interface.mtu == 1500);
    CHECK(interface.up == 1);
    CHECK(interface.rx_frames >= 3);
    CHECK(std::memcmp(interface.mac, mac_of(scene.wire.target_end()).octets.data(), 6) == 0);
    const auto exported = filled<aoetarget_export_stats>(aoetarget_stats_export, stats, std::size_t{0});
    CHECK(exported.reads == 1);
    CHECK(exported.writes == 2);
    CHECK(exported.sectors_written == 3);
    CHECK(exported.state == AOETARGET_EXPORT_OK);
    CHECK(std::string(exported.serial) == "serial-of-c");
    const auto latency = filled<aoetarget_latency>(aoetarget_stats_latency, stats, std::size_t{0},
                                                   std::int32_t{AOETARGET_REQUEST_WRITE});
    CHECK(std::accumulate(std::begin(latency.counts), std::end(latency.counts), std::uint64_t{0}) == 2);
    CHECK(latency.sum_ns >= 0);
    const auto initiator =
        filled<aoetarget_initiator_stats>(aoetarget_stats_initiator, stats, std::size_t{0});
    CHECK(initiator.requests[AOETARGET_REQUEST_WRITE] == 2);
    CHECK(std::memcmp(initiator.initiator, mac_of(scene.wire.client_end()).octets.data(), 6) == 0);
    aoetarget_latency none;
    CHECK(aoetarget_stats_latency(stats, 0, AOETARGET_REQUEST_KINDS, &none, sizeof none) == -EINVAL);
    aoetarget_destroy_stats(stats);
}

TEST_CASE("the bounds of a histogram rise from ten microseconds to ten seconds", "[c][stats]") {
    CHECK(aoetarget_latency_bound_ns(0) == 10'000);
    CHECK(aoetarget_latency_bound_ns(AOETARGET_LATENCY_BUCKETS - 2) == 10'000'000'000);
    CHECK(aoetarget_latency_bound_ns(AOETARGET_LATENCY_BUCKETS - 1) == INT64_MAX);
}

TEST_CASE("C finds targets, and probes the path to one", "[c][tools]") {
    CScene scene;
    const RunningCTarget running(scene.target);
    aoetarget_discovery* discovery = aoetarget_discover(scene.wire.client_end().c_str(), 500);
    REQUIRE(discovery != nullptr);
    REQUIRE(aoetarget_discovery_count(discovery) == 1);
    const auto found = filled<aoetarget_discovered>(aoetarget_discovery_entry, discovery, std::size_t{0});
    CHECK(found.shelf == 1);
    CHECK(found.slot == 1);
    CHECK(found.sectors == 2048);
    CHECK_THAT(std::string(found.serial), Contains("serial-of-c"));
    aoetarget_discovered none;
    CHECK(aoetarget_discovery_entry(discovery, 1, &none, sizeof none) == -ENOENT);
    aoetarget_destroy_discovery(discovery);

    aoetarget_probe_report* report = aoetarget_probe(scene.wire.client_end().c_str(), 1, 1);
    REQUIRE(report != nullptr);
    const auto summary = filled<aoetarget_probe_summary>(aoetarget_get_probe_summary, report);
    CHECK(summary.targets == 1);
    CHECK(summary.mtu == 1500);
    CHECK(summary.findings >= 1);
    const auto target = filled<aoetarget_discovered>(aoetarget_get_probe_target, report, std::size_t{0});
    CHECK(target.sectors == 2048);
    const auto series = filled<aoetarget_probe_series>(aoetarget_get_probe_series, report,
                                                       std::int32_t{AOETARGET_SERIES_SMALL});
    CHECK(series.sent > 0);
    const auto finding = filled<aoetarget_probe_finding>(aoetarget_get_probe_finding, report, std::size_t{0});
    CHECK(std::strlen(finding.text) > 0);
    CHECK(aoetarget_get_probe_other(report, 0, &none, sizeof none) == -ENOENT);
    aoetarget_destroy_probe_report(report);

    CHECK(aoetarget_probe(scene.wire.client_end().c_str(), 0xFFFF, 0xFF) == nullptr);
    CHECK(errno == EINVAL);
}

TEST_CASE("a C target changes, renames and removes its interfaces", "[c][interface]") {
    CScene scene;
    const char* name = scene.wire.target_end().c_str();
    CHECK(aoetarget_add_interface(scene.target, name, nullptr, nullptr) == -EEXIST);
    CHECK_THAT(aoetarget_error(), Contains(name));
    aoetarget_interface_options options = AOETARGET_INTERFACE_OPTIONS_INIT;
    options.link = AOETARGET_LINK_PACKET;
    options.sectors_per_frame = 1;
    CHECK(aoetarget_change_interface(scene.target, name, &options, nullptr) == 0);
    CHECK(aoetarget_change_interface(scene.target, "nowhere", &options, nullptr) == -ENOENT);
    aoetarget_stats* stats = aoetarget_take_stats(scene.target);
    REQUIRE(stats != nullptr);
    CHECK(filled<aoetarget_interface_stats>(aoetarget_stats_interface, stats, std::size_t{0})
              .sectors_per_frame == 1);
    aoetarget_destroy_stats(stats);
    CHECK(aoetarget_rename_interface(scene.target, "nowhere", "elsewhere") == -ENOENT);
    options.wait = 1;
    CHECK(aoetarget_add_interface(scene.target, "later", &options, nullptr) == 0);
    CHECK(aoetarget_rename_interface(scene.target, "later", "sooner") == 0);
    stats = aoetarget_take_stats(scene.target);
    CHECK(std::string(aoetarget_stats_waited_for(stats, 0)) == "sooner");
    aoetarget_destroy_stats(stats);
    CHECK(aoetarget_remove_interface(scene.target, name) == 0);
    CHECK(aoetarget_remove_interface(scene.target, nullptr) == -EINVAL);
}

TEST_CASE("an interface that another process prepared serves a C target", "[c][interface]") {
    const Patience patience;
    const VethPair& wire = standard_wire();
    aoetarget_interface_options options = AOETARGET_INTERFACE_OPTIONS_INIT;
    options.link = AOETARGET_LINK_PACKET;
    aoetarget_prepared_interface* prepared = aoetarget_prepare_interface(wire.target_end().c_str(), &options);
    REQUIRE(prepared != nullptr);
    aoetarget_interface_parts parts = AOETARGET_INTERFACE_PARTS_INIT;
    REQUIRE(aoetarget_take_apart_interface(prepared, &parts) == 0);
    CHECK(parts.program_count == 0);
    std::vector<int> sent;
    for (std::size_t i = 0; i < parts.socket_count; ++i)
        sent.push_back(fcntl(parts.sockets[i], F_DUPFD_CLOEXEC, 0));
    aoetarget_destroy_prepared_interface(prepared);

    parts = AOETARGET_INTERFACE_PARTS_INIT;
    parts.sockets = sent.data();
    parts.socket_count = sent.size();
    prepared = aoetarget_put_together_interface(&parts);
    REQUIRE(prepared != nullptr);
    CVolume volume;
    CTarget target;
    const aoetarget_export_options exported = c_export(1, 1);
    REQUIRE(aoetarget_add_interface(target, wire.target_end().c_str(), &options, prepared) == 0);
    REQUIRE(aoetarget_add_export(target, &exported, volume.device()) == 0);
    RunningCTarget running(target);
    RawClient client(wire);
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("parts of an interface that are wrong are refused and closed", "[c][interface]") {
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    struct {
        aoetarget_interface_parts known = AOETARGET_INTERFACE_PARTS_INIT;
        std::uint64_t unknown = 0;
    } parts;
    parts.known.size = sizeof parts;
    parts.known.sockets = &fd;
    parts.known.socket_count = 1;
    SECTION("they are no sockets") {
        CHECK(aoetarget_put_together_interface(&parts.known) == nullptr);
        CHECK(errno == EBADMSG);
    }
    SECTION("there is more than the library knows") {
        parts.unknown = 1;
        CHECK(aoetarget_put_together_interface(&parts.known) == nullptr);
        CHECK(errno == E2BIG);
    }
    CHECK(fcntl(fd, F_GETFD) == -1);
}

TEST_CASE("a C target changes what an export allows", "[c][interface]") {
    CScene scene;
    RunningCTarget running(scene.target);
    RawClient client(scene.wire);
    CHECK(client.read(0, 1) == pattern(0, 1));
    const char* const others[] = {"02:00:00:00:00:99", nullptr};
    aoetarget_export_options options = c_export(1, 1);
    options.allow = others;
    int result = -1, missing = 0;
    running.on_its_thread([&] {
        result = aoetarget_change_export(scene.target, &options);
        options.slot = 2;
        missing = aoetarget_change_export(scene.target, &options);
    });
    CHECK(result == 0);
    CHECK(missing == -ENOENT);
    client.send_unanswerable(read_request(0, 1));
    client.receive(Milliseconds(100));
}
