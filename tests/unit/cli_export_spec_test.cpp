// The grammar of -e, on which scripts rely.
#include "catch.hpp"

#include "config/export_spec.hpp"
#include "config/size.hpp"
#include "usage_error.hpp"

#include <string>
#include <string_view>

using cli::parse_export_spec;
using cli::parse_size;

namespace {

std::string error_of(std::string_view text) {
    try {
        parse_export_spec(text);
    } catch (const cli::UsageError& error) {
        return error.what();
    }
    return "accepted";
}

std::string size_error_of(std::string_view text) {
    try {
        parse_size(text);
    } catch (const cli::UsageError& error) {
        return error.what();
    }
    return "accepted";
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("an export needs an address and a path only", "[cli]") {
    const cli::ExportSpec spec = parse_export_spec("1.2=/dev/sdb");
    CHECK(spec.options.address == aoetarget::Address{1, 2});
    CHECK(spec.path == "/dev/sdb");
    CHECK(spec.options.serial.empty());
    CHECK(!spec.file.cache.has_value());
    CHECK(spec.file.durability == aoetarget::Durability::stable);
    CHECK(!spec.file.read_only);
    CHECK(spec.file.discard);
    CHECK(spec.file.offset_bytes == 0);
    CHECK(spec.file.length_bytes == 0);
    CHECK(!spec.file.force);
}

TEST_CASE("the largest address is 65534.254", "[cli]") {
    CHECK(parse_export_spec("65534.254=/x").options.address == aoetarget::Address{65534, 254});
}

TEST_CASE("every option of an export is understood", "[cli]") {
    const cli::ExportSpec spec = parse_export_spec(
        "0.0=/srv/disk.img,read-only,durability=volatile,cache=page,trim=off,offset=1M,length=16s,serial=A 1,"
        "force,on-error=silent:60s,device-timeout=2m");
    CHECK(spec.path == "/srv/disk.img");
    CHECK(spec.file.read_only);
    CHECK(spec.file.durability == aoetarget::Durability::volatile_cache);
    CHECK(spec.file.cache == aoetarget::Cache::page);
    CHECK_FALSE(spec.file.discard);
    CHECK(spec.file.offset_bytes == 1048576);
    CHECK(spec.file.length_bytes == 8192);
    CHECK(spec.options.serial == "A 1");
    CHECK(spec.file.force);
    CHECK(spec.options.silence_on_error == std::chrono::seconds(60));
    CHECK(spec.options.device_timeout == std::chrono::seconds(120));
}

TEST_CASE("errors may be answered at once, and a disk may take as long as it likes", "[cli]") {
    const cli::ExportSpec spec = parse_export_spec("1.1=/x,on-error=answer,device-timeout=off");
    CHECK(spec.options.silence_on_error == std::chrono::seconds(0));
    CHECK(spec.options.device_timeout == std::chrono::seconds(0));
    CHECK_FALSE(parse_export_spec("1.1=/x").options.silence_on_error);
    CHECK(parse_export_spec("1.1=/x").options.device_timeout == std::chrono::seconds(150));
    CHECK(parse_export_spec("1.1=/x,on-error=silent:24h").options.silence_on_error == std::chrono::hours(24));
}

TEST_CASE("an export may allow some initiators and some interfaces, and be fixed", "[cli]") {
    const cli::ExportSpec spec =
        parse_export_spec("1.1=/x,allow=52:54:00:*+020000000001,fixed,interfaces=eth1+vnet*");
    CHECK(spec.options.allow ==
          std::vector<aoetarget::MacPattern>{{{{0x52, 0x54}}, 3}, {{{2, 0, 0, 0, 0, 1}}, 6}});
    CHECK(spec.options.fixed);
    CHECK(spec.options.interfaces == std::vector<std::string>{"eth1", "vnet*"});
    CHECK(has(error_of("1.1=/x,allow=52:54"),
              "character 14: allow cannot have '52:54', which is not the MAC address of an initiator"));
    CHECK(has(error_of("1.1=/x,allow=020000000001+"), "allow cannot have ''"));
    CHECK(has(error_of("1.1=/x,allow=ff:ff:ff:ff:ff:ff"), "allow cannot have 'ff:ff:ff:ff:ff:ff'"));
    CHECK(has(error_of("1.1=/x,allow="), "allow needs a value; write allow=MAC[+MAC]..."));
    std::string many = "1.1=/x,allow=020000000001";
    for (int i = 0; i < 255; ++i)
        many += "+020000000001";
    CHECK(has(error_of(many), "allow cannot have 256 addresses; write at most 255"));
    CHECK(has(error_of("1.1=/x,fixed=yes"), "fixed cannot be 'yes'; write fixed[=true|false]"));
    CHECK(has(error_of("1.1=/x,interfaces=eth0+a/b"), "no network interface can have the name 'a/b'"));
}

TEST_CASE("the defaults of an export can be written out", "[cli]") {
    const cli::ExportSpec spec = parse_export_spec("1.1=/x,durability=stable,cache=direct,trim=on,offset=0");
    CHECK(spec.file.durability == aoetarget::Durability::stable);
    CHECK(spec.file.cache == aoetarget::Cache::direct);
    CHECK(spec.file.discard);
    CHECK(spec.file.offset_bytes == 0);
}

TEST_CASE("a backslash takes a comma, an equals sign or a backslash into the path", "[cli]") {
    CHECK(parse_export_spec(R"(1.1=/a\,b\=c\\d,read-only)").path == R"(/a,b=c\d)");
    CHECK(parse_export_spec(R"(1.1=/a\\,read-only)").path == R"(/a\)");
    CHECK(parse_export_spec(R"(1.1=/a\\,read-only)").file.read_only);
    CHECK(parse_export_spec(R"(1.1=/x,serial=A\,B\=C)").options.serial == "A,B=C");
}

TEST_CASE("blanks and other signs in a path need no backslash", "[cli]") {
    CHECK(parse_export_spec("1.1=/my disks/№1: a.img").path == "/my disks/№1: a.img");
}

TEST_CASE("a bad export is refused with its text, the place, the reason and the cure", "[cli]") {
    struct Case {
        std::string_view text;
        unsigned place;
        std::string_view says;
    };
    const Case cases[] = {
        {"", 1, "write SHELF.SLOT=PATH"},
        {"1.1", 4, "an equals sign must follow the address; write SHELF.SLOT=PATH"},
        {"1.1,read-only", 4, "an equals sign must follow the address; write SHELF.SLOT=PATH"},
        {"/dev/sdb", 1, "write SHELF.SLOT=PATH"},
        {"1=/x", 1, "'1' is not an AoE address"},
        {"1.255=/x", 1, "SLOT 0 to 254"},
        {"65535.0=/x", 1, "SHELF 0 to 65534"},
        {"1.1.1=/x", 1, "'1.1.1' is not an AoE address"},
        {"-1.1=/x", 1, "'-1.1' is not an AoE address"},
        {" 1.1=/x", 1, "' 1.1' is not an AoE address"},
        {"=/x", 1, "'' is not an AoE address"},
        {"1.1=", 5, "PATH is empty"},
        {"1.1=,read-only", 5, "PATH is empty"},
        {"1.1=/a=b", 7, R"(write \= for one that belongs to the text before it)"},
        {R"(1.1=/a\b)", 7, R"(write \\ for a backslash)"},
        {R"(1.1=/a\)", 7, R"(write \\ for a backslash)"},
        {"1.1=/x,", 8, "there is no option ''"},
        {"1.1=/x,readonly", 8, "there is no option 'readonly'"},
        {"1.1=/x,READ-ONLY", 8, "there is no option 'READ-ONLY'"},
        {"1.1=/x,read-only=yes", 18, "read-only cannot be 'yes'; write read-only[=true|false]"},
        {"1.1=/x,force=", 14, "force needs a value; write force[=true|false]"},
        {"1.1=/x,cache", 13, "cache needs a value; write cache=direct|page"},
        {"1.1=/x,cache=", 14, "cache needs a value; write cache=direct|page"},
        {"1.1=/x,cache=both", 14, "cache cannot be 'both'; write cache=direct|page"},
        {"1.1=/x,durability=yes", 19, "durability cannot be 'yes'; write durability=stable|volatile"},
        {"1.1=/x,cache=page,cache=page", 19, "cache is given twice; keep one of them"},
        {"1.1=/x,trim", 12, "trim needs a value; write trim=on|off"},
        {"1.1=/x,trim=no", 13, "trim cannot be 'no'; write trim=on|off"},
        {"1.1=/x,offset=1M=2", 17, R"(write \= for one that belongs to the text before it)"},
        {"1.1=/x,offset=1q", 15, "'1q' ends in an unknown unit"},
        {"1.1=/x,length=0", 15, "length cannot be '0'; write 1s"},
        {"1.1=/x,serial=", 15, "write serial=TEXT"},
        {"1.1=/x,serial=123456789012345678901", 15, "1 to 20 printable ASCII characters"},
        {"1.1=/x,on-error=silent", 17, "on-error cannot be 'silent'; write on-error=answer|silent:TIME"},
        {"1.1=/x,on-error=silent:", 17, "'' is not a time; write a whole number with s, m or h"},
        {"1.1=/x,on-error=silent:60", 17, "'60' is not a time"},
        {"1.1=/x,device-timeout=0s", 23, "'0s' is out of range; write 1s to 24h"},
        {"1.1=/x,device-timeout=25h", 23, "'25h' is out of range"},
        {"1.1=/x,device-timeout=99999999999s", 23, "'99999999999s' is out of range"},
        {"1.1=/x,device-timeout=1.5m", 23, "'1.5m' is not a time"},
        {"1.1=/№ 1,cash=page", 10, "there is no option 'cash'"},
    };
    for (const Case& bad : cases) {
        const std::string error = error_of(bad.text);
        INFO(error);
        CHECK(has(error, bad.says));
        CHECK(error.starts_with("export '" + std::string(bad.text) + "', character " +
                                std::to_string(bad.place) + ": "));
    }
}

TEST_CASE("the error about an export with control characters is one line", "[cli]") {
    const std::string error = error_of("1.1=/x\n,serial=\x01");
    CHECK(has(error, "serial cannot be '\\x01'"));
    CHECK(error.starts_with("export '1.1=/x ,serial=', character 16: "));
}

TEST_CASE("an unknown option is refused with the list of those there are", "[cli]") {
    const std::string error = error_of("1.1=/x,cach=page");
    for (const std::string_view option :
         {"read-only", "durability=stable|volatile", "cache=direct|page", "trim=on|off", "offset=SIZE",
          "length=SIZE", "serial=TEXT", "on-error=answer|silent:TIME", "device-timeout=TIME|off", "force"})
        CHECK(has(error, option));
}

TEST_CASE("sizes are in bytes, powers of 1024, or sectors, in either case", "[cli]") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("512") == 512);
    CHECK(parse_size("1s") == 512);
    CHECK(parse_size("3S") == 1536);
    CHECK(parse_size("1k") == 1024);
    CHECK(parse_size("1K") == 1024);
    CHECK(parse_size("2m") == 2097152);
    CHECK(parse_size("2M") == 2097152);
    CHECK(parse_size("3g") == 3221225472);
    CHECK(parse_size("3G") == 3221225472);
    CHECK(parse_size("4t") == 4398046511104);
    CHECK(parse_size("4T") == 4398046511104);
    CHECK(parse_size("9223372036854775296") == 9223372036854775296ULL);
}

TEST_CASE("a bad size is refused with the units there are", "[cli]") {
    for (const std::string_view text : {"", "k", "-1", "+1", "1.5G", "1KiB", "1x", "0x200", " 1k", "1k "}) {
        INFO(text);
        CHECK(has(size_error_of(text), "k, M, G, T (powers of 1024) or s (sectors"));
    }
}

TEST_CASE("a size that is not whole sectors is refused", "[cli]") {
    CHECK(has(size_error_of("513"), "'513' is not a whole number of sectors"));
}

TEST_CASE("a size beyond the end of any file is refused", "[cli]") {
    CHECK(has(size_error_of("8388608T"), "more than a file can hold"));
    CHECK(has(size_error_of("18014398509481984s"), "more than a file can hold"));
    CHECK(has(size_error_of("99999999999999999999"), "more than a file can hold"));
}
