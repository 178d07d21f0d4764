#include "child_process.hpp"

#include "check.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace aoetest {

namespace {

using Clock = std::chrono::steady_clock;

Milliseconds time_left(Clock::time_point deadline) {
    const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
    return left.count() > 0 ? left : Milliseconds(0);
}

void close_if_open(int& fd) {
    if (fd >= 0)
        ::close(fd);
    fd = -1;
}

void read_available(int& fd, std::string& into) {
    std::array<char, 4096> buffer;
    while (fd >= 0) {
        const ssize_t got = ::read(fd, buffer.data(), buffer.size());
        if (got > 0)
            into.append(buffer.data(), static_cast<std::size_t>(got));
        else if (got == 0)
            close_if_open(fd);
        else if (errno != EINTR)
            return;
    }
}

} // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Options& options) {
    int output[2];
    int error[2];
    if (::pipe2(output, O_CLOEXEC) != 0 || ::pipe2(error, O_CLOEXEC) != 0)
        abort_test(std::string("pipe: ") + std::strerror(errno));
    std::vector<char*> arguments;
    for (const std::string& word : command)
        arguments.push_back(const_cast<char*>(word.c_str()));
    if (!options.name.empty())
        arguments[0] = const_cast<char*>(options.name.c_str());
    arguments.push_back(nullptr);

    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0)
        abort_test(std::string("fork: ") + std::strerror(errno));
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(127);
        for (const int ignored_by_nohup : {SIGHUP, SIGINT})
            ::signal(ignored_by_nohup, SIG_DFL);
        if (!options.keep_stdin) {
            const int null = ::open("/dev/null", O_RDONLY);
            ::dup2(null, STDIN_FILENO);
        }
        ::dup2(output[1], STDOUT_FILENO);
        ::dup2(error[1], STDERR_FILENO);
        ::execv(command[0].c_str(), arguments.data());
        const char* reason = std::strerror(errno);
        const ssize_t ignored = ::write(STDERR_FILENO, reason, std::strlen(reason));
        ::_exit(ignored < 0 ? 126 : 127);
    }
    ::close(output[1]);
    ::close(error[1]);
    output_fd_ = output[0];
    error_fd_ = error[0];
    ::fcntl(output_fd_, F_SETFL, O_NONBLOCK);
    ::fcntl(error_fd_, F_SETFL, O_NONBLOCK);
}

ChildProcess::~ChildProcess() {
    if (is_running()) {
        ::kill(pid_, SIGKILL);
        reap(true);
    }
    close_if_open(output_fd_);
    close_if_open(error_fd_);
}

void ChildProcess::signal(int number) const {
    if (!exit_code_)
        ::kill(pid_, number);
}

bool ChildProcess::reap(bool block) {
    int status = 0;
    if (exit_code_)
        return true;
    const pid_t ended = ::waitpid(pid_, &status, block ? 0 : WNOHANG);
    if (ended != pid_)
        return false;
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

bool ChildProcess::is_running() {
    return !reap(false);
}

std::optional<int> ChildProcess::wait_for_exit(Milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (!reap(false)) {
        if (Clock::now() >= deadline)
            return std::nullopt;
        collect_output(std::min(time_left(deadline), Milliseconds(5)));
        if (output_fd_ < 0 && error_fd_ < 0)
            ::usleep(1000);
    }
    read_available(output_fd_, output_);
    read_available(error_fd_, error_);
    return exit_code_;
}

void ChildProcess::collect_output(Milliseconds timeout) {
    std::array<pollfd, 2> fds{{{output_fd_, POLLIN, 0}, {error_fd_, POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), static_cast<int>(timeout.count()));
    read_available(output_fd_, output_);
    read_available(error_fd_, error_);
}

ToolResult run_tool(const std::vector<std::string>& command, Milliseconds timeout,
                    const ChildProcess::Options& options) {
    ChildProcess child(command, options);
    const std::optional<int> code = child.wait_for_exit(timeout);
    child.collect_output(Milliseconds(0));
    return {code.value_or(-1), child.standard_output(), child.standard_error()};
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

bool is_one_line(const std::string& text) {
    return !text.empty() && text.back() == '\n' && std::count(text.begin(), text.end(), '\n') == 1;
}

std::string find_program(const std::string& name) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(std::string(path != nullptr ? path : "") + ":/usr/sbin:/usr/bin:/sbin:/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        const std::string candidate = folder + "/" + name;
        if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0)
            return candidate;
    }
    return {};
}

} // namespace aoetest
