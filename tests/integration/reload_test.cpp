// Reloads of which a part fails, and disks that move from one address to another.
#include "catch.hpp"
#include "changed_target.hpp"
#include "frozen_file_system.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

using namespace aoetest;

namespace {

std::string with_path(const std::string& address, const std::string& path, const std::string& options = {}) {
    return "[[export]]\naddress = \"" + address + "\"\npath = \"" + path + "\"\n" + options;
}

/// RawClient::expect_silence() takes it that e1.1 is there.
bool is_silent(RawClient& client, const Request& request) {
    return !client.wait_for(client.send(request), Milliseconds(300));
}

} // namespace

TEST_CASE("reload --partial changes what can be changed, and tells each part that could not be", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64), third(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    changed.write("[target]\nthreads = 3\n\n[[interface]]\nname = \"nosuch0\"\n\n" + entry_text(wire) +
                  export_text("1.1", image, "fixed = true\n") + with_path("1.2", "/nonexistent/disk") +
                  export_text("1.3", second) + export_text("1.4", third, "interfaces = [\"nosuch0\"]\n"));
    CHECK(changed.run({"reload"}).exit_code == 1);
    client.expect_silence(read_request(3, 1).to(1, 3));

    const ToolResult result = changed.run({"reload", "--partial"});
    CAPTURE(result.error);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.error, "error: export e1.2: "));
    CHECK(contains(result.error, "/nonexistent/disk"));
    CHECK(contains(result.error, "error: interface nosuch0: "));
    CHECK(contains(result.error, "error: export e1.4: interfaces has 'nosuch0'"));
    CHECK(contains(result.error, "error: target: threads cannot change while it serves"));
    CHECK_FALSE(contains(result.error, "e1.1"));
    CHECK_FALSE(contains(result.error, "e1.3"));
    CHECK(client.ask(read_request(3, 1).to(1, 3)).data() == pattern(3, 1));
    CHECK(client.ask(config_request(ccmd_force, "refused")).is_error());
    CHECK(changed.config() == entry_text(wire) + "\n" + export_text("1.1", image, "fixed = true\n") + "\n" +
                                  export_text("1.3", second));
    CHECK(changed.run({"add", "-e", export_argument(1, 4, third.path())}).exit_code == 0);
}

