// Configurations that somebody might write, made by chance.
#pragma once

#include "config/configuration.hpp"

#include <chrono>
#include <initializer_list>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace aoetest {

class ConfigurationMaker {
  public:
    explicit ConfigurationMaker(unsigned seed) : random_(seed) {}

    /// Sorted and without faults. Small numbers make it likely that two have much in common.
    cli::Configuration make() {
        cli::Configuration made;
        if (chance())
            made.target = {.threads = 1 + below(3),
                           .busy_poll = std::chrono::microseconds(below(3)),
                           .state_directory = chance() ? text() : ""};
        const unsigned host_count = below(4);
        for (unsigned i = 1; i <= host_count; ++i)
            made.hosts["host" + std::to_string(i)] =
                members(i - 1); // those before it, so that there is no circle
        const cli::Hosts hosts(made.hosts,
                               [](const auto&, const auto&) { throw std::logic_error("bad hosts"); });
        for (const char* name : {"eth0", "eth1", "v*", "vnet*", "?"}) {
            if (chance() || made.interfaces.empty())
                made.interfaces.push_back(interface(name));
        }
        for (unsigned slot = 0; slot < 5; ++slot) {
            if (chance() || made.exports.empty())
                made.exports.push_back(exported(slot, made, hosts));
        }
        cli::sort_entries(made);
        return made;
    }

  private:
    unsigned below(unsigned limit) { return static_cast<unsigned>(random_() % limit); }
    bool chance() { return below(2) == 0; }
    template <typename T>
    T one_of(std::initializer_list<T> choices) {
        return choices.begin()[below(static_cast<unsigned>(choices.size()))];
    }

    /// With everything that has to be quoted somewhere.
    std::string text() {
        std::string made = "/";
        for (unsigned length = below(6); length > 0; --length)
            made += one_of<std::string>({"a", "/", " ",  "\"",     "\\",      "'",    ",", "=",
                                         "+", "#", "\n", "\t",     "\x01",    "\x7F", "é", "№",
                                         "𝄞", "[", "]",  "\"\"\"", "\\u0041", "\r"});
        return made;
    }

    std::string printable_text(unsigned longest) {
        std::string made;
        for (unsigned length = 1 + below(longest); length > 0; --length)
            made += static_cast<char>(' ' + below('~' - ' ' + 1));
        return made;
    }

    std::vector<std::string> members(unsigned known_hosts) {
        std::vector<std::string> made;
        for (unsigned count = 1 + below(3); count > 0; --count) {
            if (known_hosts > 0 && chance())
                made.push_back("host" + std::to_string(1 + below(known_hosts)));
            else
                made.push_back(
                    one_of<std::string>({"52:54:00:00:00:01", "525400*", "*", "020000000001", "52:54:00:*"}));
        }
        return made;
    }

    cli::InterfaceSpec interface(const std::string& name) {
        using aoetarget::LinkKind, aoetarget::QdiscUse;
        return {name,
                {.link = one_of({LinkKind::automatic, LinkKind::packet, LinkKind::xdp}),
                 .qdisc = one_of({QdiscUse::automatic, QdiscUse::bypass, QdiscUse::honour}),
                 .sectors_per_frame = one_of({0U, 1U, 255U}),
                 .wait = chance(),
                 .buffer_count = one_of({0U, 2U, 65535U}),
                 .advertise_interval = std::chrono::seconds(one_of({0, 1, 86400}))}};
    }

    cli::ExportSpec exported(unsigned slot, const cli::Configuration& around, const cli::Hosts& hosts) {
        using namespace std::chrono_literals;
        cli::ExportSpec spec;
        spec.options.address = {static_cast<std::uint16_t>(one_of({0, 1, 65534})),
                                static_cast<std::uint8_t>(slot)};
        spec.path = text();
        spec.file.durability = one_of({aoetarget::Durability::stable, aoetarget::Durability::volatile_cache});
        spec.file.read_only = chance();
        spec.file.discard = chance();
        spec.file.offset_bytes = one_of<std::uint64_t>({0, 512, 1024, 1 << 20, 3ULL << 40, 512 * 12345});
        spec.file.length_bytes = one_of<std::uint64_t>({0, 512, 8ULL << 30});
        spec.file.force = chance();
        if (chance())
            spec.file.cache = one_of({aoetarget::Cache::direct, aoetarget::Cache::page});
        if (chance())
            spec.options.serial = printable_text(20);
        if (chance())
            spec.options.model = printable_text(40);
        if (chance())
            spec.options.silence_on_error = one_of<std::chrono::milliseconds>({0s, 1s, 60s, 24h});
        spec.options.device_timeout = one_of<std::chrono::milliseconds>({0s, 1s, 150s, 24h});
        spec.options.fixed = chance();
        if (chance())
            spec.options.interfaces = {around.interfaces.front().name};
        if (chance()) {
            spec.allow = members(static_cast<unsigned>(around.hosts.size()));
            spec.options.allow = hosts.resolve("allow", spec.allow);
        }
        return spec;
    }

    std::mt19937 random_;
};

} // namespace aoetest
