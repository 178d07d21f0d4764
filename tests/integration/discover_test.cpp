// `aoetarget discover`: the targets that answer on a network.
#include "catch.hpp"
#include "json_check.hpp"
#include "scene.hpp"

using namespace aoetest;

namespace {

ToolResult discover(std::vector<std::string> words) {
    words.insert(words.begin(), {target_program(), "discover"});
    return run_tool(words, Milliseconds(15000));
}

} // namespace

TEST_CASE("the judge of JSON tells well-formed from ill-formed", "[cli][discover]") {
    for (const char* good : {"[]", "{}", " [1, -2.5e3, \"a\\u00e4\\n\", {\"k\": [null, true]}] ", "0"})
        CHECK(is_json(good));
    for (const char* bad :
         {"", "[", "[1,]", "{\"k\" 1}", "{k: 1}", "[1] 2", "\"a\nb\"", "\"\\x\"", "01", "nul"})
        CHECK_FALSE(is_json(bad));
}

TEST_CASE(
    "discover lists address, MAC, frame size, size, model and config string of each export that answers",
    "[cli][discover]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(8192); // 4 MiB
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    std::string model;
    {
        RawClient client(wire); // gone before it sees answers to somebody else
        client.ask(config_request(ccmd_set, "rack seven"));
        model = client.identify().text(27, 46);
    }
    const ToolResult result = discover({"-i", wire.client_end(), "--timeout", "1"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(result.error.empty());
    for (const std::string& part : {std::string("e1.1"), mac_of(wire.target_end()).text(),
                                    std::string("rack seven"), model, std::string("4 MiB")})
        CHECK(contains(result.output, part));
}

TEST_CASE("discover --json is JSON and carries the same facts as numbers and strings", "[cli][discover]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(8192);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path())});
    unsigned buffers = 0;
    {
        RawClient client(wire);
        buffers = client.ask(config_request(ccmd_set, "a \"quoted\"\n\x01string\xFF")).buffer_count();
    }
    const ToolResult result = discover({"-i", wire.client_end(), "--timeout", "1", "--json"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(is_json(result.output));
    for (const std::string& part :
         {std::string("e1.1"), mac_of(wire.target_end()).text(), std::to_string(buffers)})
        CHECK(contains(result.output, part));
    CHECK((contains(result.output, "8192") || contains(result.output, "4194304")));
    CHECK(contains(result.output, "\\\"quoted\\\""));
}

TEST_CASE("discover finds several exports and several targets", "[cli][discover]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ImageFile other(64);
    const TargetProcess first({wire.target_end()}, {export_argument(1, 1, image.path(), "read-only"),
                                                    export_argument(1, 2, image.path(), "read-only")});
    const TargetProcess second({wire.target_end()}, {export_argument(40, 254, other.path())});
    const ToolResult text = discover({"-i", wire.client_end(), "--timeout", "1"});
    const ToolResult json = discover({"-i", wire.client_end(), "--timeout", "1", "--json"});
    CHECK(is_json(json.output));
    for (const char* address : {"e1.1", "e1.2", "e40.254"}) {
        CAPTURE(address);
        CHECK(contains(text.output, address));
        CHECK(contains(json.output, address));
    }
}

TEST_CASE("discover ends after its time when nothing answers, and its JSON is well formed then too",
          "[cli][discover]") {
    const VethPair& wire = standard_wire();
    const auto start = std::chrono::steady_clock::now();
    const ToolResult result = discover({"-i", wire.client_end(), "--timeout", "1", "--json"});
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(result.exit_code >= 0);
    CHECK(is_json(result.output));
    CHECK(contains(result.error, "a target on this machine does not answer"));
    CHECK(took >= Milliseconds(800));
    CHECK(took < Milliseconds(4000));
}

TEST_CASE("discover ends with 5 if there is no such interface", "[cli][discover]") {
    enter_test_network();
    const ToolResult result = discover({"-i", "nosuch0"});
    CHECK(result.exit_code == 5);
    CHECK(contains(result.error, "nosuch0"));
}
