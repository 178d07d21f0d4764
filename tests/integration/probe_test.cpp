// `aoetarget probe`: what it says about the path to a target, over networks with one fault each.
#include "catch.hpp"
#include "json_check.hpp"
#include "scene.hpp"

#include <string>

using namespace aoetest;

namespace {

// Not shorter than the probe takes where every frame is lost, on a machine that is busy with something else.
constexpr Milliseconds probe_patience{60000};

ToolResult probe(const std::string& interface, std::vector<std::string> words = {"1.1"}) {
    words.insert(words.begin(), {target_program(), "probe", "-i", interface});
    return run_tool(words, probe_patience);
}

// A host and a target with jumbo frames, each on a port of a switch.
struct SwitchedScene {
    VethPair host_wire{"ph", 9000}, disk_wire{"pd", 9000};
    Bridge bridge{"psw"};
    ImageFile image{2048};

    const std::string& host = host_wire.client_end();
    const std::string& host_port = host_wire.target_end();
    const std::string& disk = disk_wire.target_end();
    const std::string& disk_port = disk_wire.client_end();

    SwitchedScene() {
        bridge.take(host_port);
        bridge.take(disk_port);
    }
};

struct ServedScene : SwitchedScene {
    TargetProcess target{{disk}, {export_argument(1, 1, image.path())}};
};

// Frames that the switch receives at a port are dropped where a rule says so.
class Filter {
  public:
    Filter(const std::string& port, const std::string& rule) {
        is_set_ = !nft().empty() &&
                  run_tool({nft(), "table netdev probed { chain in { type filter hook ingress device " +
                                       port + " priority 0; ether type 0x88a2 " + rule + " drop; }; }"})
                          .exit_code == 0;
    }
    ~Filter() {
        if (is_set_)
            run_tool({nft(), "delete", "table", "netdev", "probed"});
    }
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    bool is_set() const { return is_set_; }

  private:
    static std::string nft() { return find_program("nft"); }

    bool is_set_ = false;
};

// The first number after the words, or -1.
long number_after(const std::string& text, const std::string& words) {
    const std::size_t at = text.find(words);
    return at == std::string::npos ? -1 : std::strtol(text.c_str() + at + words.size(), nullptr, 10);
}

} // namespace

TEST_CASE("probe tells who answers and that nothing is wrong, and ends with 0", "[cli][probe]") {
    ServedScene scene;
    const ToolResult result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(result.error.empty());
    for (const std::string& part :
         {std::string("e1.1 on " + scene.host + " (MTU 9000"), mac_of(scene.disk).text(),
          std::string("16 sectors per frame"), std::string("1 MiB"),
          std::string("to the target: 9014 bytes, the longest that was tried"),
          std::string("back: 8228 bytes, the longest that was tried"), std::string("OK: Nothing is wrong")})
        CHECK(contains(result.output, part));
}

TEST_CASE("probe --json is JSON with the same facts", "[cli][probe]") {
    ServedScene scene;
    const ToolResult result = probe(scene.host, {"e1.1", "--json"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(is_json(result.output));
    CHECK(number_after(result.output, "\"sectors\": ") == 2048);
    CHECK(number_after(result.output, "\"to_target\": {\n    \"longest_bytes\": ") == 9014);
    CHECK(number_after(result.output, "\"from_target\": {\n    \"longest_bytes\": ") == 8228);
    CHECK(number_after(result.output, "\"sent\": ") >= 20);
    CHECK(number_after(result.output, "\"median\": ") >= 0);
    CHECK(contains(result.output, "\"kind\": \"fine\""));
}

TEST_CASE("probe finds a switch that does not carry jumbo frames, and says what to change", "[cli][probe]") {
    ServedScene scene;
    set_mtu(scene.disk_port, 1500);
    const ToolResult result = probe(scene.host, {"1.1", "--json"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 1);
    const long longest = number_after(result.output, "\"to_target\": {\n    \"longest_bytes\": ");
    CHECK(longest >= 1514); // Linux leaves room for a VLAN tag.
    CHECK(longest <= 1518);
    CHECK(number_after(result.output, "\"from_target\": {\n    \"longest_bytes\": ") == 1060);
    for (const char* part : {"\"kind\": \"path-mtu\"", "MTU of this interface is 9000",
                             "do not reach the target, and answers", "sectors-per-frame=2"})
        CHECK(contains(result.output, part));
}

TEST_CASE("probe tells the way there from the way back", "[cli][probe]") {
    ServedScene scene;
    struct Row {
        const std::string& port;
        const char* says;
        const char* other;
    };
    const Row table[] = {
        {scene.host_port, "Requests of 1519 bytes or more do not reach the target (answers do come back)",
         "back: 8228 bytes, the longest"},
        {scene.disk_port, "Answers of 1572 bytes or more do not come back (requests do reach it)",
         "to the target: 9014 bytes, the longest"},
    };
    for (const Row& row : table) {
        const Filter filter(row.port, "meta length > 1504");
        if (!filter.is_set())
            SKIP_BECAUSE("needs nft, root, and a kernel with its rules for interfaces");
        const ToolResult result = probe(scene.host);
        CAPTURE(result.output, result.error);
        CHECK(result.exit_code == 1);
        CHECK(contains(result.output, row.says));
        CHECK(contains(result.output, row.other));
    }
}

TEST_CASE("probe says so if padded requests are not answered, instead of a wrong verdict", "[cli][probe]") {
    ServedScene scene;
    const Filter filter(scene.host_port, "meta length > 100");
    if (!filter.is_set())
        SKIP_BECAUSE("needs nft, root, and a kernel with its rules for interfaces");
    const ToolResult result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "to the target: not measured"));
    CHECK(contains(result.output, "back: 8228 bytes"));
    CHECK(contains(result.output, "warning: The target drops requests with trailing bytes"));
}

TEST_CASE("probe counts what is lost, and still finds how long frames can be", "[cli][probe]") {
    ServedScene scene;
    const Filter filter(scene.host_port, "meta length > 1504 numgen inc mod 3 0"); // the first one too
    if (!filter.is_set())
        SKIP_BECAUSE("needs nft, root, and a kernel with its rules for interfaces");
    const ToolResult result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "to the target: 9014 bytes, the longest that was tried"));
    CHECK(contains(result.output, "warning: Frames are lost"));
    CHECK(contains(result.output, "long requests had no answer; short frames are not lost"));
    const long lost = number_after(result.output, "there or back: ");
    const long sent = number_after(result.output, "there or back: " + std::to_string(lost) + " of ");
    CHECK(lost * 4 >= sent);
    CHECK(lost * 2 <= sent);
}

