// What serving an interface takes rights for: its sockets, and the program of its lane.
#pragma once

#include <aoetarget/hand_over.hpp>

#include "net/packet_socket.hpp"
#include "net/refusal.hpp"

#include <memory>
#include <optional>

namespace aoetarget::net {

class XdpProgram;

class InterfaceRights final : public PreparedInterface {
  public:
    std::shared_ptr<const PacketSockets> sockets;
    std::shared_ptr<XdpProgram> program; ///< Null if there is none.
    std::optional<Refusal> refusal;      ///< Why there is none, if one was wanted.
    /// Another link of this process had the program, and its socket closes when the loop has turned.
    bool is_of_link = false;
};

} // namespace aoetarget::net
