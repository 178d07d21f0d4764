// The command lines of the verbs as far as they go without a network: the refusals, and the meaning of
// vblade's arguments.
#include "catch.hpp"

#include "config/configuration.hpp"
#include "usage_error.hpp"
#include "verbs/vblade.hpp"
#include "verbs/verbs.hpp"

#include <functional>
#include <regex>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::vector<std::string> all_help() {
    return {cli::serve_help,  cli::check_help,  cli::discover_help, cli::probe_help,  cli::status_help,
            cli::stats_help,  cli::top_help,    cli::metrics_help,  cli::add_help,    cli::remove_help,
            cli::resize_help, cli::reopen_help, cli::reload_help,   cli::config_help, cli::stop_help,
            cli::vblade_help, cli::import_help};
}

std::string error_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const cli::UsageError& error) {
        return error.what();
    }
    return "accepted";
}

std::string error_of(int (*verb)(const cli::Arguments&), const cli::Arguments& arguments) {
    return error_of([&] { verb(arguments); });
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

cli::Configuration parse_vblade(const cli::Arguments& arguments) {
    return cli::parse_vblade(arguments).value();
}

const aoetarget::FileOptions& file_of(const cli::Configuration& configuration) {
    return configuration.exports.at(0).file;
}

} // namespace

TEST_CASE("serve refuses a command line without an interface or an export", "[cli]") {
    CHECK(has(error_of(cli::serve, {}), "add -i IF"));
    CHECK(has(error_of(cli::serve, {"-e", "1.1=/x"}), "add -i IF"));
    CHECK(has(error_of(cli::serve, {"-i", "eth0"}), "add -e SHELF.SLOT=PATH"));
}

TEST_CASE("serve refuses an address or an interface given twice", "[cli]") {
    CHECK(has(error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x", "-e", "e1.1=/y"}),
              "export e1.1: two exports have this address"));
    CHECK(has(error_of(cli::serve, {"-i", "eth0", "-i", "eth1", "-i", "eth0", "-e", "1.1=/x"}),
              "interface 'eth0' is given twice"));
}

TEST_CASE("serve refuses names that no interface can have", "[cli]") {
    for (const std::string& name :
         {std::string(), std::string("a/b"), std::string("a b"), std::string(128, 'x'), std::string("a\n")}) {
        INFO(name);
        CHECK(has(error_of(cli::serve, {"-i", name, "-e", "1.1=/x"}),
                  "no network interface can have the name"));
    }
}

TEST_CASE("an interface may say which link it wants", "[cli]") {
    using aoetarget::LinkKind;
    const std::pair<const char*, LinkKind> rows[] = {{"eth0", LinkKind::automatic},
                                                     {"eth0,link=auto", LinkKind::automatic},
                                                     {"eth0,link=packet", LinkKind::packet},
                                                     {"eth0,link=xdp", LinkKind::xdp}};
    for (const auto& [text, kind] : rows) {
        const cli::InterfaceSpec spec = cli::parse_interface_spec(text);
        CHECK(spec.name == "eth0");
        CHECK(spec.options.link == kind);
    }
    const cli::InterfaceSpec both = cli::parse_interface_spec("eth0,sectors-per-frame=255,link=packet");
    CHECK(both.options == aoetarget::InterfaceOptions{.link = LinkKind::packet, .sectors_per_frame = 255});
    const cli::InterfaceSpec more = cli::parse_interface_spec("eth0,buffers=65535,advertise=60");
    CHECK(more.options.buffer_count == 65535);
    CHECK(more.options.advertise_interval == std::chrono::seconds(60));
    CHECK(cli::parse_interface_spec("eth0,advertise=0").options == aoetarget::InterfaceOptions{});
    CHECK(cli::parse_interface_spec("eth0,sectors-per-frame=auto").options == aoetarget::InterfaceOptions{});
    CHECK(has(error_of(cli::serve, {"-i", "eth0", "-i", "eth0,link=xdp", "-e", "1.1=/x"}), "given twice"));
}

