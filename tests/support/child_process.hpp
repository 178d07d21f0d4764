// A child process with its output collected, ended by its own process id and never left behind.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace aoetest {

using Milliseconds = std::chrono::milliseconds;

class ChildProcess {
  public:
    struct Options {
        std::string name;        // argv[0], when it differs from the program's path
        bool keep_stdin = false; // else /dev/null
    };

    explicit ChildProcess(const std::vector<std::string>& command) : ChildProcess(command, Options{}) {}
    ChildProcess(const std::vector<std::string>& command, const Options& options);
    ~ChildProcess(); // kills what still runs
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    bool is_running();

    // The exit code, or 128 + signal; nothing when it still runs after the time.
    std::optional<int> wait_for_exit(Milliseconds timeout);

    // Reads what has arrived, waiting up to `timeout` for more.
    void collect_output(Milliseconds timeout);
    const std::string& standard_output() const { return output_; }
    const std::string& standard_error() const { return error_; }

  private:
    bool reap(bool block);

    pid_t pid_ = -1;
    int output_fd_ = -1;
    int error_fd_ = -1;
    std::string output_;
    std::string error_;
    std::optional<int> exit_code_;
};

struct ToolResult {
    int exit_code = -1; // -1: did not end in time and was killed
    std::string output;
    std::string error;
};

// Runs a program to its end.
ToolResult run_tool(const std::vector<std::string>& command, Milliseconds timeout = Milliseconds(60000),
                    const ChildProcess::Options& options = {});

// Whether `part` is somewhere in what a program has said.
bool contains(const std::string& text, const std::string& part);
// Whether a program has said one line, and nothing else.
bool is_one_line(const std::string& text);

// The full path of a program, also in the sbin folders that an ordinary user's PATH lacks; empty when absent.
std::string find_program(const std::string& name);

} // namespace aoetest
