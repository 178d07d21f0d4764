#include "target_process.hpp"

#include "check.hpp"
#include "test_network.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/utsname.h>
#include <unistd.h>

namespace aoetest {

namespace {

bool is_vblade() {
    return std::filesystem::path(target_program()).filename() == "vblade";
}

std::vector<std::string> vblade_command(const std::string& interface, const std::string& export_text) {
    const std::size_t dot = export_text.find('.');
    const std::size_t equals = export_text.find('=');
    const std::size_t comma = export_text.find(',');
    const std::string path = export_text.substr(equals + 1, comma - equals - 1);
    return {target_program(), export_text.substr(0, dot), export_text.substr(dot + 1, equals - dot - 1),
            interface, path};
}

int running_targets = 0;

// As far as the interface can have it: XDP is for one target only.
std::string with_link(const std::string& interface) {
    const char* kind = std::getenv("AOETARGET_TEST_LINK");
    if (kind == nullptr || interface.find_first_of(",*?") != std::string::npos)
        return interface;
    if (links_are("xdp") && (running_targets > 0 || interface == "lo" || !has_real_root() ||
                             (mtu_of(interface) > largest_one_page_mtu && !xdp_takes_parts())))
        return interface;
    return interface + ",link=" + kind;
}

std::vector<std::string> serve_command(const std::vector<std::string>& interfaces,
                                       const std::vector<std::string>& exports) {
    if (is_vblade())
        return vblade_command(interfaces.at(0), exports.at(0));
    std::vector<std::string> command{target_program(), "serve"};
    for (const std::string& interface : interfaces)
        command.insert(command.end(), {"-i", with_link(interface)});
    for (const std::string& export_text : exports)
        command.insert(command.end(), {"-e", export_text});
    return command;
}

constexpr Milliseconds start_patience{60000};
constexpr Milliseconds stop_patience{60000};

} // namespace

std::vector<std::string> as_user(uid_t user, const std::string& capabilities) {
    const std::string setpriv = find_program("setpriv"), number = std::to_string(user);
    if (setpriv.empty())
        abort_test("there is no setpriv");
    return {setpriv,          "--reuid",    number,       "--regid",        number,
            "--clear-groups", "--inh-caps", capabilities, "--ambient-caps", capabilities};
}

bool can_have_xdp() {
    const char* built = std::getenv("AOETARGET_HAS_XDP");
    return has_real_root() && (built == nullptr || *built != '0');
}

bool links_are(const std::string& kind) {
    const char* asked_for = std::getenv("AOETARGET_TEST_LINK");
    return asked_for != nullptr && asked_for == kind;
}

bool xdp_takes_parts() {
    utsname kernel{};
    unsigned major = 0, minor = 0;
    if (::uname(&kernel) != 0 || std::sscanf(kernel.release, "%u.%u", &major, &minor) != 2)
        abort_test("cannot tell the version of the kernel");
    return major > 6 || (major == 6 && minor >= 6);
}

std::string target_program() {
    const char* program = std::getenv("AOETARGET");
    if (program == nullptr || ::access(program, X_OK) != 0)
        abort_test("the environment variable AOETARGET must name the aoetarget program");
    return program;
}

ToolResult run_target(std::vector<std::string> words, Milliseconds timeout) {
    enter_test_network();
    words.insert(words.begin(), target_program());
    return run_tool(words, timeout);
}

std::string export_argument(unsigned shelf, unsigned slot, const std::string& path,
                            const std::string& options) {
    std::string text = std::to_string(shelf) + "." + std::to_string(slot) + "=";
    for (const char letter : path) {
        if (letter == ',' || letter == '=')
            text.push_back('\\');
        text.push_back(letter);
    }
    return options.empty() ? text : text + "," + options;
}

TargetProcess::TargetProcess(const std::vector<std::string>& interfaces,
                             const std::vector<std::string>& exports,
                             const std::vector<std::string>& options) {
    enter_test_network();
    std::vector<std::string> command = serve_command(interfaces, exports);
    command.insert(command.end(), options.begin(), options.end());
    if (!is_vblade() && std::ranges::find(options, "--control") == options.end())
        command.insert(command.end(), {"--control", "none"}); // several run at once
    child_ = std::make_unique<ChildProcess>(command);
    ++running_targets;
    const auto deadline = std::chrono::steady_clock::now() + start_patience;
    while (!is_ready()) {
        if (!child_->is_running() || std::chrono::steady_clock::now() > deadline) {
            --running_targets;
            child_->collect_output(Milliseconds(0));
            abort_test("the target did not start: " + child_->standard_error());
        }
        child_->collect_output(Milliseconds(20));
    }
}

TargetProcess::~TargetProcess() {
    if (!exit_is_expected_)
        stop();
    --running_targets;
}

bool TargetProcess::is_ready() {
    if (is_vblade())
        return child_->standard_output().find("sectors") != std::string::npos;
    const std::string& log = child_->standard_error();
    return log.find("\ncapabilities: ") != std::string::npos && log.back() == '\n'; // the last line
}

const std::string& TargetProcess::log() {
    child_->collect_output(Milliseconds(0));
    return child_->standard_error();
}

void TargetProcess::stop() {
    exit_is_expected_ = true;
    if (!child_->is_running()) {
        report_failure("the target ended by itself with " +
                       std::to_string(child_->wait_for_exit({}).value_or(-1)) + ": " + log());
        return;
    }
    child_->signal(SIGTERM);
    const std::optional<int> code = child_->wait_for_exit(stop_patience);
    const int wanted = is_vblade() ? 128 + SIGTERM : 0;
    if (code != wanted)
        report_failure("after SIGTERM the target " +
                       (code ? "exited with " + std::to_string(*code) : std::string("went on")) + ": " +
                       log());
}

std::size_t TargetProcess::resident_kib() const {
    std::ifstream status("/proc/" + std::to_string(pid()) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmRSS:", 0) == 0)
            return static_cast<std::size_t>(std::atoll(line.c_str() + 6));
    return 0;
}

std::vector<std::string> TargetProcess::thread_names() const {
    std::vector<std::string> names;
    for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid()) + "/task")) {
        std::ifstream file(task.path() / "comm");
        std::string name;
        std::getline(file, name);
        names.push_back(name);
    }
    return names;
}

} // namespace aoetest
