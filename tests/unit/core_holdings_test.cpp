// The shared resources that exports hold (holdings.hpp): one export's trouble is its own.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <random>

using namespace aoetest;
using aoetarget::core::Account;
using aoetarget::core::FramePool;
using aoetarget::core::FrameSlot;
using aoetarget::core::Holdings;
using aoetarget::core::ProtocolState;
using aoetarget::core::Sender;
using aoetarget::core::Share;
using aoetarget::core::StateSaver;
using aoetarget::core::StateStore;
using aoetarget::core::Time;

namespace {

constexpr std::uint64_t sectors = 4096;
constexpr std::uint64_t few_sectors = 1024; // where there are many disks, each of which takes its memory
// As a link with an XDP lane has them at an MTU of 1500.
constexpr std::uint32_t link_slots = 1344, lent_slots = 320;

Request verify_request(std::uint64_t first, std::uint8_t count) {
    return ata_request(0x42, 0, count, first, 0x40);
}

/// Exports 1.1 and so on whose disks never answer, a healthy one behind them, and a link with lent slots.
struct Scene {
    explicit Scene(unsigned hung, std::uint32_t block_bytes = 512,
                   const CoreFixture::Options& options = {.bounce_buffers = 16, .slots = link_slots})
        : core(options), healthy_slot(static_cast<std::uint8_t>(hung + 1)) {
        const auto geometry = geometry_of(hung > 64 ? few_sectors : sectors, block_bytes);
        core.link->pool().set_aside(lent_slots);
        for (std::uint32_t i = 0; i < lent_slots; ++i)
            lent.push_back(*core.link->pool().take());
        for (unsigned i = 1; i <= hung; ++i)
            core.add_export(geometry, address_of(1, i)).immediate = false;
        healthy = &core.add_export(geometry, address_of(1, healthy_slot));
        core.turn();
    }
    ~Scene() {
        for (Disk& disk : core.disks)
            core.drain(disk);
        lent.clear();
    }

    void pass(std::chrono::milliseconds time) {
        core.now += time;
        core.turn();
    }

    /// Each of these hosts has `window` requests for each hung export under way, as far as it is let.
    template <typename Make>
    void ask_hung(unsigned hosts, unsigned window, Make make) {
        const auto hung = static_cast<std::uint8_t>(healthy_slot - 1);
        for (unsigned host = 0; host < hosts; ++host) {
            for (unsigned i = 0; i < window; ++i) {
                for (std::uint8_t slot = 1; slot <= hung; ++slot)
                    core.send(make(host * window + i).from(numbered_mac(0x100 + host)).to(1, slot));
            }
            core.turn();
        }
    }

    /// A host with a modest window finds the healthy export as if nothing were amiss.
    void expect_service(unsigned window = 8, const Mac& host = client_mac) {
        std::vector<std::uint32_t> tags;
        const auto send = [&](Request request) {
            tags.push_back(core.send(request.from(host).to(1, healthy_slot)));
        };
        for (unsigned round = 0; round < 4; ++round) {
            tags.clear();
            for (unsigned i = 0; i < window; ++i) {
                const std::uint64_t lba = 100 + 16 * i;
                switch ((i + round) % 4) {
                case 0:
                    send(read_request(lba, 2));
                    break;
                case 1:
                    send(write_request(lba + 1, pattern(lba + 1, 1, round))); // part of a block of 4096
                    break;
                case 2:
                    send(verify_request(lba, 8));
                    break;
                default:
                    send(flush_request());
                }
            }
            core.turn();
            for (const std::uint32_t tag : tags)
                REQUIRE(core.reply(tag).succeeded());
        }
    }

    CoreFixture core;
    std::vector<FrameSlot> lent;
    const std::uint8_t healthy_slot;
    Disk* healthy = nullptr;
};

Request a_write(unsigned number) {
    const std::uint64_t lba = 2 * number % sectors;
    return write_request(lba, pattern(lba, 1, number));
}

Request a_read(unsigned number) {
    return read_request(2 * number % sectors, 2);
}

} // namespace

TEST_CASE("exports that hang leave the others what they own, whoever asks for them and how often",
          "[core][holdings]") {
    struct Load {
        unsigned hung, hosts, window;
    };
    const auto load = GENERATE(Load{1, 40, 128}, Load{2, 17, 32}, Load{2, 36, 32}, Load{2, 40, 16},
                               Load{9, 12, 64}, Load{20, 40, 16}, Load{100, 10, 8}, Load{254 - 1, 4, 8});
    CAPTURE(load.hung, load.hosts, load.window);
    Scene scene(load.hung);
    scene.ask_hung(load.hosts, load.window, a_write);
    CHECK(scene.core.link->free_slots() > 0);
    scene.expect_service(load.hung > 64 ? 1 : 8);
    scene.pass(std::chrono::milliseconds(200));
    scene.ask_hung(load.hosts, load.window, a_read);
    scene.expect_service(load.hung > 64 ? 1 : 8);
    scene.expect_service(load.hung > 64 ? 1 : 8, numbered_mac(0x100)); // which has much under way elsewhere
}

