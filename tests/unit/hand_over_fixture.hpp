// The parts of a device as another process sends them, honest or not.
#pragma once

#include "file_opening.hpp"

#include <aoetarget/hand_over.hpp>

#include <cerrno>
#include <cstddef>
#include <map>
#include <memory>
#include <string>

namespace aoetest {

using Opener = std::unique_ptr<aoetarget::FileDevice> (*)(const std::string&, const aoetarget::FileOptions&);

/// Returns the parts of a device that another process has opened, and has closed again by now.
aoetarget::DeviceParts opened_elsewhere(const std::string& path, const aoetarget::FileOptions& options = {},
                                        Opener opener = aoetarget::open_file);

aoetarget::DeviceParts duplicated(const aoetarget::DeviceParts& parts);

/// Returns a descriptor.
int opened(const std::string& path, int flags);

/// The place of each fact among the texts that are sent.
enum class Fact : std::size_t {
    path = 1,
    regular,
    offset,
    end,
    sectors,
    logical_block,
    physical_block,
    physical_offset,
    memory_alignment,
    read_only,
    volatile_cache,
    discard,
    discard_zeroes,
    read_ahead,
    rotation_rate,
    blocks_submission,
    mode,
    identity,
    notes,
};
using Facts = std::map<Fact, std::string>;

std::string changed(const std::string& facts, const Facts& changes);

/// Checks that the parts are refused for this reason, and leave no file open.
void check_refused(const aoetarget::DeviceParts& parts, const std::string& words, int error = EBADMSG,
                   bool replaces = false);

} // namespace aoetest
