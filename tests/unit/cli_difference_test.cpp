// A change of what runs is the difference of two configurations, and a configuration is what it is printed
// as.
#include "catch.hpp"

#include "config/difference.hpp"
#include "config/json.hpp"
#include "config/parts.hpp"
#include "config/reader.hpp"
#include "random_configuration.hpp"
#include "usage_error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

using aoetest::ConfigurationMaker;
using cli::Change;
using cli::Configuration;
using cli::Effect;

namespace {

constexpr unsigned seeds = 300;

Configuration read(const std::string& text) {
    return cli::read_configuration({.files = {{"test.toml", text}}});
}

Configuration with_exports(const std::vector<std::string>& exports) {
    return cli::read_configuration({.interfaces = {"eth0"}, .exports = exports});
}

/// The only change between two configurations with one export each.
Change change_of_export(const std::string& from, const std::string& to) {
    const std::vector<Change> changes =
        cli::difference(with_exports({"1.1=" + from}), with_exports({"1.1=" + to}));
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].kind == Change::Kind::changed);
    return changes[0];
}

} // namespace

TEST_CASE("what is printed as TOML is read as the same configuration", "[cli]") {
    for (unsigned seed = 0; seed < seeds; ++seed) {
        const Configuration configuration = ConfigurationMaker(seed).make();
        const std::string text = cli::to_toml(configuration);
        INFO("seed " << seed << "\n" << text);
        REQUIRE(read(text) == configuration);
    }
}

TEST_CASE("what is printed as JSON is read as the same configuration", "[cli]") {
    for (unsigned seed = 0; seed < seeds; ++seed) {
        const Configuration configuration = ConfigurationMaker(seed).make();
        const std::string text = cli::to_json(configuration).dump();
        INFO("seed " << seed << "\n" << text);
        REQUIRE(cli::configuration_from_json(nlohmann::json::parse(text)) == configuration);
    }
}

TEST_CASE("interfaces and exports are the same again as arguments and as JSON", "[cli]") {
    for (unsigned seed = 0; seed < seeds; ++seed) {
        const Configuration configuration = ConfigurationMaker(seed).make();
        const cli::Hosts hosts(configuration.hosts, {});
        INFO("seed " << seed);
        for (const cli::InterfaceSpec& spec : configuration.interfaces) {
            CHECK(cli::parse_interface_spec(cli::to_argument(spec)) == spec);
            CHECK(cli::interface_from_json(cli::to_json(spec)) == spec);
        }
        for (const cli::ExportSpec& spec : configuration.exports) {
            CHECK(cli::parse_export_spec(cli::to_argument(spec), hosts) == spec);
            CHECK(cli::export_from_json(cli::to_json(spec), hosts) == spec);
        }
    }
}

TEST_CASE("equal configurations have no difference", "[cli]") {
    for (unsigned seed = 0; seed < seeds; ++seed) {
        const Configuration configuration = ConfigurationMaker(seed).make();
        CHECK(cli::difference(configuration, configuration).empty());
    }
}

TEST_CASE("the difference of two configurations makes one of the other", "[cli]") {
    for (unsigned seed = 0; seed < seeds; ++seed) {
        ConfigurationMaker maker(seed);
        const Configuration from = maker.make(), to = maker.make();
        INFO("seed " << seed);
        REQUIRE(cli::apply(from, cli::difference(from, to)) == to);
        REQUIRE(cli::apply({}, cli::difference({}, to)) == to);
        REQUIRE(cli::apply(from, cli::difference(from, {})) == Configuration{});
    }
}

TEST_CASE("a difference says what is removed, changed and added", "[cli]") {
    const std::vector<Change> changes = cli::difference(with_exports({"1.1=/a", "1.2=/b", "1.3=/c"}),
                                                        with_exports({"1.0=/d", "1.2=/b", "1.3=/c,fixed"}));
    REQUIRE(changes.size() == 3);
    const auto address = [](const Change& change) {
        return std::get<cli::ExportSpec>(change.entry).options.address;
    };
    CHECK(changes[0].kind == Change::Kind::removed);
    CHECK(address(changes[0]) == aoetarget::Address{1, 1});
    CHECK(changes[1].kind == Change::Kind::changed);
    CHECK(address(changes[1]) == aoetarget::Address{1, 3});
    CHECK(changes[1].options == std::vector<std::string_view>{"fixed"});
    CHECK(changes[2].kind == Change::Kind::added);
    CHECK(address(changes[2]) == aoetarget::Address{1, 0});
}

