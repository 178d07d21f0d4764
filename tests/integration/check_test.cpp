// `aoetarget check`: it is right about what `serve` would do, and leaves no trace.
#include "catch.hpp"
#include "check_scene.hpp"
#include "json_check.hpp"
#include "scene.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace aoetest;

namespace {

// The line of the report at the start that is about an interface or an export.
std::string line_of(const std::string& log, const std::string& subject) {
    const std::size_t at = ("\n" + log).find("\n" + subject + ": ");
    if (at == std::string::npos)
        abort_test("the report has no line of " + subject);
    return log.substr(at, log.find('\n', at) - at);
}

// A network namespace of its own, which lives as long as the object.
class OtherMachine {
  public:
    OtherMachine() : process_({find_program("unshare"), "--net", "sleep", "600"}) {
        const auto own = std::filesystem::read_symlink("/proc/self/ns/net");
        const std::string other = "/proc/" + std::to_string(process_.pid()) + "/ns/net";
        for (int i = 0; i < 800; ++i) {
            std::error_code error;
            if (std::filesystem::read_symlink(other, error) != own && !error)
                return;
            ::usleep(10'000);
        }
        abort_test("there is no other network namespace");
    }

    void take(const std::string& interface) const {
        run_ip({"link", "set", interface, "netns", std::to_string(process_.pid())});
        const ToolResult up = run_tool(inside({find_program("ip"), "link", "set", interface, "up"}));
        CHECK(up.exit_code == 0);
    }
    [[nodiscard]] std::vector<std::string> inside(std::vector<std::string> command) const {
        command.insert(command.begin(),
                       {find_program("nsenter"), "-t", std::to_string(process_.pid()), "--net"});
        return command;
    }

  private:
    ChildProcess process_;
};

} // namespace

TEST_CASE("check finds nothing against a good configuration, and says what serve then says", "[check]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder folder;
    const std::string interface = wire.target_end() + ",link=packet";
    const std::string exported = export_argument(1, 1, image.path());
    const ToolResult result = check({"-i", interface, "-e", exported, "--state-dir", folder.path() + "/state",
                                     "--control", folder.path() + "/a.sock"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 0);
    CHECK(result.error.empty());
    CHECK(contains(result.output, "\n0 errors, "));
    CHECK(says(result, "ok", "MTU of 1500 permits frames of 1514 bytes, and 2 sectors"));
    CHECK(says(result, "ok", "/state does not exist yet"));
    CHECK_FALSE(std::filesystem::exists(folder.path() + "/state"));

    TargetProcess target({interface}, {exported});
    for (const std::string& subject : {wire.target_end(), std::string("e1.1")})
        CHECK(contains(result.output, line_of(target.log(), subject)));
    CHECK(says(result, "ok", "io_uring: "));
}

TEST_CASE("check tells the link that serve then takes", "[check]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    for (const unsigned mtu : {1500U, 9000U}) {
        for (const char* options : {",link=auto", ",link=xdp", ",link=auto,qdisc=honour"}) {
            if (std::string(options) == ",link=xdp" &&
                (!can_have_xdp() || (mtu > 1500 && !xdp_takes_parts())))
                continue;
            CAPTURE(mtu, options);
            wire.set_mtu(mtu);
            const std::string interface = wire.target_end() + options;
            const std::string exported = export_argument(1, 1, image.path());
            const ToolResult result = check_offline({"-i", interface, "-e", exported});
            CAPTURE(result.output, result.error);
            CHECK(result.exit_code == 0);
            TargetProcess target({interface}, {exported});
            const bool is_known = !contains(result.output, "xdp, if the driver supports it"); // Linux 6.3
            CHECK((!is_known || contains(result.output, line_of(target.log(), wire.target_end()))));
        }
    }
}

TEST_CASE("check tells the rules of the machine that frames go through, or pass by", "[check]") {
    enter_test_network();
    const VethPair wire("chkrule"); // the rules go with it
    const std::string tc = find_program("tc");
    const auto shape = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {tc, "qdisc", "replace", "dev", wire.target_end(), "root"});
        return run_tool(words).exit_code == 0;
    };
    if (tc.empty() || !shape({"tbf", "rate", "100mbit", "burst", "32kbit", "latency", "50ms"}))
        SKIP_BECAUSE("there is no tbf here");
    const ImageFile image(64);
    for (const char* options : {",link=packet", ",link=packet,qdisc=bypass", ",link=auto"}) {
        CAPTURE(options);
        const std::string interface = wire.target_end() + options;
        const std::string exported = export_argument(1, 1, image.path());
        const ToolResult result = check_offline({"-i", interface, "-e", exported});
        TargetProcess target({interface}, {exported});
        CAPTURE(result.output, target.log());
        CHECK(contains(result.output, line_of(target.log(), wire.target_end())));
        const std::string note = "frames of the target pass by the qdisc tbf";
        CHECK(contains(target.log(), note) == says(result, "note", note));
    }
}

