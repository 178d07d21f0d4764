// vblade's own command line, as a command and under its name.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>
#include <csignal>

#include <unistd.h>

using namespace aoetest;

namespace {

// Runs `aoetarget vblade OPTIONS 1 1 IF FILE` for the length of a test.
class VbladeProcess {
  public:
    VbladeProcess(const VethPair& wire, const std::string& file, std::vector<std::string> options,
                  const std::string& program = target_program(), const std::string& name = {})
        : child_(command(wire, file, std::move(options), program, name), {name, false}) {}

    ~VbladeProcess() {
        child_.signal(SIGTERM);
        const auto code = child_.wait_for_exit(Milliseconds(60000));
        if (code != 0)
            report_failure("vblade exited with " + std::to_string(code.value_or(-1)) + ": " +
                           child_.standard_error());
    }

  private:
    static std::vector<std::string> command(const VethPair& wire, const std::string& file,
                                            std::vector<std::string> options, const std::string& program,
                                            const std::string& name) {
        std::vector<std::string> words{program};
        if (name.empty() && program == target_program())
            words.push_back("vblade");
        words.insert(words.end(), options.begin(), options.end());
        words.insert(words.end(), {"1", "1", wire.target_end(), file});
        return words;
    }

    ChildProcess child_;
};

struct VbladeScene {
    const VethPair& wire = standard_wire();
    ImageFile image{1024};
    RawClient client{wire};
};

} // namespace

TEST_CASE("vblade: shelf, slot, interface and file are all it needs", "[cli][vblade]") {
    VbladeScene scene;
    const VbladeProcess process(scene.wire, scene.image.path(), {});
    REQUIRE(scene.client.is_served_soon());
    CHECK(scene.client.identify().sectors_48() == 1024);
    scene.client.write(3, pattern(3, 2, 1));
    CHECK(scene.client.read(3, 2) == pattern(3, 2, 1));
}

TEST_CASE("vblade: the program's name chooses its command line", "[cli][vblade]") {
    VbladeScene scene;
    SECTION("argv[0] is vblade") {
        const VbladeProcess process(scene.wire, scene.image.path(), {}, target_program(), "vblade");
        REQUIRE(scene.client.is_served_soon());
        CHECK(scene.client.read(0, 1) == pattern(0, 1));
    }
    SECTION("a symbolic link called vblade") {
        const ScratchFolder folder;
        const std::string link = folder.path() + "/vblade";
        REQUIRE(::symlink(target_program().c_str(), link.c_str()) == 0);
        const VbladeProcess process(scene.wire, scene.image.path(), {"-r"}, link);
        CHECK(scene.client.is_served_soon());
        CHECK(scene.client.read(0, 1) == pattern(0, 1));
    }
}

TEST_CASE("vblade -r: writes are aborted", "[cli][vblade]") {
    VbladeScene scene;
    const VbladeProcess process(scene.wire, scene.image.path(), {"-r"});
    REQUIRE(scene.client.is_served_soon());
    CHECK(scene.client.ask(write_request(0, pattern(0, 1, 1))).ata_error() == error_abort);
    CHECK(scene.client.read(0, 1) == pattern(0, 1));
}

TEST_CASE("vblade -o and -l: offset and length in sectors", "[cli][vblade]") {
    VbladeScene scene;
    const VbladeProcess process(scene.wire, scene.image.path(), {"-o", "100", "-l", "50"});
    REQUIRE(scene.client.is_served_soon());
    CHECK(scene.client.identify().sectors_48() == 50);
    CHECK(scene.client.read(0, 2) == pattern(100, 2));
    CHECK(scene.client.ask(read_request(50, 1)).ata_error() == error_id_not_found);
}

TEST_CASE("vblade -b: the buffer count is advertised", "[cli][vblade]") {
    VbladeScene scene;
    const VbladeProcess process(scene.wire, scene.image.path(), {"-b", "37"});
    REQUIRE(scene.client.is_served_soon());
    CHECK(scene.client.ask(config_request()).buffer_count() == 37);
}

TEST_CASE("vblade -d, -s: data goes to the file", "[cli][vblade]") {
    for (const std::vector<std::string>& options :
         {std::vector<std::string>{"-d"}, std::vector<std::string>{"-s"},
          std::vector<std::string>{"-d", "-s"}, std::vector<std::string>{"-ds"}}) {
        VbladeScene scene;
        const VbladeProcess process(scene.wire, scene.image.path(), options);
        REQUIRE(scene.client.is_served_soon());
        scene.client.write(3, pattern(3, 2, 1));
        CHECK(scene.image.read(3, 2) == pattern(3, 2, 1));
    }
}

