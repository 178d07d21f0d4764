#include "raw_client.hpp"

#include "check.hpp"
#include "reply_rules.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace aoetest {

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail_system(const std::string& what) {
    abort_test(what + ": " + std::strerror(errno));
}

// Not the same tags in every test, and never 0, which marks an advertisement.
std::uint32_t first_tag() {
    return static_cast<std::uint32_t>(Clock::now().time_since_epoch().count()) | 1u;
}

} // namespace

RawClient::RawClient(const std::string& interface, const std::string& target_interface)
    : interface_(interface), target_interface_(target_interface), next_tag_(first_tag()), buffer_(70000) {
    enter_test_network();
    rebind();
}

RawClient::RawClient(const std::string& interface, const Mac& target)
    : interface_(interface), target_mac_(target), next_tag_(first_tag()), buffer_(70000) {
    enter_test_network();
    rebind();
}

RawClient::~RawClient() {
    receive(Milliseconds(0));
    ::close(fd_);
}

void RawClient::rebind() {
    if (fd_ >= 0)
        ::close(fd_);
    mac_ = mac_of(interface_);
    if (!target_interface_.empty())
        target_mac_ = mac_of(target_interface_);
    open_socket();
}

void RawClient::open_socket() {
    fd_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd_ < 0)
        fail_system("packet socket");
    const int size = 32 << 20;
    if (::setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ethernet_type_aoe);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface_.c_str()));
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        fail_system("bind to " + interface_);
}

Request RawClient::completed(Request request) {
    if (!request.destination)
        request.destination = target_mac_;
    if (!request.source)
        request.source = mac_;
    if (!request.tag)
        request.tag = next_tag_++;
    return request;
}

std::uint32_t RawClient::send(Request request) {
    request = completed(std::move(request));
    send_bytes(request.encode());
    const std::uint32_t tag = *request.tag;
    Exchange& exchange = exchanges_[tag];
    ++exchange.sends;
    // Only what the rules compare is kept: thousands of writes would otherwise stay in memory.
    if (request.command == command_ata && request.argument.size() > 36)
        request.argument.resize(36);
    exchange.request = std::move(request);
    return tag;
}

std::uint32_t RawClient::send_unanswerable(Request request) {
    request = completed(std::move(request));
    return send_unanswerable_bytes(request, request.encode());
}

std::uint32_t RawClient::send_unanswerable_bytes(const Request& request, const Bytes& bytes) {
    Exchange& exchange = exchanges_[request.tag.value()];
    exchange.may_be_answered = false;
    exchange.request = request;
    send_bytes(bytes);
    return request.tag.value();
}

void RawClient::send_bytes(const Bytes& bytes) const {
    while (::send(fd_, bytes.data(), bytes.size(), 0) < 0) {
        if (errno != ENOBUFS && errno != EINTR)
            fail_system("send on " + interface_);
        ::usleep(100);
    }
}

bool RawClient::receive_one(Milliseconds timeout) {
    pollfd wanted{fd_, POLLIN, 0};
    if (::poll(&wanted, 1, static_cast<int>(timeout.count())) <= 0)
        return false;
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const ssize_t got = ::recvfrom(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_TRUNC,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0)
        return errno == EINTR || errno == ENETDOWN;
    if (from.sll_pkttype == PACKET_OUTGOING)
        return true;
    const auto size = std::min(static_cast<std::size_t>(got), buffer_.size());
    handle(Reply{Bytes(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size))});
    return true;
}

void RawClient::handle(Reply reply) {
    if (!reply.is_response())
        return; // the target asks for others with its addresses; on lo our own requests come back, too
    if (others_.contains(reply.destination()))
        return;
    if (reply.source() != target_mac_)
        complain("1.2: the source is not the address of the target's interface", reply, nullptr);

    const auto found = exchanges_.find(reply.tag());
    if (found == exchanges_.end()) {
        if (reply.tag() != 0 || reply.command() != command_config) {
            complain("nothing asked for this", reply, nullptr);
            return;
        }
        for (const std::string& rule : broken_advertisement_rules(reply))
            complain(rule, reply, nullptr);
        advertisements_.push_back(std::move(reply));
        return;
    }
    Exchange& exchange = found->second;
    if (!exchange.may_be_answered)
        complain("this request must stay unanswered", reply, &exchange.request);
    for (const std::string& rule : broken_rules(reply, exchange.request))
        complain(rule, reply, &exchange.request);
    ++exchange.answers;
    const auto address = (static_cast<std::uint32_t>(reply.shelf()) << 8) | reply.slot();
    if (++exchange.answers_by_address[address] > exchange.sends && exchange.may_be_answered)
        complain("answered more often than asked", reply, &exchange.request);
    exchange.unread.push_back(std::move(reply));
}

