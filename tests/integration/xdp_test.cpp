// The XDP lane: the frames that it takes and those that it leaves alone, when it exists and when packet
// sockets do the work, and that nothing of it stays behind.
#include "audience_check.hpp"
#include "catch.hpp"
#include "scene.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <tuple>

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace aoetest;

#define NEEDS_XDP()                                                                                          \
    do {                                                                                                     \
        if (!can_have_xdp())                                                                                 \
            SKIP_BECAUSE("XDP needs root, and may be left out of a build");                                  \
    } while (false)

namespace {

ToolResult ip(std::vector<std::string> words) {
    words.insert(words.begin(), find_program("ip"));
    return run_tool(words);
}

bool has_program(const std::string& interface) {
    return ip({"link", "show", interface}).output.find("prog/xdp") != std::string::npos;
}

bool soon(RawClient& client, const std::function<bool()>& condition) {
    return client.wait_until(condition);
}

// `aoetarget serve` that is expected to refuse: what it says.
std::string refusal(const std::string& interface, const std::string& export_text) {
    const ToolResult result =
        run_tool({target_program(), "serve", "--control", "none", "-i", interface, "-e", export_text});
    CHECK(result.exit_code == 1);
    return result.error;
}

bool says(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

// Puts another AF_XDP socket, which is bound to nothing, in the place of the target's: the program hands
// frames over as before, and they are lost.
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

// What the network stack of the target's machine gets to see of an interface.
class Listener {
  public:
    explicit Listener(const std::string& interface)
        : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(0x0003))) {
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(0x0003); // all
        address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
        const int one = 1;
        ::setsockopt(fd_, SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &one, sizeof one);
        if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            abort_test("cannot listen on " + interface);
    }
    ~Listener() { ::close(fd_); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    // How many frames have been seen since the last call that have this Ethernet type.
    unsigned count(std::uint16_t type) {
        unsigned seen = 0;
        std::uint8_t frame[2048];
        for (ssize_t got = 0; (got = ::recv(fd_, frame, sizeof frame, 0)) >= 0;) {
            if (got >= 14 && (frame[12] << 8 | frame[13]) == type)
                ++seen;
        }
        return seen;
    }

  private:
    int fd_;
};

} // namespace

TEST_CASE("by itself an interface with native XDP is served over it, and says so", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "xdp native\n"));
    CHECK(has_program(wire.target_end()));
    CHECK(client.read(5, 2) == pattern(5, 2));
    client.write(7, pattern(7, 2, 3));
    CHECK(client.read(7, 2) == pattern(7, 2, 3));
}

TEST_CASE("link=packet attaches nothing", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=packet"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), ", packet\n"));
    CHECK_FALSE(has_program(wire.target_end()));
    CHECK(client.read(5, 2) == pattern(5, 2));
}

TEST_CASE("only requests for the exports themselves pass the network stack by", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    client.settle();
    Listener listener(wire.target_end());
    for (int i = 0; i < 10; ++i)
        client.read(0, 1);
    CHECK(listener.count(ethernet_type_aoe) == 0);

    struct Row {
        const char* what;
        std::function<void(Bytes& frame)> change;
    };
    const std::vector<Row> rows{
        {"another protocol", [](Bytes& frame) { frame[12] = 0x08, frame[13] = 0x06; }},
        {"an answer", [](Bytes& frame) { frame[14] |= flag_response; }},
        {"another slot of the shelf", [](Bytes& frame) { frame[18] = 2; }},
        {"another shelf", [](Bytes& frame) { frame[17] = 2; }},
        {"every slot", [](Bytes& frame) { frame[18] = every_slot; }},
        {"broadcast", [](Bytes& frame) { std::fill_n(frame.begin(), 6, std::uint8_t{0xFF}); }},
        {"another station", [](Bytes& frame) { frame[5] ^= 1; }},
        {"a VLAN tag",
         [](Bytes& frame) {
             const Bytes tag{0x81, 0x00, 0x00, 0x07};
             frame.insert(frame.begin() + 12, tag.begin(), tag.end());
         }},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Bytes frame = client.completed(config_request().tagged(0)).encode();
        row.change(frame);
        const auto type = static_cast<std::uint16_t>(frame[12] << 8 | frame[13]);
        const std::uint16_t seen_as = type == 0x8100 ? ethernet_type_aoe : type; // the kernel takes tags off
        client.send_bytes(frame);
        CHECK(soon(client, [&] { return listener.count(seen_as) == 1; }));
    }
}

TEST_CASE("over XDP an export is seen by the same hosts as over packet sockets", "[xdp]") {
    NEEDS_XDP();
    check_audience(",link=xdp");
}

