// Accepts, reads, writes and limits.
#include "control/server.hpp"

#include "exit_code.hpp"
#include "failure.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cli {
namespace {

using nlohmann::json;

constexpr int part_of_time = 200; // for requests that have used what they may use at once
constexpr std::chrono::milliseconds longest_rest{5000};
constexpr int protocol_version = 1;

/// Returns the time that this thread has had a processor.
std::chrono::nanoseconds thread_time() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

json error_answer(int exit_code, std::string_view error) {
    return {{"ok", false}, {"code", exit_code}, {"error", error}};
}

/// Returns the text without the library's name for the fault.
std::string fault_text(const json::exception& error) {
    const std::string text = error.what();
    return fmt::format("the request lacks a key, or has a wrong value: {}", text.substr(text.find(']') + 2));
}

/// Returns a discarded value if the text is no JSON, or is nested deeper than any request, which costs much
/// time.
json parse(const std::string& text) {
    constexpr int max_depth = 8;
    bool is_too_deep = false;
    json value = json::parse(
        text,
        [&](int depth, json::parse_event_t, const json&) {
            is_too_deep |= depth > max_depth;
            return !is_too_deep;
        },
        false);
    return is_too_deep ? json(json::value_t::discarded) : value;
}

/// Returns why this peer may not be served, or nothing.
std::string refusal_of(int peer, uid_t user) {
    ucred credentials{};
    socklen_t bytes = sizeof credentials;
    if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) < 0)
        return "the kernel does not tell who asks";
    if (credentials.uid != 0 && credentials.uid != user)
        return fmt::format("user {} may not control this target; only root and the user who runs it may",
                           credentials.uid);
    return {};
}

/// Returns whether a request waits to be read, or the end of the connection.
bool has_request(int peer) {
    pollfd waiting{.fd = peer, .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) > 0;
}

/// Returns what is wrong with the form of a request, or nothing.
std::string fault_of(const json& request) {
    if (request.is_discarded() || !request.is_object())
        return "the request is not a JSON object";
    const auto version = request.find("version");
    if (version == request.end() || *version != protocol_version)
        return fmt::format("the request has no version that this target knows; it must be {}",
                           protocol_version);
    const auto verb = request.find("do");
    if (verb == request.end() || !verb->is_string())
        return "the request does not say what to do";
    return {};
}

} // namespace

