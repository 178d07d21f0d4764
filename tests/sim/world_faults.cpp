// Begins and ends the faults of a world.
#include "world.hpp"

namespace aoesim {

void World::next_fault() {
    if (healed_)
        return;
    schedule_.after(Time(random_.below(static_cast<std::uint64_t>(2 * between_faults_.count()))),
                    [this] { next_fault(); });
    if (!machine_->is_running())
        return;
    if (machine_->is_stopping()) {
        if (random_.chance(power_cuts_))
            cut_power();
        return;
    }
    const auto number = static_cast<unsigned>(random_.below(machine_setting_.ports));
    Port& port = machine_->port(number);
    const Time duration = milliseconds(random_.between(1, 400));
    switch (random_.below(11)) {
    case 0:
    case 1:
    case 2:
    case 3:
        result_.faults.add(Fault::link_stalled);
        // Longer than copies of writes are known by their content: then only the times of arrival help.
        port.stalled_until =
            schedule_.now() + (random_.chance(0.1) ? seconds(random_.between(2, 4)) : duration);
        return;
    case 4:
        result_.faults.add(Fault::link_down);
        machine_->set_link_up(number, false);
        schedule_.after(duration, [this, number] { machine_->set_link_up(number, true); });
        return;
    case 5: {
        constexpr unsigned mtus[] = {600, 1100, 1500, 4200, 9000};
        result_.faults.add(Fault::mtu_changed);
        machine_->set_mtu(number, mtus[random_.below(std::size(mtus))]);
        return;
    }
    case 6:
        machine_->replace_link(number);
        return;
    case 7: {
        result_.faults.add(Fault::disk_vanished);
        Disk& disk = *exports_[random_.below(exports_.size())].disk;
        disk.vanish(true);
        schedule_.after(duration, [&disk] { disk.vanish(false); });
        return;
    }
    case 8:
        machine_->replace_device(random_.below(exports_.size()));
        return;
    default:
        if (random_.chance(power_cuts_))
            cut_power();
        else if (random_.chance(restarts_))
            restart();
    }
}

void World::cut_power() {
    trace("power cut");
    note_counters();
    machine_->power_cut();
    for (Export& exported : exports_)
        exported.volume->checker.power_cut();
    target_ended();
}

void World::restart() {
    trace("the target is told to end");
    machine_->stop([this, errors = flush_errors()] { stopped(errors); });
}

void World::stopped(const std::vector<std::uint64_t>& errors_before) {
    trace("the target has ended");
    note_counters();
    if (const std::string left = machine_->leftovers(); !left.empty())
        fail("after an orderly end " + left);
    const auto errors = flush_errors();
    for (std::size_t i = 0; i < exports_.size(); ++i) {
        Checker& checker = exports_[i].volume->checker;
        if (errors[i] == errors_before[i]) {
            checker.flush_acknowledged(checker.now());
            if (!exports_[i].disk->is_stable())
                fail("an orderly end has left data in the cache of the disk");
        }
        checker.restarted();
    }
    target_ended();
}

/// Of each export, in their order.
std::vector<std::uint64_t> World::flush_errors() const {
    std::vector<std::uint64_t> errors;
    for (const auto& stats : machine_->stats())
        errors.push_back(stats.flush_errors);
    return errors;
}

void World::target_ended() {
    ++cables_epoch_;
    for (Export& exported : exports_) {
        exported.volume->cache_off = false;
        if (machine_setting_.keeps_state)
            continue;
        exported.reserve.forget(hosts_.size());
        exported.mask.forget(hosts_.size());
    }
    schedule_.after(milliseconds(random_.between(1, 3000)), [this] {
        trace("power on");
        machine_->boot();
    });
}

/// Somebody looks for targets, as new hosts and tools do.
void World::query() {
    if (healed_)
        return;
    schedule_.after(milliseconds(random_.between(1, 100)), [this] { query(); });
    const unsigned count = random_.chance(crowds_) ? 40 : 1; // a rack boots, say
    const auto port = static_cast<unsigned>(random_.below(machine_setting_.ports));
    for (unsigned i = 0; i < count; ++i) {
        auto request = random_.chance(0.5) ? aoetest::identify_request() : aoetest::config_request();
        request.to(aoetest::every_shelf, aoetest::every_slot).from(query_mac).tagged(query_tag_++);
        request.destination = aoetest::broadcast_mac;
        send(port, request.encode(), Care::prompt, 0);
    }
}

/// Reads of one sector after another, each of them new, to all exports by all ports.
void World::flood() {
    if (!flooding_)
        return;
    const auto port = static_cast<unsigned>(random_.below(machine_setting_.ports));
    // A machine that is off takes nothing, and a world that takes long for other reasons would be spent on
    // nothing but the flood. At its end nobody may be kept from being served, however long the flood lasts.
    const bool is_over = !machine_->is_running() || (!healed_ && flood_tag_ >= last_flood_tag);
    schedule_.after(is_over ? 16 * between_floods_ : between_floods_, [this] { flood(); });
    if (is_over || machine_->port(port).is_full())
        return;
    const Export& exported = exports_[flood_tag_ % exports_.size()];
    auto request = aoetest::read_request(random_.below(exported.volume->sectors), 1);
    request.to(exported.volume->address.shelf, exported.volume->address.slot);
    request.from(greedy_mac).tagged(flood_tag_++);
    request.destination = port_mac(port);
    send(port, request.encode(), Care::gentle, 0);
}

void World::heal() {
    trace("all faults stop");
    healed_ = true;
    weather_ = {};
    machine_->heal();
    if (operates_)
        let_everybody_in();
    if (machine_->is_running()) {
        for (unsigned number = 0; number < machine_->ports(); ++number) {
            machine_->port(number).stalled_until = {};
            machine_->set_link_up(number, true);
            machine_->set_mtu(number, machine_setting_.mtus[number]); // what was sent then fits again
        }
    }
    for (const Export& exported : exports_) {
        exported.disk->heal();
        if (exported.manager)
            exported.manager->heal();
    }
    for (const auto& host : hosts_)
        host->heal();
    machine_->wake();
}

} // namespace aoesim
