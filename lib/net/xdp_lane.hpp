// A fast lane beside a link's packet socket: requests for our exports, and their answers, bypass the kernel's
// network stack through an AF_XDP socket whose memory is the link's own (one slot from wire to disk to wire,
// without a copy here). Other frames (wildcards, frames on another receive queue, answers from other memory)
// go through the packet socket, so a lane may come and go at any time.
#pragma once

#include "net/frame_memory.hpp"
#include "net/interface.hpp"
#include "net/patience.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace aoetarget::net {

class XdpProgram;

class XdpLane {
  public:
    /// Receives its frames.
    class Receiver {
      public:
        virtual void lane_received(core::FrameSlot slot) = 0;

      protected:
        ~Receiver() = default;
    };

    /// Attaches a program for a lane. With `insist` it does so also if the kernel has to do the driver's part
    /// (generic XDP), or if only some of the frames would come through the lane. `patience` is the time to
    /// wait for another process that has the interface's lane now; after a Refusal with EBUSY or EEXIST a
    /// later attempt may succeed. Throws Refusal.
    static std::shared_ptr<XdpProgram> attach(const InterfaceState& interface, bool insist,
                                              const Patience& patience);
    /// Takes over descriptors() of another process; see XdpProgram. Throws Refusal.
    static std::shared_ptr<XdpProgram> adopt(std::vector<ring::FileDescriptor> descriptors, bool is_generic);
    [[nodiscard]] static std::vector<int> descriptors(const XdpProgram& program);
    [[nodiscard]] static bool is_generic(const XdpProgram& program);
    /// Opens a lane with `program`, which it attaches if that is not attached to the interface; afterwards
    /// the program is there for the next lane. `insist` and `patience` are those of attach(). `memory`
    /// stays the lane's, and must be retired when the lane is gone, because the
    /// kernel may still be reading frames in it. Throws Refusal.
    static std::unique_ptr<XdpLane> open(const InterfaceState& interface, ring::Ring& ring,
                                         FrameMemory& memory, Receiver& receiver, bool insist,
                                         const Patience& patience, std::shared_ptr<XdpProgram>& program);
    /// Throws the Refusal of open() as far as it can be told without disturbing the driver: of what the
    /// device does by itself, and of the layout.
    static void check_offloads(const std::string& name, bool insist);
    static void check_layout(const core::FramePool::Layout& layout, bool insist);
    /// Throws Refusal if the kernel does not take the program from this thread, with the rights that it has.
    /// It is attached to nothing.
    static void check_program();

    virtual ~XdpLane() = default;

    /// Returns human-readable text, for example "xdp native".
    [[nodiscard]] virtual std::string description() const = 0;
    /// Sets the destinations: the lane takes requests for these and no others. Throws Refusal.
    virtual void set_destinations(const MacAddress& mac, std::span<const Address> addresses) = 0;
    /// Sets whether frames must have a time of arrival. Some may have none nevertheless.
    virtual void stamp(bool wanted) = 0;
    /// Hands over the frames that have arrived.
    virtual void receive() = 0;
    /// Takes back slots of sent frames, lends free slots and, if the interface is up, sends frames that it
    /// could not send before. It is called once a turn.
    virtual void replenish(bool up) = 0;
    /// Takes the slot and sends the frame in it. Returns false if the slot is not in the lane's memory or the
    /// frame is too long.
    virtual bool send(core::FrameSlot& slot) = 0;
    /// Sends the frames that send() took, with one submission, as far as the interface takes them.
    virtual void flush() = 0;
    /// Returns a frame that send() took and that the interface has dropped for want of room, or no slot.
    virtual core::FrameSlot take_dropped() = 0;
    /// Wipes the content of frames that the kernel has not taken yet. They go out when the interface is up
    /// again, and a late answer might look like one to another request.
    virtual void blank_waiting() = 0;
    /// Takes no more frames than have arrived, and detaches the program. Frames that are being sent are still
    /// sent.
    virtual void stop_receiving() = 0;
    /// Does the same, but leaves the program attached for the next lane.
    virtual void pause() = 0;
    /// Returns whether nothing is under way any more.
    [[nodiscard]] virtual bool quiet() const = 0;
    /// Returns how many slots it lends for receiving, as far as there are free ones.
    [[nodiscard]] virtual std::size_t slots() const = 0;
    /// Returns how many unread frames it can hold.
    [[nodiscard]] virtual unsigned capacity() const = 0;
    /// Frames that the XDP program has handed over since it was opened, and parts of frames that have come of
    /// that, those that were lost for want of room included.
    [[nodiscard]] virtual std::uint64_t handed_over() const = 0;
    /// The next frame that is handed over makes this descriptor readable, until the next call.
    [[nodiscard]] virtual int alarm() = 0;
    [[nodiscard]] virtual std::uint64_t arrived() const = 0;
    /// Count the frames that were lost since it was opened, and the times that it had to stop because no slot
    /// was free.
    [[nodiscard]] virtual std::uint64_t drops() const = 0;
    [[nodiscard]] virtual std::uint64_t starved() const = 0;
    /// Count the frames given to send() that the kernel has taken and not dropped, and those that it has not
    /// taken.
    [[nodiscard]] virtual std::uint64_t sent() const = 0;
    [[nodiscard]] virtual std::uint32_t waiting() const = 0;
};

} // namespace aoetarget::net