std::string text_of(const json& answer) {
    return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

ControlServer::ControlServer(aoetarget::Target& target, const ControlSocket& socket, MakeSession make_session,
                             const Limits& limits)
    : target_(target), socket_(socket), make_session_(std::move(make_session)), limits_(limits),
      user_(geteuid()), counted_at_(Clock::now()), self_(std::make_shared<ControlServer*>(this)) {
    listen();
}

ControlServer::~ControlServer() {
    *self_ = nullptr;
    target_.unwatch(socket_.fd());
    target_.cancel_call(resting_);
    while (!connections_.empty())
        drop(connections_.begin()->first);
}

void ControlServer::listen() {
    target_.watch(socket_.fd(), POLLIN, [this](short) { accept_all(); });
}

void ControlServer::accept_all() {
    const auto began = thread_time();
    for (std::size_t i = 0; i < limits_.connections; ++i) {
        Descriptor socket(accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (!socket.is_open())
            break;
        add(std::move(socket));
    }
    count_time(began);
}

void ControlServer::add(Descriptor socket) {
    make_room_for_packets(socket.number());
    std::string refusal = refusal_of(socket.number(), user_);
    const bool may_come = refusal.empty();
    if (may_come && connections_.size() >= limits_.connections && !make_room())
        refusal = fmt::format("{} programs are connected to this target, and all wait for an answer",
                              limits_.connections);
    if (!refusal.empty()) {
        ++counters_.refused;
        const std::string text = text_of(error_answer(may_come ? exit_failed : exit_no_permission, refusal));
        if (write(socket.number(), text.data(), text.size()) < 0)
            ++counters_.dropped;
        return;
    }
    const Id id = ++last_id_;
    connections_.emplace(id, Connection{.socket = std::move(socket), .session = make_session_()});
    listen_to(id);
}

bool ControlServer::make_room() {
    auto idle = connections_.end();
    for (auto it = connections_.begin(); it != connections_.end(); ++it) {
        const Connection& connection = it->second;
        const bool listens = connection.state == State::listening || connection.state == State::resting;
        if (listens && (idle == connections_.end() || connection.idle_since < idle->second.idle_since) &&
            !has_request(connection.socket.number()))
            idle = it;
    }
    if (idle == connections_.end())
        return false;
    const std::string farewell = text_of(error_answer(
        exit_failed, fmt::format("more than {} programs are connected to this target, so it has ended the "
                                 "connection that was idle for the longest; connect again",
                                 limits_.connections)));
    static_cast<void>(send_packet(idle->second.socket.number(), farewell)); // it is dropped in any case
    ++counters_.dropped;
    drop(idle->first);
    return true;
}

void ControlServer::listen_to(Id id) {
    Connection& connection = connections_.at(id);
    connection.state = resting_ != 0 ? State::resting : State::listening;
    if (connection.state == State::listening)
        target_.watch(connection.socket.number(), POLLIN, [this, id](short) { receive(id); });
    else
        target_.unwatch(connection.socket.number());
}

void ControlServer::receive(Id id) {
    const auto began = thread_time();
    Connection& connection = connections_.at(id);
    Packet packet{std::string(max_control_bytes, '\0'), {}};
    const Received received = receive_packet(connection.socket.number(), packet);
    if (received == Received::end) {
        drop(id);
        return count_time(began);
    }
    if (received == Received::nothing)
        return;
    connection.state = State::answering;
    target_.unwatch(connection.socket.number());
    if (received == Received::too_long)
        refuse(id, exit_failed, fmt::format("the request is longer than {} bytes", max_control_bytes));
    else if (received == Received::too_many)
        refuse(id, exit_failed,
               "the target cannot take so many descriptors: its limit of open files is reached");
    else
        handle(id, std::move(packet));
    count_time(began);
}

void ControlServer::handle(Id id, Packet packet) {
    const json request = parse(packet.text);
    if (const std::string fault = fault_of(request); !fault.empty()) {
        packet.descriptors.clear();
        return refuse(id, exit_failed, fault);
    }
    const std::shared_ptr<ControlSession> session = connections_.at(id).session;
    is_handling_ = true;
    try {
        session->handle(request, std::move(packet.descriptors), [self = self_, id](const json& reply) {
            if (*self != nullptr)
                (*self)->answer(id, reply);
        });
    } catch (const Failure& failure) {
        refuse(id, failure.exit_code(), failure.what());
    } catch (const std::system_error& error) {
        refuse(id, exit_code_of(error), message_of(error));
    } catch (const json::exception& error) {
        refuse(id, exit_failed, fault_text(error));
    } catch (const std::exception& error) {
        refuse(id, exit_failed, error.what());
    }
    is_handling_ = false;
}

void ControlServer::refuse(Id id, int exit_code, std::string_view error) {
    answer(id, error_answer(exit_code, error));
}

void ControlServer::answer(Id id, const json& answer) {
    const auto began = thread_time();
    const auto found = connections_.find(id);
    if (found == connections_.end())
        return;
    Connection& connection = found->second;
    ++(answer.value("ok", false) ? counters_.requests : counters_.refused);
    connection.unsent = text_of(answer);
    if (connection.unsent.size() > max_control_bytes)
        connection.unsent = text_of(error_answer(exit_failed, "the answer is too long for a packet"));
    send(id);
    if (!is_handling_) // else receive() counts the time
        count_time(began);
}

void ControlServer::send(Id id) {
    Connection& connection = connections_.at(id);
    const int socket = connection.socket.number();
    if (write(socket, connection.unsent.data(), connection.unsent.size()) >= 0) {
        connection.unsent.clear();
        connection.idle_since = Clock::now();
        target_.cancel_call(std::exchange(connection.time_limit, 0));
        return listen_to(id);
    }
    if (errno != EAGAIN)
        return drop(id);
    if (connection.state == State::sending)
        return;
    connection.state = State::sending;
    target_.watch(socket, POLLOUT, [this, id](short) { send(id); });
    connection.time_limit = target_.call_after(limits_.patience, [this, id] {
        ++counters_.dropped;
        drop(id);
    });
}

void ControlServer::drop(Id id) {
    const auto found = connections_.find(id);
    target_.unwatch(found->second.socket.number());
    target_.cancel_call(found->second.time_limit);
    const Connection ended = std::move(found->second); // its session may call this object
    connections_.erase(found);
}

void ControlServer::count_time(std::chrono::nanoseconds began) {
    const auto now = Clock::now();
    const auto most = limits_.at_once + longest_rest / part_of_time;
    used_ = std::max(used_ - (now - counted_at_) / part_of_time, Clock::duration(0));
    used_ = std::min<Clock::duration>(used_ + (thread_time() - began), most);
    counted_at_ = now;
    if (used_ <= limits_.at_once || resting_ != 0)
        return;
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>((used_ - limits_.at_once) * part_of_time);
    resting_ = target_.call_after(rest, [this] { listen_again(); });
    target_.unwatch(socket_.fd());
    for (const auto& [id, connection] : connections_) {
        if (connection.state == State::listening)
            listen_to(id);
    }
}

void ControlServer::listen_again() {
    resting_ = 0;
    listen();
    for (const auto& [id, connection] : connections_) {
        if (connection.state == State::resting)
            listen_to(id);
    }
}

} // namespace cli