void RawClient::complain(const std::string& what, const Reply& reply, const Request* request) const {
    std::string message = what + "\n  reply:   " + hex_dump(reply.bytes);
    if (request != nullptr)
        message += "\n  request: " + hex_dump(request->encode());
    report_failure(message);
}

bool RawClient::wait_until(const std::function<bool()>& condition, Milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (!condition()) {
        const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
        if (left.count() <= 0)
            return false;
        receive_one(std::min(left, Milliseconds(20)));
    }
    return true;
}

void RawClient::receive(Milliseconds timeout) {
    while (receive_one(timeout)) {
    }
}

std::optional<Reply> RawClient::wait_for(std::uint32_t tag, Milliseconds timeout) {
    std::deque<Reply>& unread = exchanges_[tag].unread;
    if (!wait_until([&] { return !unread.empty(); }, timeout))
        return std::nullopt;
    Reply reply = std::move(unread.front());
    unread.pop_front();
    return reply;
}

Reply RawClient::ask(const Request& request) {
    const std::uint32_t tag = send(request);
    std::optional<Reply> reply = wait_for(tag);
    if (!reply)
        abort_test("no answer to " + hex_dump(completed(request).encode()));
    return *std::move(reply);
}

std::vector<Reply> RawClient::ask_all(const Request& request, std::size_t answers) {
    const std::uint32_t tag = send(request);
    std::deque<Reply>& unread = exchanges_[tag].unread;
    if (!wait_until([&] { return unread.size() >= answers; }))
        report_failure(std::to_string(unread.size()) + " of " + std::to_string(answers) + " answers to " +
                       hex_dump(completed(request).encode()));
    settle();
    std::vector<Reply> replies(unread.begin(), unread.end());
    unread.clear();
    if (replies.size() > answers)
        report_failure(std::to_string(replies.size()) + " answers where " + std::to_string(answers) +
                       " are due to " + hex_dump(completed(request).encode()));
    std::sort(replies.begin(), replies.end(), [](const Reply& left, const Reply& right) {
        return std::pair(left.shelf(), left.slot()) < std::pair(right.shelf(), right.slot());
    });
    return replies;
}

bool RawClient::is_served_soon() {
    const auto deadline = Clock::now() + patience;
    while (Clock::now() < deadline)
        if (wait_for(send(sentinel_), Milliseconds(50)))
            return true;
    return false;
}

void RawClient::settle() {
    const std::uint32_t tag = send(sentinel_);
    if (!wait_for(tag))
        report_failure("the target does not answer any more");
}

void RawClient::expect_silence(const Request& request) {
    send_unanswerable(request);
    settle();
}

unsigned RawClient::answers_to(std::uint32_t tag) const {
    const auto found = exchanges_.find(tag);
    return found == exchanges_.end() ? 0 : found->second.answers;
}

std::vector<Reply> RawClient::take_advertisements() {
    return std::exchange(advertisements_, {});
}

void RawClient::forget_outstanding() {
    receive(Milliseconds(0));
    exchanges_.clear();
}

Bytes RawClient::read(std::uint64_t lba, std::uint8_t count) {
    const Reply reply = ask(read_request(lba, count));
    if (!reply.succeeded())
        abort_test("read of LBA " + std::to_string(lba) + " failed: " + hex_dump(reply.bytes));
    return reply.data();
}

void RawClient::write(std::uint64_t lba, const Bytes& data) {
    const Reply reply = ask(write_request(lba, data));
    if (!reply.succeeded())
        abort_test("write of LBA " + std::to_string(lba) + " failed: " + hex_dump(reply.bytes));
}

Identify RawClient::identify() {
    return Identify(ask(identify_request()).data());
}

} // namespace aoetest