TEST_CASE("vblade -m: the addresses are the mask list", "[cli][vblade]") {
    VbladeScene scene;
    const Mac permitted = numbered_mac(1);
    const VbladeProcess process(scene.wire, scene.image.path(),
                                {"-m", permitted.text() + "," + scene.client.mac().text()});
    REQUIRE(scene.client.is_served_soon());
    scene.client.expect_silence(config_request().from(numbered_mac(2)));
    CHECK(scene.client.ask(mask_request()).mask_count() == 2);
    CHECK(scene.client.ask(read_request(0, 1).from(permitted)).succeeded());
}

TEST_CASE("vblade -m: advertisements go to the addresses of the mask list alone, from the start",
          "[advertise][cli][vblade]") {
    VbladeScene scene;
    const Mac permitted = numbered_mac(1);
    const VbladeProcess process(scene.wire, scene.image.path(),
                                {"-m", permitted.text() + "," + scene.client.mac().text()});
    std::vector<Mac> told;
    const auto was_told = [&](const Mac& mac) { return std::count(told.begin(), told.end(), mac) > 0; };
    CHECK(scene.client.wait_until([&] {
        for (const Reply& reply : scene.client.take_advertisements())
            told.push_back(reply.destination());
        return was_told(permitted) && was_told(scene.client.mac());
    }));
    CHECK_FALSE(was_told(broadcast_mac));
    CHECK(scene.client.is_served_soon()); // it takes signals from here on
}

TEST_CASE("vblade -m: the list may have more than 32 addresses, with or without colons", "[cli][vblade]") {
    VbladeScene scene;
    std::string list;
    for (unsigned i = 1; i <= 40; ++i)
        list += numbered_mac(i).text() + ",";
    std::string own = scene.client.mac().text();
    own.erase(std::remove(own.begin(), own.end(), ':'), own.end());
    const VbladeProcess process(scene.wire, scene.image.path(), {"-m", list + own});
    REQUIRE(scene.client.is_served_soon());
    CHECK(scene.client.ask(mask_request()).mask_count() == 41);
    CHECK(scene.client.ask(read_request(0, 1).from(numbered_mac(40))).succeeded());
}

TEST_CASE("vblade: a file that another kind of target serves is refused with a line to fill in",
          "[cli][vblade]") {
    VbladeScene scene;
    const VethPair other("other");
    const TargetProcess target({scene.wire.target_end()}, {export_argument(1, 1, scene.image.path())});
    const ToolResult second =
        run_tool({target_program(), "vblade", "-s", "1", "1", other.target_end(), scene.image.path()});
    CAPTURE(second.error);
    CHECK(contains(second.error, "with the name of the other one for OTHER: aoetarget serve -i OTHER -i " +
                                     other.target_end()));
}

TEST_CASE("vblade: a second process for a file is refused with the command line that serves both interfaces",
          "[cli][vblade]") {
    VbladeScene scene;
    const VethPair other("other");
    const VbladeProcess process(scene.wire, scene.image.path(), {"-s"});
    REQUIRE(scene.client.is_served_soon());
    const ToolResult second =
        run_tool({target_program(), "vblade", "-s", "1", "1", other.target_end(), scene.image.path()});
    CAPTURE(second.error);
    CHECK(second.exit_code == 1);
    CHECK(contains(second.error, "aoetarget serve -i " + scene.wire.target_end() + " -i " +
                                     other.target_end() + " -e 1.1=" + scene.image.path() + ",cache=page"));
    const ToolResult third =
        run_tool({target_program(), "vblade", "-s", "1", "1", scene.wire.target_end(), scene.image.path()});
    CAPTURE(third.error);
    CHECK(third.exit_code == 1);
    CHECK(contains(third.error, " (vblade) serves it on " + scene.wire.target_end() + " already, as e1.1"));
    CHECK_FALSE(contains(third.error, "aoetarget serve"));
}

TEST_CASE("vblade: a second process for a disk is refused with the same line", "[cli][vblade]") {
    VbladeScene scene;
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const VethPair other("other");
    const LoopDevice disk(scene.image.path());
    const VbladeProcess process(scene.wire, disk.path(), {"-s"});
    REQUIRE(scene.client.is_served_soon());
    const ToolResult second =
        run_tool({target_program(), "vblade", "-s", "1", "1", other.target_end(), disk.path()});
    CAPTURE(second.error);
    CHECK(second.exit_code == 1);
    CHECK(contains(second.error, "aoetarget serve -i " + scene.wire.target_end() + " -i " +
                                     other.target_end() + " -e 1.1=" + disk.path() + ",cache=page"));
}