TEST_CASE("check opens nothing for writing, and makes, changes and removes nothing", "[check]") {
    const std::string strace = find_program("strace");
    if (strace.empty())
        SKIP_BECAUSE("there is no strace");
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder folder;
    const std::string trace = folder.path() + "/trace";
    const auto stamp = [&] {
        struct stat status {};
        CHECK(::stat(image.path().c_str(), &status) == 0);
        return std::pair(status.st_mtim.tv_nsec, status.st_ctim.tv_nsec);
    };
    const auto before = stamp();
    const ToolResult result =
        check({"-i", wire.target_end(), "-e", export_argument(1, 1, image.path()), "--state-dir",
               folder.path() + "/state", "--control", folder.path() + "/run/a.sock"},
              {strace, "-f", "-o", trace, "-e",
               "trace=open,openat,openat2,creat,mkdir,mkdirat,unlink,unlinkat,rename,renameat,renameat2,"
               "truncate,ftruncate,chmod,fchmodat,chown,fchownat,mknodat,linkat,symlinkat,utimensat"});
    CAPTURE(result.output, result.error);
    if (contains(result.error, "ptrace"))
        SKIP_BECAUSE("strace may not trace here");
    CHECK(result.exit_code == 0);
    CHECK(stamp() == before);
    std::ifstream lines(trace);
    unsigned opened = 0;
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        const bool is_null = contains(line, "\"/dev/null\""); // for a standard stream that is closed
        const bool opens = contains(line, "open");
        opened += opens ? 1 : 0;
        if (opens && !is_null)
            CHECK_FALSE(
                (contains(line, "O_WRONLY") || contains(line, "O_RDWR") || contains(line, "O_CREAT")));
        CHECK((opens || contains(line, "+++ exited") || contains(line, "--- SIG")));
    }
    CHECK(opened > 10);
    std::filesystem::remove(trace);
    CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("check sends nothing with --offline, and one kind of question without it", "[check]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const std::vector<std::string> words{
        "-i", wire.target_end(), "-e", export_argument(1, 1, image.path()), "--control", "none"};
    const auto sent = [&] {
        const ToolResult shown =
            run_tool({find_program("ip"), "-s", "-j", "link", "show", wire.target_end()});
        const std::size_t at = shown.output.find("\"packets\":", shown.output.find("\"tx\":"));
        return std::stoull(shown.output.substr(at + std::string("\"packets\":").size()));
    };
    const std::uint64_t at_first = sent();
    CHECK(check_offline({words.begin(), words.begin() + 4}).exit_code == 0);
    CHECK(sent() == at_first);
    CHECK(check(words).exit_code == 0);
    CHECK(sent() > at_first);
    CHECK(sent() <= at_first + 4);
}

TEST_CASE("check tells of interfaces that are not there, are ports, or are down", "[check]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const std::string exported = export_argument(1, 1, image.path());
    const ToolResult absent = check_offline({"-i", "nosuch0", "-e", exported});
    CHECK(absent.exit_code == 3);
    CHECK(says(absent, "error", "there is no such interface"));
    CHECK(says(absent, "error", "'ip link' lists them"));
    for (const char* name : {"nosuch0,wait", "nosuch*"}) {
        const ToolResult waiting = check_offline({"-i", name, "-e", exported});
        CAPTURE(waiting.output);
        CHECK(waiting.exit_code == 0);
        CHECK(says(waiting, "note", "as soon as "));
    }
    const ToolResult pattern =
        check_offline({"-i", wire.target_end() + "*", "-i", wire.target_end(), "-e", exported});
    CHECK(pattern.exit_code == 0);
    CHECK(contains(pattern.output, "interface " + wire.target_end() + "\n"));

    set_link(wire.target_end(), false);
    const ToolResult down = check_offline({"-i", wire.target_end(), "-e", exported});
    CHECK(down.exit_code == 0);
    CHECK(says(down, "warning", "has no link now"));
    CHECK(says(down, "note", "nobody has set it up"));
    set_link(wire.target_end(), true);

    const Bridge bridge("chkbr");
    bridge.take(wire.target_end());
    const ToolResult port = check_offline({"-i", wire.target_end(), "-e", exported});
    CHECK(port.exit_code == 3);
    CHECK(says(port, "error", "is a port of chkbr"));
    Bridge::release(wire.target_end());
}