TEST_CASE("a change of an export says what it takes while the target serves", "[cli]") {
    struct Case {
        std::string options;
        std::string_view option;
        Effect effect;
    };
    const Case cases[] = {
        {"read-only", "read-only", Effect::reopen},
        {"durability=volatile", "durability", Effect::reopen},
        {"cache=page", "cache", Effect::reopen},
        {"trim=off", "trim", Effect::reopen},
        {"offset=1M", "offset", Effect::reopen},
        {"length=1M", "length", Effect::reopen},
        {"force", "force", Effect::reopen},
        {"allow=52:54:00:*", "allow", Effect::in_place},
        {"fixed", "fixed", Effect::in_place},
        {"interfaces=eth0", "interfaces", Effect::in_place},
        {"on-error=answer", "on-error", Effect::in_place},
        {"device-timeout=off", "device-timeout", Effect::in_place},
        {"serial=A", "serial", Effect::in_place},
        {"model=A", "model", Effect::restart},
    };
    for (const auto& [options, option, effect] : cases) {
        INFO(options);
        const Change change = change_of_export("/x", "/x," + options);
        CHECK(change.options == std::vector{option});
        CHECK(change.effect == effect);
    }
    CHECK(change_of_export("/x", "/y").effect == Effect::reopen);
    const Change both = change_of_export("/x,fixed", "/y,allow=*");
    CHECK(both.options == std::vector<std::string_view>{"path", "allow", "fixed"});
    CHECK(both.effect == Effect::reopen);
}

TEST_CASE("an export changes when a name that it allows stands for others", "[cli]") {
    const std::string rest =
        "\n[[interface]]\nname=\"eth0\"\n[[export]]\naddress=\"1.1\"\npath=\"/x\"\nallow=\"lab\"\n"
        "[[export]]\naddress=\"1.2\"\npath=\"/y\"";
    const Configuration from = read("[hosts]\nlab = \"52:54:00:*\"" + rest);
    const Configuration to = read("[hosts]\nlab = \"02:00:00:*\"" + rest);
    const std::vector<Change> changes = cli::difference(from, to);
    REQUIRE(changes.size() == 2);
    CHECK(std::holds_alternative<cli::HostNames>(changes[0].entry));
    CHECK(std::get<cli::ExportSpec>(changes[1].entry).options.address == aoetarget::Address{1, 1});
    CHECK(changes[1].options == std::vector<std::string_view>{"allow"});
    CHECK(changes[1].effect == Effect::in_place);
}

TEST_CASE("a difference is described by the options with their values before and after", "[cli]") {
    const auto described = [](const std::string& from, const std::string& to, Effect effect) {
        return cli::describe_difference(cli::parse_export_spec("1.1=" + from),
                                        cli::parse_export_spec("1.1=" + to), effect);
    };
    CHECK(
        described("/a,offset=1M,fixed,trim=off", "/b,cache=page,read-only", Effect::reopen) ==
        "path: /a -> /b, read-only: false -> true, cache: none -> page, trim: off -> on, offset: 1M -> none");
    CHECK(described("/a,interfaces=eth0+eth1", "/b,fixed", Effect::in_place) ==
          "fixed: false -> true, interfaces: eth0+eth1 -> none");
    CHECK(described("/a", "/a", Effect::reopen).empty());
    CHECK(cli::describe_difference(cli::parse_interface_spec("eth0"),
                                   cli::parse_interface_spec("eth0,buffers=5"),
                                   Effect::reopen) == "buffers: none -> 5");
}

TEST_CASE("settings of the target change with a restart", "[cli]") {
    const std::string rest = "\n[[interface]]\nname=\"eth0\"\n[[export]]\naddress=\"1.1\"\npath=\"/x\"";
    const std::vector<Change> changes = cli::difference(read(rest), read("[target]\nthreads = 2" + rest));
    REQUIRE(changes.size() == 1);
    CHECK(changes[0].effect == Effect::restart);
    CHECK(changes[0].options == std::vector<std::string_view>{"threads"});
}

TEST_CASE("only what differs from the default is printed", "[cli]") {
    const Configuration configuration =
        cli::read_configuration({.interfaces = {"eth0,link=auto,advertise=0"},
                                 .exports = {"1.1=/x,trim=on,device-timeout=150s,fixed=false"}});
    CHECK(cli::to_toml(configuration) ==
          "[[interface]]\nname = \"eth0\"\n\n[[export]]\naddress = \"1.1\"\npath = \"/x\"\n");
}

