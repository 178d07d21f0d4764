// serve -c over the real program.
#include "catch.hpp"
#include "scene.hpp"

#include <sstream>

using namespace aoetest;

namespace {

std::string interface_text(const VethPair& wire) {
    return "[[interface]]\nname = \"" + wire.target_end() + "\"\nlink = \"packet\"\n";
}

std::string export_text(const std::string& address, const ImageFile& image, const std::string& options = {}) {
    return "[[export]]\naddress = \"" + address + "\"\npath = \"" + image.path() + "\"\n" + options;
}

} // namespace

TEST_CASE("a configuration file is served, with its hosts, and with what the arguments add",
          "[configuration]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    RawClient client(wire);
    const Mac friendly = numbered_mac(1), stranger = numbered_mac(2);
    const ScratchFolder folder;
    const std::string file = folder.write(
        "lab.toml", "[hosts]\nlab = [\"" + friendly.text() + "\", \"" + client.mac().text() + "\"]\n" +
                        interface_text(wire) + export_text("1.1", image, "allow = [\"lab\"]\n"));
    const TargetProcess target({}, {export_argument(1, 2, other.path(), "allow=lab,read-only")},
                               {"-c", file});
    for (const std::uint8_t slot : {std::uint8_t{1}, std::uint8_t{2}}) {
        CHECK(client.ask(read_request(3, 1).to(1, slot).from(friendly)).data() == pattern(3, 1));
        client.expect_silence(read_request(3, 1).to(1, slot).from(stranger));
    }
}

TEST_CASE("the files of a folder are served as one", "[configuration]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    RawClient client(wire);
    const ScratchFolder folder;
    folder.write("1.toml", export_text("1.1", image));
    folder.write("2.toml", interface_text(wire) + export_text("1.2", other));
    const TargetProcess target({}, {}, {"--config", folder.path()});
    CHECK(client.read(3, 1) == pattern(3, 1));
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(3, 1));
}

TEST_CASE("the errors of a configuration file are told with their places, and nothing is served",
          "[configuration]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder folder;
    const std::string file = folder.write(
        "bad.toml", interface_text(wire) + export_text("1.1", image, "cache = \"both\"\nfixd = true\n"));
    const ToolResult result = run_target({"serve", "-c", file});
    CAPTURE(result.error);
    CHECK(result.exit_code == 3);
    CHECK(result.output.empty());
    std::istringstream lines(result.error);
    std::string first, second, third;
    std::getline(lines, first);
    std::getline(lines, second);
    CHECK(first.starts_with("aoetarget: " + file + ":7:9: cache cannot be 'both'"));
    CHECK(second.starts_with("aoetarget: " + file + ":8:1: there is no option 'fixd', the nearest is fixed"));
    CHECK_FALSE(std::getline(lines, third));
}

TEST_CASE("a configuration file that does not exist ends with 3 and its name", "[configuration]") {
    const ToolResult result = run_target({"serve", "-c", "/nonexistent/lab.toml"});
    CHECK(result.exit_code == 3);
    CHECK(contains(result.error, "/nonexistent/lab.toml"));
}

TEST_CASE("what another target has served is printed as a configuration file that is served",
          "[configuration]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    const ScratchFolder folder;
    const std::string original =
        folder.write("ggaoed.conf", "[defaults]\ninterfaces = " + wire.target_end() +
                                        "\n[disk]\nshelf = 1\nslot = 1\npath = " + image.path() + "\n");
    const ToolResult imported = run_target({"import", "ggaoed", original});
    CHECK(imported.exit_code == 0);
    CHECK(imported.error.empty());
    const TargetProcess target({}, {}, {"-c", folder.write("lab.toml", imported.output)});
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("import tells how much it has left out, and fails if that is all", "[configuration]") {
    const ScratchFolder folder;
    const ToolResult nothing = run_target({"import", "vblade-persist", folder.path()});
    CHECK(nothing.exit_code == 1);
    CHECK(contains(nothing.error, "there is no export to import"));
    const std::string good = "[a]\nshelf = 1\nslot = 1\npath = /a\n", bad = "[b]\nslot = 2\npath = /b\n";
    const ToolResult part = run_target({"import", "ggaoed", folder.write("part.conf", good + bad)});
    CHECK(part.exit_code == 0);
    CHECK(part.error == "note: 1 export imported, 1 left out; comments in the output tell why\n");
    const ToolResult none = run_target({"import", "ggaoed", folder.write("none.conf", bad)});
    CHECK(none.exit_code == 1);
    CHECK(none.error == "note: 0 exports imported, 1 left out; comments in the output tell why\n");
}

TEST_CASE("a thousand exports in a file are served", "[configuration]") {
    const VethPair& wire = standard_wire();
    constexpr unsigned count = 1000;
    const ImageFile image(count);
    const ScratchFolder folder;
    std::string text = interface_text(wire);
    for (unsigned i = 0; i < count; ++i)
        text += export_text(std::to_string(1 + i / 200) + "." + std::to_string(i % 200), image,
                            "offset = \"" + std::to_string(i) + "s\"\nlength = \"1s\"\n");
    RawClient client(wire);
    const TargetProcess target({}, {}, {"-c", folder.write("many.toml", text)});
    CHECK(client.ask(read_request(0, 1).to(5, 199)).data() == pattern(999, 1));
}