TEST_CASE("check tells a small receive buffer with the limit that bounds it", "[check]") {
    if (!has_real_root())
        SKIP_BECAUSE("another user needs real root");
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    CHECK(::chmod(image.path().c_str(), 0666) == 0);
    const std::vector<std::string> words{"-i", wire.target_end(), "-e", export_argument(1, 1, image.path())};
    const ToolResult all = check_offline(words);
    CAPTURE(all.output);
    CHECK(says(all, "ok", "the receive buffer is 16 MiB of 16 MiB"));
    const ToolResult bounded = check_offline(words, as_user(1234));
    CAPTURE(bounded.output, bounded.error);
    CHECK(bounded.exit_code == 0);
    CHECK(says(bounded, "warning", "net.core.rmem_max=8388608"));
    CHECK(says(bounded, "note", "CAP_NET_ADMIN and CAP_BPF are missing"));
    CHECK(says(bounded, "note", "not AF_XDP"));
}

TEST_CASE("check works without any rights, and tells what it cannot know", "[check]") {
    if (!has_real_root())
        SKIP_BECAUSE("another user needs real root");
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    CHECK(::chmod(image.path().c_str(), 0600) == 0);
    const ToolResult result =
        check({"-i", wire.target_end(), "-e", export_argument(1, 1, image.path()), "--control", "none"},
              {find_program("setpriv"), "--reuid", "1234", "--regid", "1234", "--clear-groups"});
    CAPTURE(result.output, result.error);
    CHECK(result.exit_code == 4);
    CHECK(says(result, "error", "CAP_NET_RAW is missing"));
    CHECK(says(result, "error", "this user may not read it"));
    CHECK(says(result, "ok", "MTU of 1500"));
    CHECK(says(result, "note", "nobody could ask its network"));
}

TEST_CASE("check names who uses a disk, and the command that frees it", "[check]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("a loop device needs real root");
    const ImageFile image(16384);
    const LoopDevice loop(image.path());
    const ScratchFolder folder;
    CHECK(run_tool({find_program("mkfs.ext4"), "-q", loop.path()}, patience).exit_code == 0);
    const std::vector<std::string> words{"-i", wire.target_end(), "-e", export_argument(1, 1, loop.path())};
    const ToolResult free = check_offline(words);
    CAPTURE(free.output);
    CHECK(free.exit_code == 0);
    CHECK(says(free, "ok", "a block device: e1.1: " + loop.path()));
    CHECK(contains(free.output, "volatile write cache"));
    REQUIRE(::mount(loop.path().c_str(), folder.path().c_str(), "ext4", 0, nullptr) == 0);
    const ToolResult mounted = check_offline(words);
    const ToolResult forced = check_offline({"-i", wire.target_end(), "-e", words[3] + ",force"});
    CHECK(::umount(folder.path().c_str()) == 0);
    CAPTURE(mounted.output, forced.output);
    CHECK(mounted.exit_code == 3);
    CHECK(says(mounted, "error", "it is mounted on " + folder.path()));
    CHECK(says(mounted, "error", "umount " + folder.path()));
    CHECK(forced.exit_code == 0);
    CHECK(says(forced, "warning", "it is mounted on"));
    CHECK(says(forced, "note", "taken by force"));
}

