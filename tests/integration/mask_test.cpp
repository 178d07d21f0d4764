// lib/protocol/README.md, "Command 2: MAC mask list": the MAC mask list.
#include "audience_check.hpp"
#include "catch.hpp"
#include "scene.hpp"

#include <algorithm>

using namespace aoetest;

namespace {

std::vector<Mac> sorted(std::vector<Mac> list) {
    std::sort(list.begin(), list.end());
    return list;
}

std::vector<Directive> adds(unsigned first, unsigned count) {
    std::vector<Directive> list;
    for (unsigned i = 0; i < count; ++i)
        list.push_back({directive_add, numbered_mac(first + i)});
    return list;
}

// The client is always the first entry, so that it can go on asking.
void add_self(Scene& scene) {
    const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive_add, scene.client.mac()}}));
    REQUIRE(reply.mask_error() == 0);
    REQUIRE(reply.mask_list() == std::vector{scene.client.mac()});
}

} // namespace

TEST_CASE("the answer to a mask command has a zero reserved byte and echoes the sub-command", "[mask-list]") {
    Scene scene;
    for (const std::uint8_t mcmd : {mask_read, mask_edit}) {
        const Reply reply = scene.client.ask(mask_request(mcmd));
        CHECK_FALSE(reply.is_error());
        CHECK(reply.byte_at(24) == 0);
        CHECK(reply.mcmd() == mcmd);
    }
}

TEST_CASE("an unknown mask directive gets mask error 2 without the E flag", "[mask-list]") {
    Scene scene;
    for (const std::uint8_t directive : {std::uint8_t{3}, std::uint8_t{255}}) {
        const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive, numbered_mac(1)}}));
        CHECK(reply.byte_at(14) == 0x18);
        CHECK(reply.mask_error() == 2);
        CHECK(reply.mask_count() == 0);
    }
    CHECK(scene.client.ask(mask_request()).mask_count() == 0);
}

TEST_CASE("the mask error of a success is 0, whatever mask error the request carries", "[mask-list]") {
    Scene scene;
    Request request = mask_request();
    request.at(26) = 3;
    CHECK(scene.client.ask(request).mask_error() == 0);
}

TEST_CASE("a mask read returns the list, each entry with directive 0", "[mask-list]") {
    Scene scene;
    add_self(scene);
    scene.client.ask(mask_request(mask_edit, adds(1, 3)));
    const Reply reply = scene.client.ask(mask_request());
    CHECK(reply.mask_count() == 4);
    CHECK(reply.bytes.size() == 60);
    CHECK(sorted(reply.mask_list()) ==
          sorted({scene.client.mac(), numbered_mac(1), numbered_mac(2), numbered_mac(3)}));
    CHECK(scene.client.ask(mask_request(mask_read, adds(9, 2))).mask_count() ==
          4); // a read's directives mean nothing
}

TEST_CASE("mask directive 0 changes nothing and succeeds", "[mask-list]") {
    Scene scene;
    const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive_none, numbered_mac(1)}}));
    CHECK(reply.mask_error() == 0);
    CHECK(reply.mask_count() == 0);
}

TEST_CASE("mask directives 1 and 2 add and delete any entry of the list", "[mask-list]") {
    Scene scene;
    add_self(scene);
    scene.client.ask(mask_request(mask_edit, adds(1, 40))); // vblade loses track beyond its first entries
    for (unsigned i = 40; i >= 1; --i) {
        const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive_delete, numbered_mac(i)}}));
        CHECK(reply.mask_error() == 0);
        CHECK(reply.mask_count() == i);
        const std::vector<Mac> list = reply.mask_list();
        CHECK(std::count(list.begin(), list.end(), numbered_mac(i)) == 0);
    }
}

TEST_CASE("an empty mask list permits every host, a non-empty one only its members", "[mask-list]") {
    Scene scene;
    const Mac other = numbered_mac(1);
    CHECK(scene.client.ask(config_request().from(other)).slot() == 1);
    add_self(scene);
    scene.client.expect_silence(config_request().from(other));
    scene.client.expect_silence(mask_request().from(other));
    scene.client.expect_silence(identify_request().from(other));
    scene.client.expect_silence(reserve_request().from(other));
    scene.client.expect_silence(write_request(0, pattern(0, 1, 1)).from(other));
    CHECK(scene.client.read(0, 1) == pattern(0, 1));
    scene.client.ask(mask_request(mask_edit, {{directive_delete, scene.client.mac()}}));
    CHECK(scene.client.ask(config_request().from(other)).slot() == 1); // empty again
}

