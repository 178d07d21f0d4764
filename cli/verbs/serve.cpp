// aoetarget serve: exports files and block devices.
#include "service/advice.hpp"
#include "service/service.hpp"
#include "verbs/serve_arguments.hpp"
#include "verbs/verbs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

namespace cli {

const char* const serve_help =
    R"(Usage: aoetarget serve [-c FILE] [-i IF[,OPTION[=VALUE]]...]...
                       [-e SHELF.SLOT=PATH[,OPTION[=VALUE]]...]...

This command exports files and block devices with ATA over Ethernet until SIGTERM, SIGINT or SIGHUP
arrives. Then it finishes the requests under way, flushes the disks, and ends with exit code 0 (1 if
something failed, 2 if the command line is wrong, 3 if the configuration is, 4 if it lacks a
permission, 5 if there is no such interface). A second SIGTERM or SIGINT ends it at once, and so
does any of the three before it serves. SIGINT and SIGHUP have no effect if they were ignored from
the beginning, as they are under nohup or after '&' in a script. With -c, or under systemd, SIGHUP
does not end the target once it serves. The command needs CAP_NET_RAW.

  -c, --config FILE     Take interfaces and exports from a configuration file (see below), in
                        addition to those of -i and -e. If FILE is a folder, take every file in it
                        whose name ends in .toml, in the order of their names, as if they were one.
  -i, --interface IF    Serve on this network interface. Repeat the option to serve all exports on
                        several. IF may be an alternative name. An IF with * or ? is a pattern: the
                        target serves every Ethernet interface with such a name from when it appears
                        until it goes, except those that have an -i of their own.
  -e, --export SPEC     Serve PATH, a regular file or a block device, as the AoE address SHELF.SLOT
                        (SHELF 0 to 65534, SLOT 0 to 254). Repeat the option for more exports. If
                        PATH begins with "file:", % and two hexadecimal digits stand for a byte.
  --name NAME           Call the target so. Its control socket, over which 'aoetarget status' and
                        others reach it, is NAME.sock in $RUNTIME_DIRECTORY, as systemd sets it,
                        else in /run/aoetarget. A second target of one name does not start. The
                        default is "default".
  --control PATH        Have the control socket elsewhere; "none" is for no control socket.
  --state-dir DIR       Keep the settings that initiators make for an export (config string, mask
                        list, reservation) in this directory, across restarts and power cuts. The
                        target makes it if it does not exist. The default is $STATE_DIRECTORY, as
                        systemd sets it; without either the target forgets them when it ends.
  --threads N           Spread the exports over up to N threads, 1 to 64, each with a ring of its
                        own. One thread saturates 10 Gb/s with large frames, so this is for many
                        exports on fast networks. Only one thread can use AF_XDP on an interface.
                        The default is 1.
  --busy-poll US        Stay awake for up to US microseconds when there is nothing to do, 0 to 1000.
                        The target does this only while requests usually arrive sooner than that,
                        and then answers them sooner. The default is 10, which saves about as much
                        work as it costs. A larger value keeps a core busy under load; 0 always
                        leaves the processor to other programs.
  -h, --help            Show this text.

If a service manager hands over a file by the name "export-SHELF.SLOT" (OpenFile= of systemd, or
LISTEN_FDS and LISTEN_FDNAMES of any launcher), the target serves that as the export, and needs no
right to open PATH. 1 to 3 packet sockets (AF_PACKET, SOCK_RAW) with the name "interface-IF" serve
that interface, and the target needs no capability. A name that fits neither is an error.

Options of an interface, each after a comma:
  link=auto             Use AF_XDP if the driver supports it natively and the MTU allows it, else
                        packet sockets. This is the default; the report at the start says which link
                        was taken, and why.
  link=packet           Use packet sockets.
  link=xdp              Use AF_XDP, if need be the generic one of the kernel, and refuse to start
                        without it. An interface that appears later gets packet sockets.
  qdisc=auto            Bypass the queueing discipline that the kernel gives to an interface by
                        itself (noqueue, pfifo_fast, fq_codel, fq, and mq of these). If somebody has
                        configured another one, or filters of frames that are sent, answers go
                        through it, and link=auto uses no AF_XDP. This is the default.
  qdisc=bypass          Always bypass it, which is faster.
  qdisc=honour          Always send through it.
  sectors-per-frame=auto  Advertise the number of sectors that fit the MTU; a number above 8 is
                        rounded down to a multiple of 8, so that frames stay aligned to 4 KiB. This
                        is the default.
  sectors-per-frame=N   Tell initiators to put at most N sectors into a frame, 1 to 255.
  wait                  Start without the interface if it does not exist, and serve it when it
                        appears. Without this option an interface that does not exist is an error.
  buffers=N             Tell initiators that each of them may have N requests of an export under
                        way, 2 to 65535; the target drops the requests beyond that. The default is
                        128, or fewer if the receive buffer has no room for so many frames.
  advertise=SECONDS     Advertise all exports this often, up to 86400. The default, 0, is to
                        advertise only when something changes, and when a new initiator broadcasts.

Options of an export, each after a comma:
  read-only             Refuse writes.
  durability=stable     Answer a write when it is on stable storage. This is the default, and the
                        only safe choice with Linux initiators, which never flush.
  durability=volatile   Answer a write when a cache has it. This is faster, but a power cut loses
                        writes that initiators believe to be stored.
  cache=direct          Bypass the page cache (O_DIRECT). This is the default if the file supports
                        it. The target reads ahead of sequential reads by up to 256 KiB, unless
                        other programs may change the data: with force, on a read-only block device,
                        on a loop device, and on a file or disk that has a loop device over it.
  cache=page            Use the page cache of this machine. All exports that write to parts of one
                        file or disk must use the same cache, because the kernel would lose data
                        otherwise.
  trim=on               Let initiators trim sectors that they no longer use, if PATH can free their
                        space. This is the default.
  trim=off              Do not announce TRIM, and abort it, so that PATH keeps all of its space.
  offset=SIZE           Leave out the beginning of PATH.
  length=SIZE           Export this much of PATH; the default is everything up to the end, and an
                        export of a block device then grows with the device. You may export several
                        parts of one file or disk side by side, but parts of a disk only from one
                        process.
  model=TEXT            Use this model, 1 to 40 printable ASCII characters. The default is
                        "libaoetarget virtual disk".
  serial=TEXT           Use this serial number, 1 to 20 printable ASCII characters. The default
                        never changes for the same volume and address.
  on-error=answer       Answer errors of the disk at once. This is the default, except that writes
                        that find no space stay unanswered for up to 60s: initiators repeat them,
                        and file systems on them do not become read-only if you make room in time.
  on-error=silent:TIME  Do not answer requests that fail, for up to TIME from the first on while the
                        disk goes on failing. Linux initiators repeat a request for 180 seconds.
  device-timeout=TIME   Answer a request as a fault of the disk if the disk has not finished it
                        after TIME; off: never. The default is 150s, because current Linux
                        initiators crash when a disk does not answer for 180 seconds.
  allow=MAC[+MAC]...    Serve these initiators only: addresses (52:54:00:00:00:01), the beginning of
                        several (52:54:00:*), or names of [hosts]. Others get no answer from the
                        export. If the list has a beginning, advertisements are broadcasts, which
                        others see too. Initiators cannot change this list; their own mask list can
                        only restrict it further.
  fixed                 Refuse changes of the config string, the mask list and the reservation from
                        the network. Initiators can still read them.
  interfaces=IF[+IF]... Serve and advertise the export on these interfaces only: names or patterns
                        ('eth*'), as -i names them. On others it does not exist. The default is all
                        that -i names.
  force                 Export a block device although it is mounted or in use. Two writers destroy
                        each other's data. The error without this option says who uses the device,
                        and which command frees it.

A SIZE is a number of bytes, or a number with one of these units: k, M, G, T (powers of 1024) or s
(sectors of 512 bytes). A TIME is a number with s, m or h. Write a comma, an equals sign or a
backslash in IF, PATH or TEXT as \, or \= or \\, in quotes for the shell. An option without a value
is the same as OPTION=true, and OPTION=false is its default.

A configuration file is written in TOML. [target] has the options threads, busy-poll and state-dir
of above; those of the command line count more. [hosts] gives names to initiators, for allow. Each
[[interface]] has a name, and each [[export]] an address and a path, with the options of above:

