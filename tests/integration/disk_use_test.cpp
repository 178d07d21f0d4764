// Disks that other programs use, replace, make larger, or want back.
#include "catch.hpp"
#include "scene.hpp"

#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;

TEST_CASE("a disk or file that another target serves is refused with that target's process", "[disks]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(256);
    const auto check_refusal_of = [&](const std::string& path, const std::string& words) {
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, path)});
        const ToolResult other = run_tool({target_program(), "serve", "--control", "none", "-i",
                                           wire.target_end(), "-e", export_argument(1, 2, path)});
        CHECK(other.exit_code == 1);
        CHECK(contains(other.error, "process " + std::to_string(target.pid()) + " (aoetarget)" + words));
        CHECK_FALSE(contains(other.error, "force"));
    };
    check_refusal_of(image.path(), "; stop that one");
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const LoopDevice loop(image.path());
    check_refusal_of(loop.path(), " has it open; free it with 'kill ");
}

namespace {

/// Whether the condition holds before long.
template <typename Condition>
bool happens(Condition condition) {
    for (int tries = 0; tries < 1000; ++tries) {
        if (condition())
            return true;
        std::this_thread::sleep_for(Milliseconds(20));
    }
    return false;
}

bool says(TargetProcess& target, const std::string& words) {
    return happens([&] { return contains(target.log(), words); });
}

std::size_t count(const std::string& text, const std::string& words) {
    std::size_t found = 0;
    for (std::size_t at = text.find(words); at != std::string::npos; at = text.find(words, at + 1))
        ++found;
    return found;
}

} // namespace

TEST_CASE("the target says once that another file has taken its file's place, and continues with its own",
          "[disks]") {
    const bool through_a_link = GENERATE(false, true);
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    const std::string path = folder.path() + "/disk.img";
    const ImageFile image(64), other(128, ImageFile::Fill::sparse);
    std::filesystem::copy_file(image.path(), path);
    const std::string named = through_a_link ? folder.path() + "/link" : path;
    if (through_a_link)
        std::filesystem::create_symlink("disk.img", named);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, named)});
    CHECK(client.read(0, 1) == pattern(0, 1));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all); // replaces nothing
    std::filesystem::copy_file(other.path(), folder.path() + "/new.img");
    std::filesystem::rename(folder.path() + "/new.img", path);
    CHECK(says(target, "e1.1: Its path names another file now."));
    CHECK(client.read(0, 1) == pattern(0, 1));
    std::this_thread::sleep_for(Milliseconds(100));
    CHECK(count(target.log(), "Its path") == 1);
}

TEST_CASE("the target says that a link to its file leads elsewhere, and back", "[disks]") {
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    const ImageFile image(64), other(64);
    const std::string link = folder.path() + "/link";
    std::filesystem::create_symlink(image.path(), link);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, link)});
    const auto lead_to = [&](const std::string& path) {
        std::filesystem::create_symlink(path, link + ".new");
        std::filesystem::rename(link + ".new", link);
    };
    lead_to(other.path());
    CHECK(says(target, "e1.1: Its path names another file now."));
    lead_to(image.path());
    CHECK(says(target, "e1.1: Its path names what it serves again."));
}

TEST_CASE("the target says that a link or a folder on the way to its file is another one, each time",
          "[disks]") {
    namespace fs = std::filesystem;
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    const ImageFile image(64);
    const std::string root = folder.path();
    for (const char* version : {"/v1", "/v2"}) {
        fs::create_directory(root + version);
        fs::copy_file(image.path(), root + version + "/x.img");
    }
    const auto lead_to = [&](const std::string& link, const std::string& target) {
        fs::create_symlink(target, root + "/new");
        fs::rename(root + "/new", root + link);
    };
    lead_to("/release", "v1");
    lead_to("/cur", "release");
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, root + "/cur/x.img")});
    unsigned others = 0, returns = 0;
    const auto goes_and_returns = [&](const auto& go, const auto& come_back) {
        go();
        ++others;
        CHECK(happens([&] { return count(target.log(), "Its path names another file now.") == others; }));
        come_back();
        ++returns;
        CHECK(happens([&] { return count(target.log(), "names what it serves again.") == returns; }));
    };
    for (int round = 0; round < 2; ++round) {
        CAPTURE(round);
        goes_and_returns([&] { lead_to("/cur", "v2"); }, [&] { lead_to("/cur", "release"); });
        goes_and_returns([&] { lead_to("/release", "v2"); }, [&] { lead_to("/release", "v1"); });
    }
    goes_and_returns(
        [&] {
            fs::rename(root + "/v1", root + "/old");
            fs::rename(root + "/v2", root + "/v1");
        },
        [&] {
            fs::rename(root + "/v1", root + "/v2");
            fs::rename(root + "/old", root + "/v1");
        });
}

