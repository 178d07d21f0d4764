// The settings that initiators make for an export outlive the target, however it ends.
#include "catch.hpp"
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