TEST_CASE("a sparse file that its file system has no room for is told with the numbers", "[check]") {
    const VethPair& wire = standard_wire();
    if (!has_real_root())
        SKIP_BECAUSE("a mount needs real root");
    const SmallFileSystem small(32 << 20);
    const ImageFile fits(2048, ImageFile::Fill::sparse, small.folder());
    const ToolResult good =
        check_offline({"-i", wire.target_end(), "-e", export_argument(1, 1, fits.path())});
    CHECK(good.exit_code == 0);
    CHECK(says(good, "ok", "a sparse file: 0 bytes of 1 MiB are allocated"));
    const ImageFile large(std::uint64_t{1} << 20, ImageFile::Fill::sparse, small.folder());
    const ToolResult bad =
        check_offline({"-i", wire.target_end(), "-e", export_argument(1, 1, large.path())});
    CAPTURE(bad.output);
    CHECK(bad.exit_code == 0);
    CHECK(says(bad, "warning", "may still take 512 MiB"));
}

TEST_CASE("another machine that answers for the same address is an error", "[check]") {
    if (!has_real_root())
        SKIP_BECAUSE("another network namespace needs real root");
    enter_test_network();
    const OtherMachine machine; // lives longer than the wire, whose other end goes with it
    const VethPair wire("chk");
    machine.take(wire.client_end());
    const ImageFile image(64), theirs(64);
    ChildProcess target(
        machine.inside({target_program(), "serve", "--control", "none", "-i", wire.client_end(), "-e",
                        export_argument(1, 1, theirs.path(), "serial=THEIRS")}));
    const auto check_with = [&](const std::string& address) {
        return check({"-i", wire.target_end(), "-e", address + "=" + image.path(), "--control", "none"});
    };
    ToolResult result;
    for (int attempt = 0; attempt < 30; ++attempt) { // until it serves
        result = check_with("1.1");
        if (result.exit_code == 3)
            break;
        CHECK(target.is_running());
    }
    CAPTURE(result.output, target.standard_error());
    CHECK(result.exit_code == 3);
    CHECK(says(result, "error", "answers for e1.1 with a disk of 32 KiB"));
    CHECK(says(result, "error", "THEIRS"));
    CHECK(check_with("1.2").exit_code == 0);
    target.signal(SIGTERM);
    CHECK(target.wait_for_exit(patience) == 0);
}

TEST_CASE("check --json is JSON, and exit codes tell bad arguments from bad configurations", "[check]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    const ScratchFolder folder;
    const ToolResult json =
        check_offline({"-i", wire.target_end(), "-e", export_argument(1, 16, image.path()), "--json"});
    CAPTURE(json.output, json.error);
    CHECK(json.exit_code == 0);
    CHECK(is_json(json.output));
    CHECK(contains(json.output, "\"errors\": 0"));
    CHECK(contains(json.output, "\"subject\": \"export e1.16\""));
    CHECK(check_offline({"-i", wire.target_end(), "--nonsense"}).exit_code == 2);
    CHECK(check_offline({"-i", wire.target_end()}).exit_code == 2);
    const std::string file = folder.write("bad.toml", "[[export]]\naddress = \"1.1\"\npath = 7\n");
    CHECK(check_offline({"-c", file}).exit_code == 3);
    const ToolResult invalid = check_offline({"-c", file, "--json"});
    CAPTURE(invalid.output, invalid.error);
    CHECK(invalid.exit_code == 3);
    CHECK(is_json(invalid.output));
    CHECK(contains(invalid.output, "\"errors\": 1,"));
    CHECK(contains(invalid.output, "\"subject\": \"configuration\""));
    CHECK(contains(invalid.output, "\"text\": \"" + file + ":3:8: path cannot be 7\""));
    CHECK(contains(invalid.output, "\"cure\": \"write path = "));
    const ToolResult missing = check_offline({"-c", folder.path() + "/none.toml", "--json"});
    CHECK(missing.exit_code == 3);
    CHECK(is_json(missing.output));
    const std::string good =
        folder.write("good.toml", "[[interface]]\nname = \"" + wire.target_end() +
                                      "\"\n[[export]]\naddress = \"1.1\"\npath = \"" + image.path() + "\"\n");
    CHECK(check_offline({"-c", good}).exit_code == 0);
    const ToolResult rivals =
        check_offline({"-i", wire.target_end(), "-e", export_argument(1, 1, image.path()), "-e",
                       export_argument(1, 2, image.path())});
    CHECK(rivals.exit_code == 3);
    CHECK(says(rivals, "error", "both take the same part"));
}
