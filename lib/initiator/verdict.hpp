// What the figures of a probe mean for initiators.
#pragma once

#include <aoetarget/probe.hpp>

namespace aoetarget::initiator {

/// Returns the findings of the report, whose other members must be filled, the most severe first.
std::vector<ProbeFinding> judge(const ProbeReport& report);

/// Returns the length of the frame, with its Ethernet header, that carries this many sectors.
std::size_t frame_bytes(unsigned sectors);

} // namespace aoetarget::initiator
