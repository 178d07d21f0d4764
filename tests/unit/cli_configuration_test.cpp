// The configuration file: what it means, and what is said about one that is wrong.
#include "catch.hpp"

#include "config/reader.hpp"
#include "support/backing.hpp"
#include "usage_error.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using aoetest::ScratchFolder;
using cli::Configuration;
using cli::read_configuration;
using cli::Sources;

namespace {

const std::string served = "[[interface]]\nname = \"eth1\"\n";
const std::string exported = "[[export]]\naddress = \"1.1\"\npath = \"/x\"\n";

Configuration read(const std::string& text) {
    return read_configuration({.files = {{"lab.toml", text}}});
}

std::vector<std::string> errors_of(const Sources& sources) {
    try {
        read_configuration(sources);
    } catch (const cli::ConfigurationError& error) {
        return error.messages();
    }
    return {};
}

/// One error in a file that is right otherwise.
std::string error_of(const std::string& text) {
    const std::vector<std::string> errors = errors_of({.files = {{"lab.toml", text}}});
    return errors.size() == 1 ? errors.front() : std::to_string(errors.size()) + " errors";
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("every key of a configuration file is understood", "[cli]") {
    const Configuration configuration = read(R"(
[target]
threads = 4
busy-poll = 20
state-dir = "/var/lib/aoetarget"

[hosts]
alpha = "52:54:00:12:34:56"
lab = ["02:00:00:*", "alpha"]

[[interface]]
name = "eth1"
wait = true
link = "packet"
sectors-per-frame = 16
buffers = 64
qdisc = "honour"
advertise = 60

[[export]]
address = "1.1"
path = "/dev/vg0/alpha"
read-only = true
durability = "volatile"
cache = "page"
trim = "off"
offset = "1M"
length = 8192
serial = "LAB-0042"
model = "A disk"
force = true
interfaces = ["eth1"]
allow = ["lab"]
fixed = true
on-error = "silent:60s"
device-timeout = "2m"
)");
    CHECK(configuration.target == cli::TargetSpec{.threads = 4,
                                                  .busy_poll = std::chrono::microseconds(20),
                                                  .state_directory = "/var/lib/aoetarget"});
    REQUIRE(configuration.interfaces.size() == 1);
    CHECK(configuration.interfaces[0] ==
          cli::parse_interface_spec(
              "eth1,wait,link=packet,sectors-per-frame=16,buffers=64,qdisc=honour,advertise=60"));
    REQUIRE(configuration.exports.size() == 1);
    cli::ExportSpec same = cli::parse_export_spec(
        "1.1=/dev/vg0/"
        "alpha,read-only,durability=volatile,cache=page,trim=off,offset=1M,length=8k,serial=LAB-0042,"
        "model=A disk,force,interfaces=eth1,allow=02:00:00:*+52:54:00:12:34:56,fixed,on-error=silent:60s,"
        "device-timeout=2m");
    same.allow = {"lab"};
    CHECK(configuration.exports[0] == same);
}

TEST_CASE("the example has every key, and is read", "[cli]") {
    const std::vector<cli::SourceFile> files = cli::load_files(EXAMPLE);
    REQUIRE(files.size() == 1);
    const Configuration configuration = read_configuration({.files = files});
    CHECK(configuration.exports.size() == 2);
    const auto has_key = [&](std::string_view key) {
        return has(files[0].text, "\n" + std::string(key) + " = ");
    };
    for (const cli::OptionInfo& option : cli::target_options().infos())
        CHECK(has_key(option.name));
    for (const cli::OptionInfo& option : cli::interface_options().infos())
        CHECK(has_key(option.name));
    for (const cli::OptionInfo& option : cli::export_options().infos())
        CHECK(has_key(option.name));
}

TEST_CASE("arguments are added to a file, and can name its hosts", "[cli]") {
    const Sources sources{
        .files = {{"lab.toml", "[target]\nthreads = 4\n[hosts]\nlab = \"52:54:00:*\"\n" + served}},
        .target = {{"threads", "2"}},
        .interfaces = {"eth2"},
        .exports = {"1.1=/x,allow=lab+02:00:00:00:00:01"}};
    const Configuration configuration = read_configuration(sources);
    CHECK(configuration.target.threads == 2);
    CHECK(configuration.interfaces.size() == 2);
    REQUIRE(configuration.exports.size() == 1);
    CHECK(configuration.exports[0].options.allow ==
          cli::parse_export_spec("1.1=/x,allow=52:54:00:*+02:00:00:00:00:01").options.allow);
}

TEST_CASE("flags can have a value in an argument", "[cli]") {
    CHECK(cli::parse_interface_spec("eth0,wait=true") == cli::parse_interface_spec("eth0,wait"));
    CHECK(cli::parse_interface_spec("eth0,wait=false") == cli::parse_interface_spec("eth0"));
    CHECK(cli::parse_export_spec("1.1=/x,read-only=true") == cli::parse_export_spec("1.1=/x,read-only"));
    CHECK(cli::parse_export_spec("1.1=/x,force=false,fixed=false") == cli::parse_export_spec("1.1=/x"));
}

TEST_CASE("a text without quotes is told as the file has it, with the quotes", "[cli]") {
    const auto read_with = [](const std::string& line) { read(served + "[[export]]\n" + line + "\n"); };
    CHECK_THROWS_WITH(read_with("path = \"/a\"\naddress = 1.1 # comment"),
                      Catch::Contains("address cannot be 1.1; write it in quotes: address = \"1.1\""));
    CHECK_THROWS_WITH(read_with("address = 1.10\npath = \"/a\""),
                      Catch::Contains("address cannot be 1.10; write it in quotes: address = \"1.10\""));
    CHECK_THROWS_WITH(read_with("address = 1.255\npath = \"/a\""),
                      Catch::Contains("address cannot be 1.255; write address = "));
    CHECK_THROWS_WITH(
        read_with("address = \"1.1\"\npath = \"/a\"\nserial = 2024-01-02"),
        Catch::Contains("serial cannot be 2024-01-02; write it in quotes: serial = \"2024-01-02\""));
    CHECK_THROWS_WITH(read_with("address = \"1.1\"\npath = \"/a\"\ncache = 1.5"),
                      Catch::Contains("cache cannot be 1.5; write cache = "));
}

TEST_CASE("a folder is read as one file, in the order of the names", "[cli]") {
    const ScratchFolder folder;
    folder.write("20-b.toml", "[[export]]\naddress = \"1.2\"\npath = \"/b\"\nallow = \"lab\"\n");
    folder.write("10-a.toml", "[target]\nthreads = 2\n" + served + exported);
    folder.write("30-c.toml", "[target]\nbusy-poll = 0\n[hosts]\nlab = \"52:54:00:*\"\n");
    folder.write("note.txt", "this is no TOML");
    folder.write(".hidden.toml", "neither is this");
    const std::vector<cli::SourceFile> files = cli::load_files(folder.path());
    REQUIRE(files.size() == 3);
    CHECK(files[0].name == folder.path() + "/10-a.toml");
    CHECK(files[2].name == folder.path() + "/30-c.toml");
    const Configuration configuration = read_configuration({.files = files});
    CHECK(configuration.exports.size() == 2);
    CHECK(configuration.target.threads == 2);
    CHECK(configuration.target.busy_poll == std::chrono::microseconds(0));
}

TEST_CASE("a file or a folder that cannot be read is named", "[cli]") {
    const ScratchFolder folder;
    CHECK_THROWS_WITH(cli::load_files(folder.path()),
                      Catch::Contains("has no file whose name ends in .toml"));
    CHECK_THROWS_WITH(cli::load_files("/dev/zero"), Catch::Contains("more than 16 MiB"));
    CHECK_THROWS_WITH(cli::load_files(folder.path() + "/none"),
                      Catch::Contains("cannot read") &&
                          Catch::Contains("none, which does not exist; check the path"));
}

TEST_CASE("names stand for names, and everybody for whom a name stands is allowed once", "[cli]") {
    const Configuration configuration = read("[hosts]\na = \"02:00:00:00:00:01\"\nb = [\"a\", "
                                             "\"02:00:00:00:00:02\"]\nc = [\"b\", \"a\", \"b\"]\n" +
                                             served + exported + "allow = [\"c\", \"a\"]\n");
    CHECK(configuration.exports[0].options.allow ==
          cli::parse_export_spec("1.1=/x,allow=02:00:00:00:00:01+02:00:00:00:00:02").options.allow);
    CHECK(configuration.exports[0].allow == std::vector<std::string>{"c", "a"});
}

TEST_CASE("an error in a file has its place, the value, what is allowed and the nearest spelling", "[cli]") {
    struct Case {
        std::string text;
        std::string_view error;
    };
    const Case cases[] = {
        {"[target]\nthread = 2\n", "lab.toml:2:1: there is no option 'thread', the nearest is threads; "
                                   "[target] can have threads, busy-poll, "
                                   "state-dir"},
        {"[target]\nthreads = 65\n", "lab.toml:2:11: threads cannot be 65; write threads = 1...64"},
        {"[target]\nthreads = \"4\"\n", "lab.toml:2:11: threads cannot be '4'; write threads = 1...64"},
        {"[target]\nthreads = 1.5\n", "lab.toml:2:11: threads cannot be 1.5; write threads = 1...64"},
        {"[target]\nstate-dir = \"\"\n",
         "lab.toml:2:13: state-dir cannot be ''; write the name of a directory"},
        {"target = 1\n", "lab.toml:1:10: target cannot be 1; write a table, [target]"},
        {"[interfaces]\n", "lab.toml:1:2: there is no 'interfaces' in a configuration, the nearest is "
                           "interface; it can have [target]"},
        {"[[exports]]\n", "there is no 'exports' in a configuration, the nearest is export"},
        {"[[interface]]\nname = \"eth2\"\nlink = \"XDP\"\n",
         "lab.toml:3:8: link cannot be 'XDP'; write link = \"auto\" or \"packet\" or \"xdp\""},
        {"[[interface]]\nname = \"eth2\"\nsectors-per-frame = 0\n",
         "lab.toml:3:21: sectors-per-frame cannot be 0; write sectors-per-frame = \"auto\" or 1...255"},
        {"[[interface]]\nname = \"eth2\"\nwait = \"yes\"\n",
         "lab.toml:3:8: wait cannot be 'yes'; write wait = true or false"},
        {"[[interface]]\nname = \"eth2\"\nbuffers = 1\n",
         "lab.toml:3:11: buffers cannot be 1; write buffers = 2...65535"},
        {"[[interface]]\nname = \"a/b\"\n", "lab.toml:2:8: no network interface can have the name 'a/b'"},
        {"[[interface]]\nlink = \"xdp\"\n", "lab.toml:1:1: [[interface]] has no name; add name = \"IF\""},
        {"[[interface]]\nname = \"eth1\"\n",
         "lab.toml:3:1: interface 'eth1' is given twice; keep one of them"},
        {"[[export]]\naddress = \"1.255\"\npath = \"/y\"\n",
         "lab.toml:2:11: '1.255' is not an AoE address; write SHELF.SLOT with SHELF 0 to 65534 and SLOT 0 to "
         "254"},
        {"[[export]]\naddress = 1.2\npath = \"/y\"\n",
         "lab.toml:2:11: address cannot be 1.2; write it in quotes: address = \"1.2\""},
        {"[[export]]\naddress = \"1.2\"\n", "lab.toml:1:1: [[export]] has no path; add path = \"PATH\""},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\\u0000\"\n",
         "lab.toml:3:8: no file can have the name '/y\\x00'"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\nread_only = true\n",
         "lab.toml:4:1: there is no option 'read_only', the nearest is read-only; [[export]] can have "
         "address, path"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\noffset = 100\n",
         "lab.toml:4:10: '100' is not a whole number of sectors"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\nallow = []\n",
         "lab.toml:4:9: allow cannot be an empty list; write allow = [\"MAC\", ...]"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\nallow = [1]\n",
         "lab.toml:4:9: allow cannot be this list"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\nallow = [\"lba\"]\n[hosts]\nlab = \"*\"\n",
         "lab.toml:4:9: allow cannot have 'lba', which is not the MAC address of an initiator, nor a name of "
         "[hosts], "
         "the nearest is lab"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\ndevice-timeout = 07:32:00\n",
         "lab.toml:4:18: device-timeout cannot be 07:32:00; write device-timeout = \"TIME\" or \"off\""},
        {"[[export]]\naddress = \"1.1\"\npath = \"/y\"\n",
         "lab.toml:6:1: export e1.1: two exports have this address"},
        {"[[export]]\naddress = \"1.2\"\npath = \"/y\"\ninterfaces = [\"eth9\"]\n",
         "lab.toml:1:1: export e1.2: interfaces has 'eth9', but the target does not serve on it"},
        {"[hosts]\na = [\"b\"]\nb = [\"a\"]\n",
         "lab.toml:3:5: a stands for itself (a -> b -> a); take one of these out"},
        {"[hosts]\na = \"a\"\n", "lab.toml:2:5: a stands for itself (a -> a)"},
        {"[hosts]\na = \"b\"\n",
         "lab.toml:2:5: a cannot have 'b', which is not the MAC address of an initiator, nor"},
        {"[hosts]\na = \"ff:ff:ff:ff:ff:ff\"\n", "lab.toml:2:5: a cannot have 'ff:ff:ff:ff:ff:ff'"},
        {"[hosts]\na = 1\n", "lab.toml:2:5: a cannot be 1; write a MAC address"},
        {"[hosts]\n\"a+b\" = \"*\"\n", "lab.toml:2:9: 'a+b' cannot be the name of a host"},
        {"[hosts]\n020000000001 = \"*\"\n",
         "lab.toml:2:16: '020000000001' is a MAC address, so no host can have it"},
        {"a = \n", "lab.toml:1:5: "},
        {"a = fals\ne", "lab.toml:1:"},
        {"[target]\nthreads = 1\nthreads = 2\n", "lab.toml:3:"},
        {"\xFF", "lab.toml:1:1: "},
    };
    for (const auto& [text, error] : cases) {
        // TOML closes the table of a part with the next one, so the rest can stand behind.
        const bool is_syntax = error.size() < 18;
        const std::string all = is_syntax ? text : text + served + exported;
        const std::string got = error_of(all);
        INFO(all);
        INFO(got);
        CHECK(has(got, error));
        CHECK(got.starts_with("lab.toml:"));
        CHECK(!has(got, "\n"));
    }
}

TEST_CASE("all errors of all files are told at once, in their order", "[cli]") {
    const std::vector<std::string> errors = errors_of(
        {.files = {{"a.toml", "[[export]]\naddress = \"1.1\"\npath = \"/x\"\nfixed = 1\ncache = \"both\"\n"},
                   {"b.toml", "syntax"},
                   {"c.toml", "[[export]]\naddress = \"1.1\"\npath = \"/y\"\n[target]\nfast = true\n"}},
         .interfaces = {"eth0,link=wire"}});
    REQUIRE(errors.size() == 6);
    CHECK(errors[0].starts_with("a.toml:4:9: fixed cannot be 1"));
    CHECK(errors[1].starts_with("a.toml:5:9: cache cannot be 'both'"));
    CHECK(errors[2].starts_with("b.toml:1:"));
    CHECK(errors[3].starts_with("c.toml:1:1: export e1.1: two exports have this address"));
    CHECK(errors[4].starts_with("c.toml:5:1: there is no option 'fast'"));
    CHECK(errors[5].starts_with("interface 'eth0,link=wire', character 11: link cannot be 'wire'"));
}

TEST_CASE("a setting or a host that two files give is an error", "[cli]") {
    const std::vector<std::string> errors =
        errors_of({.files = {{"a.toml", "[target]\nthreads = 2\n[hosts]\na = \"*\"\n" + served + exported},
                             {"b.toml", "[target]\nthreads = 2\n[hosts]\na = \"*\"\n"}}});
    REQUIRE(errors.size() == 2);
    CHECK(errors[0] == "b.toml:2:1: threads is given twice; keep one of them");
    CHECK(errors[1] == "b.toml:4:1: the host 'a' is given twice; keep one of them");
}

TEST_CASE("a file with nothing to serve is an error that says what to add", "[cli]") {
    const std::vector<std::string> errors = errors_of({.files = {{"a.toml", ""}}});
    REQUIRE(errors.size() == 2);
    CHECK(has(errors[0], "[[interface]]"));
    CHECK(has(errors[1], "[[export]]"));
}

TEST_CASE("names that stand for names without end cost little", "[cli]") {
    std::string hosts = "[hosts]\nh0 = \"02:00:00:00:00:01\"\n";
    for (int i = 1; i < 30; ++i) // two to the power of 30, if each were looked at every time
        hosts += "h" + std::to_string(i) + " = [" + "\"h" + std::to_string(i - 1) + "\", \"h" +
                 std::to_string(i - 1) + "\"]\n";
    CHECK(read(hosts + served + exported + "allow = \"h29\"\n").exports[0].options.allow.size() == 1);
    for (int i = 30; i < 100; ++i)
        hosts += "h" + std::to_string(i) + " = \"h" + std::to_string(i - 1) + "\"\n";
    CHECK(has(errors_of({.files = {{"a.toml", hosts + served + exported}}}).at(0), "more than 32 times"));
}

TEST_CASE("a list has 255 initiators at most, however they are written", "[cli]") {
    std::string many;
    for (int i = 0; i < 16; ++i) {
        many += "h" + std::to_string(i) + " = [";
        for (int j = 0; j < 16; ++j)
            many += "\"0200000000" + std::string(1, "0123456789abcdef"[i]) + "0123456789abcdef"[j] + "\",";
        many += "]\n";
    }
    std::string all = "all = [";
    for (int i = 0; i < 16; ++i)
        all += "\"h" + std::to_string(i) + "\",";
    CHECK(
        has(error_of("[hosts]\n" + many + all + "]\n" + served + exported), "all cannot have 256 addresses"));
}

TEST_CASE("thousands of exports, interfaces and names are read in no time", "[cli]") {
    // Quadratic work on each of these would take minutes.
    constexpr int count = 20000;
    std::string text = "[hosts]\n";
    for (int i = 0; i < count; ++i)
        text += "h" + std::to_string(i) + " = \"52:54:00:*\"\n";
    for (int i = 0; i < count; ++i)
        text += "[[interface]]\nname = \"eth" + std::to_string(i) + "\"\n[[export]]\naddress = \"" +
                std::to_string(i / 200) + "." + std::to_string(i % 200) +
                "\"\npath = \"/x\"\ninterfaces = \"eth" + std::to_string(i) + "\"\nallow = \"h" +
                std::to_string(i) + "\"\n";
    const auto start = std::chrono::steady_clock::now();
    const Configuration configuration = read(text);
    CHECK(configuration.exports.size() == count);
    CHECK(read(cli::to_toml(configuration)) == configuration);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("a list whose names stand for others now is written out", "[cli][configuration]") {
    cli::Configuration configuration = cli::read_configuration({.files = {{"file.toml", R"(
        [hosts]
        alpha = "02:00:00:00:00:01"
        lab = ["alpha", "02:00:01:*"]
        [[interface]]
        name = "eth0"
        [[export]]
        address = "1.1"
        path = "/one"
        allow = ["lab", "02:00:00:00:00:09"]
        [[export]]
        address = "1.2"
        path = "/two"
        allow = ["02:00:00:00:00:03"]
    )"}}});
    const cli::Configuration before = configuration;
    cli::keep_lists(configuration);
    CHECK(configuration == before);
    const bool is_gone = GENERATE(false, true);
    if (is_gone)
        configuration.hosts.clear();
    else
        configuration.hosts["alpha"] = {"02:00:00:00:00:02"};
    cli::keep_lists(configuration);
    CHECK(configuration.exports[0].allow ==
          std::vector<std::string>{"02:00:00:00:00:01", "02:00:01:*", "02:00:00:00:00:09"});
    CHECK(configuration.exports[0].options == before.exports[0].options);
    CHECK(configuration.exports[1] == before.exports[1]);
    const std::string text = cli::to_toml(configuration);
    CHECK(cli::read_configuration({.files = {{"again.toml", text}}}) == configuration);
}