TEST_CASE("two targets share one interface, and the second says why it has packet sockets", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    const ImageFile image(64), third_image(64);
    struct Place {
        std::uint16_t shelf;
        std::uint8_t slot;
    };
    for (const Place place : {Place{1, 2}, Place{2, 1}}) {
        CAPTURE(place.shelf, place.slot);
        const ImageFile other_image(64);
        RawClient client(wire);
        TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
        TargetProcess other({wire.target_end() + ",link=auto"},
                            {export_argument(place.shelf, place.slot, other_image.path())});
        CHECK(says(other.log(), "packet: another XDP program is attached to the interface"));
        const auto to_other = [&](Request request) { return request.to(place.shelf, place.slot); };
        CHECK(client.ask(read_request(3, 1)).data() == pattern(3, 1));
        CHECK(client.ask(to_other(read_request(3, 1))).data() == pattern(3, 1));
        Request everybody = config_request().to(every_shelf, every_slot);
        everybody.destination = broadcast_mac;
        CHECK(client.ask_all(everybody, 2).size() == 2);

        const std::string words =
            refusal(wire.target_end() + ",link=xdp", export_argument(1, 3, third_image.path()));
        CHECK(says(words, "interface " + wire.target_end()));
        CHECK(says(words, "another XDP program is attached"));
        CHECK(has_program(wire.target_end()));

        target.stop(); // which leaves the other alone
        CHECK_FALSE(has_program(wire.target_end()));
        CHECK(client.ask(to_other(read_request(4, 1))).data() == pattern(4, 1));
    }
}

TEST_CASE("nothing stays attached, however the target ends, and the next one has XDP at once", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    const auto serve = [&](const ImageFile& image) {
        return TargetProcess({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    };
    for (const int signal : {SIGTERM, SIGKILL, SIGKILL, SIGKILL, SIGSEGV, SIGABRT}) {
        CAPTURE(signal);
        const ImageFile image(64); // the lock on that of a killed one is released late as well
        TargetProcess target = serve(image);
        REQUIRE(has_program(wire.target_end()));
        for (unsigned i = 0; i < 32; ++i)
            client.send(read_request(i, 2));
        target.expect_exit();
        target.signal(signal);
        REQUIRE(target.wait_for_exit(Milliseconds(10000)));
        client.forget_outstanding();
    }
    CHECK(soon(client, [&] { return !has_program(wire.target_end()); }));
    const ImageFile image(64);
    const ToolResult failed =
        run_tool({target_program(), "serve", "--control", "none", "-i", wire.target_end() + ",link=xdp", "-i",
                  "nosuch0", "-e", export_argument(1, 1, image.path())});
    CHECK(failed.exit_code == 5);
    CHECK(soon(client, [&] { return !has_program(wire.target_end()); }));
}

TEST_CASE(
    "where the kernel takes no frame in parts, those that do not fit into a page are for packet sockets",
    "[xdp]") {
    NEEDS_XDP();
    if (xdp_takes_parts())
        return;
    const VethPair wire("large", 9000);
    const ImageFile image(64);
    RawClient client(wire);
    CHECK(says(refusal(wire.target_end() + ",link=xdp", export_argument(1, 1, image.path())), "Linux 6.6"));
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "packet: AF_XDP takes no frames larger than a page"));
    CHECK(client.read(0, 17) == pattern(0, 17));
}

TEST_CASE("by themselves frames of very many parts are for packet sockets, which hold more of them",
          "[xdp]") {
    NEEDS_XDP();
    if (!xdp_takes_parts())
        return;
    const VethPair wire("larger", 65535);
    const ImageFile image(256);
    for (const char* link : {"auto", "xdp"}) {
        CAPTURE(link);
        RawClient client(wire);
        TargetProcess target({wire.target_end() + ",link=" + link}, {export_argument(1, 1, image.path())});
        CHECK(says(target.log(), link == std::string("xdp") ? "xdp native\n" : "packet: frames at this MTU"));
        CHECK(client.read(0, 100) == pattern(0, 100));
        client.write(100, pattern(100, 127, 1));
        CHECK(client.read(100, 127) == pattern(100, 127, 1));
    }
}

TEST_CASE("as many requests as the buffer count find room at the largest MTU that slots can have", "[xdp]") {
    NEEDS_XDP();
    if (!xdp_takes_parts())
        return;
    const VethPair wire("grown", 9000);
    const ImageFile image(4096);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    wire.set_mtu(11700);
    client.settle();
    const unsigned promised = client.ask(config_request()).buffer_count();
    target.signal(SIGSTOP);
    std::vector<std::uint32_t> tags;
    for (unsigned i = 0; i < promised; ++i) {
        const std::uint64_t lba = 22 * i;
        tags.push_back(client.send(write_request(lba, pattern(lba, 22, 1))));
    }
    target.signal(SIGCONT);
    for (const std::uint32_t tag : tags)
        CHECK(client.wait_for(tag));
}

