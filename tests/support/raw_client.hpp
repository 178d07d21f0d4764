// An AoE initiator made of one packet socket. It remembers what it sent, checks every frame that comes in
// against reply_rules.hpp, and fails the running test for any unsolicited reply.
#pragma once

#include "child_process.hpp"
#include "test_network.hpp"
#include "wire.hpp"

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace aoetest {

class RawClient {
  public:
    // How long an answer that must come may take: long enough for a sanitizer build on a busy machine.
    static constexpr Milliseconds patience{20'000};

    RawClient(const std::string& interface, const std::string& target_interface);
    RawClient(const std::string& interface, const Mac& target); // a target in another network namespace
    explicit RawClient(const VethPair& wire) : RawClient(wire.client_end(), wire.target_end()) {}
    ~RawClient(); // checks what came in last
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    const Mac& mac() const { return mac_; }
    const Mac& target_mac() const { return target_mac_; }
    void rebind(); // after the interfaces got other addresses or were made anew

    // Sends, and takes any number of sends of one tag to deserve as many answers per address. Returns the
    // tag.
    std::uint32_t send(Request request);
    // Sends what must stay unanswered for as long as this client lives.
    std::uint32_t send_unanswerable(Request request);
    std::uint32_t send_unanswerable_bytes(const Request& request, const Bytes& bytes);
    // Sends bytes without remembering them.
    void send_bytes(const Bytes& bytes) const;
    // What is addressed to this host is not for this client: somebody else asked for it.
    void leave_to_others(const Mac& host) { others_.insert(host); }
    // The request as send() would put it on the wire.
    Request completed(Request request);

    std::optional<Reply> wait_for(std::uint32_t tag, Milliseconds timeout = patience);
    Reply ask(const Request& request); // ends the test case when there is no answer
    std::vector<Reply> ask_all(const Request& request, std::size_t answers);

    // Asks again and again, as an initiator would: what is sent while an interface comes and goes is lost.
    bool is_served_soon();

    // Sends, then waits until the target has answered a later request, which proves that it has dealt with
    // this one.
    void expect_silence(const Request& request);
    void settle();
    // Whom settle() asks; the default is 1.1, from this client's own address.
    void set_sentinel(const Request& request) { sentinel_ = request; }

    unsigned answers_to(std::uint32_t tag) const;
    std::vector<Reply> take_advertisements();
    bool wait_until(const std::function<bool()>& condition, Milliseconds timeout = patience);
    void receive(Milliseconds timeout); // handles what comes in until nothing has come for that long
    // No frame of a target process that is gone can come in any more: what is outstanding is given up.
    void forget_outstanding();

    // Shorthands for requests to e1.1.
    Bytes read(std::uint64_t lba, std::uint8_t count); // must succeed
    void write(std::uint64_t lba, const Bytes& data);  // must succeed
    Identify identify();

  private:
    struct Exchange {
        Request request;
        bool may_be_answered = true;
        unsigned sends = 0;
        unsigned answers = 0;
        std::map<std::uint32_t, unsigned> answers_by_address;
        std::deque<Reply> unread;
    };

    void open_socket();
    bool receive_one(Milliseconds timeout);
    void handle(Reply reply);
    void complain(const std::string& what, const Reply& reply, const Request* request) const;

    std::string interface_;
    std::string target_interface_;
    Mac mac_;
    Mac target_mac_;
    int fd_ = -1;
    std::uint32_t next_tag_;
    std::map<std::uint32_t, Exchange> exchanges_;
    std::set<Mac> others_;
    std::vector<Reply> advertisements_;
    Request sentinel_ = config_request();
    Bytes buffer_;
};

} // namespace aoetest
