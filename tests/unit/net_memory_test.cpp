// Frame memory that outlives its link, because devices that do not answer hold some of it.
#include "net/frame_memory.hpp"
#include "support/catch.hpp"

#include <set>
#include <system_error>

using namespace aoetarget::net;
using aoetarget::core::FrameSlot;

namespace {

constexpr unsigned small_mtu = 1500, large_mtu = 9000;
constexpr std::size_t most = FrameMemories::max_retired;

struct Memories {
    aoetarget::ring::Ring ring{64};
    FrameMemories memories{ring};

    FrameMemory& add(unsigned mtu = small_mtu) {
        return memories.add(aoetarget::net::frame_layout(mtu, 1, memories.payload_alignment()));
    }
};

} // namespace

TEST_CASE("links that come and go while a device hangs take no more memory than some", "[net][memory]") {
    Memories scene;
    std::set<FrameMemory*> all;
    std::vector<FrameSlot> held;
    for (int round = 0; round < 300; ++round) {
        FrameMemory& memory = scene.add();
        all.insert(&memory);
        REQUIRE(memory.lend(256));
        held.push_back(*memory.pool().take());
        memory.retire();
        scene.memories.collect();
    }
    CHECK(all.size() == most);
    CHECK_FALSE(scene.memories.has_room());
    held.clear();
    scene.memories.collect();
    CHECK(scene.memories.has_room());
}

TEST_CASE("memory that is used again has every slot but those that are held", "[net][memory]") {
    Memories scene;
    std::vector<FrameSlot> held;
    for (std::size_t i = 0; i < most; ++i) {
        FrameMemory& memory = scene.add();
        for (std::size_t slot = 0; slot <= i; ++slot)
            held.push_back(*memory.pool().take());
        memory.lend(256);
        memory.retire();
    }
    FrameMemory& memory = scene.add();
    CHECK_FALSE(memory.retired());
    CHECK(memory.pool().free_slots() == memory.pool().slots() - 1); // the one of which most is free
    CHECK(memory.lend(256));
    CHECK(memory.pool().free_slots() == memory.pool().slots() - 1 - 256);
    CHECK(scene.memories.has_room());
    memory.retire();
    held.clear();
}

TEST_CASE("slots that a lane had do not come back, and do not keep the rest", "[net][memory]") {
    Memories scene;
    FrameMemory& memory = scene.add();
    CHECK_FALSE(memory.had_lane());
    const std::uint32_t returned = memory.lend_out(*memory.pool().take());
    memory.lend_out(*memory.pool().take());
    memory.take_back(returned, 0);
    CHECK(memory.had_lane());
    {
        const FrameSlot held = *memory.pool().take();
        memory.retire();
        CHECK_FALSE(memory.unused());
        CHECK(memory.pool().free_slots() == memory.pool().slots() - 2);
    }
    CHECK(memory.unused());
}

TEST_CASE("memory of smaller frames is not used for larger ones", "[net][memory]") {
    Memories scene;
    std::vector<FrameSlot> held;
    for (std::size_t i = 0; i < most; ++i) {
        FrameMemory& memory = scene.add();
        held.push_back(*memory.pool().take());
        memory.retire();
    }
    int error = 0;
    try {
        scene.add(large_mtu);
    } catch (const std::system_error& refused) {
        error = refused.code().value();
    }
    CHECK(error == EBUSY);
    held.clear();
    scene.memories.collect();
    scene.add(large_mtu).retire();
}
