// What `aoetarget check` makes of facts.
#include "catch.hpp"

#include "check/exports.hpp"
#include "check/interfaces.hpp"
#include "check/network.hpp"
#include "check/process.hpp"
#include "check/reload.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>

using cli::Finding;
using cli::Findings;
using cli::Weight;

namespace {

/// Returns the finding whose text and cure have this part, or null.
const Finding* find(const Findings& findings, std::string_view part) {
    const auto found = std::ranges::find_if(findings, [&](const Finding& finding) {
        return (finding.text + finding.cure).find(part) != std::string::npos;
    });
    return found == findings.end() ? nullptr : &*found;
}

bool has(const Findings& findings, Weight weight, std::string_view part) {
    const Finding* found = find(findings, part);
    return found != nullptr && found->weight == weight;
}

Weight worst(const Findings& findings) {
    return std::ranges::max(findings, {}, &Finding::weight).weight;
}

aoetarget::InterfaceInspection good_interface() {
    aoetarget::InterfaceInspection found;
    found.stats.name = "eth1";
    found.stats.mtu = 9000;
    found.stats.sectors_per_frame = 16;
    found.stats.up = true;
    found.stats.link = "xdp native";
    found.is_set_up = true;
    found.wanted_buffer_bytes = found.buffer_bytes = 16 << 20;
    found.buffer_frames = 1281;
    return found;
}

Findings judge(std::string_view spec, const aoetarget::InterfaceInspection& found) {
    return cli::judge_interface(cli::parse_interface_spec(spec), found, 212992);
}

aoetarget::FileInspection good_disk() {
    aoetarget::FileInspection found;
    found.block_device = true;
    found.bytes = 1 << 20;
    found.geometry.sectors = 2048;
    found.geometry.discard = true;
    found.mode = "direct, stable";
    found.write_cache = "write back";
    return found;
}

Findings judge(std::string_view spec, const aoetarget::FileInspection& found, long running = 0) {
    return cli::judge_export(cli::parse_export_spec(spec), found, {}, running);
}

cli::ProcessFacts good_process() {
    cli::ProcessFacts facts;
    facts.has_net_raw = facts.has_net_admin = facts.has_bpf = facts.may_lock_memory = true;
    facts.available_bytes = std::uint64_t{1} << 30;
    facts.processors = 4;
    facts.files = 1024;
    facts.has_ring = facts.is_confined = facts.state_directory_exists = true;
    facts.ring = "io_uring: fine";
    return facts;
}

cli::Configuration small_configuration() {
    cli::Configuration configuration;
    configuration.interfaces = {cli::parse_interface_spec("eth1")};
    configuration.exports = {cli::parse_export_spec("1.1=/x"), cli::parse_export_spec("1.2=/y")};
    configuration.target.state_directory = "/var/lib/aoetarget";
    return configuration;
}

aoetarget::DiscoveredTarget other_target() {
    aoetarget::DiscoveredTarget target;
    target.address = {1, 1};
    target.mac.bytes = {2, 0, 0, 0, 0, 9};
    target.sectors = 2048;
    target.serial = "OTHER";
    return target;
}

} // namespace

// --- Findings ------------------------------------------------------------------------------------

TEST_CASE("a message is split into cause and cure, and a refused right is told apart", "[cli][check]") {
    const Finding plain = cli::finding_of(Weight::note, "target", "it is\nso");
    CHECK(plain.text == "it is so");
    CHECK(plain.cure.empty());
    const std::system_error denied(EACCES, std::generic_category(), "cannot export /x: no; run as root");
    const Finding finding = cli::finding_of("export e1.1", denied);
    CHECK(finding.text == "cannot export /x: no: Permission denied");
    CHECK(finding.cure == "run as root");
    CHECK(finding.of_permission);
}

