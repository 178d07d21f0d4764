// A whole life of a confined target, in which the filter of system calls refuses nothing.
#include "catch.hpp"
#include "controlled_target.hpp"
#include "sanitizers.hpp"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

using namespace aoetest;

namespace {

constexpr bool is_filtered = !has_address_sanitizer; // its search for leaks cannot be traced either

/// The target asks for these all the same, has an answer to the refusal, and tells people where it matters.
/// The kernel itself refuses all but the last two to a process without capabilities.
constexpr const char* known_refusals[] = {
    "SO_RCVBUFFORCE", // then a buffer is as large as net.core.rmem_max allows
    "SO_SNDBUFFORCE",
    "bpf(BPF_PROG_QUERY",
    "bpf(BPF_MAP_CREATE", // then there is no new AF_XDP lane
    "bpf(BPF_PROG_LOAD",
    "O_RDONLY|O_CLOEXEC|O_PATH|O_DIRECTORY", // the folder of a later disk: then the file alone is watched
    "unlink(",                               // the control socket, which stays
};

/// Writes down each call of a process and its threads that fails.
class FailedCalls {
  public:
    explicit FailedCalls(pid_t process)
        : tracer_({find_program("strace"), "-f", "-Z", "-o", file_.path(), "-p", std::to_string(process)}) {
        while (!is_attached() && tracer_.is_running())
            tracer_.collect_output(Milliseconds(20));
    }
    [[nodiscard]] bool is_attached() const {
        return tracer_.standard_error().find("attached") != std::string::npos;
    }
    [[nodiscard]] std::string why_not() const { return tracer_.standard_error(); }
    /// The other calls that were refused, a line each, when the process has ended.
    std::string refused() {
        tracer_.wait_for_exit(Milliseconds(30'000));
        std::ifstream file(file_.path());
        std::string lines;
        for (std::string line; std::getline(file, line);)
            lines += is_refused(line) ? line + '\n' : "";
        return lines;
    }

  private:
    static bool is_refused(const std::string& call) {
        return contains(call, " EPERM ") &&
               std::ranges::none_of(known_refusals, [&](const char* known) { return contains(call, known); });
    }

    ImageFile file_{0};
    ChildProcess tracer_;
};

void make_load(RawClient& client, std::uint8_t slot = 1) {
    for (std::uint32_t i = 0; i < 100; ++i) {
        const std::uint64_t lba = i % 30 * 2;
        CHECK(client.ask(write_request(lba, pattern(lba, 2, i)).to(1, slot)).succeeded());
        CHECK(client.ask(read_request(lba, 2).to(1, slot)).data() == pattern(lba, 2, i));
    }
}

} // namespace

TEST_CASE("the filter refuses no call in the whole life of a target", "[life]") {
    if (!has_real_root())
        SKIP_BECAUSE("loop devices need real root");
    if (find_program("strace").empty())
        SKIP_BECAUSE("the program strace is missing");
    const VethPair& wire = standard_wire();
    const VethPair other_wire("life");
    const ImageFile image(64), second(64), below(256);
    const LoopDevice disk(below.path());
    const ScratchFolder states;
    const bool has_states = GENERATE(false, true);
    CAPTURE(has_states);
    RawClient client(wire);
    std::vector<std::string> options;
    if (has_states)
        options = {"--state-dir", states.path()};
    ControlledTarget target(
        {wire.target_end()},
        {export_argument(1, 1, image.path()), export_argument(1, 2, disk.path(), "cache=direct")}, options);
    std::optional<FailedCalls> calls;
    if (is_filtered) {
        calls.emplace(target.process().pid());
        if (!calls->is_attached())
            SKIP_BECAUSE("strace may not attach here: " + calls->why_not());
    }
    const auto done = [&](std::vector<std::string> words) {
        const ToolResult result = target.run(std::move(words));
        CAPTURE(result.error);
        CHECK(result.exit_code == 0);
    };

    make_load(client);
    make_load(client, 2);
    CHECK(client.ask(config_request(ccmd_set, "life")).bytes.size() >= 60);
    CHECK(client.ask(mask_request()).bytes.size() >= 60);
    CHECK(client.ask(reserve_request()).bytes.size() >= 60);

    done({"status"});
    done({"config"});
    done({"add", "-e", export_argument(1, 3, second.path())});
    done({"add", "-i", other_wire.target_end()});
    make_load(client, 3);
    done({"reopen", "1.3"});
    make_load(client, 3);
    image.resize_bytes(128 * sector_bytes);
    done({"resize", "--all"});
    CHECK(client.ask(read_request(100, 2)).succeeded());
    done({"remove", "-e", "1.3"});
    done({"remove", "-i", other_wire.target_end()});

    for (int i = 0; i < 3; ++i) { // the link flaps
        set_link(wire.target_end(), false);
        set_link(wire.target_end(), true);
        CHECK(client.is_served_soon());
    }
    wire.set_mtu(2000);
    CHECK(client.is_served_soon());
    wire.set_mtu(1500);
    wire.destroy();
    wire.create(1500);
    client.rebind();
    CHECK(client.is_served_soon());
    make_load(client);

    below.resize_bytes(0); // the disk vanishes
    disk.follow_size();
    CHECK_FALSE(client.ask(read_request(4, 2).to(1, 2)).succeeded());
    CHECK(client.wait_until([&] { return target.process().log().find("e1.2") != std::string::npos; }));
    below.resize_bytes(256 * sector_bytes);
    disk.follow_size();
    CHECK(client.wait_until([&] { return client.ask(read_request(4, 2).to(1, 2)).succeeded(); }));

    done({"stop"});
    target.process().expect_exit();
    CHECK(target.process().wait_for_exit(Milliseconds(20'000)) == 0);
    if (calls)
        CHECK(calls->refused() == "");
}
