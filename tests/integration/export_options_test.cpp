// The effects of an export's options: window, read-only, trim, serial, cache and durability
// (lib/protocol/README.md, "ATA commands" and "IDENTIFY"; lib/README.md, "Durability").
#include "catch.hpp"
#include "scene.hpp"

#include <filesystem>

#include <unistd.h>

using namespace aoetest;

namespace {

// A second name of a file, gone with the object.
struct OtherName {
    OtherName(const std::string& file, const std::string& ending) : path(file + ending) {
        REQUIRE(::link(file.c_str(), path.c_str()) == 0);
    }
    ~OtherName() { ::unlink(path.c_str()); }
    OtherName(const OtherName&) = delete;
    OtherName& operator=(const OtherName&) = delete;
    std::string path;
};

bool is_abort(const Reply& reply) {
    return reply.status() == status_error && reply.ata_error() == error_abort;
}

} // namespace

TEST_CASE("offset and length: the window is all there is, and nothing outside changes", "[options]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(1024);
    RawClient client(wire);
    {
        const TargetProcess target({wire.target_end()},
                                   {export_argument(1, 1, image.path(), "offset=100s,length=50s")});
        CHECK(client.identify().sectors_48() == 50);
        CHECK(client.read(0, 2) == pattern(100, 2));
        CHECK(client.read(48, 2) == pattern(148, 2));
        CHECK(client.ask(read_request(49, 2)).ata_error() == error_id_not_found);
        CHECK(client.ask(read_request(50, 1)).ata_error() == error_id_not_found);
        CHECK(client.ask(write_request(49, pattern(0, 2, 1))).ata_error() == error_id_not_found);
        client.write(0, pattern(0, 2, 7));
        client.write(48, pattern(48, 2, 7));
    }
    CHECK(image.read(0, 100) == pattern(0, 100));
    CHECK(image.read(100, 2) == pattern(0, 2, 7));
    CHECK(image.read(148, 2) == pattern(48, 2, 7));
    CHECK(image.read(150, 874) == pattern(150, 874));
}

TEST_CASE("sizes take k, M, G, T and s, and plain bytes", "[options]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(3ULL << 31, ImageFile::Fill::sparse); // 3 TiB
    RawClient client(wire);
    const std::pair<const char*, std::uint64_t> table[] = {
        {"length=8s", 8},          {"length=4096", 8},         {"length=64k", 128},
        {"length=3M", 6144},       {"length=2G", 1ULL << 22},  {"length=1T", 1ULL << 31},
        {"offset=1T", 2ULL << 31}, {"offset=1T,length=1k", 2},
    };
    for (const auto& [options, sectors] : table) {
        CAPTURE(options);
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), options)});
        CHECK(client.identify().sectors_48() == sectors);
    }
}

TEST_CASE("two windows of one device are two independent exports", "[options]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(256);
    RawClient client(wire);
    const TargetProcess target({wire.target_end()},
                               {export_argument(1, 1, image.path(), "read-only,length=128s"),
                                export_argument(1, 2, image.path(), "read-only,offset=128s")});
    CHECK(client.ask(read_request(5, 1)).data() == pattern(5, 1));
    CHECK(client.ask(read_request(5, 1).to(1, 2)).data() == pattern(133, 1));
}

TEST_CASE("two windows of one block device are written to side by side, by one thread or two", "[options]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(256);
    const LoopDevice loop(image.path());
    RawClient client(wire);
    for (const char* threads : {"1", "2"}) {
        CAPTURE(threads);
        const TargetProcess target({wire.target_end()},
                                   {export_argument(1, 1, loop.path(), "length=129s"),
                                    export_argument(1, 2, loop.path(), "offset=129s")},
                                   {"--threads", threads});
        client.write(128, pattern(0, 1, 1));
        CHECK(client.ask(write_request(0, pattern(0, 1, 2)).to(1, 2)).succeeded());
        CHECK(client.read(128, 1) == pattern(0, 1, 1));
        CHECK(client.ask(read_request(0, 1).to(1, 2)).data() == pattern(0, 1, 2));
        const ToolResult other =
            run_tool({target_program(), "serve", "--control", "none", "-i", wire.target_end(), "-e",
                      export_argument(1, 3, loop.path(), "offset=130s,length=1s")});
        CHECK(other.exit_code == 1);
        const std::string process = "process " + std::to_string(target.pid());
        CHECK(contains(other.error, process));
        CHECK(contains(other.error, "free it with 'kill " + std::to_string(target.pid()) + "'"));
    }
}