TEST_CASE("the exit code is that of the worst error", "[cli][check]") {
    const Finding warning{Weight::warning, "target", "slow"};
    const Finding wrong{Weight::error, "target", "wrong"};
    const Finding denied{Weight::error, "target", "denied", "", true};
    CHECK(cli::exit_code_of({}) == 0);
    CHECK(cli::exit_code_of({warning}) == 0);
    CHECK(cli::exit_code_of({warning, denied}) == 4);
    CHECK(cli::exit_code_of({wrong, denied}) == 3);
    CHECK(cli::exit_code_of({denied, wrong}) == 3);
}

TEST_CASE("the text has each subject once, and the numbers at the end", "[cli][check]") {
    const std::string text = cli::text_of({{Weight::ok, "interface a", "one"},
                                           {Weight::error, "interface a", "two", "three"},
                                           {Weight::warning, "export e1.1", "four"}});
    CHECK(text == "interface a\n  ok       one\n  error    two\n           cure: three\n"
                  "export e1.1\n  warning  four\n1 error, 1 warning, 0 notes\n");
}

// --- Interfaces ----------------------------------------------------------------------------------

TEST_CASE("a good interface has nothing against it, with its numbers", "[cli][check]") {
    const Findings findings = judge("eth1", good_interface());
    CHECK(worst(findings) == Weight::ok);
    CHECK(has(findings, Weight::ok, "frames of 9014 bytes, and 16 sectors"));
    CHECK(has(findings, Weight::ok, "16 MiB of 16 MiB asked for, room for 1281"));
    CHECK(has(findings, Weight::ok, "AF_XDP serves it (xdp native)"));
}

TEST_CASE("a small MTU is told with the frames that 4 KiB take", "[cli][check]") {
    auto found = good_interface();
    found.stats.mtu = 1500;
    found.stats.sectors_per_frame = 2;
    CHECK(has(judge("eth1", found), Weight::note, "4 KiB takes 4 frames"));
    CHECK(has(judge("eth1,sectors-per-frame=8", found), Weight::warning, "the target advertises 2"));
}

TEST_CASE("a port, and an interface that is down, are told with the cure", "[cli][check]") {
    auto found = good_interface();
    found.stats.up = found.is_set_up = false;
    CHECK(has(judge("eth1", found), Weight::warning, "eth1 has no link now"));
    CHECK(has(judge("eth1", found), Weight::note, "nobody has set it up"));
    found.stats.port_of = "br0";
    CHECK(has(judge("eth1", found), Weight::error, "serve br0 instead"));
}

TEST_CASE("a small receive buffer is told with the limit and the cure", "[cli][check]") {
    auto found = good_interface();
    found.buffer_bytes = 425984;
    found.buffer_frames = 32;
    const Findings findings = judge("eth1", found);
    CHECK(has(findings, Weight::warning, "416 KiB of 16 MiB asked for, room for 32"));
    CHECK(has(findings, Weight::warning, "net.core.rmem_max is 212992"));
    CHECK(has(findings, Weight::warning, "net.core.rmem_max=8388608"));
}

TEST_CASE("the reason why there is no XDP is a note, and an error where it is asked for", "[cli][check]") {
    auto found = good_interface();
    found.stats.link = "packet: the driver has no native XDP";
    CHECK(has(judge("eth1", found), Weight::note, "not AF_XDP: the driver has no native XDP"));
    CHECK(has(judge("eth1,link=packet", found), Weight::ok, "as link=packet asks"));
    found.refusal = "interface eth1: link=xdp is not possible: no; leave it out";
    CHECK(has(judge("eth1,link=xdp", found), Weight::error, "leave it out"));
}

TEST_CASE("without the right to a socket the rest is still told", "[cli][check]") {
    auto found = good_interface();
    found.socket_error = "interface eth1: cannot open a packet socket; run as root";
    const Findings findings = judge("eth1", found);
    CHECK(has(findings, Weight::error, "cannot open a packet socket"));
    CHECK(cli::exit_code_of(findings) == 4);
    CHECK(has(findings, Weight::ok, "16 sectors"));
}

