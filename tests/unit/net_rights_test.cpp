// An interface that another process has prepared: what is taken over, and what a hostile sender is refused.
#include "support/catch.hpp"
#include "support/test_network.hpp"

#include "net/packet_socket.hpp"

#include <aoetarget/hand_over.hpp>
#include <aoetarget/target.hpp>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace aoetest;
using aoetarget::InterfaceOptions;
using aoetarget::InterfaceParts;
using aoetarget::LinkKind;
using aoetarget::prepare_interface;
using aoetarget::put_together;

namespace {

int packet_socket() {
    return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

template <typename T>
void set_option(int fd, int level, int option, const T& value) {
    REQUIRE(setsockopt(fd, level, option, &value, sizeof value) == 0);
}

InterfaceParts duplicated(InterfaceParts parts) {
    for (std::vector<int>* descriptors : {&parts.sockets, &parts.program}) {
        for (int& descriptor : *descriptors)
            descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    }
    return parts;
}

// Returns why the parts are refused. Their descriptors are closed then.
std::string refusal(const InterfaceParts& parts) {
    std::string why = "not refused";
    try {
        put_together(parts);
    } catch (const std::system_error& error) {
        CHECK(error.code().value() == EBADMSG);
        why = error.what();
    }
    for (const std::vector<int>* descriptors : {&parts.sockets, &parts.program}) {
        for (const int descriptor : *descriptors)
            CHECK(fcntl(descriptor, F_GETFD) < 0);
    }
    return why;
}

bool contains(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

bool has_xdp(const std::string& interface) {
    InterfaceOptions options;
    options.link = LinkKind::xdp;
    try {
        return !take_apart(*prepare_interface(interface, options)).program.empty();
    } catch (const std::system_error&) {
        return false;
    }
}

} // namespace

TEST_CASE("only packet sockets that bring all whole frames are taken over", "[rights]") {
    enter_test_network();
    struct Case {
        std::string why;
        std::function<int()> open;
    };
    const sock_filter all{BPF_RET | BPF_K, 0, 0, 0xFFFF};
    const Case cases[] = {
        {"is no packet socket", [] { return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }},
        {"is no packet socket", [] { return socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }},
        {"is no packet socket", [] { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }},
        {"is no socket", [] { return open("/dev/null", O_RDWR | O_CLOEXEC); }},
        {"SO_LOCK_FILTER",
         [&] {
             const int fd = packet_socket();
             set_option(fd, SOL_SOCKET, SO_ATTACH_FILTER, sock_fprog{1, const_cast<sock_filter*>(&all)});
             set_option(fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
             return fd;
         }},
        {"PACKET_RX_RING",
         [] {
             const int fd = packet_socket();
             const auto page = static_cast<unsigned>(sysconf(_SC_PAGESIZE));
             set_option(
                 fd, SOL_PACKET, PACKET_RX_RING,
                 tpacket_req{
                     .tp_block_size = page, .tp_block_nr = 1, .tp_frame_size = page / 2, .tp_frame_nr = 2});
             return fd;
         }},
        {"receives frames already", [] { return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0x0300); }},
        {"PACKET_FANOUT",
         [] {
             const int fd = packet_socket();
             aoetarget::net::bind_packet_socket(fd, "lo", 1, 0x88A2);
             set_option(fd, SOL_PACKET, PACKET_FANOUT, PACKET_FANOUT_HASH << 16 | 77);
             return fd;
         }},
    };
    for (const auto& [why, open] : cases) {
        CAPTURE(why);
        for (std::size_t place = 0; place < 3; ++place) {
            InterfaceParts parts;
            for (std::size_t i = 0; i < 3; ++i)
                parts.sockets.push_back(i == place ? open() : packet_socket());
            CHECK(contains(refusal(parts), why));
        }
    }
    CHECK(contains(refusal({}), "not 0"));
    CHECK(contains(refusal({.sockets = {packet_socket(), packet_socket(), packet_socket(), packet_socket()},
                            .program = {}}),
                   "not 4"));
    const int twice = packet_socket();
    CHECK(contains(refusal({.sockets = {twice, fcntl(twice, F_DUPFD_CLOEXEC, 0)}, .program = {}}), "twice"));
    CHECK(contains(refusal({.sockets = {-1}, .program = {}}), "is no socket"));
}

TEST_CASE("a packet socket of another network namespace is not taken over", "[rights]") {
    enter_test_network();
    const int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    REQUIRE(here >= 0);
    REQUIRE(unshare(CLONE_NEWNET) == 0);
    const int foreign = packet_socket();
    REQUIRE(setns(here, CLONE_NEWNET) == 0);
    close(here);
    CHECK(contains(refusal({.sockets = {foreign}, .program = {}}), "another network namespace"));
}

TEST_CASE("a packet socket serves one interface at a time", "[rights]") {
    enter_test_network();
    const InterfaceParts parts{.sockets = {packet_socket(), packet_socket()}, .program = {}};
    InterfaceParts others{.sockets = {packet_socket(), packet_socket()}, .program = {}};
    auto first = put_together(duplicated(parts));
    CHECK(contains(refusal(duplicated(parts)), "another interface has one of these sockets"));
    CHECK(put_together(duplicated(others)) != nullptr);
    close(std::exchange(others.sockets[1], parts.sockets[0]));
    CHECK(contains(refusal(duplicated(others)), "another interface has one of these sockets"));
    first.reset();
    CHECK(put_together(duplicated(others)) != nullptr);
    for (const int socket : {parts.sockets[0], parts.sockets[1], others.sockets[0]})
        close(socket);
}

TEST_CASE("the receive buffer that another process has made stays", "[rights]") {
    enter_test_network();
    const auto prepared = prepare_interface("lo");
    const InterfaceParts parts = take_apart(*prepared);
    REQUIRE(parts.sockets.size() == 3);
    const auto buffer = [](int fd) {
        unsigned bytes = 0;
        socklen_t size = sizeof bytes;
        REQUIRE(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &size) == 0);
        return bytes;
    };
    const unsigned before = buffer(parts.sockets[0]);
    const auto taken = put_together(duplicated(parts));
    CHECK(buffer(take_apart(*taken).sockets[0]) >= before);
}

TEST_CASE("parts of an XDP program are taken over only in their places", "[rights]") {
    const VethPair wire("rights");
    if (!has_xdp(wire.target_end()))
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const auto prepared = prepare_interface(wire.target_end());
    const InterfaceParts parts = take_apart(*prepared);
    REQUIRE(parts.program.size() == 6);
    REQUIRE(parts.why_no_xdp.empty());
    CHECK(put_together(duplicated(parts)) != nullptr);
    std::vector<std::size_t> order = {0, 1, 2, 3, 4, 5};
    for (int tries = 0; std::ranges::next_permutation(order).found && tries < 719; ++tries) {
        InterfaceParts other = parts;
        for (std::size_t i = 0; i < order.size(); ++i)
            other.program[i] = parts.program[order[i]];
        CHECK(contains(refusal(duplicated(other)), "is not what this version of the library needs"));
    }
    for (std::size_t count = 1; count < 6; ++count) {
        InterfaceParts other = parts;
        other.program.resize(count);
        CHECK(contains(refusal(duplicated(other)), "not complete"));
    }
}

TEST_CASE("a program that is attached to another interface is not used", "[rights]") {
    const VethPair wire("rights"), other("foreign");
    if (!has_xdp(wire.target_end()))
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const auto foreign = prepare_interface(other.target_end());
    InterfaceParts parts = duplicated(take_apart(*foreign));
    aoetarget::Target target;
    target.add_interface(wire.target_end(), {}, put_together(parts));
    target.poll();
    const std::string link = target.stats().interfaces.at(0).link;
    CHECK(link.starts_with("xdp"));              // with a program of its own
    CHECK(has_xdp(other.target_end()) == false); // which still has the foreign one
}

TEST_CASE("nothing can be prepared for a pattern, nor for what is not there", "[rights]") {
    enter_test_network();
    const auto error_of = [](auto call) {
        try {
            call();
        } catch (const std::system_error& error) {
            return error.code().value();
        }
        return 0;
    };
    CHECK(error_of([] { prepare_interface("nosuch0"); }) == ENODEV);
    CHECK(error_of([] { prepare_interface("nosuch*"); }) == ENODEV);
    aoetarget::Target target;
    CHECK(error_of([&] { target.add_interface("l*", {}, prepare_interface("lo")); }) == EINVAL);
}
