// The socket filter, as the kernel runs it: on a pair of local sockets.
#include "net/address_filter.hpp"
#include "net/packet_socket.hpp"
#include "protocol/aoe.hpp"
#include "ring/file_descriptor.hpp"
#include "support/catch.hpp"
#include "support/test_network.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include <net/if.h>
#include <sys/socket.h>

using aoetarget::Address;
using aoetarget::net::FilterDetail;
using aoetarget::net::make_address_filter;
using aoetarget::protocol::any_shelf;
using aoetarget::protocol::any_slot;

namespace {

class Filtered {
  public:
    explicit Filtered(const std::vector<Address>& addresses, FilterDetail detail = FilterDetail::exports,
                      bool answers = true) {
        std::array<int, 2> ends{};
        REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends.data()) == 0);
        sender_ = aoetarget::ring::FileDescriptor(ends[0]);
        receiver_ = aoetarget::ring::FileDescriptor(ends[1]);
        auto program = make_address_filter(addresses, detail, answers);
        steps = program.size();
        const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
        REQUIRE(setsockopt(receiver_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0);
    }

    bool keeps(std::vector<std::uint8_t> frame) {
        REQUIRE(send(sender_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size()));
        const ssize_t length = recv(receiver_.get(), frame.data(), frame.size(), 0);
        CHECK((length < 0 || length == static_cast<ssize_t>(frame.size()))); // all of it or nothing
        return length > 0;
    }
    bool keeps(unsigned shelf, unsigned slot, std::uint8_t version_and_flags = 0x10) {
        std::vector<std::uint8_t> frame(60);
        frame[14] = version_and_flags;
        frame[16] = static_cast<std::uint8_t>(shelf >> 8);
        frame[17] = static_cast<std::uint8_t>(shelf);
        frame[18] = static_cast<std::uint8_t>(slot);
        std::fill_n(frame.begin(), 6, destination);
        frame[19] = 0xFF; // a command, which is not a part of the address
        return keeps(frame);
    }

    std::size_t steps = 0;
    std::uint8_t destination = 0; ///< Each byte of the destination.

  private:
    aoetarget::ring::FileDescriptor sender_, receiver_;
};

} // namespace

TEST_CASE("requests for the exports and wildcards are kept, all else is not", "[net][filter]") {
    const std::vector<Address> addresses{{1, 0}, {1, 1}, {1, 7}, {0x0203, 254}, {65534, 0}};
    Filtered filtered(addresses);
    Filtered on_loopback(addresses, FilterDetail::exports, false);
    for (const auto& [shelf, slot] : std::vector<std::pair<unsigned, unsigned>>{{1, 0},
                                                                                {1, 1},
                                                                                {1, 7},
                                                                                {0x0203, 254},
                                                                                {65534, 0},
                                                                                {1, any_slot},
                                                                                {0x0203, any_slot},
                                                                                {any_shelf, any_slot},
                                                                                {any_shelf, 0},
                                                                                {any_shelf, 3}}) {
        CAPTURE(shelf, slot);
        CHECK(filtered.keeps(shelf, slot));
        CHECK(filtered.keeps(shelf, slot, 0x18)); // an answer of another target
        CHECK_FALSE(on_loopback.keeps(shelf, slot, 0x18));
    }
    for (const auto& [shelf, slot] : std::vector<std::pair<unsigned, unsigned>>{{0, 0},
                                                                                {0, 255},
                                                                                {1, 2},
                                                                                {1, 6},
                                                                                {1, 8},
                                                                                {1, 254},
                                                                                {2, 0},
                                                                                {2, 255},
                                                                                {0x0203, 253},
                                                                                {0x0302, 254},
                                                                                {65533, 255},
                                                                                {65534, 1}}) {
        CAPTURE(shelf, slot);
        CHECK_FALSE(filtered.keeps(shelf, slot));
    }
    CHECK_FALSE(filtered.keeps(std::vector<std::uint8_t>(19, 0xFF))); // a runt
    CHECK(filtered.keeps(
        std::vector<std::uint8_t>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 7, 0}));
}

TEST_CASE("broadcast requests are kept whatever they ask for, broadcast answers are not", "[net][filter]") {
    for (const bool answers : {true, false}) {
        for (const FilterDetail detail : {FilterDetail::exports, FilterDetail::shelves}) {
            Filtered filtered({{1, 1}}, detail, answers);
            CHECK_FALSE(filtered.keeps(99, 9));
            filtered.destination = 0xFF;
            CHECK(filtered.keeps(1, 1));
            CHECK(filtered.keeps(99, 9));
            CHECK_FALSE(filtered.keeps(99, 9, 0x18));
            CHECK(filtered.keeps(1, 1, 0x18) == answers);
        }
    }
}