// --- Exports -------------------------------------------------------------------------------------

TEST_CASE("a good disk has nothing against it, with its numbers", "[cli][check]") {
    const Findings findings = judge("1.1=/dev/vg0/a", good_disk());
    CHECK(worst(findings) == Weight::ok);
    CHECK(has(findings, Weight::ok, "1 MiB (2048 sectors), direct, stable"));
    CHECK(has(findings, Weight::ok, "blocks of 512 bytes (physical: 512)"));
    CHECK(has(findings, Weight::ok, "before it answers a write"));
}

TEST_CASE("a use that is certain is an error, one that may be is a warning", "[cli][check]") {
    auto found = good_disk();
    found.uses = {{.text = "it is mounted on /mnt; free it with 'umount /mnt'"}};
    const Findings mounted = judge("1.1=/x", found);
    CHECK(has(mounted, Weight::error, "mounted on /mnt"));
    CHECK(find(mounted, "mounted on /mnt")->cure == "free it with 'umount /mnt'");
    found.uses[0].is_certain = false;
    CHECK(has(judge("1.1=/x", found), Weight::warning, "it may be in use: it is mounted on /mnt"));
    CHECK(has(judge("1.1=/x,force", found), Weight::warning, "mounted on /mnt"));
}

TEST_CASE("the target that runs with the same name holds its disks rightly", "[cli][check]") {
    auto found = good_disk();
    found.uses = {{.text = "this part is in use by process 77", .process = 77}};
    CHECK(has(judge("1.1=/x", found, 77), Weight::note, "process 77"));
    CHECK(has(judge("1.1=/x", found, 78), Weight::error, "process 77"));
    found.uses[0].process = 0; // of a process that this user may not see
    CHECK(has(judge("1.1=/x", found, 0), Weight::error, "process 77"));
}

TEST_CASE("an export that lies askew on its disk is told, with the distance", "[cli][check]") {
    auto found = good_disk();
    found.geometry.physical_block_bytes = 4096;
    found.geometry.physical_offset_sectors = 7;
    const Findings findings = judge("1.1=/x", found);
    CHECK(has(findings, Weight::warning, "3584 bytes into a physical block of 4096"));
    CHECK(has(findings, Weight::warning, "begins 512 bytes later"));
}

TEST_CASE("what the write cache of the disk means depends on durability", "[cli][check]") {
    auto found = good_disk();
    CHECK(has(judge("1.1=/x,durability=volatile", found), Weight::warning, "a power cut here loses writes"));
    CHECK(has(judge("1.1=/x,durability=volatile", found), Weight::ok, "only when an initiator asks"));
    found.write_cache = "write through";
    CHECK(has(judge("1.1=/x", found), Weight::ok, "no volatile write cache"));
    found.write_cache = "";
    CHECK(has(judge("1.1=/x", found), Weight::note, "does not tell"));
    CHECK(find(judge("1.1=/x,read-only", found), "write cache") == nullptr);
}

TEST_CASE("notes that serve makes are notes here", "[cli][check]") {
    auto found = good_disk();
    found.geometry.sectors = 2049;
    found.geometry.discard = false;
    found.geometry.logical_block_bytes = found.geometry.physical_block_bytes = 4096;
    found.notes = {"It uses the page cache."};
    const Findings findings = judge("4095.16=/x", found);
    for (const char* part : {"slots 0 to 15", "ignore shelf 4095", "(2049) is odd", "page cache",
                             "cannot trim", "less than 4096 bytes"})
        CHECK(has(findings, Weight::note, part));
    const Findings named = cli::judge_export(cli::parse_export_spec("1.1=/dev/sdb"), good_disk(),
                                             {.lasting_name = "/dev/disk/by-id/wwn-1"}, 0);
    CHECK(has(named, Weight::note, "name it /dev/disk/by-id/wwn-1"));
}