TEST_CASE("probe says that larger frames are possible where the ends differ", "[cli][probe]") {
    SwitchedScene scene;
    set_mtu(scene.disk, 1500);
    set_mtu(scene.disk_port, 1500);
    TargetProcess target({scene.disk}, {export_argument(1, 1, scene.image.path())});
    const ToolResult small_there = probe(scene.host);
    CAPTURE(small_there.output);
    CHECK(small_there.exit_code == 0);
    CHECK(contains(small_there.output,
                   "notice: This interface (MTU 9000) carries 17 sectors per frame, and the "
                   "target advertises 2"));
    set_mtu(scene.disk, 9000);
    set_mtu(scene.disk_port, 9000);
    set_mtu(scene.host, 1500);
    const ToolResult small_here = probe(scene.host);
    CAPTURE(small_here.output);
    CHECK(small_here.exit_code == 0);
    CHECK(contains(small_here.output,
                   "notice: The target takes 16 sectors per frame, and this interface carries 2"));
}

TEST_CASE("probe ends with 5 if no target has the address, and names those of other addresses",
          "[cli][probe]") {
    SwitchedScene scene;
    const ToolResult nobody = probe(scene.host);
    CAPTURE(nobody.output, nobody.error);
    CHECK(nobody.exit_code == 5);
    CHECK(contains(nobody.output, "error: No target answers as e1.1 on " + scene.host));
    CHECK_FALSE(contains(nobody.output, "Other targets"));
    CHECK(contains(nobody.error, "a target on this machine does not answer"));
    TargetProcess target({scene.disk}, {export_argument(3, 4, scene.image.path())});
    const ToolResult another = probe(scene.host, {"1.1", "--json"});
    CAPTURE(another.output, another.error);
    CHECK(another.exit_code == 5);
    CHECK(is_json(another.output));
    CHECK(contains(another.output, "\"kind\": \"no-answer\""));
    CHECK(contains(another.output, "Other targets answer on this network: e3.4."));
    const ToolResult port = probe(scene.host_port, {"3.4"});
    CAPTURE(port.output);
    CHECK(port.exit_code == 5);
    CHECK(contains(port.output, "is a port of " + scene.bridge.name() + ", which takes its frames"));
}

TEST_CASE("probe refuses an interface that is down, has no link, or does not exist", "[cli][probe]") {
    const VethPair wire("plink");
    set_link(wire.target_end(), false);
    const ToolResult no_link = probe(wire.client_end());
    CHECK(no_link.exit_code == 1);
    CHECK(contains(no_link.error, wire.client_end() + ": it has no link"));
    set_link(wire.client_end(), false);
    const ToolResult down = probe(wire.client_end());
    CHECK(down.exit_code == 1);
    CHECK(contains(down.error, "ip link set " + wire.client_end() + " up"));
    const ToolResult absent = probe("nosuch0");
    CHECK(absent.exit_code == 5);
    CHECK(contains(absent.error, "nosuch0"));
    for (const ToolResult& result : {no_link, down, absent})
        CHECK(result.output.empty());
}

