// The target under test: the program that the environment variable AOETARGET names. It may also name `vblade`
// (one export, no options), whose known defects show that these tests can fail.
#pragma once

#include "child_process.hpp"

#include <memory>
#include <string>
#include <vector>

namespace aoetest {

std::string target_program(); // ends the test case when AOETARGET is not set

// Runs it in the test network until it ends.
ToolResult run_target(std::vector<std::string> words, Milliseconds timeout = Milliseconds(60000));

// Returns the words before a command that make it run as this user, who may use raw sockets and nothing else
// that root may, or has other capabilities.
std::vector<std::string> as_user(uid_t user, const std::string& capabilities = "+net_raw");

// Programs of that kind are loaded by root only, and a build may leave them out: AOETARGET_HAS_XDP is 0 then.
bool can_have_xdp();
// Whether all tests use this link that do not choose one themselves: AOETARGET_TEST_LINK says so.
bool links_are(const std::string& kind);
// With a larger MTU frames do not fit into a page, and XDP takes them in parts, which it can since Linux 6.6.
constexpr unsigned largest_one_page_mtu = 3602;
bool xdp_takes_parts();

// SHELF.SLOT=PATH[,OPTION]..., with the separators in `path` escaped.
std::string export_argument(unsigned shelf, unsigned slot, const std::string& path,
                            const std::string& options = {});

// `aoetarget serve` in the test network. The destructor stops it with SIGTERM and fails the test when it had
// died or does not exit with 0.
class TargetProcess {
  public:
    // `interfaces`: arguments of -i. Returns when its report is on standard error.
    TargetProcess(const std::vector<std::string>& interfaces, const std::vector<std::string>& exports,
                  const std::vector<std::string>& options = {});
    ~TargetProcess();
    TargetProcess(const TargetProcess&) = delete;
    TargetProcess& operator=(const TargetProcess&) = delete;

    pid_t pid() const { return child_->pid(); }
    bool is_running() { return child_->is_running(); }
    void signal(int number) const { child_->signal(number); }
    std::optional<int> wait_for_exit(Milliseconds timeout) { return child_->wait_for_exit(timeout); }
    const std::string& log();                        // what it has written to standard error by now
    void stop();                                     // SIGTERM, exit code 0
    void expect_exit() { exit_is_expected_ = true; } // the test ends it itself

    std::size_t resident_kib() const;
    std::vector<std::string> thread_names() const;

  private:
    bool is_ready();

    std::unique_ptr<ChildProcess> child_;
    bool exit_is_expected_ = false;
};

} // namespace aoetest
