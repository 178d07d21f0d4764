// What the tests of this folder put together: switches, bonds, teams and disks that take kernel modules. They
// run in a virtual machine of their own (scenarios/modules.sh), never on the machine that starts them.
#pragma once

#include "backing.hpp"
#include "child_process.hpp"
#include "target_process.hpp"
#include "test_network.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace aoetest {

// Long enough for an emulated machine whose host has other work.
constexpr Milliseconds slow_patience{20000};

// Runs a program, which must succeed, and returns its standard output.
std::string run(const std::vector<std::string>& command);
void write_attribute(const std::string& path, const std::string& text); // of sysfs

// Whether the target says so within some seconds.
bool says(TargetProcess& target, const std::string& words);

// `aoetarget serve` with an interface that it must refuse; returns what it says.
std::string refusal_of(const std::string& interface, const std::string& path);

// A master of ports ("bond", "team", "vrf", "bridge"), up. `options` follow the type.
class Master {
  public:
    Master(std::string name, const std::vector<std::string>& type_and_options);
    ~Master();
    Master(const Master&) = delete;
    Master& operator=(const Master&) = delete;

    const std::string& name() const { return name_; }
    // Bonds and teams take only ports that are down.
    void take(const std::string& interface) const;

  private:
    std::string name_;
};

// A team that teamd cares for.
class Teamd {
  public:
    Teamd(std::string name, const std::string& configuration);
    ~Teamd();
    Teamd(const Teamd&) = delete;
    Teamd& operator=(const Teamd&) = delete;

    const std::string& name() const { return name_; }
    void take(const std::string& interface) const;
    void activate(const std::string& port) const; // in the runner "activebackup"

  private:
    std::string name_;
    ChildProcess process_;
};

// An Ethernet switch with two wires to one machine ("one-t", "two-t") and one to its client ("host-c").
class Switch {
  public:
    Switch();
    const VethPair& one() const { return one_; }
    const VethPair& two() const { return two_; }
    const std::string& client_end() const { return host_.client_end(); }

    // A bridge that forwards at once.
    static inline const std::vector<std::string> kind{"bridge", "forward_delay",  "0", "stp_state",
                                                      "0",      "mcast_snooping", "0"};

  private:
    VethPair one_{"one"}, two_{"two"}, host_{"host"};
    Master bridge_{"switch", kind};
};

// A linear device of device mapper over the first sectors of another.
class LinearDevice {
  public:
    LinearDevice(std::string name, std::string below, std::uint64_t sectors);
    ~LinearDevice(); // if it is still there
    LinearDevice(const LinearDevice&) = delete;
    LinearDevice& operator=(const LinearDevice&) = delete;

    std::string path() const { return "/dev/mapper/" + name_; }
    void suspend() const;
    void resume() const;
    void resize(std::uint64_t sectors) const;
    // As an operator would: returns what it says if it is refused.
    ToolResult remove() const;

  private:
    std::string table(std::uint64_t sectors) const;

    std::string name_;
    std::string below_;
};

// An array of md with two mirrors.
class Mirror {
  public:
    Mirror(std::string path, const std::string& one, const std::string& other);
    ~Mirror(); // if it is still there
    Mirror(const Mirror&) = delete;
    Mirror& operator=(const Mirror&) = delete;

    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

// A SCSI disk of 8 MiB in the kernel's memory.
class ScsiDisk {
  public:
    static constexpr std::uint64_t sectors = 16384;

    ScsiDisk();
    ~ScsiDisk();
    ScsiDisk(const ScsiDisk&) = delete;
    ScsiDisk& operator=(const ScsiDisk&) = delete;

    std::string path() const { return "/dev/" + name_; }
    void pull_out() const; // as a cable is
    void put_back();       // it may get another name
    void set_state(const std::string& state) const { write_attribute(folder() + "/state", state); }

  private:
    std::string folder() const { return "/sys/block/" + name_ + "/device"; }
    void wait_for_disk();

    std::string host_; // "host3"
    std::string name_; // "sda"
};

} // namespace aoetest
