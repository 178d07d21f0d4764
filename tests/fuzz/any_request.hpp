// Requests that a fuzzer chooses: mostly meaningful ones, so that runs make progress, but also any others.
#pragma once

#include "input.hpp"

namespace aoetest {

/// Only the tag is left open. `fresh_version`: for the contents of a write that shall be like no other.
Request any_request(Input& input, std::uint32_t fresh_version);

/// Every field as the bytes have it.
Request raw_request(Input& input);

/// A few that clients share.
Mac any_client(Input& input);

} // namespace aoetest
