// The life of an XDP lane while its interface changes or its frames do not arrive: how long it stays, and
// when packet sockets take over.
#include "xdp_scene.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include <linux/bpf.h>
#include <sys/syscall.h>

using namespace aoetest;

namespace {

/// Puts another AF_XDP socket, which is bound to nothing, in the place of the target's: the program hands
/// frames over as before, and they are lost.
void lose_redirected_frames(pid_t target) {
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(target) + "/fdinfo")) {
        std::ifstream info(entry.path());
        std::string word;
        std::uint32_t type = 0, id = 0;
        while (info >> word) {
            if (word == "map_type:")
                info >> type;
            else if (word == "map_id:")
                info >> id;
        }
        if (type != BPF_MAP_TYPE_XSKMAP)
            continue;
        bpf_attr attributes{};
        attributes.map_id = id;
        const auto map = ::syscall(__NR_bpf, BPF_MAP_GET_FD_BY_ID, &attributes, sizeof attributes);
        const std::uint32_t queue = 0;
        const int socket = ::socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
        attributes = {};
        attributes.map_fd = static_cast<std::uint32_t>(map);
        attributes.key = reinterpret_cast<std::uintptr_t>(&queue);
        attributes.value = reinterpret_cast<std::uintptr_t>(&socket);
        REQUIRE(::syscall(__NR_bpf, BPF_MAP_UPDATE_ELEM, &attributes, sizeof attributes) == 0);
        ::close(static_cast<int>(map)); // the socket stays open: the map would lose it
        return;
    }
    FAIL("the target has no map of sockets");
}

} // namespace

TEST_CASE("the lane stays when the MTU changes, as far as memory may be locked for it", "[xdp]") {
    NEEDS_XDP();
    struct Row {
        unsigned mtu, sectors;
        bool is_small; ///< Its slots are within the usual limit of locked memory (8 MiB).
    };
    struct Start {
        unsigned mtu;
        std::vector<Row> changes;
    };
    const std::vector<Start> starts{
        {1500, {{1000, 1, true}, {1500, 2, true}, {3500, 6, true}, {1500, 2, true}}},
        {3500, {{1500, 2, true}, {3602, 6, true}, {3603, 6, false}, {9000, 16, false}, {3500, 6, false}}},
        {9000, {{1500, 2, true}, {3700, 7, true}, {11794, 16, true}, {11795, 16, false}, {1500, 2, false}}},
    };
    for (const Start& start : starts) {
        if (start.mtu > largest_one_page_mtu && !xdp_takes_parts())
            continue;
        const VethPair wire("changing", start.mtu);
        const ImageFile image(64);
        RawClient client(wire);
        TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
        std::uint32_t version = 0;
        for (const Row& row : start.changes) {
            CAPTURE(start.mtu, row.mtu);
            wire.set_mtu(row.mtu);
            CHECK(client.is_served_soon());
            CHECK(client.wait_until([&] {
                return client.ask(config_request()).sectors_per_frame() == row.sectors &&
                       (!row.is_small || has_program(wire.target_end()));
            }));
            client.write(3, pattern(3, row.sectors, ++version));
            CHECK(client.read(3, static_cast<std::uint8_t>(row.sectors)) == pattern(3, row.sectors, version));
        }
    }
}

TEST_CASE("the lane follows the MAC address", "[xdp]") {
    NEEDS_XDP();
    const VethPair wire("renamed");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    client.settle();
    set_mac(wire.target_end(), numbered_mac(0x7777));
    client.rebind();
    CHECK(client.is_served_soon());
    Listener listener(wire.target_end());
    for (int i = 0; i < 10; ++i)
        CHECK(client.read(0, 1) == pattern(0, 1));
    CHECK(listener.count(ethernet_type_aoe) == 0);
}

