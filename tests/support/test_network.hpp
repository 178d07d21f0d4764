// A network of the tests' own: the process moves into a fresh network namespace before it makes the first
// interface, so no frame of a test can reach a real one.
#pragma once

#include "wire.hpp"

#include <string>
#include <vector>

namespace aoetest {

// Moves the process into its own network namespace (and, when not root, its own user namespace). Done once;
// every class below does it by itself.
void enter_test_network();

// For a program that was started in such a namespace: the call above then does nothing. To be called first.
void stay_in_this_network();

// Root of the machine, not only of a user namespace: needed for loop devices, zram and mounts.
bool has_real_root();

// Each call ends the test case when the kernel refuses.
void set_mtu(const std::string& interface, unsigned mtu);
unsigned mtu_of(const std::string& interface);
void set_link(const std::string& interface, bool up);
void set_mac(const std::string& interface, const Mac& mac);
Mac mac_of(const std::string& interface);
bool interface_exists(const std::string& interface);
void delete_interface(const std::string& interface);
// The program `ip` with these words, for what has no call of its own.
void run_ip(std::vector<std::string> words);

// Two connected Ethernet ends in the one namespace: the target listens at one, the client at the other.
class VethPair {
  public:
    // `name` is at most 12 characters; the ends are called NAME-t and NAME-c.
    explicit VethPair(const std::string& name, unsigned mtu = 1500);
    ~VethPair();
    VethPair(const VethPair&) = delete;
    VethPair& operator=(const VethPair&) = delete;

    const std::string& target_end() const { return target_end_; }
    const std::string& client_end() const { return client_end_; }
    void set_mtu(unsigned mtu) const; // both ends
    void destroy() const;
    void create(unsigned mtu) const; // after destroy(): same names, other addresses

  private:
    std::string target_end_;
    std::string client_end_;
};

// A bridge that forwards at once.
class Bridge {
  public:
    explicit Bridge(std::string name);
    ~Bridge();
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    const std::string& name() const { return name_; }
    void take(const std::string& interface) const { run_ip({"link", "set", interface, "master", name_}); }
    static void release(const std::string& interface) { run_ip({"link", "set", interface, "nomaster"}); }

  private:
    std::string name_;
};

// The pair that most tests share, put back to MTU 1500 and up.
const VethPair& standard_wire();

// What the kernel gives a socket for its filters, in this network namespace (net.core.optmem_max), in bytes.
std::string filter_room();
bool set_filter_room(const std::string& bytes); // false: it may not be set here

} // namespace aoetest