TEST_CASE("probe without the capability ends with 4", "[cli][probe]") {
    const VethPair& wire = standard_wire();
    const std::string setpriv = find_program("setpriv");
    if (setpriv.empty())
        SKIP_BECAUSE("needs setpriv");
    const ToolResult result = run_tool({setpriv, "--bounding-set", "-net_raw", "--inh-caps", "-net_raw",
                                        target_program(), "probe", "-i", wire.client_end(), "1.1"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 4);
    CHECK(contains(result.error, "CAP_NET_RAW"));
}

TEST_CASE("probe tells two disks with one address from two paths to one disk", "[cli][probe]") {
    ServedScene scene;
    const VethPair other_wire("po", 9000);
    scene.bridge.take(other_wire.client_end());
    const ImageFile other(64);
    {
        TargetProcess twin({other_wire.target_end()}, {export_argument(1, 1, other.path())});
        const ToolResult result = probe(scene.host);
        CAPTURE(result.output, result.error);
        CHECK(result.exit_code == 1);
        CHECK(contains(result.output, "error: Different disks answer as e1.1"));
        CHECK(contains(result.output, mac_of(scene.disk).text()));
        CHECK(contains(result.output, mac_of(other_wire.target_end()).text()));
    }
    scene.target.stop();
    TargetProcess both({scene.disk, other_wire.target_end()}, {export_argument(1, 1, scene.image.path())});
    const ToolResult result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "notice: e1.1 answers from 2 MAC addresses"));
}

TEST_CASE("probe counts answers that come twice", "[cli][probe]") {
    ServedScene scene;
    const VethPair other_wire("po", 9000);
    scene.bridge.take(other_wire.client_end());
    // One MAC address for both, and a switch that does not learn where it is.
    set_mac(other_wire.target_end(), mac_of(scene.disk));
    for (const std::string& port : {scene.disk_port, other_wire.client_end()}) {
        run_ip({"link", "set", port, "type", "bridge_slave", "learning", "off"});
        run_ip({"link", "set", port, "up"});
    }
    run_ip({"link", "set", scene.bridge.name(), "type", "bridge", "fdb_flush"});
    const ImageFile other(64);
    TargetProcess twin({other_wire.target_end()}, {export_argument(1, 1, other.path())});
    const ToolResult result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "answers came more than once"));
}

TEST_CASE("probe tells that the disk is reserved for others", "[cli][probe]") {
    ServedScene scene;
    {
        RawClient client(scene.host, scene.disk);
        client.ask(reserve_request(reserve_set, {numbered_mac(0x77)}));
    }
    const ToolResult result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.output, "to the target: 9014 bytes"));
    CHECK(contains(result.output, "error: The target refuses to read its first sectors (it is reserved"));
}

TEST_CASE("probe works with vblade", "[cli][probe]") {
    const std::string vblade = find_program("vblade");
    if (vblade.empty())
        SKIP_BECAUSE("needs vblade");
    SwitchedScene scene;
    const ChildProcess child({vblade, "1", "1", scene.disk, scene.image.path()});
    ToolResult result = probe(scene.host);
    for (int i = 0; i < 10 && result.exit_code == 5; ++i) // it does not say when it is ready
        result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.output, "Coraid EtherDrive vblade"));
    CHECK(contains(result.output, "to the target: 9014 bytes, the longest that was tried"));
    CHECK(contains(result.output, "back: 8740 bytes, the longest that was tried"));
    set_mtu(scene.host_port, 1500);
    result = probe(scene.host);
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.output,
                   "do not reach the target, and answers of 1572 bytes or more do not come back"));
}

TEST_CASE("a target tells that the way to an initiator does not carry its frames", "[probe][event]") {
    ServedScene scene;
    set_mtu(scene.disk_port, 1500);
    RawClient client(scene.host, scene.disk);
    const auto told = [&] { return contains(scene.target.log(), "[frames-too-large]"); };
    std::uint32_t tag = 1; // without the bit that marks a tool
    REQUIRE(client.wait_for(client.send(identify_request().tagged(tag))));
    std::uint32_t answers = 0;
    for (int i = 0; i < 400 && !told(); ++i) { // repeats as Linux does, with new tags
        client.send(read_request(0, 16).tagged(++tag));
        client.receive(Milliseconds(50));
        answers += client.answers_to(tag);
    }
    CHECK(answers == 0);
    const std::string log = scene.target.log();
    CAPTURE(log);
    CHECK(contains(log, "warning: " + client.mac().text() + ": Frames of 8228 bytes seem to get lost"));
    CHECK(contains(log, "those of 548 bytes do"));
    CHECK(contains(log, "sectors-per-frame of " + scene.disk));
}
