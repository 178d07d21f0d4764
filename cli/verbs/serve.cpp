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

Exports files and block devices by ATA over Ethernet until SIGTERM, SIGINT or SIGHUP: then it finishes what is
under way, flushes, and ends with exit code 0. A second SIGTERM or SIGINT ends it at once, and so does each of the
three before it serves. SIGINT and SIGHUP are left alone where they are ignored from the beginning, as a script's
'&' and nohup do. Needs CAP_NET_RAW.

  -i, --interface IF    Serve on this network interface. Repeat it for more; each serves all exports.
  -e, --export SPEC     Serve PATH, a regular file or a block device, as the AoE address SHELF.SLOT
                        (SHELF 0 to 65534, SLOT 0 to 254). Repeat it for more.
  --state-dir DIR       Keep what initiators set of an export (config string, mask list, reservation) in this
                        directory, over restarts and power cuts. Default: $STATE_DIRECTORY, as systemd sets
                        it; without either they are forgotten at the end.
  --threads N           Spread the exports over up to N threads, 1 to 64, each with a ring of its own. One thread
                        saturates 10 Gb/s with large frames, so this is for many exports on fast networks. Of an
                        interface's threads one has AF_XDP. Default: 1.
  --busy-poll US        Stay awake for up to so many microseconds when there is nothing to do, 0 to 1000. That
                        happens only while requests usually come sooner, and answers them sooner. Default: 10,
                        which saves about the work that it costs; more keeps a core busy under load; 0 leaves
                        the processor to others at once.
  -h, --help            This text.

Options of an interface, after IF, each after a comma:
  link=auto             AF_XDP where the driver has it natively and the MTU allows, else packet sockets. The
                        default; the line of the interface at the start tells which, and why.
  link=packet           Packet sockets.
  link=xdp              AF_XDP, at least the generic one of the kernel, or no start.
  sectors-per-frame=auto  What the MTU carries, rounded down to a multiple of 8 where that is more than 8, so
                        that frames stay aligned to 4 KiB. The default.
  sectors-per-frame=N   Tell initiators to put at most N sectors into a frame, 1 to 255.

Options of an export, after PATH, each after a comma:
  read-only             Refuse writes.
  durability=stable     Answer a write when it is on stable storage. The default, and the only safe choice
                        with Linux initiators: they never flush.
  durability=volatile   Answer a write when a cache has it. Faster; a power cut loses what initiators believe
                        written.
  cache=direct          Pass by the page cache (O_DIRECT). The default where the file can do it. Who reads on and
                        on is read ahead of, by up to 256 KiB; not where others may change the data: with force,
                        on a read-only block device, on a loop device and on a file that has one.
  cache=page            Go through the page cache of this machine. Exports that write to parts of one file or
                        disk all use the same cache: the kernel loses data otherwise.
  offset=SIZE           Leave out the beginning of PATH.
  length=SIZE           Export this much; the default is all to the end. Parts of one file or disk may be exported
                        side by side: of a disk, by one process.
  serial=TEXT           Serial number of the disk, 1 to 20 printable ASCII characters; the default never
                        changes for the same volume and address.
  force                 Take a block device that is mounted or in use. Two writers destroy each other's data.

A SIZE is in bytes, or has one of k, M, G, T (powers of 1024) or s (sectors of 512 bytes) at its end.
A comma, an equals sign or a backslash in PATH or TEXT is written \, \= or \\ (quote it for the shell).

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
