// inspect_interfaces(): it agrees with what a target then takes.
#include "support/catch.hpp"
#include "support/test_network.hpp"

#include <aoetarget/inspect.hpp>
#include <aoetarget/target.hpp>

#include <system_error>

using aoetarget::inspect_interfaces;
using aoetarget::InterfaceOptions;
using aoetarget::LinkKind;
using namespace aoetest;

TEST_CASE("an interface is inspected as a target then has it", "[net][inspect]") {
    const VethPair& wire = standard_wire();
    for (const unsigned mtu : {600U, 1500U, 4200U, 9000U}) {
        for (const LinkKind kind : {LinkKind::packet, LinkKind::automatic}) {
            for (const unsigned sectors : {0U, 1U, 200U}) {
                CAPTURE(mtu, static_cast<int>(kind), sectors);
                wire.set_mtu(mtu);
                const InterfaceOptions options{
                    .link = kind, .sectors_per_frame = sectors, .buffer_count = 5 * sectors};
                const auto found = inspect_interfaces(wire.target_end(), options, {.count = 0});
                REQUIRE(found.size() == 1);
                aoetarget::Target target;
                target.add_interface(wire.target_end(), options);
                const aoetarget::InterfaceStats stats = target.stats().interfaces.at(0);
                CHECK(found[0].stats.name == stats.name);
                CHECK(found[0].stats.mac == stats.mac);
                CHECK(found[0].stats.mtu == stats.mtu);
                CHECK(found[0].stats.sectors_per_frame == stats.sectors_per_frame);
                CHECK(found[0].stats.up == stats.up);
                CHECK(found[0].stats.buffers == stats.buffers);
                CHECK(found[0].stats.buffers_bound == stats.buffers_bound);
                CHECK(stats.buffers_bound.empty() != (stats.buffers < options.buffer_count));
                if (found[0].stats.link != "xdp, if the driver supports it") // before Linux 6.3
                    CHECK(found[0].stats.link == stats.link);
                CHECK(found[0].stats.passes_by == stats.passes_by);
                CHECK(found[0].buffer_bytes > 0);
                CHECK(found[0].memory_bytes > 0);
            }
        }
    }
}

TEST_CASE("an XDP program that is there already is told", "[net][inspect]") {
    const VethPair& wire = standard_wire();
    aoetarget::Target target;
    try {
        target.add_interface(wire.target_end(), {.link = LinkKind::xdp});
    } catch (const std::system_error&) {
        SKIP_BECAUSE("XDP needs real root");
    }
    const auto found = inspect_interfaces(wire.target_end(), {.link = LinkKind::xdp});
    CHECK(found.at(0).refusal.find("another XDP program is attached") != std::string::npos);
    CHECK(found.at(0).stats.link.starts_with("packet: another XDP program"));

    const std::vector<std::string> freed{"nosuch0", wire.target_end()};
    const auto after = inspect_interfaces(wire.target_end(), {.link = LinkKind::xdp}, {.count = 0}, freed);
    CHECK(after.at(0).refusal.empty());
    CHECK(after.at(0).stats.link.starts_with("xdp"));
}

TEST_CASE("names that cannot be served are refused, those that may come are not there", "[net][inspect]") {
    standard_wire();
    CHECK_THROWS_AS(inspect_interfaces("nosuch0"), std::system_error);
    CHECK(inspect_interfaces("nosuch0", {.wait = true}).empty());
    CHECK(inspect_interfaces("nosuch*").empty());
    CHECK(inspect_interfaces("lo").size() == 1);
    CHECK(inspect_interfaces("l*").empty());
}
