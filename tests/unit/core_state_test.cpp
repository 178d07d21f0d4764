// Changes of the config string, the mask list and the reservation with a state directory: the answer waits
// until they are on stable storage.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>

using namespace aoetest;
using aoetarget::core::ProtocolState;

namespace {

constexpr std::uint8_t device_unavailable = 3;

/// Saves when the test says so.
struct FakeStore final : aoetarget::core::StateStore {
    struct Saving {
        aoetarget::Address address;
        ProtocolState state;
        aoetarget::core::StateSaver* saver;
    };
    void save(const aoetarget::Address& address, const ProtocolState& state,
              aoetarget::core::StateSaver& saver) override {
        REQUIRE_FALSE(saving);
        saving = {address, state, &saver};
        ++saves;
    }
    void finish(int error = 0) {
        REQUIRE(saving);
        auto* saver = saving->saver;
        saving.reset();
        saver->saved(error);
    }
    std::optional<Saving> saving;
    unsigned saves = 0;
};

struct Kept {
    FakeStore store;
    CoreFixture core{{.store = &store}};
    Disk& disk = core.add_export();
};

} // namespace

TEST_CASE("each change is answered when it is saved, and holds from then on", "[core][state]") {
    Kept kept;
    struct Row {
        const char* name;
        Request change;
        Request query;
    };
    const Row row = GENERATE(values<Row>({
        {"set", config_request(ccmd_set, "home"), config_request()},
        {"force set", config_request(ccmd_force, "home"), config_request()},
        {"mask", mask_request(mask_edit, {{directive_add, client_mac}}), mask_request()},
        {"reserve", reserve_request(reserve_set, {client_mac}), reserve_request()},
        {"force reserve", reserve_request(reserve_force, {client_mac}), reserve_request()},
    }));
    CAPTURE(row.name);
    const auto ask = [&] {
        return kept.core.ask(row.query).slice(aoetarget::protocol::aoe_header_bytes, 100);
    };
    const Bytes before = ask();
    const auto tag = kept.core.send(row.change);
    kept.core.turn();
    CHECK_FALSE(kept.core.answered(tag));
    CHECK(ask() == before);
    CHECK(kept.store.saving->address == aoetarget::Address{1, 1});
    kept.store.finish();
    CHECK_FALSE(kept.core.reply(tag).is_error());
    CHECK(ask() != before);

    kept.core.ask(row.change); // the copy of an initiator that missed the answer: nothing is left to save
    CHECK(kept.store.saves == 1);
    kept.core.forget();
}

TEST_CASE("a change that cannot be saved is refused and changes nothing", "[core][state]") {
    Kept kept;
    const auto tag = kept.core.send(reserve_request(reserve_set, {other_client_mac}));
    kept.store.finish(ENOSPC);
    const Reply reply = kept.core.reply(tag);
    CHECK(reply.is_error());
    CHECK(reply.error() == device_unavailable);
    CHECK(kept.core.ask(reserve_request()).holder_count() == 0);
    CHECK_FALSE(kept.core.ask(read_request(0, 1)).is_error());
    CHECK(kept.core.take_event(aoetarget::EventKind::state_not_saved).find("No space left on device") !=
          std::string::npos);
}

TEST_CASE("while one change is being saved others are left to be repeated", "[core][state]") {
    Kept kept;
    const auto tag = kept.core.send(config_request(ccmd_set, "one"));
    kept.core.expect_silence(config_request(ccmd_force, "two"));
    kept.core.expect_silence(mask_request(mask_edit, {{directive_add, client_mac}}));
    kept.core.expect_silence(reserve_request(reserve_set, {client_mac}));
    CHECK(kept.core.acted_upon()); // no frame that the link would count as foreign
    CHECK(kept.core.stats().dropped == 3);
    CHECK_FALSE(kept.core.ask(read_request(0, 1)).is_error());
    kept.store.finish();
    CHECK(kept.core.reply(tag).config_text() == "one");
    const auto second = kept.core.send(config_request(ccmd_force, "two"));
    kept.store.finish();
    CHECK(kept.core.reply(second).config_text() == "two");
    kept.core.forget(); // the advertisements
}

