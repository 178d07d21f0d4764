// What follows a link's interface: whether it is there, whether the link's sockets are bound to it, and when
// to look again.
#pragma once

#include "net/link_context.hpp"

#include <optional>

namespace aoetarget::net {

class InterfaceFollower final : private ring::CompletionHandler {
  public:
    /// The link, which acts upon what is found.
    class Owner {
      public:
        /// There is an interface that the link is not bound to. Throws std::system_error.
        virtual void interface_found() = 0;
        /// The link is bound to an interface that is not there any more.
        virtual void interface_lost() = 0;
        /// The link is bound to the interface, and something may have happened to it.
        virtual void interface_seen(const InterfaceState& before) = 0;

      protected:
        ~Owner() = default;
    };

    InterfaceFollower(LinkContext& link, Owner& owner);
    ~InterfaceFollower();
    InterfaceFollower(const InterfaceFollower&) = delete;
    InterfaceFollower& operator=(const InterfaceFollower&) = delete;

    /// The first look: the interface must be there, and be good enough. Throws std::system_error with its
    /// name, the cause and the cure.
    void begin();
    /// Something may have happened to it.
    void look();
    /// Without being told that something has happened. Not where the link does not serve any more.
    void look_later();
    [[nodiscard]] bool quiet() const { return link_.ring.outstanding(handler_) == 0; }

  private:
    enum class State {
        absent,  ///< There is none of this name, or not one with Ethernet frames.
        unbound, ///< It is there, and could not be bound to: looked at later.
        bound,
    };

    void on_completion(std::uint64_t argument, int result, std::uint32_t flags) override;
    void lose();
    void cannot_carry() { link_.interface.up = link_.interface.carrier = false; }
    [[nodiscard]] std::optional<InterfaceState> query() const { return query_interface(link_.name); }

    LinkContext& link_;
    Owner& owner_;
    const ring::HandlerId handler_;
    State state_ = State::absent;
};

} // namespace aoetarget::net