  [target]
  threads = 2
  state-dir = "/var/lib/aoetarget"

  [hosts]
  alpha = "52:54:00:12:34:56"
  lab = ["02:00:00:*", "alpha"]

  [[interface]]
  name = "eth1"
  wait = true

  [[export]]
  address = "1.1"
  path = "/dev/vg0/alpha"
  allow = ["lab"]

Errors in a file are told all at once, with their places, and the exit code is 3, as it is if there
is no such file. Exports and interfaces that cannot be opened are told all at once, too, and then
none is served; the exit code is that which all of them have, or 1.

Examples:
  aoetarget serve -c /etc/aoetarget.toml
  aoetarget serve -i eth0 -e 1.1=/dev/sdb
  aoetarget serve -i eth0 -i eth1 -e 1.1=/dev/vg0/alpha -e 1.2=/dev/vg0/beta,serial=BETA
  aoetarget serve -i br0 -i 'storage*' -i eth1,wait -e 7.0=/srv/live.iso,read-only
  aoetarget serve -i eth0 -e 1.1=/srv/disk.img,offset=1M,length=8G,cache=page
  aoetarget serve -i eth0 -e '1.1=/srv/a\,b.img'
  aoetarget serve -i eth0 -e 1.1=/srv/boot.img,fixed,allow=52:54:00:*+02:00:00:00:00:01
  aoetarget serve -i eth0,advertise=60 -i eth1 -e 1.1=/dev/sdb -e 1.2=/dev/sdc,interfaces=eth1
)";

namespace {

ControlPlace control_place(const TargetChoice& choice) {
    if (choice.is_none())
        return {.name = choice.name()};
    return {.name = choice.name(), .path = choice.path(), .is_demanded = choice.has_path()};
}

} // namespace

int serve(const Arguments& arguments) {
    const std::optional<ServeArguments> given = parse_serve_arguments(arguments);
    if (!given) {
        fmt::print("{}", serve_help);
        return 0;
    }
    const Configuration configuration = read_serve_configuration(*given);

    std::vector<std::string> notes;
    const bool loses_writes = std::ranges::any_of(configuration.exports, [](const ExportSpec& spec) {
        return spec.file.durability == aoetarget::Durability::volatile_cache && !spec.file.read_only;
    });
    if (loses_writes)
        notes.push_back(fmt::format("{}; use durability=stable for data that matters", volatile_advice));
    ControlPlace control = control_place(given->choice);
    if (given->file)
        control.file = std::filesystem::absolute(*given->file);
    control.arguments = arguments;
    control.folder = std::filesystem::current_path();
    return run_service(configuration, notes, control);
}

} // namespace cli