TEST_CASE("adding an address that is listed and deleting one that is not both succeed", "[mask-list]") {
    Scene scene;
    add_self(scene);
    scene.client.ask(mask_request(mask_edit, adds(1, 10)));
    for (int copy = 0; copy < 3; ++copy) {
        const Reply reply = scene.client.ask(mask_request(mask_edit, adds(1, 10)));
        CHECK(reply.mask_error() == 0);
        CHECK(reply.mask_count() == 11); // no duplicates pile up
    }
    const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive_delete, numbered_mac(99)}}));
    CHECK(reply.mask_error() == 0);
    CHECK(reply.mask_count() == 11);
}

TEST_CASE("mask directives apply in order", "[mask-list]") {
    Scene scene;
    add_self(scene);
    const Mac mac = numbered_mac(1);
    CHECK(scene.client.ask(mask_request(mask_edit, {{directive_add, mac}, {directive_delete, mac}}))
              .mask_count() == 1);
    CHECK(scene.client.ask(mask_request(mask_edit, {{directive_delete, mac}, {directive_add, mac}}))
              .mask_count() == 2);
}

TEST_CASE("the first mask directive that fails stops the edit, and the earlier ones stay in effect",
          "[mask-list]") {
    Scene scene;
    add_self(scene);
    const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive_add, numbered_mac(1)},
                                                                  {directive_add, numbered_mac(2)},
                                                                  {7, numbered_mac(3)},
                                                                  {directive_add, numbered_mac(4)}}));
    CHECK_FALSE(reply.is_error());
    CHECK(reply.mask_error() == 2);
    CHECK(reply.mask_count() == 2); // the index of the failing one
    CHECK(sorted(scene.client.ask(mask_request()).mask_list()) ==
          sorted({scene.client.mac(), numbered_mac(1), numbered_mac(2)}));
}

TEST_CASE("an unknown mask sub-command gets error 2", "[mask-list][aoe-error]") {
    Scene scene;
    for (const std::uint8_t mcmd : {std::uint8_t{2}, std::uint8_t{255}}) {
        const Reply reply = scene.client.ask(mask_request(mcmd, adds(1, 1)));
        CHECK(reply.byte_at(14) == 0x1C);
        CHECK(reply.error() == 2);
    }
    CHECK(scene.client.ask(mask_request()).mask_count() == 0);
}

TEST_CASE("a count of mask directives beyond the frame gets error 2 and edits nothing",
          "[mask-list][aoe-error]") {
    Scene scene;
    for (const unsigned count : {2u, 3u, 200u, 255u}) {
        Request request = mask_request(mask_edit, adds(1, 1));
        request.at(27) = static_cast<std::uint8_t>(count);
        CHECK(scene.client.ask(request).error() == 2);
    }
    Request half = mask_request(mask_edit, adds(1, 2));
    half.argument.resize(half.argument.size() - 1);
    CHECK(scene.client.ask(half).error() == 2);
    CHECK(scene.client.ask(mask_request()).mask_count() == 0);
}

TEST_CASE("bytes after the mask directives are padding", "[mask-list]") {
    Scene scene;
    Request request = mask_request(mask_edit, {{directive_add, scene.client.mac()}});
    request.argument.resize(600, 0x01);
    CHECK(scene.client.ask(request).mask_list() == std::vector{scene.client.mac()});
}

TEST_CASE("a mask list takes 185 entries at MTU 1500, then gives mask error 3, and the answers still fit",
          "[mask-list][mtu]") {
    Scene scene;
    add_self(scene);
    CHECK(scene.client.ask(mask_request(mask_edit, adds(1, 150))).mask_count() == 151);
    CHECK(scene.client.ask(mask_request(mask_edit, adds(151, 34))).mask_count() == 185);
    const Reply full = scene.client.ask(mask_request(mask_edit, adds(180, 7))); // five are there, two are new
    CHECK(full.byte_at(14) == 0x18);
    CHECK(full.mask_error() == 3);
    CHECK(full.mask_count() == 5);
    const Reply list = scene.client.ask(mask_request());
    CHECK(list.mask_error() == 0);
    CHECK(list.mask_count() == 185);
    CHECK(list.bytes.size() == 28 + 8 * 185);
    CHECK(scene.client.ask(mask_request(mask_edit, {{directive_delete, numbered_mac(1)}})).mask_count() ==
          184);
    CHECK(scene.client.ask(mask_request(mask_edit, adds(185, 1))).mask_count() == 185); // room again
}

