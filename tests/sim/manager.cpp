#include "manager.hpp"

namespace aoesim {

Manager::Manager(const Mac& mac, Volume& volume, std::vector<const Host*> hosts, unsigned ports,
                 Schedule& schedule, Random random, FaultCounts& faults, Network& network)
    : mac_(mac), volume_(volume), hosts_(std::move(hosts)), ports_(ports), schedule_(schedule),
      random_(random), faults_(faults), network_(network) {}

/// Longer than a frame of its own can be on its way: an old command never follows a new one on the network.
void Manager::rest() {
    if (done_)
        return;
    const std::uint64_t longest = random_.chance(0.5) ? 20 : 200; // what is late may miss a whole fence
    schedule_.after(milliseconds(healing_ ? 5 : random_.between(5, longest)), [this] { act(); });
}

void Manager::act() {
    command_ = next_command();
    command_.to(volume_.address.shelf, volume_.address.slot).from(mac_).tagged(next_tag_++);
    waiting_ = true;
    transmit();
}

aoetest::Request Manager::next_command() {
    if (healing_) {
        if (--steps_left_ == 1)
            return aoetest::reserve_request(aoetest::reserve_force);
    }
    const bool masks = healing_ || random_.chance(0.5);
    std::vector<Mac> permitted;
    if (!healing_ && random_.chance(0.7)) {
        faults_.add(Fault::fence);
        permitted.push_back(mac_);
        for (const Host* host : hosts_) {
            if (random_.chance(0.5))
                permitted.insert(permitted.end(), host->setting().macs.begin(), host->setting().macs.end());
        }
    }
    if (!masks)
        return aoetest::reserve_request(aoetest::reserve_force, permitted);
    std::vector<aoetest::Directive> directives;
    for (const Mac& mac : permitted)
        directives.push_back({aoetest::directive_add, mac});
    const auto remove = [&](const Mac& mac) {
        if (std::ranges::find(permitted, mac) == permitted.end())
            directives.push_back({aoetest::directive_delete, mac});
    };
    for (const Host* host : hosts_)
        std::ranges::for_each(host->setting().macs, remove);
    remove(mac_); // last: it must not shut itself out in between
    return aoetest::mask_request(aoetest::mask_edit, directives);
}

void Manager::transmit() {
    const auto port = static_cast<unsigned>(random_.below(ports_));
    command_.destination = network_.port_mac(port);
    network_.send(port, command_.encode(), Care::gentle, 0);
    schedule_.after(milliseconds(200), [this, tag = *command_.tag] {
        if (waiting_ && *command_.tag == tag)
            transmit();
    });
}

void Manager::receive(const Frame& frame) {
    const aoetest::Reply reply{frame};
    if (!waiting_ || !reply.is_response() || reply.is_error() || reply.tag() != *command_.tag)
        return;
    waiting_ = false;
    done_ = healing_ && steps_left_ == 0;
    rest();
}

} // namespace aoesim
