// The arrangement of most tests: one pair of interfaces, one image with a known pattern, exported as e1.1,
// one client.
#pragma once

#include "backing.hpp"
#include "raw_client.hpp"
#include "target_process.hpp"
#include "test_network.hpp"

#include <string>

namespace aoetest {

struct Scene {
    explicit Scene(const std::string& options = {}, std::uint64_t sectors = 2048,
                   ImageFile::Fill fill = ImageFile::Fill::pattern)
        : image(sectors, fill), client(wire),
          target({wire.target_end()}, {export_argument(1, 1, image.path(), options)}) {}

    const VethPair& wire = standard_wire();
    ImageFile image;
    RawClient client; // before the target, to see its advertisements
    TargetProcess target;
};

// The same on a loop device, which fails reads of what its file has lost (ImageFile::resize_bytes). Needs
// has_real_root().
struct LoopScene {
    explicit LoopScene(std::uint64_t sectors, const std::string& options = {})
        : image(sectors), client(wire),
          target({wire.target_end()}, {export_argument(1, 1, loop.path(), options)}) {}

    const VethPair& wire = standard_wire();
    ImageFile image;
    LoopDevice loop{image.path()};
    RawClient client;
    TargetProcess target;
};

// The scene at a larger MTU. A separate type, because the MTU has to be set before the target starts.
struct JumboScene {
    explicit JumboScene(unsigned mtu, const std::string& options = {}, std::uint64_t sectors = 2048)
        : wire(with_mtu(mtu)), image(sectors), client(wire),
          target({wire.target_end()}, {export_argument(1, 1, image.path(), options)}) {}

    const VethPair& wire;
    ImageFile image;
    RawClient client;
    TargetProcess target;

  private:
    static const VethPair& with_mtu(unsigned mtu) {
        const VethPair& wire = standard_wire();
        wire.set_mtu(mtu);
        return wire;
    }
};

// Two ways to the same export, with a client at each.
struct TwoPathScene {
    const VethPair& first_wire = standard_wire();
    VethPair second_wire{"second"};
    ImageFile image{64};
    RawClient one{first_wire};
    RawClient other{second_wire};
    TargetProcess target{{first_wire.target_end(), second_wire.target_end()},
                         {export_argument(1, 1, image.path())}};
};

} // namespace aoetest
