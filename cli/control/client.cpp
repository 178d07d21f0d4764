// A request and its answer.
#include "control/client.hpp"

#include "control/packet.hpp"
#include "exit_code.hpp"
#include "failure.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cerrno>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cli {

using nlohmann::json;

ControlClient::ControlClient(const std::string& path, Wait wait, std::chrono::milliseconds patience)
    : path_(path), socket_(connect_to_target(path, patience)), wait_(std::move(wait)) {}

json ControlClient::ask(json request, std::span<const int> descriptors) {
    request["version"] = 1;
    const bool is_sent = send_packet(socket_.number(), request.dump(), descriptors);
    if (!is_sent && errno == EMSGSIZE)
        throw std::system_error(errno, std::generic_category(), "the request is too long for a packet");
    if (!is_sent && errno == EAGAIN)
        throw no_answer(path_);
    if (wait_)
        wait_(socket_.number());
    // A target that refuses a connection answers without reading the request, and closes it. The kernel tells
    // that it was not read before it hands the answer over.
    Packet packet{std::string(max_control_bytes, '\0'), {}};
    Received received = receive_packet(socket_.number(), packet);
    if (received == Received::end)
        received = receive_packet(socket_.number(), packet);
    if (received == Received::nothing)
        throw no_answer(path_);
    if (received != Received::packet)
        throw Failure(exit_not_found,
                      fmt::format("{}: the target has ended, or has closed the connection", path_));
    json answer = json::parse(packet.text, nullptr, false);
    if (!answer.is_object())
        throw Failure(
            exit_failed,
            fmt::format("{}: the answer is not a JSON object; another program has the socket", path_));
    if (!answer.value("ok", false))
        throw Failure(answer.value("code", exit_failed),
                      answer.value("error", "the target refuses, and does not say why"));
    return answer;
}

void ControlClient::ask_and_wait_for_end(json request) {
    ucred target{};
    socklen_t bytes = sizeof target;
    getsockopt(socket_.number(), SOL_SOCKET, SO_PEERCRED, &target, &bytes);
    const Descriptor process(static_cast<int>(syscall(SYS_pidfd_open, target.pid, 0)));
    ask(std::move(request));
    pollfd ended{.fd = process.number(), .events = POLLIN, .revents = 0};
    while (poll(&ended, 1, -1) < 0 && errno == EINTR)
        continue;
}

} // namespace cli
