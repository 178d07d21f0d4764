// Follows a link's interface: knows whether it exists, whether the link's sockets are bound to it, and when
// to look again.
#pragma once

#include "net/link_context.hpp"

#include <optional>

namespace aoetarget::net {

class InterfaceFollower final : private ring::RegisteredHandler {
  public:
    /// The link, which reacts to changes.
    class Owner {
      public:
        /// Binds the link to an interface that has appeared. Throws std::system_error.
        virtual void interface_found() = 0;
        /// Tells the link that its interface does not exist any more.
        virtual void interface_lost() = 0;
        /// Tells the link that its interface may have changed.
        virtual void interface_seen(const InterfaceState& before) = 0;

      protected:
        ~Owner() = default;
    };

    InterfaceFollower(LinkContext& link, Owner& owner);

    /// Whether the interface has this name, be it an alternative one, or is waited for under it.
    [[nodiscard]] bool has_name(const std::string& name) const {
        return link_.interface.index != 0 ? link_.interface.has_name(name) : name == wanted_;
    }
    /// The interface was asked for by this name from now on.
    void rename(const std::string& name);
    /// Takes the first look. The interface must exist and be suitable. Throws std::system_error with its
    /// name, the cause and the cure.
    void begin();
    /// Looks at the interface again, because it may have changed.
    void look();
    /// Whether a change of this interface may be one of the link's.
    [[nodiscard]] bool is_concerned(const InterfaceState& changed) const;
    /// Looks again after a while, without any news, unless the link does not serve any more.
    void look_later();
    using RegisteredHandler::quiet;

  private:
    enum class State {
        absent,  ///< No interface with Ethernet frames has this name.
        unbound, ///< It exists, but binding to it failed; the next look is later.
        bound,
    };

    void look_at_interface();
    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void lose();
    void cannot_carry() { link_.interface.up = link_.interface.carrier = false; }
    [[nodiscard]] std::optional<InterfaceState> query() const;

    LinkContext& link_;
    Owner& owner_;
    State state_ = State::absent;
    /// The name that the interface was asked for by. When the interface is gone, the next one with this name
    /// takes its place, whatever name it had last.
    std::string wanted_;
};

} // namespace aoetarget::net
