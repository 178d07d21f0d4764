// The links of a target: which interfaces it serves, by name or by pattern, as they come and go.
#pragma once

#include <aoetarget/options.hpp>
#include <aoetarget/stats.hpp>

#include "core/core.hpp"
#include "net/interface_monitor.hpp"
#include "net/packet_link.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace aoetarget {

class LinkSet {
  public:
    /// What all links share.
    struct Parts {
        ring::Ring& ring;
        net::FrameMemories& memories;
        net::ArrivalClock& clock;
        net::LinkEvents& events;
        core::EventLog& log;
        const net::NetfilterMonitor& netfilter;
        core::Core& core;
    };
    explicit LinkSet(const Parts& parts) : parts_(parts) {}

    /// See Target::add_interface() and Target::remove_interface().
    void add(const std::string& name, const InterfaceOptions& options,
             std::shared_ptr<const net::InterfaceRights> rights);
    /// Returns false if there is nothing to remove.
    bool remove(const std::string& name);
    /// See Target::rename_interface().
    bool rename(const std::string& name, const std::string& new_name);
    /// See Target::change_interface().
    bool change(const std::string& name, const InterfaceOptions& options, const net::InterfaceRights* rights);
    /// Something may have happened to an interface.
    void hear(const net::InterfaceNews& news);
    /// Tries again what has failed. Once a turn.
    void try_again(core::Time now);
    /// When try_again() has something to do if nothing else happens; empty: never.
    [[nodiscard]] std::optional<core::Time> next_deadline() const { return retry_at_; }

    template <typename Action>
    void for_each(Action action) const {
        for (const Served& served : served_)
            action(*served.link);
    }
    /// Tells of frames that the kernel had to drop. Once a turn; it looks once a second.
    void look_for_drops(core::Time now);
    /// See net::LinkEvents.
    [[nodiscard]] bool serves(int index) const;
    [[nodiscard]] bool is_served_elsewhere(core::LinkId link, int interface_index) const;
    /// Receives no more, and adds nothing more by itself.
    void stop_receiving();
    [[nodiscard]] bool quiet() const;
    /// Removes all, after stop_receiving().
    void close_all();
    /// Destroys what was removed and has nothing under way any more.
    void collect_closed();
    [[nodiscard]] std::vector<InterfaceStats> stats(core::Time now) const;
    [[nodiscard]] std::vector<std::string> waited_for() const;

  private:
    /// A link, and how it came to be.
    struct Served {
        std::unique_ptr<net::PacketLink> link;
        std::string entry;       ///< The name or pattern that the host has given.
        bool waits = false;      ///< It was not there at first, and need not be.
        std::uint64_t drops = 0; ///< The number of dropped frames at the last look.

        [[nodiscard]] bool by_pattern() const { return net::is_pattern(entry); }
    };
    /// What is served as soon as it is there. A pattern remains, a name does not.
    struct Wanted {
        std::string name;
        InterfaceOptions options;
        std::shared_ptr<const net::InterfaceRights> rights; ///< Null: those of this process.
    };

    void add_waiting(const Wanted& wanted);
    /// `name` is that of an interface, and `wanted` what the host has given.
    net::PacketLink& open(const std::string& name, const Wanted& wanted, bool insist);
    void welcome(const net::InterfaceState& interface);
    void welcome_all();
    /// Returns what tells whom the host means: what it has given this name or pattern for, else what has this
    /// name now.
    [[nodiscard]] std::function<bool(const Served&)> meant_by(const std::string& name) const;
    void close(std::vector<Served>::iterator served);
    void close_unneeded();
    void count_changed() const;
    [[nodiscard]] std::vector<Wanted>::iterator find_wanted(const net::InterfaceState& interface);

    Parts parts_;
    std::vector<Served> served_;
    std::vector<std::unique_ptr<net::PacketLink>> closing_; ///< Removed, with answers still on their way.
    std::vector<Wanted> wanted_;
    bool serving_ = true;
    bool has_failed_ = false;              ///< Something is wanted and there, and could not be served.
    std::vector<int> told_failures_;       ///< Indices of the interfaces of which people know that.
    std::optional<core::Time> retry_at_{}; ///< After a failure.
    core::Time next_look_{};               ///< For drops.
};

} // namespace aoetarget