TEST_CASE("sparse files share the space of their file system", "[cli][check]") {
    aoetarget::FileInspection file;
    file.bytes = 8 << 20;
    file.allocated_bytes = 1 << 20;
    file.free_bytes = 10 << 20;
    file.file_system = 5;
    const auto one = cli::parse_export_spec("1.1=/a"), other = cli::parse_export_spec("1.2=/b"),
               same = cli::parse_export_spec("1.3=/a,offset=4M"),
               reader = cli::parse_export_spec("1.4=/c,read-only");
    CHECK(has(cli::judge_space({{&one, file}}), Weight::ok, "1 MiB of 8 MiB are allocated"));
    CHECK(has(cli::judge_space({{&one, file}, {&same, file}}), Weight::ok, "may still take 7 MiB"));
    const Findings both = cli::judge_space({{&one, file}, {&other, file}});
    CHECK(both.size() == 2);
    CHECK(has(both, Weight::warning, "may still take 14 MiB, and 10 MiB are free"));
    CHECK(cli::judge_space({{&reader, file}}).empty());
    CHECK(cli::judge_space({{&one, std::nullopt}}).empty());
}

// --- The process ---------------------------------------------------------------------------------

TEST_CASE("a process with all rights has nothing against it", "[cli][check]") {
    CHECK(worst(cli::judge_process(small_configuration(), good_process(), 16 << 20)) == Weight::ok);
}

TEST_CASE("each right that is missing is told with what it is for", "[cli][check]") {
    const auto judge_without = [](bool cli::ProcessFacts::*right) {
        auto facts = good_process();
        facts.*right = false;
        return cli::judge_process(small_configuration(), facts, 16 << 20);
    };
    using Facts = cli::ProcessFacts;
    CHECK(has(judge_without(&Facts::has_net_raw), Weight::error, "CAP_NET_RAW is missing"));
    CHECK(cli::exit_code_of(judge_without(&Facts::has_net_raw)) == 4);
    CHECK(has(judge_without(&Facts::has_net_admin), Weight::note, "CAP_NET_ADMIN is missing"));
    CHECK(has(judge_without(&Facts::has_bpf), Weight::note, "CAP_BPF is missing: there is no AF_XDP"));
    CHECK(has(judge_without(&Facts::may_lock_memory), Weight::warning, "it may lock 0 bytes of that"));
    CHECK(has(judge_without(&Facts::has_ring), Weight::error, "io_uring"));
    CHECK(cli::exit_code_of(judge_without(&Facts::is_confined)) == 3);
    auto facts = good_process();
    facts.confinement = "capabilities: none; system calls: not filtered (refused)";
    CHECK(has(cli::judge_process(small_configuration(), facts, 0), Weight::note, "not filtered"));
}

TEST_CASE("memory, threads and files are told with their numbers", "[cli][check]") {
    auto configuration = small_configuration();
    configuration.target.threads = 4;
    auto facts = good_process();
    facts.processors = 1;
    facts.available_bytes = 20 << 20;
    facts.files = 50;
    const Findings findings = cli::judge_process(configuration, facts, 16 << 20);
    CHECK(has(findings, Weight::note, "2 of 4 threads start"));
    CHECK(has(findings, Weight::warning, "2 threads share 1 processors"));
    CHECK(has(findings, Weight::warning, "32 MiB of memory on 2 threads, and 20 MiB are available"));
    CHECK(has(findings, Weight::warning, "the limit is 50"));
}

TEST_CASE("a state directory that cannot be used is an error, none is a note", "[cli][check]") {
    auto configuration = small_configuration();
    auto facts = good_process();
    facts.state_problem = "/x: cannot; chown it";
    CHECK(has(cli::judge_process(configuration, facts, 0), Weight::error, "/x: cannot"));
    configuration.target.state_directory.clear();
    CHECK(has(cli::judge_process(configuration, good_process(), 0), Weight::note, "are forgotten"));
}