TEST_CASE("without exports only wildcards for every shelf are kept", "[net][filter]") {
    Filtered filtered({});
    CHECK(filtered.keeps(any_shelf, any_slot));
    CHECK_FALSE(filtered.keeps(0, any_slot));
    CHECK_FALSE(filtered.keeps(0, 0));
}

TEST_CASE("exports side by side are filtered in a few steps, however many", "[net][filter]") {
    std::vector<Address> addresses;
    for (unsigned shelf = 10; shelf < 14; ++shelf)
        for (unsigned slot = 0; slot < 250; ++slot)
            addresses.push_back({static_cast<std::uint16_t>(shelf), static_cast<std::uint8_t>(slot)});
    Filtered filtered(addresses);
    CHECK(filtered.steps < 80);
    for (const Address& address : addresses)
        REQUIRE(filtered.keeps(address.shelf, address.slot));
    CHECK_FALSE(filtered.keeps(9, 0));
    CHECK_FALSE(filtered.keeps(10, 250));
    CHECK_FALSE(filtered.keeps(14, 0));
}

TEST_CASE("scattered exports are filtered exactly, by shelves or not at all, as there is room",
          "[net][filter]") {
    std::vector<Address> addresses;
    for (unsigned shelf = 0; shelf < 40; ++shelf)
        for (unsigned slot = 0; slot < 20; slot += 2)
            addresses.push_back({static_cast<std::uint16_t>(2 * shelf), static_cast<std::uint8_t>(slot)});
    Filtered exact(addresses);
    for (const Address& address : addresses) {
        REQUIRE(exact.keeps(address.shelf, address.slot));
        REQUIRE_FALSE(exact.keeps(address.shelf, address.slot + 1));
        REQUIRE_FALSE(exact.keeps(address.shelf + 1, address.slot));
    }

    for (unsigned shelf = 0; shelf < 40; ++shelf)
        for (unsigned slot = 20; slot < 80; slot += 2)
            addresses.push_back({static_cast<std::uint16_t>(2 * shelf), static_cast<std::uint8_t>(slot)});
    Filtered by_shelf(addresses);
    for (const Address& address : addresses)
        REQUIRE(by_shelf.keeps(address.shelf, address.slot));
    CHECK(by_shelf.keeps(2, 1));
    CHECK_FALSE(by_shelf.keeps(3, 0));

    for (unsigned shelf = 0; shelf < 2000; ++shelf)
        addresses.push_back({static_cast<std::uint16_t>(2 * shelf), 0});
    Filtered open(addresses);
    CHECK(open.keeps(3, 3));
    CHECK(open.keeps(3, 3, 0x18));
}

TEST_CASE("a shorter filter is to be had that keeps more", "[net][filter]") {
    const std::vector<Address> addresses{{1, 3}, {5, 7}};
    Filtered shelves(addresses, FilterDetail::shelves);
    CHECK(shelves.keeps(1, 200));
    CHECK_FALSE(shelves.keeps(2, 3));
    Filtered all(addresses, FilterDetail::all_requests);
    CHECK(all.keeps(2, 3));
    CHECK(all.keeps(any_shelf, any_slot));
    CHECK(all.keeps(1, 3, 0x18));
    CHECK(all.steps < 20);
}

TEST_CASE("a filter that does not fit beside the old one takes its place all the same", "[net][filter]") {
    aoetest::enter_test_network();
    const std::string usual = aoetest::filter_room();
    std::vector<Address> addresses;
    for (unsigned shelf = 1; shelf <= 200; ++shelf)
        addresses.push_back({static_cast<std::uint16_t>(2 * shelf), 3});
    const std::size_t exact = make_address_filter(addresses, FilterDetail::exports).size();
    REQUIRE(exact > make_address_filter(addresses, FilterDetail::shelves).size());
    // Eight bytes an instruction, of which the kernel may make some more: one fits, two do not.
    if (!aoetest::set_filter_room(std::to_string(exact * 12)))
        SKIP_BECAUSE("net.core.optmem_max cannot be set in this network namespace");
    {
        aoetarget::net::InterfaceState interface;
        interface.index = static_cast<int>(if_nametoindex("lo"));
        const aoetarget::net::PacketSocket socket("lo", interface, addresses, false,
                                                  aoetarget::net::open_packet_sockets("lo"));
        const auto steps = [&] {
            socklen_t count = 0; // of instructions; none are copied
            REQUIRE(getsockopt(socket.fd(), SOL_SOCKET, SO_GET_FILTER, nullptr, &count) == 0);
            return static_cast<std::size_t>(count);
        };
        CHECK(steps() == exact);
        addresses.back().slot = 4;
        socket.set_addresses(addresses);
        CHECK(steps() == exact);
    }
    CHECK(aoetest::set_filter_room(usual));
}