TEST_CASE("a path of any bytes comes back from a file, from JSON and from an argument", "[cli]") {
    std::string all_bytes = "/srv/";
    for (int byte = 1; byte < 256; ++byte)
        all_bytes += static_cast<char>(byte);
    for (const std::string& path : {std::string("/srv/\xE9.img"), std::string("file:/srv/%41"), all_bytes,
                                    std::string("/srv/%E9"), std::string("/srv/My\\x20Disk \"1\"")}) {
        CAPTURE(path);
        Configuration configuration = with_exports({"1.1=/srv/disk.img"});
        configuration.exports.front().path = path;
        configuration.target.state_directory = path;
        CHECK(cli::configuration_from_json(nlohmann::json::parse(cli::to_json(configuration).dump())) ==
              configuration);
        CHECK(cli::read_configuration({.files = {{"lab.toml", cli::to_toml(configuration)}}}) ==
              configuration);
        CHECK(cli::parse_export_spec(cli::to_argument(configuration.exports.front())).path == path);
    }
    const Configuration configuration = with_exports({"1.1=/srv/\xE9.img"});
    CHECK(cli::to_json(configuration).at("export").at(0).at("path") == "file:/srv/%E9.img");
    CHECK(cli::parse_export_spec("1.1=file:/srv/%E9.img").path == "/srv/\xE9.img");
    for (const char* wrong : {"1.1=file:/srv/%", "1.1=file:/srv/%E", "1.1=file:/srv/%G0", "1.1=file:/%+1"})
        CHECK_THROWS_WITH(cli::parse_export_spec(wrong), Catch::Contains("two hexadecimal digits"));
    for (const char* wrong : {"1.1=file:", "1.1=file:/srv/%00"})
        CHECK_THROWS_AS(cli::parse_export_spec(wrong), cli::UsageError);
}

TEST_CASE("an interface whose name is not UTF-8 is refused, because no file could have it", "[cli]") {
    CHECK_THROWS_WITH(cli::parse_interface_spec("eth\xE9"), Catch::Contains("'eth\\xe9' is not UTF-8"));
}

TEST_CASE("a configuration in parts is the same when they are put together", "[cli]") {
    for (unsigned seed = 0; seed < 50; ++seed) {
        const Configuration configuration = aoetest::ConfigurationMaker(seed).make();
        const nlohmann::json whole = cli::to_json(configuration);
        const std::vector<nlohmann::json> parts = cli::split_configuration(whole, 200);
        nlohmann::json joined;
        for (const nlohmann::json& part : parts) {
            CHECK(part.dump().size() < 1200); // an entry may be longer than a part should be
            cli::join_part(joined, part);
        }
        CHECK(joined == whole);
        CHECK(parts.size() > 1);
    }
    CHECK(cli::split_configuration(nlohmann::json::object(), 200).size() == 1);
    nlohmann::json whole;
    CHECK_THROWS_AS(cli::join_part(whole, nlohmann::json(7)), cli::ConfigurationError);
}

TEST_CASE("what is wrong with JSON is told, all of it", "[cli]") {
    const auto errors_of = [](const char* text) {
        std::string all;
        try {
            cli::configuration_from_json(nlohmann::json::parse(text));
        } catch (const cli::ConfigurationError& error) {
            for (const std::string& message : error.messages())
                all += message + "\n";
        }
        return all;
    };
    CHECK(
        errors_of(
            R"({"export":[{"address":"1.1","path":"/x","fixed":"yes"},{"adress":"1.2","path":null}]})") ==
        "fixed cannot be 'yes'; write fixed = true or false\n"
        "there is no option 'adress', the nearest is address; [[export]] can have address, path, read-only, "
        "durability, cache, trim, offset, length, serial, model, on-error, device-timeout, allow, fixed, "
        "interfaces, force\n"
        "path cannot be null; write path = \"PATH\"\n"
        "[[export]] has no address; add address = \"SHELF.SLOT\"\n");
    CHECK(errors_of("[1]") == "a configuration in JSON is an object\n");
    CHECK(errors_of(R"({"target":{"threads":18446744073709551615}})") ==
          "threads cannot be 18446744073709551615; write threads = 1...64\n");
    const std::string deep = R"({"export":)" + std::string(10000, '[') + std::string(10000, ']') + "}";
    CHECK(errors_of(deep.c_str()) == "[[export]] cannot be this list; write a table\n");
}
