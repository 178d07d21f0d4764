// Notices that the way to an initiator does not carry long frames.
//
// A switch or a bridge with a small MTU drops long frames in silence. The target then sees that an initiator
// asks for the same sectors again and again although they were answered, while answers that are shorter
// arrive.
#pragma once

#include "core/time.hpp"

#include <aoetarget/address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace aoetarget::core {

/// Keeps the last exchanges of up to 64 pairs of an initiator and an export; the pair that was silent for the
/// longest time gives way. It takes only exchanges that were answered with success, so a slow or failing disk
/// is no sign. The caller leaves out initiators in a hurry: theirs are evidently answered, and so the watch
/// costs the data path nothing.
class LengthWatch {
  public:
    static constexpr std::size_t pairs = 64;
    /// Whoever asks for more different things than this makes progress.
    static constexpr std::size_t few = 12;
    /// This many repetitions, without a new long request between them, are no accident.
    static constexpr std::uint32_t often = 8;
    /// After this time an initiator begins anew.
    static constexpr Time silence = std::chrono::seconds(60);
    /// An initiator is in a hurry if more requests than this follow each other closely
    /// (InitiatorFigures::hurry).
    static constexpr std::uint32_t crowd = 4;

    struct Exchange {
        std::uint64_t request = 0; ///< What was asked for. The tag does not matter.
        std::size_t bytes = 0;     ///< The length of its longer frame.
        bool is_greeting = false;  ///< It is what an initiator begins with (IDENTIFY).
        bool is_write = false;     ///< Its long frame has arrived, however often it comes.
        std::uint32_t repeats = 0;
    };
    /// Lengths of frames, with their Ethernet header.
    struct Finding {
        std::size_t lost = 0;     ///< Frames of this length do not arrive.
        std::size_t arriving = 0; ///< Frames of this length do.
    };

    /// Takes note of an exchange that was answered with success. Returns what is to be told, once.
    std::optional<Finding> note(const MacAddress& initiator, const Address& exported,
                                const Exchange& exchange, Time now);
    /// Takes note that the initiator makes progress.
    void forget(const MacAddress& initiator, const Address& exported);

  private:
    struct Pair {
        MacAddress initiator{};
        Address exported{};
        Time last_seen{};
        std::size_t told = 0; ///< The length of lost frames that was told; 0: none.
        std::size_t used = 0;
        std::array<Exchange, few> exchanges{};

        void add(const Exchange& exchange);
        void repeat(std::size_t place);
        [[nodiscard]] std::span<const Exchange> all() const { return {exchanges.data(), used}; }
        [[nodiscard]] std::size_t shortest_repeated() const;
        [[nodiscard]] std::optional<Finding> judge() const;
    };
    [[nodiscard]] Pair* find(const MacAddress& initiator, const Address& exported);

    std::array<Pair, pairs> pairs_{};
};

/// Returns the text of the event, with the cause and the cure.
std::string to_text(const LengthWatch::Finding& finding, const Address& exported,
                    const std::string& interface);

} // namespace aoetarget::core
