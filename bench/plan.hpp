// Chooses the requests of a run, and knows what each read must return when --verify is on.
//
// No two requests in flight ask for the same block: a target may take the second for a retransmission of the
// first and answer only one of them, and the result of a read beside a write is not defined.
#pragma once

#include "pattern.hpp"
#include "workload.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace bench {

// One request, on whole blocks: a block is as many sectors as a request has.
struct Step {
    std::size_t export_index;
    std::uint64_t block;
    bool write;
    std::uint32_t generation; // of a write that can be verified

    std::uint64_t lba(std::uint8_t sectors) const { return block * sectors; }
};

class Plan {
  public:
    Plan(const Workload& workload, std::span<const Export> exports);

    Step next();

    // Puts into `data` what this write leaves behind.
    void fill(const Step& step, std::span<std::byte> data) const;

    // To be called once per step. `data` is what a read returned; empty for a write.
    void done(const Step& step, bool succeeded, std::span<const std::byte> data, Result& result);

  private:
    struct Area {
        wire::Address address;
        std::uint64_t blocks;
        std::uint64_t cursor;
        std::vector<std::uint32_t> generations; // last acknowledged write of each block; 0: not known
    };

    std::uint64_t random() { return mix(random_state_ += 0x9e3779b97f4a7c15U); }
    std::uint64_t pick_block(Area& area);
    std::vector<bool>::reference in_flight(const Step& step);
    void check(const Area& area, const Step& step, std::span<const std::byte> data, Result& result) const;

    const Workload& workload_;
    Pattern pattern_;
    std::vector<Area> areas_;
    std::vector<bool> in_flight_;
    std::size_t next_area_ = 0;
    std::uint64_t random_state_;
    std::uint32_t generation_ = 0;
};

} // namespace bench
