// The XDP lane: the frames that it takes and those that it leaves alone, when it exists and when packet
// sockets do the work, and that nothing of it stays behind.
#include "audience_check.hpp"
#include "xdp_scene.hpp"

#include <csignal>
#include <tuple>

using namespace aoetest;

namespace {

/// Returns what `aoetarget serve` says, which is expected to refuse.
std::string refusal(const std::string& interface, const std::string& export_text) {
    const ToolResult result =
        run_tool({target_program(), "serve", "--control", "none", "-i", interface, "-e", export_text});
    CHECK(result.exit_code == 1);
    return result.error;
}

} // namespace

TEST_CASE("by itself an interface with native XDP is served over it, and says so", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(contains(target.log(), "xdp native\n"));
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
    CHECK(contains(target.log(), ", packet\n"));
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
        CHECK(client.wait_until([&] { return listener.count(seen_as) == 1; }));
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
        CHECK(contains(other.log(), "packet: another XDP program is attached to the interface"));
        const auto to_other = [&](Request request) { return request.to(place.shelf, place.slot); };
        CHECK(client.ask(read_request(3, 1)).data() == pattern(3, 1));
        CHECK(client.ask(to_other(read_request(3, 1))).data() == pattern(3, 1));
        Request everybody = config_request().to(every_shelf, every_slot);
        everybody.destination = broadcast_mac;
        CHECK(client.ask_all(everybody, 2).size() == 2);

        const std::string words =
            refusal(wire.target_end() + ",link=xdp", export_argument(1, 3, third_image.path()));
        CHECK(contains(words, "interface " + wire.target_end()));
        CHECK(contains(words, "another XDP program is attached"));
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
    CHECK(client.wait_until([&] { return !has_program(wire.target_end()); }));
    const ImageFile image(64);
    const ToolResult failed =
        run_tool({target_program(), "serve", "--control", "none", "-i", wire.target_end() + ",link=xdp", "-i",
                  "nosuch0", "-e", export_argument(1, 1, image.path())});
    CHECK(failed.exit_code == 5);
    CHECK(client.wait_until([&] { return !has_program(wire.target_end()); }));
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
    CHECK(
        contains(refusal(wire.target_end() + ",link=xdp", export_argument(1, 1, image.path())), "Linux 6.6"));
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(contains(target.log(), "packet: AF_XDP takes no frames larger than a page"));
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
        CHECK(contains(target.log(),
                       link == std::string("xdp") ? "xdp native\n" : "packet: frames at this MTU"));
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

TEST_CASE("requests for which a lane has no room are told with a cure that helps there", "[xdp]") {
    NEEDS_XDP();
    const VethPair& wire = standard_wire();
    const ImageFile image(1024);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=xdp"}, {export_argument(1, 1, image.path())});
    client.settle();
    target.signal(SIGSTOP);
    for (unsigned i = 0; i < 600; ++i)
        client.send(read_request(i, 1));
    target.signal(SIGCONT);
    CHECK(client.wait_until([&] {
        return contains(target.log(),
                        "AF_XDP has room for 256 of them: serve the interface with link=packet");
    }));
    CHECK_FALSE(contains(target.log(), "rmem_max"));
    client.forget_outstanding();
}

TEST_CASE("frames that do not fit into a page come and go in parts", "[xdp]") {
    NEEDS_XDP();
    if (!xdp_takes_parts())
        return;
    const VethPair wire("large", 9000);
    const ImageFile image(4096);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + ",link=auto"}, {export_argument(1, 1, image.path())});
    REQUIRE(contains(target.log(), "xdp native\n"));
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
        CHECK(contains(target.log(), "packet: the driver has no native XDP"));
        CHECK(client.is_served_soon());
    }
    {
        TargetProcess target({"tunnel-t,link=xdp"}, {export_argument(1, 1, image.path())});
        CHECK(contains(target.log(), "xdp generic")); // frames of a tunnel that pass it do not come through
        CHECK(has_program("tunnel-t"));
    }
    delete_interface("tunnel-t");
    delete_interface("tunnel-c");
}

TEST_CASE("the loopback interface is for packet sockets", "[xdp]") {
    NEEDS_XDP();
    set_link("lo", true);
    const ImageFile image(64);
    CHECK(contains(refusal("lo,link=xdp", export_argument(1, 1, image.path())), "loopback"));
}