TEST_CASE(
    "a reload that changes nothing tells each disk that cannot be opened, and each option that is fixed",
    "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64), third(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image) + export_text("1.2", second));
    changed.write(entry_text(wire) + export_text("1.1", image) + with_path("1.2", "/nonexistent/one") +
                  export_text("1.3", third, "offset = \"1M\"\n") + with_path("1.4", "/nonexistent/two"));
    const ToolResult unopened = changed.run({"reload"});
    CAPTURE(unopened.error);
    CHECK(unopened.exit_code == 1);
    CHECK(contains(unopened.error, "error: export e1.2: cannot export /nonexistent/one"));
    CHECK(contains(unopened.error, "error: export e1.3: "));
    CHECK(contains(unopened.error, "error: export e1.4: cannot export /nonexistent/two"));
    CHECK(std::ranges::count(unopened.error, '\n') == 3);
    changed.write("[target]\nthreads = 3\n\n" + entry_text(wire) +
                  export_text("1.1", image, "model = \"other\"\n") + export_text("1.2", second));
    const ToolResult fixed = changed.run({"reload"});
    CAPTURE(fixed.error);
    CHECK(fixed.exit_code == 1);
    CHECK(contains(fixed.error, "target: threads cannot change"));
    CHECK(contains(fixed.error, "export e1.1: model cannot change"));
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("an interface stays for an export that stays as it was", "[reload]") {
    const VethPair& wire = standard_wire();
    const VethPair other("reload2");
    const ImageFile image(64);
    RawClient client(other);
    const std::string there = "interfaces = [\"" + other.target_end() + "\"]\n";
    Changed changed(entry_text(wire) + entry_text(other) + export_text("1.1", image, there));
    changed.write(entry_text(wire) + with_path("1.1", "/nonexistent/disk"));
    const ToolResult result = changed.run({"reload", "--partial"});
    CAPTURE(result.error);
    CHECK(result.exit_code == 1);
    CHECK(contains(result.error, "error: export e1.1: "));
    CHECK(contains(result.error, "error: interface " + other.target_end() + ": export e1.1 stays as it was"));
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("reload --partial with an invalid file changes nothing, and with a good one all", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    changed.write(entry_text(wire) + export_text("1.2", second) + "nonsense = 1\n");
    CHECK(changed.run({"reload", "--partial"}).exit_code == 3);
    CHECK(client.read(3, 1) == pattern(3, 1));
    changed.write(entry_text(wire) + export_text("1.2", second));
    const ToolResult result = changed.run({"reload", "--partial"});
    CHECK(result.exit_code == 0);
    CHECK(result.error.empty());
    CHECK(is_silent(client, read_request(3, 1)));
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(3, 1));
}

TEST_CASE("a disk moves to a new address in one reload, and back", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64);
    RawClient client(wire);
    const std::string before = entry_text(wire) + export_text("1.1", image) + export_text("1.2", second);
    Changed changed(before, {"--threads", "2"});
    CHECK(client.ask(write_request(5, pattern(5, 1, 9))).succeeded());
    changed.write(entry_text(wire) + export_text("1.2", second) +
                  export_text("1.3", image, "cache = \"page\"\n"));
    const ToolResult moved = changed.run({"reload"});
    CAPTURE(moved.error);
    CHECK(moved.exit_code == 0);
    CHECK(is_silent(client, read_request(3, 1)));
    CHECK(client.ask(read_request(5, 1).to(1, 3)).data() == pattern(5, 1, 9));
    CHECK(client.ask(write_request(5, pattern(5, 1, 8)).to(1, 3)).succeeded());
    const auto told_at = [&](const std::string& event) { return changed.target().log().find(event); };
    CHECK(client.wait_until([&] { return told_at("e1.3: It is served now") != std::string::npos; }));
    CHECK(told_at("e1.1: It is served no longer") < told_at("e1.3: It is served now"));
    const ToolResult rival = run_target(
        {"serve", "--control", "none", "-i", wire.target_end(), "-e", export_argument(1, 9, image.path())});
    CHECK(rival.exit_code == 1); // its lock has been kept
    changed.write(before);
    CHECK(changed.run({"reload", "--partial"}).exit_code == 0);
    CHECK(is_silent(client, read_request(3, 1).to(1, 3)));
    CHECK(client.ask(read_request(5, 1)).data() == pattern(5, 1, 8));
}

TEST_CASE("a disk moves only to an address that is new, and from one that ends", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image) + export_text("1.2", second));
    const std::string refusals[][2] = {
        {export_text("1.2", image), "only an export that is new"},
        {export_text("1.1", second) + export_text("1.2", image), "keeps others off it; remove e1.2 first"},
    };
    for (const auto& [text, reason] : refusals) {
        CAPTURE(text);
        changed.write(entry_text(wire) + text);
        const ToolResult result = changed.run({"reload"});
        CAPTURE(result.error);
        CHECK(result.exit_code == 1);
        CHECK(contains(result.error, reason));
        CHECK(client.read(3, 1) == pattern(3, 1));
    }
    const ToolResult added = changed.run({"add", "-e", export_argument(1, 3, image.path())});
    CHECK(added.exit_code == 3);
    CHECK(contains(added.error, "1.1"));
}