TEST_CASE("the target says that its file was deleted or moved, and when there is one again", "[disks]") {
    const VethPair& wire = standard_wire();
    const ScratchFolder folder;
    const std::string path = folder.path() + "/disk.img";
    const ImageFile image(64);
    std::filesystem::copy_file(image.path(), path);
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, path, "length=32s"),
                                               export_argument(1, 2, path, "offset=32s")});
    std::filesystem::rename(path, path + ".old");
    CHECK(says(target, "e1.1: Its path names no file any more."));
    CHECK(says(target, "e1.2: Its path names no file any more."));
    std::filesystem::rename(path + ".old", path);
    CHECK(says(target, "e1.1: Its path names what it serves again."));
    std::filesystem::remove(path);
    CHECK(says(target, "its data is lost when the target ends"));
    std::filesystem::copy_file(image.path(), path);
    CHECK(says(target, "e1.1: Its path names another file now."));
    CHECK(client.read(0, 1) == pattern(0, 1));
}

TEST_CASE("an export of a block device grows with it", "[disks]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    ImageFile image(64);
    const LoopDevice loop(image.path());
    RawClient client(wire);
    TargetProcess target({wire.target_end()}, {export_argument(1, 1, loop.path(), "offset=32s"),
                                               export_argument(1, 2, loop.path(), "length=32s")});
    CHECK(client.identify().sectors_48() == 32);
    client.wait_until([] { return false; }, Milliseconds(300)); // for the last advertisement of the start
    client.take_advertisements();
    image.resize_bytes(256 * sector_bytes);
    loop.follow_size();
    CHECK(says(target, "e1.1: It has 224 sectors now, 192 more than before."));
    CHECK(client.identify().sectors_48() == 224);
    CHECK(client.wait_until([&] { return !client.take_advertisements().empty(); }));
    client.write(222, pattern(222, 2, 1));
    CHECK(client.read(222, 2) == pattern(222, 2, 1));
    CHECK(Identify(client.ask(identify_request().to(1, 2)).data()).sectors_48() == 32);

    image.resize_bytes(128 * sector_bytes);
    loop.follow_size();
    CHECK(says(target, "e1.1: Its device has only 96 sectors now, and initiators know of 224."));
    CHECK(client.identify().sectors_48() == 224);
    CHECK(count(target.log(), "e1.2: It") == 0);
}

TEST_CASE("a disk is free as soon as the target has ended, whichever thread has served it", "[disks]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("loop devices need real root");
    const ImageFile image(64), other(64);
    const LoopDevice loop(image.path()), other_loop(other.path());
    RawClient client(wire);
    for (int run = 0; run < 25; ++run) {
        CAPTURE(run);
        TargetProcess target({wire.target_end()},
                             {export_argument(1, 1, loop.path()), export_argument(1, 2, other_loop.path())},
                             {"--threads", "2"});
        client.write(0, pattern(0, 1, 1));
        client.ask(write_request(0, pattern(0, 1, 1)).to(1, 2));
        target.stop();
        for (const std::string& path : {loop.path(), other_loop.path()}) {
            const int disk = ::open(path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC);
            CHECK(disk >= 0);
            ::close(disk);
        }
    }
}
