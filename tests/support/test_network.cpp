#include "test_network.hpp"

#include "check.hpp"
#include "child_process.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace aoetest {

namespace {

constexpr const char* filter_room_path = "/proc/sys/net/core/optmem_max";

[[noreturn]] void fail_system(const std::string& what) {
    abort_test(what + ": " + std::strerror(errno));
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream file(path);
    file << text << std::flush;
    if (!file)
        abort_test("cannot write " + path);
}

bool& real_root() {
    static bool value = false;
    return value;
}

bool& stays() {
    static bool value = false;
    return value;
}

bool move_into_namespace() {
    if (stays())
        return false;
    real_root() = ::geteuid() == 0;
    if (real_root()) {
        if (::unshare(CLONE_NEWNET) != 0)
            fail_system("unshare(CLONE_NEWNET)");
    } else {
        const uid_t user = ::geteuid();
        const gid_t group = ::getegid();
        if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
            fail_system("unshare(CLONE_NEWUSER | CLONE_NEWNET)");
        write_file("/proc/self/setgroups", "deny");
        write_file("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
        write_file("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    // Keep neighbour discovery and its like off the wire.
    for (const char* scope : {"all", "default"}) {
        std::ofstream file(std::string("/proc/sys/net/ipv6/conf/") + scope + "/disable_ipv6");
        file << "1";
    }
    return true;
}

// One interface request through a throw-away socket.
void interface_call(const std::string& interface, unsigned long call, ifreq& request, const char* what) {
    std::memset(request.ifr_name, 0, sizeof request.ifr_name);
    interface.copy(request.ifr_name, sizeof request.ifr_name - 1);
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int result = ::ioctl(fd, call, &request);
    const int error = errno;
    ::close(fd);
    errno = error;
    if (result != 0)
        fail_system(std::string(what) + " " + interface);
}

unsigned next_mac_number() {
    static unsigned number = 0x100;
    return number++;
}

} // namespace

void stay_in_this_network() {
    stays() = true;
}

void enter_test_network() {
    static const bool done = move_into_namespace();
    static_cast<void>(done);
}

bool has_real_root() {
    enter_test_network();
    return real_root();
}

void set_mtu(const std::string& interface, unsigned mtu) {
    ifreq request{};
    request.ifr_mtu = static_cast<int>(mtu);
    interface_call(interface, SIOCSIFMTU, request, "set MTU of");
}

unsigned mtu_of(const std::string& interface) {
    ifreq request{};
    interface_call(interface, SIOCGIFMTU, request, "get MTU of");
    return static_cast<unsigned>(request.ifr_mtu);
}

void set_link(const std::string& interface, bool up) {
    ifreq request{};
    interface_call(interface, SIOCGIFFLAGS, request, "get flags of");
    const short without_up = static_cast<short>(request.ifr_flags & ~IFF_UP);
    request.ifr_flags = up ? static_cast<short>(without_up | IFF_UP) : without_up;
    interface_call(interface, SIOCSIFFLAGS, request, "set flags of");
}

void set_mac(const std::string& interface, const Mac& mac) {
    ifreq request{};
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, mac.octets.data(), mac.octets.size());
    interface_call(interface, SIOCSIFHWADDR, request, "set address of");
}

Mac mac_of(const std::string& interface) {
    ifreq request{};
    interface_call(interface, SIOCGIFHWADDR, request, "get address of");
    Mac mac;
    std::memcpy(mac.octets.data(), request.ifr_hwaddr.sa_data, mac.octets.size());
    return mac;
}

bool interface_exists(const std::string& interface) {
    return ::if_nametoindex(interface.c_str()) != 0;
}

void run_ip(std::vector<std::string> words) {
    static const std::string program = find_program("ip");
    if (program.empty())
        abort_test("the program `ip` (iproute2) is missing");
    words.insert(words.begin(), program);
    const ToolResult result = run_tool(words);
    if (result.exit_code != 0)
        abort_test("ip " + words.at(1) + " " + words.at(2) + " ... failed: " + result.error);
}

void delete_interface(const std::string& interface) {
    run_ip({"link", "delete", interface});
}

VethPair::VethPair(const std::string& name, unsigned mtu)
    : target_end_(name + "-t"), client_end_(name + "-c") {
    enter_test_network();
    create(mtu);
}

VethPair::~VethPair() {
    destroy();
}

void VethPair::set_mtu(unsigned mtu) const {
    aoetest::set_mtu(client_end_, mtu);
    aoetest::set_mtu(target_end_, mtu);
}

void VethPair::destroy() const {
    if (interface_exists(target_end_))
        delete_interface(target_end_);
}

void VethPair::create(unsigned mtu) const {
    const std::string size = std::to_string(mtu);
    run_ip({"link", "add", target_end_, "mtu", size, "address", numbered_mac(next_mac_number()).text(),
            "type", "veth", "peer", "name", client_end_, "mtu", size, "address",
            numbered_mac(next_mac_number()).text()});
    set_link(target_end_, true);
    set_link(client_end_, true);
}

Bridge::Bridge(std::string name) : name_(std::move(name)) {
    enter_test_network();
    run_ip({"link", "add", name_, "type", "bridge", "forward_delay", "0", "stp_state", "0"});
    set_link(name_, true);
}

Bridge::~Bridge() {
    if (interface_exists(name_))
        delete_interface(name_);
}

const VethPair& standard_wire() {
    // Left to the end of the namespace: a static destructor would run after the test framework is gone.
    static const VethPair* wire = new VethPair("wire");
    wire->set_mtu(1500);
    set_link(wire->client_end(), true);
    set_link(wire->target_end(), true);
    return *wire;
}

std::string filter_room() {
    std::string bytes;
    std::ifstream(filter_room_path) >> bytes;
    return bytes;
}

bool set_filter_room(const std::string& bytes) {
    std::ofstream file(filter_room_path);
    file << bytes << std::flush;
    return file.good();
}

} // namespace aoetest