TEST_CASE("an export serves another part of its file after a reload, and others stay off it", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(320);
    RawClient client(wire);
    const auto part = [&](const std::string& address, std::uint64_t first, std::uint64_t sectors,
                          const std::string& more = {}) {
        return export_text(address, image,
                           "offset = " + std::to_string(first * 512) +
                               "\nlength = " + std::to_string(sectors * 512) + "\n" + more);
    };
    const auto is_free = [&](const std::string& window) {
        return run_target({"check", "-i", wire.target_end(), "-e",
                           export_argument(1, 9, image.path(), window + ",cache=page")})
                   .exit_code == 0;
    };
    const std::string neighbour = part("1.2", 192, 32);
    Changed changed(entry_text(wire) + part("1.1", 64, 32) + neighbour, {"--threads", "2"});
    const auto reload = [&](const std::string& exports) {
        changed.write(entry_text(wire) + exports);
        const ToolResult result = changed.run({"reload"});
        INFO(result.error);
        return result.exit_code;
    };
    struct Step {
        std::uint64_t first, sectors;
        std::string more;
    };
    const Step steps[] = {{80, 32, ""}, {48, 64, ""}, {128, 64, ""}, {0, 64, "read-only = true\n"}};
    for (const Step& step : steps) {
        const std::uint64_t first = step.first;
        CAPTURE(first, step.sectors);
        REQUIRE(reload(part("1.1", first, step.sectors, step.more) + neighbour) == 0);
        CHECK(client.wait_until([&] { return client.read(3, 1) == pattern(first + 3, 1); }));
        CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(195, 1));
        CHECK_FALSE(is_free("offset=" + std::to_string(first + 5) + "s,length=1s"));
        CHECK(client.wait_until([&] { return is_free("offset=66s,length=1s") == (first != 48); }));
    }
    CHECK(reload(part("1.1", 160, 64) + neighbour) == 3); // its neighbour has a part of that
    const int rival = open(image.path().c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_start = 300 * 512;
    lock.l_len = 512;
    REQUIRE(fcntl(rival, F_OFD_SETLK, &lock) == 0);
    CHECK(reload(part("1.1", 240, 64) + neighbour) == 1);
    close(rival);
    CHECK(reload(part("1.1", 240, 64) + neighbour) == 0);
    CHECK(reload(part("1.1", 0, 64, "read-only = true\n") + neighbour) == 0);
    CHECK(reload(part("1.1", 0, 32, "read-only = true\n") + neighbour) == 1); // smaller
    CHECK(client.read(3, 1) == pattern(3, 1));
    CHECK(client.ask(read_request(3, 1).to(1, 2)).data() == pattern(195, 1));
}

TEST_CASE("a disk moves to a new address with another part of it", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(320);
    RawClient client(wire);
    const auto part = [&](const std::string& address, int first, int sectors) {
        return export_text(address, image,
                           "offset = " + std::to_string(first * 512) +
                               "\nlength = " + std::to_string(sectors * 512) + "\n");
    };
    const auto is_free = [&](int sector) {
        return run_target({"check", "-i", wire.target_end(), "-e",
                           export_argument(1, 9, image.path(),
                                           "cache=page,length=1s,offset=" + std::to_string(sector) + "s")})
                   .exit_code == 0;
    };
    const std::string neighbours = part("0.1", 0, 32) + part("3.1", 288, 32);
    Changed changed(entry_text(wire) + part("1.1", 64, 64) + neighbours, {"--threads", "2"});
    const auto reload = [&](const std::string& exports) {
        changed.write(entry_text(wire) + exports + neighbours);
        const ToolResult result = changed.run({"reload"});
        INFO(result.error);
        return result.exit_code;
    };
    struct Step {
        std::uint8_t slot;
        int first;
    };
    int before = 64;
    for (const auto& [slot, first] : {Step{2, 96}, Step{3, 72}, Step{4, 160}}) {
        CAPTURE(slot, first, before);
        REQUIRE(reload(part("1." + std::to_string(slot), first, 64)) == 0);
        CHECK(is_silent(client, read_request(3, 1).to(1, static_cast<std::uint8_t>(slot - 1))));
        CHECK(client.ask(read_request(3, 1).to(1, slot)).data() ==
              pattern(static_cast<std::uint64_t>(first) + 3, 1));
        CHECK_FALSE(is_free(first));
        CHECK_FALSE(is_free(first + 63));
        const int left = before < first ? before : before + 63;
        CHECK(client.wait_until([&] { return is_free(left); }));
        before = first;
    }
    CHECK(reload(part("1.5", 250, 64)) != 0); // its neighbour has a part of that
    CHECK(client.ask(read_request(3, 1).to(1, 4)).data() == pattern(163, 1));
    CHECK(client.ask(read_request(3, 1).to(3, 1)).data() == pattern(291, 1));
}

