// Gathers the facts of a process and its control socket.
#include "check/process.hpp"

#include "control/client.hpp"
#include "control/running_target.hpp"
#include "exit_code.hpp"
#include "failure.hpp"
#include "service/confinement.hpp"
#include "service/present_interfaces.hpp"
#include "usage_error.hpp"

#include <aoetarget/target.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cli {
namespace {

namespace fs = std::filesystem;

void look_at_capabilities(ProcessFacts& facts) {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) < 0)
        return;
    const auto has = [&](unsigned capability) {
        return (data[capability / 32].effective & 1U << capability % 32) != 0;
    };
    facts.has_net_raw = has(CAP_NET_RAW);
    facts.has_net_admin = has(CAP_NET_ADMIN);
    facts.has_bpf = has(CAP_BPF) || has(CAP_SYS_ADMIN);
    facts.may_lock_memory = has(CAP_IPC_LOCK);
}

/// Returns what a process may raise its limit to, as `serve` does with that of files.
std::uint64_t hard_limit(decltype(RLIMIT_NOFILE) resource, bool raised) {
    rlimit limit{};
    if (getrlimit(resource, &limit) != 0)
        return 0;
    const rlim_t value = raised ? limit.rlim_max : limit.rlim_cur;
    return value == RLIM_INFINITY ? ProcessFacts::unlimited : value;
}

std::uint64_t available_memory() {
    std::ifstream file("/proc/meminfo");
    for (std::string name, unit; file >> name;) {
        std::uint64_t kib = 0;
        file >> kib;
        std::getline(file, unit);
        if (name == "MemAvailable:")
            return kib << 10;
    }
    return 0;
}

void look_at_ring(ProcessFacts& facts) {
    try {
        const aoetarget::Target target;
        facts.ring = target.features();
        facts.has_ring = true;
    } catch (const std::system_error& error) {
        facts.ring = message_of(error);
    }
}

/// What a child has found out: three lines.
struct Confined {
    std::string state_problem, confinement;
    bool is_confined = false;
};

Confined give_up_rights(const std::string& state_directory) {
    Confined result;
    std::string privileges;
    try {
        privileges = drop_privileges();
    } catch (const std::system_error& error) {
        result.confinement = message_of(error);
        return result;
    }
    try {
        check_state_directory(state_directory);
    } catch (const std::system_error& error) {
        result.state_problem = message_of(error);
    }
    try {
        result.confinement = fmt::format("{}; {}", privileges, filter_system_calls(!state_directory.empty()));
        result.is_confined = true;
    } catch (const std::system_error& error) {
        result.confinement = message_of(error);
    }
    return result;
}

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t bytes = 0; (bytes = read(fd, part.data(), part.size())) > 0;)
        text.append(part.data(), static_cast<std::size_t>(bytes));
    return text;
}

/// A child gives up its rights as `serve` does, because nobody gets them back.
Confined try_confinement(const std::string& state_directory) {
    std::array<int, 2> pipe_ends{};
    if (pipe2(pipe_ends.data(), O_CLOEXEC) < 0)
        return {{}, fmt::format("cannot make a pipe: {}", std::strerror(errno)), false};
    const pid_t child = fork();
    if (child == 0) {
        const Confined result = give_up_rights(state_directory);
        const std::string text = fmt::format("{}\n{}\n{}\n", result.state_problem, result.confinement,
                                             result.is_confined ? "yes" : "no");
        const ssize_t written = write(pipe_ends[1], text.data(), text.size());
        _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
    }
    close(pipe_ends[1]);
    std::istringstream lines(child > 0 ? read_all(pipe_ends[0]) : "");
    close(pipe_ends[0]);
    if (child > 0)
        waitpid(child, nullptr, 0);
    Confined result;
    std::string answer;
    std::getline(lines, result.state_problem);
    std::getline(lines, result.confinement);
    std::getline(lines, answer);
    result.is_confined = answer == "yes";
    if (answer.empty())
        result.confinement = "a process that gives up its rights ended at once";
    return result;
}

/// Returns why a process may not make something in the folder, or nothing.
std::string problem_of_folder(const fs::path& folder) {
    if (faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) == 0)
        return {};
    return fmt::format("{}: nothing can be made in it ({})", folder.string(), std::strerror(errno));
}

} // namespace

std::uint64_t kernel_number(const std::string& path) {
    std::uint64_t number = 0;
    std::ifstream(path) >> number;
    return number;
}

ProcessFacts look_at_process(const std::string& state_directory) {
    ProcessFacts facts;
    look_at_capabilities(facts);
    facts.lockable_bytes = hard_limit(RLIMIT_MEMLOCK, false);
    facts.files = hard_limit(RLIMIT_NOFILE, true);
    facts.available_bytes = available_memory();
    facts.processors = std::max(1U, std::thread::hardware_concurrency());
    look_at_ring(facts);
    std::error_code error;
    facts.state_directory_exists = !state_directory.empty() && fs::exists(state_directory, error);
    const Confined confined = try_confinement(facts.state_directory_exists ? state_directory : std::string());
    facts.confinement = confined.confinement;
    facts.is_confined = confined.is_confined;
    facts.state_problem = confined.state_problem;
    if (facts.state_directory_exists && !fs::is_directory(state_directory, error))
        facts.state_problem =
            fmt::format("{}: it is no directory; name another with state-dir", state_directory);
    if (!state_directory.empty() && !facts.state_directory_exists) {
        const std::string problem = problem_of_folder(fs::absolute(state_directory).parent_path());
        if (!problem.empty())
            facts.state_problem = problem + "; make the directory for the state, or name another";
    }
    return facts;
}

ControlFacts look_at_control(const std::string& path, bool is_demanded, std::chrono::milliseconds patience) {
    ControlFacts facts{.path = path, .is_demanded = is_demanded};
    if (path.empty())
        return facts;
    try {
        ControlClient client(path, {}, patience);
        facts.is_taken = true;
        const nlohmann::json status = client.ask({{"do", "status"}});
        facts.process = status.value("process", 0L);
        facts.interfaces = present_interfaces(status);
        facts.serves = ask_what_runs(client).configuration;
        return facts;
    } catch (const Failure& failure) {
        if (failure.exit_code() != exit_not_found)
            facts.problem = failure.what();
        facts.is_taken |= failure.exit_code() == exit_failed; // somebody listens
    } catch (const ConfigurationError&) {
        facts.problem = "it is of another version, and serves what this one does not know";
    } catch (const std::system_error& error) {
        facts.problem = message_of(error);
    }
    if (facts.is_taken || !facts.problem.empty())
        return facts;
    facts.problem = obstacle_to_socket(path);
    if (!facts.problem.empty())
        return facts;
    std::error_code error;
    fs::path folder = fs::absolute(path).parent_path();
    if (!fs::is_directory(folder, error))
        folder = folder.parent_path(); // serve makes one
    facts.problem = problem_of_folder(folder);
    if (!facts.problem.empty())
        facts.problem += "; choose another place with --control PATH, or none with --control none";
    return facts;
}

} // namespace cli
