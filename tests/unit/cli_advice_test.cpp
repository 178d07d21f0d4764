// The notes at the start about what some initiators cannot do.
#include "catch.hpp"

#include "service/advice.hpp"

#include <string>
#include <string_view>

namespace {

std::string advice_on(std::string_view spec, std::uint64_t sectors = 2048) {
    std::string all;
    for (const std::string& note : cli::advice_on(cli::parse_export_spec(spec), sectors))
        all += note + "\n";
    return all;
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("an export that every initiator can use needs no advice", "[cli]") {
    CHECK(advice_on("1.1=/x").empty());
    CHECK(advice_on("65534.15=/x").empty());
    CHECK(advice_on("4094.0=/x").empty());
}

TEST_CASE("slots and shelves that some Linux drivers do not take are told", "[cli]") {
    CHECK(has(advice_on("1.16=/x"), "slots 0 to 15"));
    CHECK(has(advice_on("1.254=/x"), "aoe_dyndevs=0"));
    CHECK(has(advice_on("4095.1=/x"), "Linux initiators ignore shelf 4095"));
}

TEST_CASE("an odd number of sectors is told, with an even one to choose", "[cli]") {
    CHECK(has(advice_on("1.1=/x", 2049), "Add length=2048s"));
    CHECK(has(advice_on("1.1=/x", 1), "(1) is odd"));
    CHECK_FALSE(has(advice_on("1.1=/x", 1), "length"));
}

TEST_CASE("a silence that Linux initiators do not survive is told", "[cli]") {
    CHECK(advice_on("1.1=/x,on-error=silent:179s,device-timeout=179s").empty());
    CHECK(has(advice_on("1.1=/x,on-error=silent:3m"), "on-error=silent leaves"));
    CHECK(has(advice_on("1.1=/x,device-timeout=180s"), "device-timeout lets"));
    CHECK(has(advice_on("1.1=/x,device-timeout=off"), "for 180 seconds"));
}

TEST_CASE("frames that need a large MTU are told", "[cli]") {
    const auto advice = [](std::string_view spec) { return cli::advice_on(cli::parse_interface_spec(spec)); };
    CHECK(advice("eth0").empty());
    CHECK(advice("eth0,sectors-per-frame=2").empty());
    REQUIRE(advice("eth0,sectors-per-frame=16").size() == 1);
    CHECK(has(advice("eth0,sectors-per-frame=16")[0], "an MTU of 8228"));
    CHECK(has(advice("eth0,sectors-per-frame=16")[0], "'aoetarget probe'"));
}

TEST_CASE("a change brings the advice that is new, with the address", "[cli][advice]") {
    const auto advice = [](std::string_view before, std::string_view after) {
        const cli::ExportSpec present = cli::parse_export_spec(before);
        return cli::advice_on_change(&present, cli::parse_export_spec(after), 2);
    };
    CHECK(advice("1.99=/x", "1.99=/x,fixed").empty());
    const auto news = advice("1.99=/x", "1.99=/x,durability=volatile,device-timeout=off");
    REQUIRE(news.size() == 2);
    for (const std::string& note : news)
        CHECK(note.starts_with("e1.99: "));
    CHECK(advice("1.1=/x,durability=volatile", "1.1=/x,durability=volatile,fixed").empty());
    CHECK(cli::advice_on_change(nullptr, cli::parse_export_spec("1.99=/x"), 2).size() == 1);
}