TEST_CASE("frames that do not fit into a page come and go in parts", "[xdp]") {
    NEEDS_XDP();
    if (!xdp_takes_parts())
        return;
    const VethPair wire("large", 9000);
    const ImageFile image(4096);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    REQUIRE(says(target.log(), "xdp native\n"));
    client.settle();
    Listener listener(wire.target_end());
    for (std::uint8_t sectors = 1; sectors <= 17; ++sectors) { // 7, 14 and 16 fill what they lie in
        CAPTURE(int{sectors});
        CHECK(client.read(5, sectors) == pattern(5, sectors));
        const std::uint64_t lba = 2048 + 64U * sectors;
        client.write(lba, pattern(lba, sectors, sectors));
        CHECK(client.read(lba, sectors) == pattern(lba, sectors, sectors));
    }

    // Long and short ones mixed, more than there are slots, and a window that the buffer count allows.
    const auto window = client.ask(config_request()).buffer_count();
    REQUIRE(window >= 64);
    std::uint32_t version = 100;
    for (int round = 0; round < 40; ++round) {
        std::vector<std::uint32_t> tags;
        ++version;
        for (std::uint64_t i = 0; i < 32; ++i) {
            const std::uint64_t lba = i * 64;
            const auto sectors = static_cast<std::uint8_t>(1 + (i * 7 + static_cast<unsigned>(round)) % 17);
            tags.push_back(client.send(write_request(lba, pattern(lba, sectors, version))));
            tags.push_back(client.send(read_request(lba + 20, 17)));
        }
        for (std::size_t i = 0; i < tags.size(); ++i) {
            const auto reply = client.wait_for(tags[i]);
            REQUIRE(reply);
            REQUIRE(reply->succeeded());
            if (i % 2 != 0)
                REQUIRE(reply->data() == pattern((i / 2) * 64 + 20, 17));
        }
        for (std::uint64_t i = 0; i < 32; ++i) {
            const auto sectors = static_cast<std::uint8_t>(1 + (i * 7 + static_cast<unsigned>(round)) % 17);
            REQUIRE(client.read(i * 64, sectors) == pattern(i * 64, sectors, version));
        }
    }
    CHECK(listener.count(ethernet_type_aoe) == 0);
}

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
            CHECK(soon(client, [&] {
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
    CHECK(says(target.log(), wire.target_end() + ": Packet sockets have taken over from AF_XDP, which cannot "
                                                 "be had: XDP needs the capabilities"));
}

TEST_CASE("where the driver has no XDP, link=xdp takes the kernel's and auto takes packet sockets", "[xdp]") {
    NEEDS_XDP();
    enter_test_network();
    set_link("lo", true);
    // Two ends of a tunnel through lo. Its driver has no XDP.
    for (const auto& [end, port, far] :
         {std::tuple("tunnel-t", "4001", "4002"), std::tuple("tunnel-c", "4002", "4001")}) {
        if (ip({"link", "add", end, "type", "vxlan", "id", "5", "dstport", port, "nolearning"}).exit_code !=
            0)
            SKIP_BECAUSE("this kernel has no VXLAN");
        REQUIRE(run_tool({find_program("bridge"), "fdb", "append", "00:00:00:00:00:00", "dev", end, "dst",
                          "127.0.0.1", "port", far})
                    .exit_code == 0);
        set_mtu(end, 1500);
        set_link(end, true);
    }
    const ImageFile image(64);
    {
        RawClient client("tunnel-c", "tunnel-t");
        TargetProcess target({"tunnel-t,link=auto"}, {export_argument(1, 1, image.path())});
        CHECK(says(target.log(), "packet: the driver has no native XDP"));
        CHECK(client.is_served_soon());
    }
    {
        TargetProcess target({"tunnel-t,link=xdp"}, {export_argument(1, 1, image.path())});
        CHECK(says(target.log(), "xdp generic")); // frames of a tunnel that pass it do not come through
        CHECK(has_program("tunnel-t"));
    }
    delete_interface("tunnel-t");
    delete_interface("tunnel-c");
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
    CHECK(soon(client, [&] {
        return says(target.log(), wire.target_end() + ": Packet sockets have taken over from AF_XDP");
    }));
    CHECK(says(target.log(), "frames that the XDP program handed over, the last never arrived"));
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
    CHECK_FALSE(says(target.log(), "taken over"));
}

TEST_CASE("the loopback interface is for packet sockets", "[xdp]") {
    NEEDS_XDP();
    set_link("lo", true);
    const ImageFile image(64);
    CHECK(says(refusal("lo,link=xdp", export_argument(1, 1, image.path())), "loopback"));
}
