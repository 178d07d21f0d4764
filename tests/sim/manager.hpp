// Cluster software: shuts hosts out of an export and lets them in again, one step after the other.
#pragma once

#include "host.hpp"

namespace aoesim {

class Manager {
  public:
    /// `hosts`: whom it lets in and shuts out.
    Manager(const Mac& mac, Volume& volume, std::vector<const Host*> hosts, unsigned ports,
            Schedule& schedule, Random random, FaultCounts& faults, Network& network);

    void start() { rest(); }
    void receive(const Frame& frame);
    [[nodiscard]] const Mac& mac() const { return mac_; }
    /// From now on only lets in. Everybody is in when is_done().
    void heal() { healing_ = true; }
    [[nodiscard]] bool is_done() const { return done_; }

  private:
    void rest();
    void act();
    aoetest::Request next_command();
    void transmit();

    const Mac mac_;
    Volume& volume_;
    std::vector<const Host*> hosts_;
    unsigned ports_;
    Schedule& schedule_;
    Random random_;
    FaultCounts& faults_;
    Network& network_;
    aoetest::Request command_;
    bool waiting_ = false;
    std::uint32_t next_tag_ = 0x40000000;
    unsigned steps_left_ = 2;
    bool healing_ = false, done_ = false;
};

} // namespace aoesim
