// The settings that initiators make for an export outlive the target, however it ends.
#include "catch.hpp"
#include "controlled_target.hpp"
#include "scene.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

using namespace aoetest;

TEST_CASE("config string, mask list and reservation are there again after kill -9", "[state]") {
    const ScratchFolder folder;
    const VethPair& wire = standard_wire();
    const ImageFile image(2048);
    RawClient client(wire);
    const std::vector<std::string> exports{export_argument(1, 1, image.path())};
    const std::vector<std::string> options{"--state-dir", folder.path()};
    const Mac mine = client.mac();
    {
        TargetProcess target({wire.target_end()}, exports, options);
        CHECK(client.ask(config_request(ccmd_set, "kept")).config_text() == "kept");
        CHECK_FALSE(client.ask(mask_request(mask_edit, {{directive_add, mine}})).is_error());
        CHECK_FALSE(client.ask(reserve_request(reserve_set, {mine})).is_error());
        target.expect_exit();
        target.signal(SIGKILL);
        REQUIRE(target.wait_for_exit(Milliseconds(5000)));
    }
    {
        TargetProcess target({wire.target_end()}, exports, options);
        CHECK(client.ask(config_request()).config_text() == "kept");
        CHECK(client.ask(mask_request()).mask_count() == 1);
        CHECK(client.ask(reserve_request()).holders() == std::vector<Mac>{mine});
        CHECK_FALSE(client.ask(mask_request(mask_edit, {{directive_delete, mine}})).is_error());
    }
    std::ofstream(folder.path() + "/e1.1.state", std::ios::app) << "torn";
    TargetProcess target({wire.target_end()}, exports, options);
    CHECK(client.ask(config_request()).config_text().empty());
    CHECK(target.log().find("e1.1.state is damaged and is now") != std::string::npos);
    CHECK(std::filesystem::exists(folder.path() + "/e1.1.state.damaged"));
}

TEST_CASE("an export that is added with damaged settings is served without them, and an event says so",
          "[state]") {
    const ScratchFolder folder;
    const VethPair& wire = standard_wire();
    const ImageFile image(64), other(64);
    RawClient client(wire);
    ControlledTarget target({wire.target_end()}, {export_argument(1, 1, image.path())},
                            {"--state-dir", folder.path()});
    folder.write("e1.2.state", "torn");
    const ToolResult added = target.run({"add", "-e", export_argument(1, 2, other.path())});
    CHECK(added.exit_code == 0);
    CHECK(contains(added.error, "e1.2.state is damaged and is now"));
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(3, 1));
    CHECK(client.wait_until([&] {
        return contains(target.process().log(), "warning: e1.2: " + folder.path() + "/e1.2.state is damaged");
    }));
}
