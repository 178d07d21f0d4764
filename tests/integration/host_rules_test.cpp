// The rules that this machine has for an interface apply to the target too, whatever way its frames take: the
// rate of a queueing discipline, and filters of received frames (lib/net/README.md, "The rules of the
// machine").
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <thread>

using namespace aoetest;

namespace {

using Clock = std::chrono::steady_clock;

bool says(const std::string& text, const std::string& words) {
    return text.find(words) != std::string::npos;
}

void tc(std::vector<std::string> words) {
    words.insert(words.begin(), find_program("tc"));
    const ToolResult result = run_tool(words);
    if (result.exit_code != 0)
        abort_test("tc failed: " + result.error);
}

// A wire whose interfaces have no rules left when the test is over.
struct RuledWire {
    VethPair wire{"ruled"};
    const std::string& interface = wire.target_end();

    void shape(const std::string& rate) const {
        tc({"qdisc", "replace", "dev", interface, "root", "tbf", "rate", rate, "burst", "32kbit", "latency",
            "200ms"});
    }
    // Requests go elsewhere before a packet socket sees them. (Not every kernel has what drops them.)
    void shut_out() const {
        tc({"filter", "add", "dev", interface, "ingress", "protocol", "0x88a2", "u32", "match", "u32", "0",
            "0", "action", "mirred", "egress", "redirect", "dev", "lo"});
    }
};

std::string log_of(TargetProcess& target, RawClient& client, const std::string& words) {
    client.wait_until([&] { return says(target.log(), words); });
    return target.log();
}

// The bits of the answers to reads that arrive in a second, while a window of them is under way.
double bits_per_second(RawClient& client) {
    constexpr std::size_t window = 96; // what the discipline keeps
    std::vector<std::uint32_t> waiting;
    std::uint64_t bits = 0;
    const auto run = [&](Milliseconds time) {
        bits = 0;
        const auto begin = Clock::now();
        while (Clock::now() - begin < time) {
            while (waiting.size() < window)
                waiting.push_back(client.send(read_request(8, 2)));
            client.receive(Milliseconds(1));
            bits += 8 * (36 + 2 * sector_bytes) *
                    std::erase_if(waiting, [&](std::uint32_t tag) { return client.answers_to(tag) > 0; });
        }
        return static_cast<double>(bits) / std::chrono::duration<double>(Clock::now() - begin).count();
    };
    run(Milliseconds(300)); // the burst that the discipline permits
    const double rate = run(Milliseconds(1500));
    for (const std::uint32_t tag : waiting)
        CHECK(client.wait_for(tag)); // none was lost
    return rate;
}

constexpr double five_mbit = 5e6;

// Another program may have the processor for a part of one measurement, so that one of several has to reach
// the rate. None may exceed it.
void check_five_mbit(RawClient& client) {
    double best = 0;
    for (int attempt = 0; attempt < 20 && best < 0.9 * five_mbit; ++attempt) {
        const double rate = bits_per_second(client);
        CHECK(rate < 1.1 * five_mbit);
        best = std::max(best, rate);
    }
    CHECK(best > 0.9 * five_mbit);
}

const std::string packets_took_over = "Packet sockets have taken over from AF_XDP";

} // namespace

TEST_CASE("a queueing discipline that somebody has configured shapes the answers", "[rules]") {
    const RuledWire ruled;
    ruled.shape("5mbit");
    const ImageFile image(64);
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "the qdisc tbf"));
    check_five_mbit(client);
    tc({"qdisc", "del", "dev", ruled.interface, "root"});
    client.settle();
    CHECK(bits_per_second(client) > 2 * five_mbit);
    ruled.shape("5mbit"); // while it serves
    std::this_thread::sleep_for(Milliseconds(50));
    check_five_mbit(client);
}

TEST_CASE("a link that is chosen automatically shapes answers too, and says why it has no XDP", "[rules]") {
    const RuledWire ruled;
    const ImageFile image(64);
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface + ",link=auto"}, {export_argument(1, 1, image.path())});
    const bool has_lane = says(target.log(), "xdp native");
    ruled.shape("5mbit");
    if (has_lane) {
        CHECK(says(log_of(target, client, "AF_XDP would pass by the qdisc tbf"), packets_took_over));
    } else {
        std::this_thread::sleep_for(Milliseconds(50));
    }
    check_five_mbit(client);
}

TEST_CASE("the operator decides whether answers go through the queueing discipline", "[rules]") {
    const RuledWire ruled;
    ruled.shape("5mbit");
    const ImageFile image(64);
    RawClient client(ruled.wire);
    {
        TargetProcess target({ruled.interface + ",qdisc=bypass"}, {export_argument(1, 1, image.path())});
        CHECK(says(target.log(), "pass by the qdisc tbf"));
        CHECK(bits_per_second(client) > 2 * five_mbit);
    }
    client.forget_outstanding();
    TargetProcess target({ruled.interface + ",qdisc=honour"}, {export_argument(1, 1, image.path())});
    check_five_mbit(client);
}

