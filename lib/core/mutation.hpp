// Mistakes that can be made on purpose, to see that the simulator (tests/sim) finds them. They exist only in
// the build of this layer that it makes for that; everywhere else mutated() is false at compile time.
#pragma once

#include <cstdint>

namespace aoetarget::core {

enum class Mutation : std::uint8_t {
    none,
    forget_exclusion,   ///< Overlapping operations run side by side (R4).
    forget_order,       ///< Operations that wait for another one start as soon as that ends (R6).
    grown_is_free,      ///< A write that has grown as large as the part before it starts whatever is in
                        ///< its way (R4).
    merge_any_payload,  ///< A write counts as a copy whatever its data (R5).
    forget_durable,     ///< Durable writes are not made stable.
    forget_flush,       ///< Flushes are answered without the device.
    fence_too_early,    ///< A fence is confirmed while writes of excluded hosts are under way.
    ignore_reserve,     ///< Hosts that do not hold the reservation may write.
    late_past_fence,    ///< A write that arrived before a fence and was read after it is taken.
    late_past_change,   ///< The same where the operator has shut its host out.
    overlap_in_sectors, ///< Overlap is judged by sectors, not whole blocks.
    skip_tail,          ///< The rest of the last partial block is not read before it is written.
    forget_arrivals,    ///< R1 is not kept.
    forget_copies,      ///< R3 is not kept for exact copies.
    ignore_tag_order,   ///< R3 is not kept for the tags of Linux.
    look_at_sixteen,    ///< R3 is not kept if 16 others share a bucket with the earlier write.
    hash_a_part,        ///< R3 is not kept if data differ only in the middle of a sector.
    keep_spoilt,        ///< Data that was read ahead is used although it was changed since.
    let_crowd,          ///< One sender may take all the slots.
    no_quotas,          ///< An export may hold half of a link's slots, and owns none of them.
    lent_is_free,       ///< And slots that are lent for receiving count as free.
    few_workers,        ///< The kernel has no more workers than by default.
    share_all_buffers,  ///< No export owns a bounce buffer.
    wildcards_may_wait, ///< And requests to several exports may hold any number of slots.
    trim_at_once,       ///< A trim does not wait for operations that overlap it (R4).
    trim_map_late,      ///< A trim keeps others off only the last part that each of its ranges touches (R4).
    trim_whole_blocks,  ///< A trim discards blocks that it names in part.
    trim_first_only,    ///< Of a trim's ranges only the first is discarded.
    trim_to_the_end,    ///< A trim that names sectors beyond the end is done as far as it goes.
    trim_anyway,        ///< A trim is given to a device that cannot discard.
    forget_trims,       ///< Trims are not remembered: a late copy is carried out again (R3).
    end_unflushed,      ///< An orderly end does not flush.
    answer_unsaved,     ///< A change of a list is confirmed, not saved.
    swap_at_once,       ///< A new device takes over while the old one still has operations.
    keep_blocks,        ///< And requests that wait for it are judged by the blocks of the old one (R4).
    last,
};

#ifdef AOETARGET_MUTATIONS
inline thread_local Mutation active_mutation = Mutation::none;
inline bool mutated(Mutation mutation) {
    return active_mutation == mutation;
}
#else
constexpr bool mutated(Mutation) {
    return false;
}
#endif

} // namespace aoetarget::core