TEST_CASE("a backslash takes a comma, an equals sign or a backslash into the name of an interface", "[cli]") {
    const cli::InterfaceSpec spec = cli::parse_interface_spec(R"(a\,b\=c\\d,link=packet)");
    CHECK(spec.name == R"(a,b=c\d)");
    CHECK(spec.options.link == aoetarget::LinkKind::packet);
}

TEST_CASE("a bad interface is refused with its text, the place, the reason and the cure", "[cli]") {
    struct Case {
        std::string_view text;
        unsigned place;
        std::string_view says;
    };
    const Case cases[] = {
        {"", 1, "no network interface can have the name ''"},
        {"a/b,link=xdp", 1, "no network interface can have the name 'a/b'"},
        {"a=b", 2, R"(write \= for one that belongs to the text before it)"},
        {R"(a\b)", 2, R"(write \\ for a backslash)"},
        {"eth0,", 6, "there is no option ''; an interface can have link=auto|packet|xdp, qdisc="},
        {"eth0,mtu=9000", 6, "there is no option 'mtu'; an interface can have link=auto|packet|xdp"},
        {"eth0,link", 10, "link needs a value; write link=auto|packet|xdp"},
        {"eth0,link=", 11, "link needs a value; write link=auto|packet|xdp"},
        {"eth0,link=XDP", 11, "link cannot be 'XDP'; write link=auto|packet|xdp"},
        {"eth0,link=xdp=", 14, R"(write \= for one that belongs to the text before it)"},
        {"eth0,link=xdp,link=xdp", 15, "link is given twice; keep one of them"},
        {"eth0,sectors-per-frame=0", 24,
         "sectors-per-frame cannot be '0'; write sectors-per-frame=auto|1...255"},
        {"eth0,sectors-per-frame=256", 24, "sectors-per-frame cannot be '256'"},
        {"eth0,sectors-per-frame=8x", 24, "sectors-per-frame cannot be '8x'"},
        {"eth0,buffers=1", 14, "buffers cannot be '1'; write buffers=2...65535"},
        {"eth0,buffers=65536", 14, "buffers cannot be '65536'"},
        {"eth0,advertise=-1", 16, "advertise cannot be '-1'; write advertise=0...86400"},
        {"eth0,advertise=86401", 16, "advertise cannot be '86401'"},
        {"eth0,sectors-per-frame=", 24, "sectors-per-frame needs a value"},
    };
    for (const Case& bad : cases) {
        const std::string text(bad.text);
        const std::string error = error_of(cli::serve, {"-i", text, "-e", "1.1=/x"});
        INFO(error);
        CHECK(error.starts_with("interface '" + text + "', character " + std::to_string(bad.place) + ": "));
        CHECK(has(error, bad.says));
    }
}