TEST_CASE("an export becomes writable and read-only again by reloads, and others stay off it", "[reload]") {
    const bool is_disk = GENERATE(false, true);
    CAPTURE(is_disk);
    if (is_disk && !has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const std::optional<LoopDevice> disk =
        is_disk ? std::optional<LoopDevice>(std::in_place, image.path()) : std::nullopt;
    const std::string path = is_disk ? disk->path() : image.path();
    RawClient client(wire);
    const auto entries = [&](bool read_only, const std::string& more = {}) {
        return entry_text(wire) + with_path("1.1", path, read_only ? "read-only = true\n" : "") + more;
    };
    const auto is_refused = [&](const std::string& options) {
        return run_target({"check", "-i", wire.target_end(), "-e", export_argument(1, 9, path, options)})
                   .exit_code == 3;
    };
    const auto is_free = [&] { // as for a mount
        const int file = open(path.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC);
        close(file);
        return file >= 0;
    };
    Changed changed(entries(true));
    const auto reload = [&](const std::string& text) {
        changed.write(text);
        const ToolResult result = changed.run({"reload"});
        INFO(result.error);
        return result.exit_code;
    };
    for (const std::uint32_t content : {8U, 9U}) {
        CHECK_FALSE(client.ask(write_request(5, pattern(5, 1, content))).succeeded());
        CHECK(is_refused("durability=stable"));
        CHECK_FALSE(is_refused("read-only"));
        REQUIRE(reload(entries(false)) == 0);
        CHECK(client.wait_until(
            [&] { return client.ask(write_request(5, pattern(5, 1, content))).succeeded(); }));
        CHECK(is_refused("read-only"));
        CHECK(is_free() != is_disk);
        REQUIRE(reload(entries(true)) == 0);
        CHECK(client.wait_until([&] { return !is_refused("read-only") && is_free(); }));
        CHECK(client.ask(read_request(5, 1)).data() == pattern(5, 1, content));
    }
    REQUIRE(reload(entries(true, with_path("1.2", path, "read-only = true\n"))) == 0);
    changed.write(entries(false, with_path("1.2", path, "read-only = true\n")));
    CHECK(changed.run({"reload"}).exit_code != 0);
    const int reader = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_RDLCK;
    REQUIRE(fcntl(reader, F_OFD_SETLK, &lock) == 0);
    REQUIRE(reload(entries(true)) == 0);
    changed.write(entries(false));
    const ToolResult refused = changed.run({"reload"});
    close(reader);
    CAPTURE(refused.error);
    CHECK(refused.exit_code == 1);
    CHECK(contains(refused.error, "another export or program has this part of it in use"));
    CHECK_FALSE(client.ask(write_request(5, pattern(5, 1, 1))).succeeded());
    CHECK(is_refused("durability=stable"));
    CHECK(reload(entries(false)) == 0);
}

TEST_CASE("a moved disk is not served at its new address before its last request at the old one has ended",
          "[reload]") {
    if (!MemoryFileSystem::is_available())
        SKIP_BECAUSE("to freeze a file system needs real root and mkfs.ext4");
    const bool waits_long = GENERATE(false, true);
    CAPTURE(waits_long);
    const VethPair& wire = standard_wire();
    const MemoryFileSystem file_system(8 << 20);
    const ImageFile image(64, ImageFile::Fill::pattern, file_system.folder()), second(64);
    RawClient client(wire);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    Freeze freeze(file_system);
    client.send(write_request(5, pattern(5, 1, 9)));
    CHECK(client.wait_until([&] {
        return contains(changed.run({"status", "--json"}).output, "\"in-flight\": 1");
    }));
    changed.write(entry_text(wire) + export_text("1.2", image) + export_text("1.3", second));
    std::atomic<bool> is_over = false;
    ToolResult moved;
    std::thread operating([&] {
        moved = changed.run({"reload"});
        is_over = true;
    });
    CHECK(is_silent(client, read_request(3, 1).to(1, 2)));
    CHECK_FALSE(is_over);
    // Longer than the target. The command itself has the frozen file open, and the kernel lets it end later.
    if (waits_long)
        CHECK(client.wait_until([&] { return !contains(changed.config(), "\"1.1\""); }, Milliseconds(60000)));
    CHECK(is_silent(client, read_request(3, 1).to(1, 2)));
    freeze.thaw();
    operating.join();
    CAPTURE(moved.error);
    CHECK(is_silent(client, read_request(3, 1)));
    CHECK(client.ask(read_request(3, 1).to(1, 3)).data() == pattern(3, 1));
    if (waits_long) {
        CHECK(moved.exit_code == 1);
        CHECK(contains(moved.error, "export e1.2: the disk of e1.1 has not ended"));
        CHECK_FALSE(contains(changed.config(), "\"1.1\""));
        CHECK(client.wait_until([&] { return changed.run({"reload"}).exit_code == 0; }));
    } else {
        CHECK(moved.exit_code == 0);
    }
    CHECK(client.ask(read_request(5, 1).to(1, 2)).data() == pattern(5, 1, 9));
}

TEST_CASE("a reload from another folder takes relative paths as the start took them", "[reload]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    const ScratchFolder other;
    const ImageFile image(64);
    const std::filesystem::path there = std::filesystem::current_path();
    const std::string relative = std::filesystem::relative(image.path(), there);
    const auto text = [&](const std::string& options) {
        return entry_text(wire) + "[[export]]\naddress = \"1.1\"\npath = \"" + relative + "\"\n" + options;
    };
    Changed changed(text(""));
    CHECK(client.read(3, 1) == pattern(3, 1));
    changed.write(text("fixed = true\n"));
    std::filesystem::current_path(other.path());
    const ToolResult result = changed.run({"reload"});
    std::filesystem::current_path(there);
    CAPTURE(result.error);
    CHECK(result.exit_code == 0);
    CHECK(client.read(3, 1) == pattern(3, 1));
    CHECK(contains(changed.config(), image.path()));
}

TEST_CASE("a reload and an addition tell what the start would have told", "[reload]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), second(64);
    Changed changed(entry_text(wire) + export_text("1.1", image));
    changed.write(entry_text(wire) + export_text("1.1", image, "durability = \"volatile\"\n"));
    CHECK(contains(changed.run({"reload"}).error, "e1.1: durability=volatile"));
    CHECK(changed.run({"reload"}).error.empty());
    CHECK(contains(changed.run({"add", "-e", export_argument(1, 200, second.path())}).error,
                   "e1.200: Old Linux drivers"));
}

TEST_CASE("with --partial, an entry that stays keeps the hosts that it allows", "[reload]") {
    const VethPair& wire = standard_wire();
    RawClient client(wire);
    const ImageFile image(64);
    const auto text = [&](const std::string& host, const std::string& path) {
        return "[hosts]\nalpha = \"" + host + "\"\n" + entry_text(wire) +
               "[[export]]\naddress = \"1.1\"\npath = \"" + path + "\"\nallow = [\"alpha\"]\n";
    };
    Changed changed(text(client.mac().text(), image.path()));
    CHECK(client.read(3, 1) == pattern(3, 1));
    changed.write(text("02:00:00:00:00:99", "/nothing/there"));
    CHECK(changed.run({"reload", "--partial"}).exit_code == 1);
    CHECK(client.read(3, 1) == pattern(3, 1));
    CHECK(contains(changed.config(), "allow = [\"" + client.mac().text() + "\"]"));
    changed.write(text(client.mac().text(), image.path()));
    CHECK(changed.run({"reload"}).exit_code == 0);
    CHECK(contains(changed.config(), "allow = [\"alpha\"]"));
}
