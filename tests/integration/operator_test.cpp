// The operator's word about an export over the real program: allow, fixed, interfaces.
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>

using namespace aoetest;

namespace {

Request broadcast_to_all(Request request) {
    request.destination = broadcast_mac;
    return request.to(every_shelf, every_slot);
}

/// The advertisements of all copies that a target sends at its start.
std::vector<Reply> advertisements_at_start(RawClient& client) {
    client.receive(Milliseconds(400));
    return client.take_advertisements();
}

bool all_go_to(const std::vector<Reply>& advertisements, const Mac& host) {
    return !advertisements.empty() &&
           std::all_of(advertisements.begin(), advertisements.end(),
                       [&](const Reply& reply) { return reply.destination() == host; });
}

} // namespace

TEST_CASE("an export with an allow list does not exist for others", "[operator][allow]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64), open_image(64);
    RawClient client(wire);
    const Mac friendly = numbered_mac(1), stranger = numbered_mac(2);
    const TargetProcess target(
        {wire.target_end()},
        {export_argument(1, 1, image.path(), "allow=" + friendly.text() + "+" + client.mac().text()),
         export_argument(1, 2, open_image.path())});
    client.set_sentinel(config_request().to(1, 2));
    for (const Request& request : {config_request(), read_request(3, 1), mask_request(), reserve_request()})
        client.expect_silence(Request(request).from(stranger));
    CHECK(client.ask_all(broadcast_to_all(config_request()).from(stranger), 1).at(0).slot() == 2);
    CHECK(client.ask_all(broadcast_to_all(config_request()).from(friendly), 2).size() == 2);
    CHECK(client.ask(read_request(3, 1).from(friendly)).data() == pattern(3, 1));

    // Its own mask list does not let a stranger in.
    client.ask(mask_request(mask_edit, {{directive_add, stranger}, {directive_add, client.mac()}}));
    client.expect_silence(read_request(3, 1).from(stranger));
    client.expect_silence(read_request(3, 1).from(friendly));
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("advertisements of an export with an allow list go to its addresses, or to all if it has patterns",
          "[operator][allow]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    const std::string own = client.mac().text();
    {
        const TargetProcess target({wire.target_end()},
                                   {export_argument(1, 1, image.path(), "allow=" + own)});
        CHECK(all_go_to(advertisements_at_start(client), client.mac()));
    }
    const TargetProcess target({wire.target_end()},
                               {export_argument(1, 1, image.path(), "allow=" + own.substr(0, 6) + "*")});
    CHECK(all_go_to(advertisements_at_start(client), broadcast_mac));
    CHECK(client.read(3, 1) == pattern(3, 1));
}

TEST_CASE("a fixed export refuses changes from the network, and answers questions", "[operator][fixed]") {
    Scene scene("fixed");
    CHECK(scene.client.ask(config_request(ccmd_set, "mine")).error() == 4);
    CHECK(scene.client.ask(config_request(ccmd_force, "mine")).error() == 4);
    CHECK(scene.client.ask(config_request()).config_text().empty());
    CHECK(scene.client.ask(mask_request(mask_edit, {{directive_add, scene.client.mac()}})).mask_error() == 1);
    CHECK(scene.client.ask(mask_request()).mask_count() == 0);
    CHECK(scene.client.ask(reserve_request(reserve_set, {scene.client.mac()})).error() == 6);
    CHECK(scene.client.ask(reserve_request(reserve_force, {scene.client.mac()})).error() == 6);
    CHECK(scene.client.ask(reserve_request()).error() == 0);
    scene.client.write(3, pattern(3, 2, 1));
    CHECK(scene.client.read(3, 2) == pattern(3, 2, 1));
}

TEST_CASE("an export that some interfaces serve does not exist on others", "[operator][interfaces]") {
    const VethPair& open_wire = standard_wire();
    const VethPair chosen_wire("chosen");
    const ImageFile image(64), common_image(64);
    RawClient client(open_wire), chosen(chosen_wire);
    const TargetProcess target({open_wire.target_end(), chosen_wire.target_end()},
                               {export_argument(1, 1, image.path(), "interfaces=chosen*"),
                                export_argument(1, 2, common_image.path())});
    const auto advertises_slot_1 = [](RawClient& at) {
        const std::vector<Reply> all = advertisements_at_start(at);
        CHECK_FALSE(all.empty());
        return std::any_of(all.begin(), all.end(), [](const Reply& reply) { return reply.slot() == 1; });
    };
    CHECK(advertises_slot_1(chosen));
    CHECK_FALSE(advertises_slot_1(client));
    client.set_sentinel(config_request().to(1, 2));
    for (const Request& request : {config_request(), read_request(3, 1), mask_request(), reserve_request()})
        client.expect_silence(request);
    CHECK(client.ask_all(broadcast_to_all(config_request()), 1).at(0).slot() == 2);
    CHECK(chosen.ask_all(broadcast_to_all(config_request()), 2).size() == 2);
    CHECK(chosen.read(3, 1) == pattern(3, 1));
}

TEST_CASE("an interface advertises its own buffer count", "[operator]") {
    const VethPair& wire = standard_wire();
    const VethPair other_wire("other");
    const ImageFile image(64);
    RawClient client(wire), other(other_wire);
    const TargetProcess target({wire.target_end() + ",buffers=7", other_wire.target_end()},
                               {export_argument(1, 1, image.path())});
    CHECK(client.ask(config_request()).buffer_count() == 7);
    CHECK(other.ask(config_request()).buffer_count() > 7);
}

TEST_CASE("a buffer count for which there is no room is told, with the one that initiators get",
          "[operator]") {
    const VethPair& wire = standard_wire();
    const ImageFile image(64);
    RawClient client(wire);
    const std::string link = links_are("xdp") && can_have_xdp() ? ",link=xdp" : ",link=packet";
    const std::string interface = wire.target_end() + link + ",buffers=1000";
    std::string note;
    {
        TargetProcess target({interface}, {export_argument(1, 1, image.path())});
        note = "initiators are told buffers=" + std::to_string(client.ask(config_request()).buffer_count()) +
               ", and not as many as the options say: ";
        CAPTURE(target.log(), note);
        CHECK(contains(target.log(), "note: " + wire.target_end() + ": " + note));
        CHECK_FALSE(contains(note, "=1000,"));
    }
    const ToolResult check =
        run_tool({target_program(), "check", "-i", interface, "-e", export_argument(1, 1, image.path())});
    CAPTURE(check.output);
    CHECK(contains(check.output, note));
    TargetProcess target({wire.target_end() + ",buffers=100"}, {export_argument(1, 1, image.path())});
    CHECK_FALSE(contains(target.log(), "initiators are told"));
}