TEST_CASE("hosts that a filter of received frames shuts out stay outside", "[rules]") {
    const RuledWire ruled;
    tc({"qdisc", "add", "dev", ruled.interface, "clsact"});
    ruled.shut_out();
    const ImageFile image(64);
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface + ",link=auto"}, {export_argument(1, 1, image.path())});
    if (can_have_xdp())
        CHECK(says(target.log(), "AF_XDP would pass by filters of tc (clsact)"));
    const std::uint32_t tag = client.send_unanswerable(config_request());
    CHECK_FALSE(client.wait_for(tag, Milliseconds(300)));
}

TEST_CASE("a filter that is set up later shuts hosts out within a second", "[rules]") {
    const RuledWire ruled;
    const ImageFile image(64);
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface + ",link=auto"}, {export_argument(1, 1, image.path())});
    client.ask(config_request());
    const bool has_lane = says(target.log(), "xdp native");
    tc({"qdisc", "add", "dev", ruled.interface, "ingress"});
    ruled.shut_out();
    std::this_thread::sleep_for(Milliseconds(1000));
    const std::uint32_t tag = client.send_unanswerable(config_request());
    const std::uint32_t read = client.send_unanswerable(read_request(0, 2));
    CHECK_FALSE(client.wait_for(tag, Milliseconds(300)));
    CHECK_FALSE(client.wait_for(read, Milliseconds(10)));
    if (has_lane)
        CHECK(says(target.log(), packets_took_over));
}

TEST_CASE("nftables shuts hosts out, from the start or later", "[rules]") {
    const std::string nft = find_program("nft");
    if (nft.empty() || !has_real_root())
        SKIP_BECAUSE("needs nft and root");
    const RuledWire ruled;
    const ImageFile image(64);
    const auto shut_out = [&] {
        const std::string rules = "table netdev shut { chain out { type filter hook ingress device " +
                                  ruled.interface + " priority 0; ether type 0x88a2 drop; }; }";
        if (run_tool({nft, rules}).exit_code != 0)
            abort_test("nft refused: " + rules);
    };
    const auto is_answered = [&](RawClient& client) {
        const std::uint32_t tag = client.send_unanswerable(config_request());
        const std::uint32_t read = client.send_unanswerable(read_request(0, 2));
        return client.wait_for(tag, Milliseconds(300)) || client.wait_for(read, Milliseconds(10));
    };
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface + ",link=auto"}, {export_argument(1, 1, image.path())});
    client.ask(config_request());
    const bool has_lane = says(target.log(), "xdp native");
    shut_out();
    std::this_thread::sleep_for(Milliseconds(1000));
    CHECK_FALSE(is_answered(client));
    CHECK(says(target.log(), packets_took_over) == has_lane);
    target.stop();
    TargetProcess later({ruled.interface + ",link=auto"}, {export_argument(1, 1, image.path())});
    CHECK(says(later.log(), "AF_XDP would pass by nftables (ingress)") == can_have_xdp());
    CHECK_FALSE(is_answered(client));
    run_tool({nft, "delete", "table", "netdev", "shut"});
}

TEST_CASE("link=xdp passes filters by, as the operator says, and a note names them", "[rules]") {
    if (!can_have_xdp())
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const RuledWire ruled;
    tc({"qdisc", "add", "dev", ruled.interface, "ingress"});
    ruled.shut_out();
    const ImageFile image(64);
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface + ",link=xdp"}, {export_argument(1, 1, image.path())});
    CHECK(says(target.log(), "frames of the target pass by filters of tc (ingress)"));
    CHECK(says(target.log(),
               "broadcasts, with which initiators look for targets, do not pass by filters of tc"));
    CHECK(client.read(0, 2) == pattern(0, 2));
}

TEST_CASE("where link=xdp passes later filters by, and where there is no XDP, an event says so", "[rules]") {
    if (!can_have_xdp())
        SKIP_BECAUSE("XDP needs root, and may be left out of a build");
    const RuledWire ruled;
    const ImageFile image(64);
    RawClient client(ruled.wire);
    TargetProcess target({ruled.interface + ",link=xdp", "comes-t,wait,link=xdp"},
                         {export_argument(1, 1, image.path())});
    tc({"qdisc", "add", "dev", ruled.interface, "ingress"});
    CHECK(client.wait_until([&] {
        return says(target.log(),
                    "Requests pass by filters of tc (ingress), as link=xdp asks, but broadcasts");
    }));
    const VethPair coming("comes");
    CHECK(client.wait_until([&] {
        return says(target.log(), "comes-t: Packet sockets serve the interface, although link=xdp asks");
    }));
}
