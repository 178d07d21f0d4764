#include "machine.hpp"

#include "check.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include <unistd.h>

namespace aoetest {

namespace {

namespace fs = std::filesystem;

bool happens(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + slow_patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > deadline)
            return false;
        std::this_thread::sleep_for(Milliseconds(20));
    }
    return true;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : " ") + word;
    return text;
}

ToolResult result_of(std::vector<std::string> command) {
    const std::string program = find_program(command.at(0));
    if (program.empty())
        abort_test("there is no program " + command.at(0));
    command.at(0) = program;
    return run_tool(command, slow_patience);
}

std::set<std::string> names_in(const std::string& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder))
        names.insert(entry.path().filename());
    return names;
}

void put_below(const std::string& interface, const std::string& master) {
    set_link(interface, false);
    run_ip({"link", "set", interface, "master", master});
    set_link(interface, true);
}

constexpr const char* add_host = "/sys/bus/pseudo/drivers/scsi_debug/add_host";

} // namespace

std::string run(const std::vector<std::string>& command) {
    const ToolResult result = result_of(command);
    if (result.exit_code != 0)
        abort_test("'" + joined(command) + "' failed: " + result.error + result.output);
    return result.output;
}

void write_attribute(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << '\n' << std::flush; // some attributes want a whole line
    if (!file)
        abort_test("cannot write '" + text + "' to " + path);
}

bool says(TargetProcess& target, const std::string& words) {
    return happens([&] { return contains(target.log(), words); });
}

std::string refusal_of(const std::string& interface, const std::string& path) {
    const ToolResult result = run_tool(
        {target_program(), "serve", "--control", "none", "-i", interface, "-e", export_argument(1, 1, path)});
    if (result.exit_code != 1)
        report_failure("serve -i " + interface + " ended with " + std::to_string(result.exit_code));
    return result.error;
}

// --- Interfaces -------------------------------------------------------------------------------------------

Master::Master(std::string name, const std::vector<std::string>& type_and_options) : name_(std::move(name)) {
    enter_test_network();
    std::vector<std::string> words{"link", "add", name_, "type"};
    words.insert(words.end(), type_and_options.begin(), type_and_options.end());
    run_ip(words);
    set_link(name_, true);
}

Master::~Master() {
    delete_interface(name_);
}

void Master::take(const std::string& interface) const {
    put_below(interface, name_);
}

Teamd::Teamd(std::string name, const std::string& configuration)
    : name_(std::move(name)),
      process_({find_program("teamd"), "--team-dev", name_, "--config", configuration}) {
    const bool runs = happens([&] {
        return result_of({"teamdctl", name_, "config", "dump"}).exit_code == 0 || !process_.is_running();
    });
    process_.collect_output(Milliseconds(0));
    if (!runs || !process_.is_running())
        abort_test("teamd does not run: " + process_.standard_error());
    set_link(name_, true);
}

Teamd::~Teamd() {
    process_.signal(SIGTERM);
    process_.wait_for_exit(slow_patience);
}

void Teamd::take(const std::string& interface) const {
    put_below(interface, name_);
}

void Teamd::activate(const std::string& port) const {
    const auto set = [&] {
        return result_of({"teamdctl", name_, "state", "item", "set", "runner.active_port", port}).exit_code ==
               0;
    };
    const auto is_set = [&] {
        return contains(run({"teamdctl", name_, "state", "item", "get", "runner.active_port"}), port);
    };
    if (!happens([&] { return set() && is_set(); })) // it learns of its ports in its own time
        abort_test(port + " did not become the active port of " + name_);
}

Switch::Switch() {
    bridge_.take(one_.client_end());
    bridge_.take(two_.client_end());
    bridge_.take(host_.target_end());
}

// --- Disks ------------------------------------------------------------------------------------------------

LinearDevice::LinearDevice(std::string name, std::string below, std::uint64_t sectors)
    : name_(std::move(name)), below_(std::move(below)) {
    run({"dmsetup", "create", name_, "--table", table(sectors)});
}

LinearDevice::~LinearDevice() {
    if (fs::exists(path()))
        remove();
}

std::string LinearDevice::table(std::uint64_t sectors) const {
    return "0 " + std::to_string(sectors) + " linear " + below_ + " 0";
}

void LinearDevice::suspend() const {
    run({"dmsetup", "suspend", name_});
}

void LinearDevice::resume() const {
    run({"dmsetup", "resume", name_});
}

void LinearDevice::resize(std::uint64_t sectors) const {
    run({"dmsetup", "load", name_, "--table", table(sectors)});
    resume();
}

ToolResult LinearDevice::remove() const {
    return result_of({"dmsetup", "remove", name_});
}

Mirror::Mirror(std::string path, const std::string& one, const std::string& other) : path_(std::move(path)) {
    run({"mdadm", "--create", path_, "--run", "--metadata=1.2", "--level=1", "--raid-devices=2",
         "--assume-clean", one, other});
}

Mirror::~Mirror() {
    if (fs::exists("/sys/block/" + fs::path(path_).filename().string()))
        run({"mdadm", "--stop", path_});
}

ScsiDisk::ScsiDisk() {
    const std::set<std::string> before = names_in("/sys/class/scsi_host");
    write_attribute(add_host, "1");
    for (const std::string& name : names_in("/sys/class/scsi_host"))
        if (!before.contains(name))
            host_ = name;
    wait_for_disk();
}

ScsiDisk::~ScsiDisk() {
    write_attribute(add_host, "-1");
}

// The kernel looks for the disks of a new host, and makes their nodes, in its own time.
void ScsiDisk::wait_for_disk() {
    const bool found = happens([&] {
        for (const std::string& name : names_in("/sys/block")) {
            const std::string real = fs::canonical("/sys/block/" + name);
            if (contains(real, "/" + host_ + "/") && ::access(("/dev/" + name).c_str(), R_OK) == 0) {
                name_ = name;
                return true;
            }
        }
        return false;
    });
    if (!found)
        abort_test("there is no disk on " + host_);
}

void ScsiDisk::pull_out() const {
    write_attribute(folder() + "/delete", "1");
    if (!happens([&] { return !fs::exists("/sys/block/" + name_); }))
        abort_test(name_ + " did not go");
}

void ScsiDisk::put_back() {
    write_attribute("/sys/class/scsi_host/" + host_ + "/scan", "- - -");
    wait_for_disk();
}

} // namespace aoetest
