// An operator changes exports and interfaces while they serve. Who is shut out finds nothing from then on:
// nothing that the target takes then is answered, and nothing that has come before lands later.
#include "world.hpp"

namespace aoesim {
namespace {

/// Answers and advertisements take this long to leave at most, and the world may have changed meanwhile.
constexpr Time on_its_way = microseconds(50);

std::string name_of(unsigned port) {
    return "eth" + std::to_string(port);
}

} // namespace

bool World::Policy::serves(unsigned port) const {
    return interfaces.empty() || std::ranges::find(interfaces, name_of(port)) != interfaces.end();
}

bool World::Policy::admits(const Mac& mac) const {
    return allow.empty() ||
           std::ranges::any_of(allow, [&](const auto& each) { return each.matches(aoetest::to_mac(mac)); });
}

void World::operate() {
    if (healed_)
        return;
    schedule_.after(milliseconds(operator_.between(1, 60)), [this] { operate(); });
    if (!machine_->is_running() || machine_->is_stopping())
        return;
    note_growth();
    const std::size_t number = operator_.below(exports_.size());
    switch (operator_.below(8)) {
    case 0:
        grow(number);
        return;
    case 1:
        machine_->replace_device(number);
        return;
    case 2:
        change_interface();
        return;
    default:
        change_access(number);
    }
}

void World::change_access(std::size_t number) {
    aoetarget::ExportOptions options = machine_->options(number);
    const std::uint64_t what = operator_.below(4);
    if (what <= 1) {
        options.allow.clear();
        // Most of the time everybody is let in, or little would happen.
        for (std::size_t i = 0; i < hosts_.size() && operator_.chance(0.7); ++i) {
            const Host& chosen = *hosts_[operator_.below(hosts_.size())];
            // Of the first five bytes: all hosts.
            const std::size_t length = operator_.chance(0.1) ? 5 : 6;
            for (const Mac& mac : chosen.setting().macs) {
                aoetarget::MacPattern pattern{aoetest::to_mac(mac), length};
                std::fill(pattern.address.bytes.begin() + static_cast<std::ptrdiff_t>(length),
                          pattern.address.bytes.end(), std::uint8_t{0});
                options.allow.push_back(pattern);
            }
        }
    } else if (what == 2) {
        options.interfaces.clear();
        for (unsigned port = 0; port < machine_setting_.ports; ++port) {
            if (operator_.chance(0.3))
                options.interfaces.push_back(name_of(port));
        }
    } else {
        options.fixed = operator_.chance(0.2);
        options.silence_on_error = milliseconds(operator_.between(0, 1000));
        options.device_timeout = milliseconds(operator_.chance(0.5) ? operator_.between(20, 1000) : 0);
    }
    if (tracing_) {
        std::string text = "the operator changes " + to_string(options.address) + ": it allows";
        for (const auto& pattern : options.allow)
            text += " " + to_string(pattern.address) + "/" + std::to_string(pattern.length);
        text += options.allow.empty() ? " everybody on" : " on";
        for (const std::string& name : options.interfaces)
            text += " " + name;
        trace(text + (options.interfaces.empty() ? " all interfaces" : ""));
    }
    machine_->change_export(number, options);
    exports_[number].policies.push_back({schedule_.now(), options.allow, options.interfaces});
}

void World::grow(std::size_t number) {
    Export& exported = exports_[number];
    constexpr std::uint64_t more = 64;
    if (exported.disk->sectors() + more > exported.volume->most_sectors)
        return;
    result_.faults.add(Fault::disk_grown);
    exported.disk->grow(more);
    machine_->resize(number);
    note_growth();
}

/// Hosts use the new sectors only when the target knows of them: it may be about to change the device.
void World::note_growth() {
    const auto all = machine_->stats();
    for (std::size_t i = 0; i < exports_.size(); ++i) {
        Volume& volume = *exports_[i].volume;
        const std::uint64_t before = std::exchange(volume.sectors, all[i].sectors);
        if (before == volume.sectors)
            continue;
        if (before > volume.sectors)
            fail(to_string(volume.address) + " has become smaller");
        for (const auto& host : hosts_) {
            if (&host->volume() == &volume)
                host->note_growth(before);
        }
    }
}

void World::change_interface() {
    const auto port = static_cast<unsigned>(operator_.below(machine_setting_.ports));
    Machine::LinkOptions options;
    if (operator_.chance(0.5))
        options.buffer_count = static_cast<unsigned>(operator_.between(2, 64));
    if (operator_.chance(0.5))
        options.sectors_per_frame = static_cast<unsigned>(operator_.between(1, 20));
    machine_->change_link(port, options);
}

void World::let_everybody_in() {
    for (std::size_t i = 0; i < exports_.size(); ++i) {
        aoetarget::ExportOptions options = machine_->options(i);
        options.allow.clear();
        options.interfaces.clear();
        options.fixed = false;
        machine_->change_export(i, options);
        exports_[i].policies.push_back({.since = schedule_.now()});
    }
    if (!machine_->is_running() || machine_->is_stopping())
        return;
    for (unsigned port = 0; port < machine_setting_.ports; ++port)
        machine_->change_link(port, {});
}

/// What arrived at the moment of a change arrived after it. What arrived while its host was shut out, and is
/// taken when it is let in, might as well have come later.
void World::note_taken(Export& exported, const Port& port, const Port::Waiting& waiting) const {
    const aoetest::Reply request{waiting.frame};
    const auto lets_in = [&](const Policy& policy) {
        return policy.serves(port.number) && policy.admits(request.source());
    };
    if (!lets_in(exported.policies.back()))
        return;
    exported.answerable.emplace(request.source(), request.tag());
    for (auto policy = exported.policies.rbegin(); policy->since > waiting.arrival; ++policy) {
        if (!lets_in(*policy) && lets_in(*std::next(policy)))
            return; // it was shut out while this waited
    }
    exported.lawful.resize(std::max<std::size_t>(exported.lawful.size(), waiting.write + 1));
    exported.lawful[waiting.write] = true;
}

/// Requests to several exports may wait in the target, and are judged only when it hands them on.
void World::check_is_let_in(const Port& port, const aoetest::Reply& reply) {
    const Export& exported = *find({reply.shelf(), reply.slot()});
    const Mac to = reply.destination();
    if (to == query_mac)
        return;
    if (reply.tag() != 0) {
        if (!exported.answerable.contains({to, reply.tag()}))
            fail("an answer to what was shut out: " + aoetest::hex_dump(reply.bytes, 36));
        return;
    }
    auto policy = exported.policies.rbegin();
    const auto is_for = [&](const Policy& one) {
        return one.serves(port.number) && (to == aoetest::broadcast_mac || one.admits(to));
    };
    while (!is_for(*policy) && policy->since > schedule_.now() - on_its_way)
        ++policy;
    if (!is_for(*policy))
        fail("an advertisement where the export is not served: " + aoetest::hex_dump(reply.bytes, 36));
}

} // namespace aoesim
