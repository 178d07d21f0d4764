// The side of the control socket that serves: it accepts connections, reads requests and writes answers, all
// on the thread and the ring of a target.
//
// Peers are trusted to be root or the user that serves, and with nothing else. Each has one request at a
// time, of a bounded size, and a time to take its answer; together they have a bounded part of the thread's
// time. If there are too many, one that comes takes the place of the one that has been idle for the longest.
#pragma once

#include "control/control_socket.hpp"
#include "control/packet.hpp"

#include <aoetarget/target.hpp>

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace cli {

/// What a connection has under way. It is destroyed when the connection ends.
class ControlSession {
  public:
    /// Gives the answer, an object, later or now, on the thread of the server, once. An answer to a
    /// connection that has ended meanwhile is dropped.
    using Answer = std::function<void(const nlohmann::json& answer)>;

    virtual ~ControlSession() = default;
    /// `request` is an object. Throws Failure (failure.hpp) or another std::exception, and then does not
    /// answer.
    virtual void handle(const nlohmann::json& request, std::vector<Descriptor> descriptors,
                        Answer answer) = 0;
};

/// Returns an answer, or a part of it, as a packet has it. Bytes that are no UTF-8 become replacement
/// characters.
std::string text_of(const nlohmann::json& answer);

class ControlServer {
  public:
    using MakeSession = std::function<std::unique_ptr<ControlSession>()>;

    struct Limits {
        std::size_t connections = 64;
        /// The time for a peer to take its answer.
        std::chrono::milliseconds patience{10'000};
        /// The time that requests may use at once; beyond it they get half a percent of the thread's time.
        std::chrono::milliseconds at_once{200};
    };

    struct Counters {
        std::uint64_t requests = 0; ///< That were answered with "ok".
        std::uint64_t refused = 0;  ///< Peers, and requests that were answered with an error.
        std::uint64_t dropped = 0;  ///< Connections that were closed by the server.
    };

    /// Both must outlive this object, and it must be destroyed on the target's thread, or after the target
    /// has ended.
    ControlServer(aoetarget::Target& target, const ControlSocket& socket, MakeSession make_session,
                  const Limits& limits);
    ~ControlServer();
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    [[nodiscard]] const Counters& counters() const { return counters_; }

  private:
    using Clock = std::chrono::steady_clock;
    using Id = std::uint64_t;

    enum class State {
        listening, ///< For a request.
        resting,   ///< It listens when the server does so again.
        answering, ///< The session has a request.
        sending,   ///< There was no room for the answer.
    };

    struct Connection {
        Descriptor socket;
        std::shared_ptr<ControlSession> session; ///< It may end its connection while it is called.
        State state = State::listening;
        Clock::time_point idle_since = Clock::now(); ///< While it listens or rests.
        std::string unsent = {};
        aoetarget::CallId time_limit = 0;
    };

    void listen();
    void accept_all();
    void add(Descriptor socket);
    /// Ends the connection that has been idle for the longest. Returns false if none is idle.
    bool make_room();
    void listen_to(Id id);
    void receive(Id id);
    void handle(Id id, Packet packet);
    void refuse(Id id, int exit_code, std::string_view error);
    void answer(Id id, const nlohmann::json& answer);
    void send(Id id);
    void drop(Id id);
    /// Counts this thread's time since `began`, and stops listening for a while if it was too much.
    void count_time(std::chrono::nanoseconds began);
    void listen_again();

    aoetarget::Target& target_;
    const ControlSocket& socket_;
    MakeSession make_session_;
    Limits limits_;
    uid_t user_; ///< Who serves. A confined process cannot ask any more.
    std::map<Id, Connection> connections_;
    Id last_id_ = 0;
    Counters counters_;
    Clock::duration used_{};        ///< Of the thread's time, less what was granted since.
    Clock::time_point counted_at_;  ///< When that was last brought up to date.
    aoetarget::CallId resting_ = 0; ///< Set while nothing is accepted or received.
    bool is_handling_ = false;
    std::shared_ptr<ControlServer*> self_; ///< Answers may come when this object is gone.
};

} // namespace cli
