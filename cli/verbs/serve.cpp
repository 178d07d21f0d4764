// aoetarget serve: exports files and block devices.
#include "config/configuration.hpp"
#include "service/service.hpp"
#include "usage_error.hpp"
#include "verbs/arguments.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace cli {

const char* const serve_help =
    R"(Usage: aoetarget serve -i IF[,OPTION=VALUE]... [-i IF...]... -e SHELF.SLOT=PATH[,OPTION[=VALUE]]...

This command exports files and block devices with ATA over Ethernet until SIGTERM, SIGINT or SIGHUP
arrives. Then it finishes the requests under way, flushes the disks, and ends with exit code 0. A second
SIGTERM or SIGINT ends it at once, and so does any of the three before it serves. SIGINT and SIGHUP have no
effect if they were ignored from the beginning, as they are under nohup or after '&' in a script. The
command needs CAP_NET_RAW.

  -i, --interface IF    Serve on this network interface. Repeat the option to serve all exports on several.
  -e, --export SPEC     Serve PATH, a regular file or a block device, as the AoE address SHELF.SLOT (SHELF
                        0 to 65534, SLOT 0 to 254). Repeat the option for more exports.
  --state-dir DIR       Keep the settings that initiators make for an export (config string, mask list,
                        reservation) in this directory, across restarts and power cuts. The default is
                        $STATE_DIRECTORY, as systemd sets it; without either the target forgets them when
                        it ends.
  --threads N           Spread the exports over up to N threads, 1 to 64, each with a ring of its own. One
                        thread saturates 10 Gb/s with large frames, so this is for many exports on fast
                        networks. Only one thread can use AF_XDP on an interface. The default is 1.
  --busy-poll US        Stay awake for up to US microseconds when there is nothing to do, 0 to 1000. The
                        target does this only while requests usually arrive sooner than that, and then
                        answers them sooner. The default is 10, which saves about as much work as it costs.
                        A larger value keeps a core busy under load; 0 always leaves the processor to other
                        programs.
  -h, --help            Show this text.

Options of an interface, each after a comma:
  link=auto             Use AF_XDP if the driver supports it natively and the MTU allows it, else packet
                        sockets. This is the default; the report at the start says which link was taken,
                        and why.
  link=packet           Use packet sockets.
  link=xdp              Use AF_XDP, if need be the generic one of the kernel, and refuse to start without
                        it.
  sectors-per-frame=auto  Advertise the number of sectors that fit the MTU; a number above 8 is rounded
                        down to a multiple of 8, so that frames stay aligned to 4 KiB. This is the default.
  sectors-per-frame=N   Tell initiators to put at most N sectors into a frame, 1 to 255.

Options of an export, each after a comma:
  read-only             Refuse writes.
  durability=stable     Answer a write when it is on stable storage. This is the default, and the only safe
                        choice with Linux initiators, which never flush.
  durability=volatile   Answer a write when a cache has it. This is faster, but a power cut loses writes
                        that initiators believe to be stored.
  cache=direct          Bypass the page cache (O_DIRECT). This is the default if the file supports it. The
                        target reads ahead of sequential reads by up to 256 KiB, unless other programs may
                        change the data: with force, on a read-only block device, on a loop device, and on
                        a file or disk that has a loop device over it.
  cache=page            Use the page cache of this machine. All exports that write to parts of one file or
                        disk must use the same cache, because the kernel would lose data otherwise.
  offset=SIZE           Leave out the beginning of PATH.
  length=SIZE           Export this much of PATH; the default is everything up to the end. You may export
                        several parts of one file or disk side by side, but parts of a disk only from one
                        process.
  serial=TEXT           Use this serial number, 1 to 20 printable ASCII characters. The default never
                        changes for the same volume and address.
  force                 Export a block device although it is mounted or in use. Two writers destroy each
                        other's data.

A SIZE is a number of bytes, or a number with one of these units: k, M, G, T (powers of 1024) or s (sectors
of 512 bytes). Write a comma, an equals sign or a backslash in IF, PATH or TEXT as \, or \= or \\, in
quotes for the shell.

Examples:
  aoetarget serve -i eth0 -e 1.1=/dev/sdb
  aoetarget serve -i eth0 -i eth1 -e 1.1=/dev/vg0/alpha -e 1.2=/dev/vg0/beta,serial=BETA
  aoetarget serve -i br0 -e 7.0=/srv/live.iso,read-only
  aoetarget serve -i eth0 -e 1.1=/srv/disk.img,offset=1M,length=8G,cache=page
  aoetarget serve -i eth0 -e '1.1=/srv/a\,b.img'
)";

namespace {

/// The first one if the unit has several (systemd.exec(5)); empty if it has none.
std::string state_directory_of_systemd() {
    const char* directories = std::getenv("STATE_DIRECTORY");
    const std::string_view all = directories != nullptr ? directories : "";
    return std::string(all.substr(0, all.find(':')));
}

} // namespace

int serve(const Arguments& arguments) {
    CLI::App app("", "serve");
    Configuration configuration;
    std::vector<std::string> interfaces, specs;
    app.add_option("-i,--interface", interfaces)->allow_extra_args(false);
    app.add_option("-e,--export", specs)->allow_extra_args(false);
    app.add_option("--state-dir", configuration.target.state_directory);
    app.add_option("--threads", configuration.threads)->check(CLI::Range(1, 64));
    auto busy_poll = configuration.target.busy_poll.count();
    app.add_option("--busy-poll", busy_poll)->check(CLI::Range(0, 1000));
    if (!parse_arguments(app, arguments)) {
        fmt::print("{}", serve_help);
        return 0;
    }
    configuration.target.busy_poll = std::chrono::microseconds(busy_poll);
    if (app.count("--state-dir") > 0 && configuration.target.state_directory.empty())
        throw UsageError("--state-dir cannot be ''; write the name of a directory, or leave the option out");
    if (app.count("--state-dir") == 0)
        configuration.target.state_directory = state_directory_of_systemd();
    for (const std::string& interface : interfaces)
        configuration.interfaces.push_back(parse_interface_spec(interface));
    for (const std::string& spec : specs)
        configuration.exports.push_back(parse_export_spec(spec));
    check_configuration(configuration);

    const bool loses_writes = std::ranges::any_of(configuration.exports, [](const ExportSpec& spec) {
        return spec.file.durability == aoetarget::Durability::volatile_cache && !spec.file.read_only;
    });
    if (loses_writes)
        configuration.notes.emplace_back(
            "durability=volatile: Linux initiators never flush, so a power cut here loses writes that they "
            "believe to be stored; use durability=stable for data that matters");
    return run_service(configuration);
}

} // namespace cli