TEST_CASE("the lane stays with an interface that goes down and comes up, and so do all its slots", "[xdp]") {
    NEEDS_XDP();
    const unsigned mtu = GENERATE(1500U, 9000U);
    if (mtu > largest_one_page_mtu && !xdp_takes_parts())
        return;
    const std::uint8_t sectors = mtu == 1500 ? 2 : 16;
    const VethPair wire("sleeping", mtu);
    const ImageFile image(1024);
    RawClient client(wire);
    set_link(wire.target_end(), false);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    set_link(wire.target_end(), true);
    CHECK(client.is_served_soon());
    const auto ask_for = [&](unsigned reads) {
        std::vector<std::uint32_t> tags;
        for (unsigned i = 0; i < reads; ++i)
            tags.push_back(client.send(read_request(i, sectors)));
        return tags;
    };
    for (int round = 0; round < 50; ++round) { // together more than there are slots
        ask_for(64);
        set_link(wire.target_end(), false);
        set_link(wire.target_end(), true);
        REQUIRE(client.is_served_soon());
    }
    client.receive(Milliseconds(50));
    CHECK(has_program(wire.target_end()));
    Listener listener(wire.target_end());
    for (const std::uint32_t tag : ask_for(100))
        CHECK(client.wait_for(tag));
    CHECK(listener.count(ethernet_type_aoe) == 0);
}

TEST_CASE("on an interface that was deleted and made anew packet sockets take over", "[xdp]") {
    NEEDS_XDP();
    const VethPair wire("renewed");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    for (std::uint32_t round = 1; round <= 3; ++round) {
        Request write = client.completed(write_request(7, pattern(7, 2, round)));
        client.send(write);
        wire.destroy();
        REQUIRE(target.is_running());
        wire.create(1500);
        client.rebind();
        CHECK(client.is_served_soon());
        // The first copy may still be under way to the disk, and is then answered to the address that it came
        // from. Its answer would be taken for one to the second.
        client.wait_for(*write.tag, Milliseconds(300));
        write.destination = client.target_mac(); // what was not answered is repeated
        write.source = client.mac();
        client.send(write);
        REQUIRE(client.wait_for(*write.tag));
        CHECK(client.read(7, 2) == pattern(7, 2, round));
        CHECK_FALSE(has_program(wire.target_end()));
    }
    CHECK(contains(target.log(), wire.target_end() +
                                     ": Packet sockets have taken over from AF_XDP, which cannot "
                                     "be had: XDP needs the capabilities"));
}

TEST_CASE("a lane whose frames do not arrive is given up, and packet sockets serve", "[xdp]") {
    NEEDS_XDP();
    const VethPair wire("faulty");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    const bool proves_itself_first = GENERATE(false, true);
    CAPTURE(proves_itself_first);
    if (proves_itself_first)
        CHECK(client.read(5, 2) == pattern(5, 2));
    lose_redirected_frames(target.pid());
    const auto start = std::chrono::steady_clock::now();
    CHECK(client.is_served_soon());
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
    CHECK(client.read(5, 2) == pattern(5, 2));
    CHECK(client.wait_until([&] {
        return contains(target.log(), wire.target_end() + ": Packet sockets have taken over from AF_XDP");
    }));
    CHECK(contains(target.log(), "frames that the XDP program handed over, the last never arrived"));
    CHECK_FALSE(has_program(wire.target_end()));
}

TEST_CASE("a lane that is idle, or drops frames for want of room, is kept", "[xdp]") {
    NEEDS_XDP();
    const VethPair wire("kept");
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    target.signal(SIGSTOP); // frames pile up, and more come than it has room for
    for (int i = 0; i < 2000; ++i)
        client.send_bytes(client.completed(config_request().tagged(0)).encode());
    std::this_thread::sleep_for(Milliseconds(700));
    target.signal(SIGCONT);
    std::this_thread::sleep_for(Milliseconds(700));
    client.receive(Milliseconds(50));
    CHECK(client.is_served_soon());
    CHECK(has_program(wire.target_end()));
    CHECK_FALSE(contains(target.log(), "taken over"));
}