TEST_CASE("a slow host on nine exports that hang does not take the slots that are lent for receiving",
          "[core][holdings]") {
    Scene scene(9);
    for (unsigned i = 0; i < 9 * 128; ++i) {
        scene.core.send(a_write(i / 9).from(numbered_mac(0x77)).to(1, static_cast<std::uint8_t>(1 + i % 9)));
        scene.pass(std::chrono::milliseconds(110));
        REQUIRE(scene.core.link->free_slots() > 0);
    }
    scene.expect_service();
    CHECK(scene.core.stats().in_flight == Share::largest_quota); // each got no more when it did not get on
    CHECK(scene.core.stats().overload == 128 - Share::largest_quota);
}

TEST_CASE("an export that has not ended anything for a while gets no more than it owns until it does",
          "[core][holdings]") {
    Scene scene(1);
    scene.ask_hung(1, 60, a_write);
    CHECK(scene.core.stats().in_flight == 60);
    scene.pass(Holdings::patience == std::chrono::milliseconds(100) ? std::chrono::milliseconds(101)
                                                                    : std::chrono::milliseconds(1000));
    const auto more = [&](std::uint64_t lba) {
        scene.core.send(write_request(lba, pattern(lba, 1, 1)).from(numbered_mac(0x100)).to(1, 1));
        scene.core.turn();
        return scene.core.stats().in_flight;
    };
    CHECK(more(2000) == 60);
    CHECK(scene.core.stats().overload == 1);
    scene.core.disks.front().complete();
    scene.core.turn();
    CHECK(more(2002) == 60);
    CHECK(more(2004) == 61);
    CHECK(scene.core.stats().overload == 1);
}

TEST_CASE("an export that was idle for long is not taken for one that hangs", "[core][holdings]") {
    Scene scene(1);
    scene.core.now += std::chrono::hours(1);
    for (unsigned i = 0; i < 50; ++i) // the loop slept: the core learns the time with the next turn
        scene.core.send(a_write(i).from(numbered_mac(0x100)).to(1, 1));
    scene.core.turn();
    scene.core.now += std::chrono::milliseconds(1);
    scene.core.turn();
    for (unsigned i = 0; i < 50; ++i)
        scene.core.send(a_write(i).from(numbered_mac(0x101)).to(1, 1));
    scene.core.turn();
    CHECK(scene.core.stats().in_flight == 100);
    CHECK(scene.core.stats().overload == 0);
}

TEST_CASE("partial blocks and verifies of exports that hang leave each other export a bounce buffer",
          "[core][holdings]") {
    const unsigned hung = GENERATE(1U, 2U, 16U, 40U);
    CAPTURE(hung);
    Scene scene(hung, 4096);
    scene.ask_hung(2, 16, [](unsigned number) {
        const std::uint64_t lba = 16 * number + 1;
        return number % 2 == 0 ? write_request(lba, pattern(lba, 1, number)) : verify_request(lba, 8);
    });
    scene.expect_service();
}

TEST_CASE("slots that fences and saves hold count as their export's", "[core][holdings]") {
    struct Store final : StateStore {
        void save(const aoetarget::Address&, const ProtocolState&, StateSaver& saver) override {
            savers.push_back(&saver);
        }
        std::vector<StateSaver*> savers;
    } store;
    Scene scene(2, 512, {.bounce_buffers = 16, .slots = link_slots, .store = &store});
    const auto slots_held = [&] { return scene.core.link->pool().use().slots.held(); };
    scene.core.send(config_request(ccmd_set, "a").to(1, 1));
    scene.core.turn();
    CHECK(slots_held() == 1);
    store.savers.at(0)->saved(0);
    CHECK(slots_held() == 0);
    scene.core.send(a_write(0).from(numbered_mac(0x77)).to(1, 1));
    scene.core.turn();
    scene.core.send(reserve_request(reserve_set, {client_mac}).to(1, 1));
    store.savers.at(1)->saved(0);
    CHECK(slots_held() == 2); // the write of a host that is now shut out, and the answer that waits for it
    scene.core.drain(scene.core.disks.front());
    CHECK(slots_held() == 0);
}