TEST_CASE("a mask list takes 255 entries at MTU 9000 and no more", "[mask-list][mtu]") {
    JumboScene scene(9000);
    scene.client.ask(mask_request(mask_edit, {{directive_add, scene.client.mac()}}));
    CHECK(scene.client.ask(mask_request(mask_edit, adds(1, 254))).mask_count() == 255);
    const Reply full = scene.client.ask(mask_request(mask_edit, adds(255, 1)));
    CHECK(full.mask_error() == 3);
    CHECK(full.mask_count() == 0);
    CHECK(scene.client.ask(mask_request()).bytes.size() == 28 + 8 * 255);
}

TEST_CASE("a mask list longer than another interface can report is not taken, or gives mask error 1 there",
          "[mask-list][mtu]") {
    const VethPair& narrow = standard_wire();
    const VethPair wide("wide", 9000);
    const ImageFile image(64);
    RawClient narrow_client(narrow);
    RawClient wide_client(wide);
    const TargetProcess target({narrow.target_end(), wide.target_end()},
                               {export_argument(1, 1, image.path())});
    std::vector<Directive> list = adds(1, 198);
    list.insert(list.begin(), {{directive_add, wide_client.mac()}, {directive_add, narrow_client.mac()}});
    const Reply edit = wide_client.ask(mask_request(mask_edit, list));
    // The rule leaves a choice: the list stops at what the smallest interface can report, or a reply that
    // does not fit there says so with merror 1. That no reply is too long is seen by its arrival.
    const Reply narrow_list = narrow_client.ask(mask_request());
    if (edit.mask_error() == 3) {
        CHECK(edit.mask_count() == 185);
        CHECK(narrow_list.mask_count() == 185);
    } else {
        CHECK(edit.mask_error() == 0);
        CHECK(edit.mask_count() == 200);
        CHECK(narrow_list.mask_error() == 1);
    }
    CHECK(narrow_client.ask(config_request()).slot() == 1);
}

TEST_CASE("an edit of the mask list that locks its sender out is still answered", "[mask-list]") {
    Scene scene;
    const Mac other = numbered_mac(1);
    const Reply reply = scene.client.ask(mask_request(mask_edit, {{directive_add, other}}));
    CHECK(reply.mask_error() == 0);
    CHECK(reply.mask_list() == std::vector{other});
    scene.client.set_sentinel(config_request().from(other));
    scene.client.expect_silence(mask_request());
    CHECK(scene.client.ask(mask_request(mask_edit, {{directive_delete, other}}).from(other)).mask_count() ==
          0);
    CHECK(scene.client.ask(config_request()).slot() == 1);
}

TEST_CASE("no write of an address that was taken off the mask list reaches the disk after the reply",
          "[mask-list][fence]") {
    Scene scene("durability=stable", 4096);
    const Mac fenced = numbered_mac(66);
    for (std::uint32_t round = 1; round <= 10; ++round) {
        scene.client.ask(
            mask_request(mask_edit, {{directive_add, scene.client.mac()}, {directive_add, fenced}}));
        for (std::uint64_t i = 0; i < 32; ++i)
            scene.client.send(write_request(2 * i, pattern(2 * i, 2, round)).from(fenced));
        const Reply edit = scene.client.ask(mask_request(mask_edit, {{directive_delete, fenced}}));
        REQUIRE(edit.mask_error() == 0);
        const Bytes at_the_reply = scene.image.read(0, 64);
        scene.client.send_unanswerable(write_request(0, pattern(0, 2, 999)).from(fenced));
        scene.client.settle();
        scene.client.receive(Milliseconds(20));
        CHECK(scene.image.read(0, 64) == at_the_reply);
    }
}

TEST_CASE("a host that is not on the mask list gets neither answers nor advertisements of an export",
          "[mask-list]") {
    check_audience({});
}