TEST_CASE("windows of one file with different caches are refused, by one process or two", "[options]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(256);
    const std::string page = export_argument(1, 1, image.path(), "length=129s,cache=page");
    const std::string direct = export_argument(1, 2, image.path(), "offset=129s,cache=direct");
    const ToolResult together = run_tool(
        {target_program(), "serve", "--control", "none", "-i", wire.target_end(), "-e", page, "-e", direct});
    CHECK(together.exit_code == 1);
    CHECK(contains(together.error, "give all of them the same cache"));

    RawClient client(wire);
    TargetProcess first({wire.target_end()}, {page});
    const ToolResult refused =
        run_tool({target_program(), "serve", "--control", "none", "-i", wire.target_end(), "-e", direct});
    CHECK(refused.exit_code == 1);
    CHECK(contains(refused.error, "give all of them the same cache"));
    TargetProcess second({wire.target_end()}, {export_argument(1, 2, image.path(), "offset=129s")});
    CHECK(contains(second.log(), "page cache, stable"));
    client.write(128, pattern(0, 1, 1));
    CHECK(client.ask(write_request(0, pattern(0, 1, 2)).to(1, 2)).succeeded());
    CHECK(client.read(128, 1) == pattern(0, 1, 1));
}

TEST_CASE("read-only: reads work, every change is aborted, IDENTIFY and flush stay fine", "[options]") {
    Scene scene("read-only");
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
    CHECK(is_abort(scene.client.ask(write_request(0, pattern(0, 2, 1)))));
    CHECK(is_abort(scene.client.ask(trim_request({{0, 8}}))));
    CHECK(scene.client.ask(flush_request()).succeeded());
    CHECK(scene.client.identify().sectors_48() == 2048);
}

TEST_CASE("read-only: a file without write permission can be exported", "[options]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    std::filesystem::permissions(image.path(), std::filesystem::perms::owner_read);
    RawClient client(wire);
    const TargetProcess target({wire.target_end()}, {export_argument(1, 1, image.path(), "read-only")});
    CHECK(client.read(0, 1) == pattern(0, 1));
}

TEST_CASE("trim=off: IDENTIFY does not announce TRIM, which is aborted, and the file keeps its space",
          "[options][trim]") {
    Scene scene("trim=off");
    const std::uint64_t space = scene.image.allocated_bytes();
    const Identify identify = scene.client.identify();
    CHECK_FALSE(identify.bit(169, 0));
    CHECK(identify.words[105] == 0);
    CHECK(identify.words[69] == 0);
    CHECK(is_abort(scene.client.ask(trim_request({{0, 2048}}))));
    CHECK(scene.client.read(0, 2) == pattern(0, 2));
    CHECK(scene.image.allocated_bytes() == space);
    scene.client.write(0, pattern(0, 2, 1)); // any other change is taken
}

TEST_CASE("serial: the text is the serial number", "[options]") {
    Scene scene("serial=0123456789ABCDEFGHIJ"); // all 20 characters
    CHECK(scene.client.identify().text(10, 19) == "0123456789ABCDEFGHIJ");
}

TEST_CASE("a path may hold commas and equals signs", "[options]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const OtherName other_name(image.path(), ",read-only=x,y");
    const std::string& odd = other_name.path;
    RawClient client(wire);
    {
        const TargetProcess target({wire.target_end()}, {export_argument(1, 1, odd, "serial=odd")});
        CHECK(client.read(0, 1) == pattern(0, 1));
        client.write(0, pattern(0, 1, 1)); // not taken for the option read-only
        CHECK(client.identify().text(10, 19) == "odd");
    }
}

TEST_CASE("under durability=stable an answered write is in the file, whatever the cache mode",
          "[options][durability]") {
    for (const char* options : {"durability=stable,cache=direct", "durability=stable,cache=page"}) {
        CAPTURE(options);
        Scene scene(options);
        for (std::uint32_t round = 1; round <= 20; ++round) {
            scene.client.write(round, pattern(round, 2, round));
            CHECK(scene.image.read(round, 2) == pattern(round, 2, round));
        }
    }
}

TEST_CASE("reads see every acknowledged write in every mode", "[options][durability]") {
    for (const char* options : {"durability=stable,cache=direct", "durability=stable,cache=page",
                                "durability=volatile,cache=direct", "durability=volatile,cache=page"}) {
        CAPTURE(options);
        Scene scene(options);
        for (std::uint32_t round = 1; round <= 100; ++round) {
            const std::uint64_t lba = round * 13 % 500;
            scene.client.write(lba, pattern(lba, 2, round));
            CHECK(scene.client.read(lba, 2) == pattern(lba, 2, round));
        }
    }
}

TEST_CASE("SIGTERM under durability=volatile flushes before the target exits", "[options][durability]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(512);
    RawClient client(wire);
    {
        const TargetProcess target({wire.target_end()},
                                   {export_argument(1, 1, image.path(), "durability=volatile,cache=page")});
        for (std::uint64_t lba = 0; lba < 512; lba += 2)
            client.write(lba, pattern(lba, 2, 1));
    }
    CHECK(read_backing(image.path(), 0, 512) == pattern(0, 512, 1));
}