TEST_CASE("a state that cannot be saved leaves its export what it owns for requests", "[core][holdings]") {
    struct Store final : StateStore {
        void save(const aoetarget::Address&, const ProtocolState&, StateSaver& given) override {
            saver = &given;
        }
        StateSaver* saver = nullptr;
    } store;
    CoreFixture core({.slots = 8, .store = &store}); // of which each export owns one
    for (unsigned i = 1; i <= 3; ++i)
        core.add_export(geometry_of(sectors), address_of(1, i));
    core.turn();
    const std::uint32_t unsaved = core.send(config_request(ccmd_set, "a").to(1, 1));
    core.now += std::chrono::seconds(1);
    core.turn();
    CHECK(core.ask(a_write(0).to(1, 1)).succeeded());
    CHECK(core.ask(a_read(0).to(1, 1)).succeeded());
    store.saver->saved(0);
    CHECK(core.reply(unsaved).config_text() == "a");
}

TEST_CASE("the slots held and those that each export could still claim never exceed a pool",
          "[core][holdings]") {
    // Any order of coming and going, of any senders; exports come and go as well.
    std::mt19937 random(1);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    for (int world = 0; world < 60; ++world) {
        const auto slots = static_cast<std::uint32_t>(16 + below(300));
        const FramePool::Layout layout{.slots = slots, .frame_bytes = 1518};
        AlignedMemory memory(layout.region_bytes());
        FramePool pool(memory.bytes(), layout);
        pool.set_aside(below(slots / 2));
        Holdings holdings(1 + below(64));
        holdings.grow(slots);
        std::vector<Account> accounts(1 + below(40));
        for (Account& account : accounts)
            holdings.add_export(account);
        struct Held {
            Sender* sender;
            Account* account;
        };
        std::vector<Held> all;
        Time now{1};
        for (int step = 0; step < 3000; ++step) {
            if (below(50) == 0)
                holdings.begin_turn(now += std::chrono::milliseconds(below(60)));
            if (!all.empty() && below(100) < 35) {
                std::swap(all[below(all.size())], all.back());
                holdings.operation_ended(*all.back().account);
                holdings.leave(all.back().sender, *all.back().account);
                all.pop_back();
                continue;
            }
            Account& account = accounts[below(accounts.size())];
            const Holdings::Asker asker{
                aoetarget::MacAddress{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(below(20))}}, pool, account};
            Sender* found = holdings.find(asker);
            const auto verdict = holdings.may_enter(asker, found, below(2) == 0);
            if (account.slots == 0 && pool.use().slots.quota() > 0)
                REQUIRE(verdict == Holdings::Verdict::admitted);
            if (verdict == Holdings::Verdict::admitted) {
                all.push_back({holdings.enter(asker, found), &account});
                holdings.operation_begins(account);
            }
            std::size_t claims = 0;
            for (const Account& each : accounts)
                claims += std::max(each.slots, pool.use().slots.quota());
            if (pool.use().slots.quota() > 0)
                REQUIRE(claims <= pool.usable());
        }
        while (!all.empty()) {
            holdings.leave(all.back().sender, *all.back().account);
            all.pop_back();
        }
        CHECK(pool.use().slots.held() == 0);
    }
}

TEST_CASE("an export that is added while others hang finds what it owns, if there is room",
          "[core][holdings]") {
    Scene scene(1);
    scene.ask_hung(8, 128, a_write);
    Disk& added = scene.core.add_export(geometry_of(sectors), address_of(2, 0));
    scene.core.turn();
    const std::uint32_t tag = scene.core.send(a_write(1).to(2, 0));
    scene.core.turn();
    CHECK(scene.core.reply(tag).succeeded());
    CHECK(added.operations == 1);
}

TEST_CASE("kernel workers that stalled devices may hold are asked for in addition", "[core][holdings]") {
    Scene scene(3);
    CHECK(scene.core.core.held_workers() == 0);
    scene.ask_hung(1, 10, a_write);
    scene.pass(std::chrono::milliseconds(20));
    CHECK(scene.core.core.held_workers() == 0); // they may just be busy
    for (int i = 0; i < 3; ++i) {
        REQUIRE(scene.core.core.next_deadline());
        scene.core.now = std::max(scene.core.now, *scene.core.core.next_deadline());
        scene.core.turn();
    }
    CHECK(scene.core.core.held_workers() == 30);
    scene.core.drain(scene.core.disks[0]);
    scene.pass(std::chrono::milliseconds(20));
    CHECK(scene.core.core.held_workers() == 20);
    scene.core.drain(scene.core.disks[1]);
    scene.core.drain(scene.core.disks[2]);
    scene.pass(std::chrono::milliseconds(20));
    CHECK(scene.core.core.held_workers() == 0);
    scene.pass(std::chrono::milliseconds(200)); // what was announced is
    CHECK_FALSE(scene.core.core.next_deadline());
}

TEST_CASE("however few there are, each export can get one, and one for a change of its state",
          "[core][holdings]") {
    for (std::size_t units = 1; units <= 300; ++units) {
        for (std::size_t exports = 1; exports <= 300; ++exports) {
            Share share;
            share.reset(units, exports);
            if (share.left(0, 1) == 0 || !share.may_change())
                FAIL(units << " units for " << exports << " exports");
        }
    }
}
