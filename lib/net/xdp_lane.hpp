// A fast lane beside a link's packet socket: requests for our exports pass the kernel by, in both directions,
// through an AF_XDP socket whose memory is the link's own (one slot from wire to disk to wire, nothing is
// copied here). What the lane does not take - wildcards, frames on another receive queue, answers from other
// memory - goes through the packet socket as ever, so a lane may come and go at any time.
#pragma once

#include "net/frame_memory.hpp"
#include "net/interface.hpp"
#include "net/patience.hpp"

#include <memory>
#include <span>
#include <string>

namespace aoetarget::net {

class XdpLane {
  public:
    /// Where its frames go.
    class Receiver {
      public:
        virtual void lane_received(core::FrameSlot slot) = 0;

      protected:
        ~Receiver() = default;
    };

    /// `insist`: also where the kernel has to play the driver's part (generic XDP), or only some of the
    /// frames would come through here. `memory` must be suits(), is the lane's for good, and has to be
    /// retired when the lane is gone: the kernel may still be reading frames in it. `patience`: with whoever
    /// has the interface's lane now; a Refusal with EBUSY or EEXIST may be another by and by. Throws Refusal.
    static std::unique_ptr<XdpLane> open(const std::string& name, const InterfaceState& interface,
                                         ring::Ring& ring, FrameMemory& memory, Receiver& receiver,
                                         bool insist, const Patience& patience);
    /// Whether frames that lie so can be received and sent here.
    static bool suits(const core::FramePool::Layout& layout);

    virtual ~XdpLane() = default;

    /// "xdp native", for people.
    [[nodiscard]] virtual std::string description() const = 0;
    /// Takes requests of these destinations and no others. Throws Refusal.
    virtual void set_destinations(const MacAddress& mac, std::span<const Address> addresses) = 0;
    /// Whether frames have to tell when they arrived. Those that do not know it say nothing.
    virtual void stamp(bool wanted) = 0;
    /// Hands over what has arrived.
    virtual void receive() = 0;
    /// Takes back what was sent, lends free slots and, where the interface is up, sends what it could not
    /// send before. Once a turn.
    virtual void replenish(bool up) = 0;
    /// Takes the slot and sends the frame in it; false where it does not lie in the lane's memory or is too
    /// long.
    virtual bool send(core::FrameSlot& slot) = 0;
    /// Sends what was given to send(), with one submission.
    virtual void flush() = 0;
    /// What the kernel has not taken yet goes out without content, when the interface is up again: an answer
    /// that comes so late might be taken for one to another request.
    virtual void blank_waiting() = 0;
    /// Takes no more frames than have arrived; what is being sent is sent.
    virtual void stop_receiving() = 0;
    /// Nothing is under way any more.
    [[nodiscard]] virtual bool quiet() const = 0;
    /// How many slots it has lent for receiving, as far as there are any.
    [[nodiscard]] virtual std::size_t slots() const = 0;
    /// How many frames it can hold that nobody has looked at.
    [[nodiscard]] virtual unsigned capacity() const = 0;
    /// Frames lost since it was opened, and times it stood still for want of a slot.
    [[nodiscard]] virtual std::uint64_t drops() const = 0;
    [[nodiscard]] virtual std::uint64_t starved() const = 0;
    /// Of the frames given to send(), those that the kernel has taken, and those that it has not.
    [[nodiscard]] virtual std::uint64_t sent() const = 0;
    [[nodiscard]] virtual std::uint32_t waiting() const = 0;
};

} // namespace aoetarget::net