TEST_CASE("serve refuses an export for an interface that is not served", "[cli]") {
    CHECK(has(error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x,interfaces=eth0+eth1"}),
              "export e1.1: interfaces has 'eth1', but the target does not serve on it; add -i eth1"));
    CHECK(
        has(error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x,interfaces=vnet*"}), "interfaces has 'vnet*'"));
    cli::Configuration configuration;
    configuration.interfaces = {{"eth0", {}}, {"vnet*", {}}};
    for (const std::string interfaces : {"eth*", "eth0+vnet7", "vnet*"}) {
        configuration.exports = {cli::parse_export_spec("1.1=/x,interfaces=" + interfaces)};
        CHECK_NOTHROW(cli::check_configuration(configuration));
    }
}

TEST_CASE("serve takes one value after each option", "[cli]") {
    CHECK(has(error_of(cli::serve, {"-i", "eth0", "eth1", "-e", "1.1=/x"}), "eth1"));
    CHECK(has(error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x", "2.2=/y"}), "2.2=/y"));
}

TEST_CASE("serve refuses to stay awake for a senseless time", "[cli]") {
    for (const std::string time : {"-1", "1001", "long", ""}) {
        INFO(time);
        CHECK(has(error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x", "--busy-poll", time}), "--busy-poll"));
    }
}

TEST_CASE("serve refuses a senseless number of threads", "[cli]") {
    for (const std::string threads : {"0", "-1", "65", "many", ""}) {
        INFO(threads);
        CHECK(has(error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x", "--threads", threads}), "--threads"));
    }
}

TEST_CASE("an option that is given twice, without a value or with words for a number is refused in our words",
          "[cli]") {
    CHECK(has(error_of(cli::serve, {"--state-dir", "/a", "--state-dir", "/b"}),
              "serve: --state-dir is given more than once; keep one;"));
    CHECK(has(error_of(cli::serve, {"--state-dir"}), "serve: --state-dir needs a value;"));
    CHECK(has(error_of(cli::discover, {"-i", "eth0", "--timeout", "soon"}),
              "discover: --timeout cannot be 'soon'; write a number;"));
}

TEST_CASE("what writes a file refuses a path that none can have, before it asks a target", "[cli]") {
    for (const auto verb : {cli::config, cli::metrics}) {
        for (const char* path : {"", "/tmp/"})
            CHECK(has(error_of(verb, {"--output", path}), "--output takes the path of a file"));
    }
}

TEST_CASE("help fits a terminal of 100 columns", "[cli]") {
    for (const std::string& help : all_help()) {
        std::istringstream lines(help);
        for (std::string line; std::getline(lines, line);) {
            INFO(line);
            CHECK(line.size() <= 100);
        }
    }
}

TEST_CASE("the help of each verb tells the exit codes that every verb may have", "[cli]") {
    for (const std::string& help : all_help()) {
        INFO(help);
        const std::size_t codes = help.find("xit code");
        REQUIRE(codes != std::string::npos);
        for (const char* code : {"\\b1\\s(if|failed)", "\\b2\\s(if\\s)?the\\scommand\\sline\\sis\\swrong"})
            CHECK(std::regex_search(help.substr(codes), std::regex(code)));
    }
}

TEST_CASE("a verb refuses unknown options and names its help", "[cli]") {
    const std::string error = error_of(cli::serve, {"-i", "eth0", "-e", "1.1=/x", "--fast"});
    CHECK(has(error, "--fast"));
    CHECK(has(error, "see 'aoetarget serve --help'"));
    CHECK(!has(error, "\n"));
}

TEST_CASE("discover refuses a command line without an interface or with a senseless time", "[cli]") {
    CHECK(has(error_of(cli::discover, {}), "add -i IF"));
    CHECK(has(error_of(cli::discover, {"-i", "a/b"}), "no network interface can have the name"));
    for (const std::string time : {"0", "-1", "nan", "inf", "1e9"}) {
        INFO(time);
        CHECK(has(error_of(cli::discover, {"-i", "eth0", "--timeout", time}), "--timeout"));
    }
    CHECK(has(error_of(cli::discover, {"-i", "eth0", "--timeout", "soon"}), "--timeout"));
}

TEST_CASE("vblade without options serves through the page cache and says what that means", "[cli]") {
    const cli::Configuration configuration = parse_vblade({"11", "1", "eth0", "/data/3TB"});
    CHECK(configuration.interfaces == std::vector<cli::InterfaceSpec>{{"eth0", {}}});
    REQUIRE(configuration.exports.size() == 1);
    CHECK(configuration.exports[0].path == "/data/3TB");
    CHECK(configuration.exports[0].options.address == aoetarget::Address{11, 1});
    CHECK(configuration.exports[0].options.mask_list.empty());
    CHECK(file_of(configuration).cache == aoetarget::Cache::page);
    CHECK(file_of(configuration).durability == aoetarget::Durability::volatile_cache);
    CHECK(!file_of(configuration).read_only);
    REQUIRE(cli::vblade_notes(configuration).size() == 1);
    CHECK(has(cli::vblade_notes(configuration)[0], "add -s"));
}

TEST_CASE("vblade's options have the same meaning as in vblade itself", "[cli]") {
    const cli::Configuration configuration =
        parse_vblade({"-b", "64", "-d", "-s", "-m", "02:00:00:00:00:01,02000000000A", "-o", "2048", "-l",
                      "16", "0", "254", "lo", "disk.img"});
    CHECK(configuration.interfaces.at(0).options.buffer_count == 64);
    CHECK(file_of(configuration).cache == aoetarget::Cache::direct);
    CHECK(file_of(configuration).durability == aoetarget::Durability::stable);
    CHECK(file_of(configuration).offset_bytes == 1048576);
    CHECK(file_of(configuration).length_bytes == 8192);
    CHECK(configuration.exports.at(0).options.mask_list ==
          std::vector<aoetarget::MacAddress>{{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 10}}});
    CHECK(cli::vblade_notes(configuration).empty());
}

TEST_CASE("vblade's -o and -l take hexadecimal and octal numbers, as vblade's do", "[cli]") {
    struct Case {
        std::string text;
        std::uint64_t sectors;
    };
    const Case cases[] = {{"0x800", 2048}, {"0X10", 16}, {"010", 8}, {"10", 10}, {"0x0A", 10}};
    for (const auto& [text, sectors] : cases) {
        INFO(text);
        const cli::Configuration configuration =
            parse_vblade({"-o", text, "-l", text, "010", "011", "eth0", "x"});
        CHECK(file_of(configuration).offset_bytes == sectors * 512);
        CHECK(file_of(configuration).length_bytes == sectors * 512);
        // vblade reads shelf and slot by another function, which knows decimal numbers only.
        CHECK(configuration.exports.at(0).options.address == aoetarget::Address{10, 11});
    }
    CHECK(file_of(parse_vblade({"-o", "0", "1", "1", "eth0", "x"})).offset_bytes == 0);
    for (const std::string bad : {"0x", "08", "0x1G", "x10", "-1", "", "0x0x1"}) {
        INFO(bad);
        CHECK(has(error_of(cli::vblade, {"-o", bad, "1", "1", "eth0", "x"}), "-o cannot be '" + bad + "'"));
    }
}

TEST_CASE("vblade's arguments are translated into a command line that serves two interfaces", "[cli]") {
    const auto command = [](const cli::Arguments& arguments) {
        return cli::serve_command(parse_vblade(arguments), "eth0");
    };
    CHECK(command({"1", "2", "eth1", "/srv/disk.img"}) ==
          "aoetarget serve -i eth0 -i eth1 -e 1.2=/srv/disk.img,durability=volatile,cache=page");
    CHECK(command({"-r", "-b", "64", "1", "2", "eth1", "/srv/a,b c's.iso"}) ==
          R"(aoetarget serve -i eth0 -i eth1,buffers=64 -e '1.2=/srv/a\,b c'\''s.iso,read-only,cache=page')");
    CHECK(command({"-ds", "-o", "0x800", "-l", "16", "-m", "020000000001,02:00:00:00:00:02", "1", "2", "eth1",
                   "x"}) == "aoetarget serve -i eth0 -i eth1 -e 1.2=x,cache=direct,offset=1M,length=8k,"
                            "allow=02:00:00:00:00:01+02:00:00:00:00:02");
}

TEST_CASE("vblade's options can be written together and after the arguments", "[cli]") {
    CHECK(file_of(parse_vblade({"-ds", "-b16", "1", "1", "eth0", "x"})).cache == aoetarget::Cache::direct);
    CHECK(file_of(parse_vblade({"1", "1", "eth0", "x", "-r"})).read_only);
}

TEST_CASE("vblade needs no advice about writes that it refuses", "[cli]") {
    const cli::Configuration configuration = parse_vblade({"-r", "1", "1", "eth0", "live.iso"});
    CHECK(file_of(configuration).read_only);
    CHECK(cli::vblade_notes(configuration).empty());
}

TEST_CASE("a MAC address that vblade's -m names twice counts once", "[cli]") {
    const cli::Configuration configuration =
        parse_vblade({"-m", "020000000001,02:00:00:00:00:01", "1", "1", "eth0", "x"});
    CHECK(configuration.exports.at(0).options.mask_list.size() == 1);
}

TEST_CASE("vblade refuses options and arguments that it cannot use", "[cli]") {
    struct Case {
        cli::Arguments arguments;
        std::string_view says;
    };
    const Case cases[] = {
        {{}, "SHELF"},
        {{"1", "1", "eth0"}, "FILE"},
        {{"1", "1", "eth0", "x", "y"}, "y"},
        {{"65535", "1", "eth0", "x"}, "SHELF cannot be '65535'; write a number from 0 to 65534"},
        {{"1", "255", "eth0", "x"}, "SLOT cannot be '255'; write a number from 0 to 254"},
        {{"one", "1", "eth0", "x"}, "SHELF cannot be 'one'"},
        {{"-b", "1", "1", "1", "eth0", "x"}, "-b cannot be '1'; write a number from 2 to 65535"},
        {{"-b", "0", "1", "1", "eth0", "x"}, "-b cannot be '0'"},
        {{"-o", "1k", "1", "1", "eth0", "x"}, "-o cannot be '1k'"},
        {{"-l", "0", "1", "1", "eth0", "x"}, "-l cannot be '0'"},
        {{"-l", "18014398509481984", "1", "1", "eth0", "x"}, "-l cannot be"},
        {{"-m", "02:00:00:00:00", "1", "1", "eth0", "x"},
         "-m cannot have '02:00:00:00:00', which is not the MAC address"},
        {{"-m", "020000000001,", "1", "1", "eth0", "x"}, "-m cannot have '', which is not the MAC address"},
        {{"-m", "", "1", "1", "eth0", "x"}, "-m cannot have '', which is not the MAC address"},
        {{"-m", "ff:ff:ff:ff:ff:ff", "1", "1", "eth0", "x"},
         "-m cannot have 'ff:ff:ff:ff:ff:ff', which is not the MAC address"},
        {{"1", "1", "eth0/1", "x"}, "no network interface can have the name"},
    };
    for (const Case& bad : cases) {
        const std::string error = error_of(cli::vblade, bad.arguments);
        INFO(error);
        CHECK(has(error, bad.says));
        CHECK(!has(error, "\n"));
    }
}

TEST_CASE("help is asked for with -h and --help wherever it stands", "[cli]") {
    CHECK(!cli::parse_vblade({"-h"}));
    CHECK(!cli::parse_vblade({"-r", "--help", "1"}));
}

TEST_CASE("the help of each verb names all its options and gives examples", "[cli]") {
    const std::string serve = cli::serve_help, discover = cli::discover_help, vblade = cli::vblade_help;
    for (const std::string_view option : {"-c, --config",
                                          "[[export]]\n",
                                          "-i, --interface",
                                          "-e, --export",
                                          "read-only",
                                          "durability=stable",
                                          "durability=volatile",
                                          "cache=direct",
                                          "cache=page",
                                          "offset=SIZE",
                                          "length=SIZE",
                                          "serial=TEXT",
                                          "force",
                                          "--state-dir",
                                          "--busy-poll",
                                          "--threads",
                                          "link=auto",
                                          "sectors-per-frame=N",
                                          "buffers=N",
                                          "advertise=SECONDS",
                                          "allow=MAC",
                                          "fixed",
                                          "interfaces=IF",
                                          "Examples:\n  aoetarget serve "})
        CHECK(has(serve, option));
    for (const std::string_view option :
         {"-i, --interface", "--timeout", "--json", "Examples:\n  aoetarget discover "})
        CHECK(has(discover, option));
    for (const std::string_view option :
         {"-b N", "-d ", "-s ", "-r ", "-m MAC", "-o N", "-l N", "Examples:\n  aoetarget vblade "})
        CHECK(has(vblade, option));
}