TEST_CASE("a living target with the control socket is the one to be replaced", "[cli][check]") {
    CHECK(has(cli::judge_control({.path = "/s", .is_taken = true, .process = 77}), Weight::note,
              "(process 77) runs with the control socket /s"));
    CHECK(has(cli::judge_control({.path = "/s"}), Weight::ok, "/s"));
    CHECK(has(cli::judge_control({.path = "/s", .problem = "no"}), Weight::note, "no"));
    CHECK(has(cli::judge_control({.path = "/s", .is_demanded = true, .problem = "no"}), Weight::error, "no"));
    CHECK(has(cli::judge_control({}), Weight::note, "without a control socket"));
}

TEST_CASE("what a reload would change of the target that runs is told in a few lines", "[cli][check]") {
    cli::Configuration present;
    present.target.state_directory = "/state";
    for (const char* spec : {"eth0", "eth1", "lan0"})
        present.interfaces.push_back(cli::parse_interface_spec(spec));
    for (const char* spec : {"1.1=/a", "1.2=/b"})
        present.exports.push_back(cli::parse_export_spec(spec));
    const auto judge = [&](const cli::Configuration& wanted) {
        return cli::judge_reload(present, {{"eth0", "eth0"}, {"lan0", "lan9"}}, wanted);
    };
    cli::Configuration wanted = present;
    wanted.target.state_directory.clear(); // the one of the target stays
    Findings findings = judge(wanted);
    REQUIRE(findings.size() == 1);
    CHECK(has(findings, Weight::ok, "a reload changes nothing"));

    wanted.interfaces = {cli::parse_interface_spec("eth0,buffers=9,link=packet"),
                         cli::parse_interface_spec("lan9")};
    wanted.exports = {cli::parse_export_spec("1.2=/b")};
    for (unsigned i = 3; i < 15; ++i)
        wanted.exports.push_back(cli::parse_export_spec("1." + std::to_string(i) + "=/c"));
    findings = judge(wanted);
    CHECK(findings.size() == 3);
    CHECK(has(findings, Weight::note, "would remove interface eth1, export e1.1"));
    CHECK(has(findings, Weight::note, "would change interface eth0 (link, buffers), interface lan0 (name)"));
    CHECK(has(findings, Weight::note, "would add export e1.3, "));
    CHECK(has(findings, Weight::note, ", export e1.12 and 2 more"));

    wanted = present;
    wanted.target.threads = 7;
    wanted.exports[0].options.model = "other";
    findings = judge(wanted);
    CHECK(findings.size() == 1);
    CHECK(has(findings, Weight::warning, "cannot change target (threads), export e1.1 (model)"));
}

// --- The network ---------------------------------------------------------------------------------

TEST_CASE(
    "another target with the same address is an error, unless it is to be replaced or has the same disk",
    "[cli][check]") {
    const auto other = other_target();
    const auto judge_with = [&](std::string_view spec, cli::OwnMachine own = {}) {
        return cli::judge_network("eth1", {cli::parse_export_spec(spec)}, {other}, own);
    };
    CHECK(has(judge_with("1.1=/x"), Weight::error, "02:00:00:00:00:09"));
    CHECK(has(judge_with("1.1=/x"), Weight::error, "serial number OTHER"));
    CHECK(has(judge_with("1.1=/x", {{other.mac}, true}), Weight::note, "this machine answers"));
    CHECK(has(judge_with("1.1=/x", {{other.mac}, false}), Weight::error, "another target of this machine"));
    CHECK(has(judge_with("1.1=/x,serial=OTHER"), Weight::note, "two paths to one disk"));
    CHECK(worst(judge_with("1.2=/x")) == Weight::ok);
    CHECK(worst(judge_with("1.1=/x,interfaces=eth2")) == Weight::ok);
    CHECK(worst(judge_with("1.1=/x,interfaces=eth*")) == Weight::error);
}
