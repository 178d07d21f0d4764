// Checks which hosts see an export by each way: its address, a wildcard, an advertisement. The result must be
// the same over each link.
#pragma once

#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>

namespace aoetest {

// `link`: an option of the interface, as ",link=xdp", or nothing.
inline void check_audience(const std::string& link) {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), hidden_image(64);
    RawClient client(wire);
    TargetProcess target({wire.target_end() + link},
                         {export_argument(1, 1, image.path()), export_argument(1, 2, hidden_image.path())});
    const Mac member = numbered_mac(1);
    const auto hidden = [](Request request) { return request.to(1, 2); };
    Request everybody = config_request().to(every_shelf, every_slot);
    everybody.destination = broadcast_mac;
    const auto advertised_to = [&] {
        std::vector<Mac> hosts;
        client.receive(Milliseconds(400)); // all copies have come
        for (const Reply& reply : client.take_advertisements()) {
            if (reply.slot() == 2)
                hosts.push_back(reply.destination());
        }
        return hosts;
    };
    const auto all_are = [](const std::vector<Mac>& hosts, const Mac& host) {
        return !hosts.empty() &&
               std::all_of(hosts.begin(), hosts.end(), [&](const Mac& h) { return h == host; });
    };

    CHECK(all_are(advertised_to(), broadcast_mac));
    CHECK(client.ask(hidden(read_request(3, 1))).data() == pattern(3, 1));
    CHECK(client.ask_all(everybody, 2).size() == 2);

    client.ask(hidden(mask_request(mask_edit, {{directive_add, member}})));
    for (const Request& request : {config_request(), read_request(3, 1), mask_request(), reserve_request()})
        client.expect_silence(hidden(request));
    CHECK(client.ask_all(everybody, 1).at(0).slot() == 1);
    CHECK(client.ask(hidden(read_request(3, 1)).from(member)).data() == pattern(3, 1));
    CHECK(client.ask_all(Request(everybody).from(member), 2).size() == 2);
    client.ask(hidden(config_request(ccmd_set, "news")).from(member));
    CHECK(all_are(advertised_to(), member));

    client.ask(hidden(mask_request(mask_edit, {{directive_add, client.mac()}})).from(member));
    CHECK(client.ask(hidden(read_request(4, 1))).data() == pattern(4, 1));
    CHECK(client.ask_all(everybody, 2).size() == 2);

    client.expect_silence(read_request(3, 1).to(1, 3)); // what is not there nobody sees
    client.expect_silence(read_request(3, 1).from(member).to(2, 1));
}

} // namespace aoetest