TEST_CASE("a reservation fences when it is saved, not before", "[core][state]") {
    Kept kept;
    kept.disk.immediate = false;
    Request late = write_request(0, pattern(0, 1, 1));
    late.source = other_client_mac;
    const auto reserve = kept.core.send(reserve_request(reserve_set, {client_mac}));
    const auto write = kept.core.send(late); // the reservation does not hold yet
    kept.core.turn();
    kept.store.finish();
    kept.core.turn();
    CHECK_FALSE(kept.core.answered(reserve)); // that write is under way
    kept.disk.complete();
    kept.core.turn();
    CHECK(kept.core.answered(reserve));
    CHECK(kept.core.answered(write));
    kept.core.forget();
}

TEST_CASE("an export that goes away waits for the change that is being saved", "[core][state]") {
    Kept kept;
    const auto tag = kept.core.send(config_request(ccmd_set, "home"));
    kept.core.core.remove_export({1, 1});
    for (int turn = 0; turn < 3; ++turn)
        kept.core.turn();
    CHECK_FALSE(kept.core.core.idle());
    kept.store.finish();
    kept.core.turn();
    CHECK(kept.core.core.idle());
    CHECK(kept.core.answered(tag));
    kept.core.forget();
}

TEST_CASE("an export begins with its saved state, but a mask list in its options takes precedence",
          "[core][state]") {
    CoreFixture core;
    ProtocolState state;
    const std::string text = "kept";
    state.config.assign(std::as_bytes(std::span(text)));
    state.mask_list.add(to_mac(other_client_mac));
    state.reservation.add(to_mac(client_mac));
    Disk disk(geometry_of(64));
    const bool configured = GENERATE(false, true);
    aoetarget::ExportOptions options{.address = {1, 1}, .serial = "S"};
    if (configured)
        options.mask_list = {to_mac(client_mac)};
    core.core.add_export(options, std::make_unique<FakeDevice>(disk), disk.geometry, state);
    core.turn();
    if (!configured) {
        core.expect_silence(config_request());
    } else {
        CHECK(core.ask(config_request()).config_text() == "kept");
        CHECK(core.ask(reserve_request()).holders() == std::vector<Mac>{client_mac});
    }
    core.core.remove_export({1, 1});
    core.turn();
    core.turn();
    core.forget();
}

TEST_CASE("a fence that was being saved while questions took all the places waits for writes all the same",
          "[core][state]") {
    Kept kept;
    kept.disk.immediate = false;
    const auto write = kept.core.send(write_request(0, pattern(0, 1, 1)).from(other_client_mac));
    kept.core.turn();
    const auto first = kept.core.send(reserve_request(reserve_set, {client_mac}));
    kept.store.finish();
    kept.core.turn();
    CHECK_FALSE(kept.core.answered(first));
    const auto second = kept.core.send(reserve_request(reserve_force, {client_mac, numbered_mac(9)}));
    for (int i = 0; i < 15; ++i)
        kept.core.send(reserve_request(reserve_read, {}));
    kept.store.finish();
    kept.core.turn();
    CHECK_FALSE(kept.core.answered(first));
    CHECK_FALSE(kept.core.answered(second));
    kept.disk.complete();
    kept.core.turn();
    CHECK(kept.core.answered(write));
    CHECK(kept.core.answered(first));
    kept.core.forget();
}

TEST_CASE("after a save that failed, even an unchanged state is saved", "[core][state]") {
    Kept kept;
    const auto failed = kept.core.send(reserve_request(reserve_set, {client_mac}));
    kept.store.finish(EIO);
    kept.core.turn();
    CHECK(kept.core.reply(failed).is_error());
    const auto again = kept.core.send(reserve_request(reserve_set, {}));
    kept.core.turn();
    CHECK_FALSE(kept.core.answered(again));
    kept.store.finish();
    kept.core.turn();
    CHECK_FALSE(kept.core.reply(again).is_error());
}
