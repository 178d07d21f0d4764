// Numbers and foreign bytes as text, and the texts that hold them: reports, the list of targets.
#include "catch.hpp"

#include "failure.hpp"
#include "service/report.hpp"
#include "text.hpp"
#include "verbs/target_list.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::string_literals;

TEST_CASE("sizes are given in the largest power of 1024 with at most one decimal", "[cli]") {
    CHECK(cli::human_size(0) == "0 bytes");
    CHECK(cli::human_size(512) == "512 bytes");
    CHECK(cli::human_size(1024) == "1 KiB");
    CHECK(cli::human_size(1536) == "1.5 KiB");
    CHECK(cli::human_size(64ULL << 20) == "64 MiB");
    CHECK(cli::human_size((1ULL << 30) - 512) == "1 GiB");
    CHECK(cli::human_size(3ULL << 40) == "3 TiB");
    CHECK(cli::human_size(((1ULL << 48) - 1) * 512) == "128 PiB");
}

TEST_CASE("bytes that are not printable ASCII are shown in hexadecimal and a backslash doubled", "[cli]") {
    CHECK(cli::printable("plain text") == "plain text");
    CHECK(cli::printable("a\x1B[31m\0\xFF"s) == R"(a\x1b[31m\x00\xff)");
    CHECK(cli::printable(R"(C:\disk)") == R"(C:\\disk)");
}

TEST_CASE("an error becomes one line", "[cli]") {
    CHECK(cli::single_line("one\ntwo\tthree\n") == "one two three");
}

TEST_CASE("an export is reported with address, path, size and mode", "[cli]") {
    cli::ExportSpec spec;
    spec.options.address = {1, 2};
    spec.path = "/srv/disk.img";
    CHECK(cli::describe_export(spec, 131072, "direct, stable") ==
          "e1.2: /srv/disk.img, 64 MiB (131072 sectors), direct, stable");
    spec.file.read_only = true;
    CHECK(cli::describe_export(spec, 1, "page cache, stable") ==
          "e1.2: /srv/disk.img, 512 bytes (1 sector), page cache, stable, read-only");
    CHECK(cli::describe_export(spec, 2, "direct, read-only") ==
          "e1.2: /srv/disk.img, 1 KiB (2 sectors), direct, read-only");
}

TEST_CASE("an export is reported with the interfaces and initiators that it is for", "[cli]") {
    const auto spec =
        cli::parse_export_spec("1.2=/x,interfaces=eth1+storage,allow=02:00:00:00:00:01+52:54:00:*,fixed");
    CHECK(cli::describe_export(spec, 2, "direct")
              .ends_with(", direct, interfaces=eth1+storage, allow=02:00:00:00:00:01+52:54:00:*, fixed"));
}

TEST_CASE("each line for the journal has its priority", "[cli]") {
    CHECK(cli::with_priority("", cli::Priority::info).empty());
    CHECK(cli::with_priority("one\ntwo\n", cli::Priority::notice) == "<5>one\n<5>two\n");
    CHECK(cli::with_priority("end", cli::Priority::error) == "<3>end");
}

TEST_CASE("an interface is reported with address, MTU and sectors per frame", "[cli]") {
    aoetarget::InterfaceStats interface;
    interface.name = "eth0";
    interface.mac = {{2, 0, 0, 0, 0, 1}};
    interface.mtu = 1500;
    interface.sectors_per_frame = 2;
    interface.up = true;
    interface.link = "packet: the driver has no native XDP";
    CHECK(cli::describe_interface(interface) == "eth0: 02:00:00:00:00:01, MTU 1500, 2 sectors per frame, "
                                                "packet: the driver has no native XDP");
    interface.up = false;
    CHECK(cli::describe_interface(interface) ==
          "eth0: 02:00:00:00:00:01, MTU 1500, 2 sectors per frame, down, "
          "packet: the driver has no native XDP");
}

namespace {

aoetarget::DiscoveredTarget identified_target() {
    aoetarget::DiscoveredTarget target;
    target.address = {1, 2};
    target.mac = {{2, 0, 0, 0, 0, 1}};
    target.sectors_per_frame = 17;
    target.buffer_count = 128;
    target.firmware_version = 7;
    target.config_string = "rack 3\n";
    target.sectors = 131072;
    target.model = "disk";
    target.serial = "S1";
    return target;
}

aoetarget::DiscoveredTarget silent_target() {
    aoetarget::DiscoveredTarget target;
    target.address = {65534, 254};
    target.mac = {{2, 0, 0, 0, 0, 2}};
    target.sectors_per_frame = 2;
    target.buffer_count = 16;
    return target;
}

} // namespace

TEST_CASE("the table of targets is aligned and shows a missing value as a dash", "[cli]") {
    const std::array targets{identified_target(), silent_target()};
    CHECK(cli::target_table(targets) ==
          "TARGET      MAC                SECTORS/FRAME  BUFFERS  SIZE    MODEL  CONFIG\n"
          "e1.2        02:00:00:00:00:01  17             128      64 MiB  disk   rack 3\\x0a\n"
          "e65534.254  02:00:00:00:00:02  2              16       -       -      -\n");
}

TEST_CASE("no target makes an empty table and an empty array", "[cli]") {
    CHECK(cli::target_table({}).empty());
    CHECK(cli::target_json({}) == "[]\n");
}

TEST_CASE("the JSON of a target holds all that it answered, and null for the rest", "[cli]") {
    const std::array targets{identified_target(), silent_target()};
    const auto list = nlohmann::json::parse(cli::target_json(targets));
    CHECK(list.size() == 2);
    CHECK(list[0] == nlohmann::json{{"address", "e1.2"},
                                    {"shelf", 1},
                                    {"slot", 2},
                                    {"mac", "02:00:00:00:00:01"},
                                    {"sectors_per_frame", 17},
                                    {"buffer_count", 128},
                                    {"firmware_version", 7},
                                    {"config_string", "rack 3\\x0a"},
                                    {"sectors", 131072},
                                    {"model", "disk"},
                                    {"serial", "S1"}});
    CHECK(list[1]["sectors"].is_null());
    CHECK(list[1]["model"].is_null());
    CHECK(list[1]["serial"].is_null());
    CHECK(list[1]["config_string"] == "");
}

TEST_CASE("JSON stays valid whatever bytes a target sends", "[cli]") {
    auto target = identified_target();
    target.config_string = "\xC3\x28\0\"\\"s;
    target.model = "\xFF";
    const auto list = nlohmann::json::parse(cli::target_json(std::array{target}));
    CHECK(list[0]["config_string"] == R"(\xc3(\x00"\\)");
    CHECK(list[0]["model"] == R"(\xff)");
}

TEST_CASE("the system's words for an error stand before the cure, if ours do not say it already", "[cli]") {
    const auto said = [](int error, const char* text) {
        return cli::message_of(std::system_error(error, std::generic_category(), text));
    };
    CHECK(said(EPERM, "cannot open a socket; run as root") ==
          "cannot open a socket: Operation not permitted; run as root");
    CHECK(said(EIO, "cannot read /x") == "cannot read /x: Input/output error");
    CHECK(said(EBUSY, "/x is in use; free it") == "/x is in use; free it");
    CHECK(said(EBUSY, "cannot bind") == "cannot bind: Device or resource busy");
    CHECK(said(ENOENT, "/x does not exist; check the path") == "/x does not exist; check the path");
}
