// The word that somebody has probably meant.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace cli {

/// Returns ", the nearest is WORD" for the word that is spelled nearly like `text`, or an empty text if there
/// is none.
std::string nearest_to(std::string_view text, std::span<const std::string_view> words);

} // namespace cli
