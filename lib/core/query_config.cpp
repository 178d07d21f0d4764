// Reads, compares and sets the config string.
#include "core/query_config.hpp"

namespace aoetarget::core {

using namespace protocol;

bool ConfigCommands::receive(LinkId link_id, FrameSlot slot) {
    const auto query = QueryConfig::parse(slot.frame());
    const Link* link = face_.context.responder.links.find(link_id);
    if (!query || link == nullptr || link->sectors_per_frame() == 0)
        return false;

    const auto command = static_cast<ConfigCommand>(query->command);
    const bool uses_argument = command >= ConfigCommand::test && command <= ConfigCommand::force_set;
    // A string that could not be read back through this link must not be stored through it either.
    const std::size_t longest = std::min(max_config_string, link->max_frame() - query_config_bytes);
    const bool fits =
        query->string_length <= longest && query_config_bytes + query->string_length <= slot.frame().size();
    const ConstBytes argument =
        uses_argument && fits ? ConstBytes(slot.frame()).subspan(query_config_bytes, query->string_length)
                              : ConstBytes{};
    const ConstBytes stored = state_.config().bytes();
    const bool is_stored = std::ranges::equal(argument, stored);

    if (uses_argument && !fits) {
        send(std::move(slot), link_id, command, AoeError::bad_argument);
        return true;
    }
    AoeError error = AoeError::none;
    bool sets = false;
    switch (command) {
    case ConfigCommand::read:
        break;
    case ConfigCommand::test:
        if (!is_stored)
            return false;
        break;
    case ConfigCommand::test_prefix:
        if (argument.size() > stored.size() || !std::ranges::equal(argument, stored.first(argument.size())))
            return false;
        break;
    case ConfigCommand::set:
        // Setting the same string again is no conflict, because the answer to the first copy of the request
        // may have been lost.
        if (!stored.empty() && !is_stored)
            error = AoeError::config_string_present;
        else
            sets = true;
        break;
    case ConfigCommand::force_set:
        sets = true;
        break;
    default:
        error = AoeError::bad_argument;
    }
    if (!sets) {
        send(std::move(slot), link_id, command, error);
        return true;
    }
    if (!state_.may_change(slot))
        return true;
    state_.begin_change(slot).config.assign(argument);
    state_.commit(std::move(slot), link_id, command);
    return true;
}

void ConfigCommands::send(FrameSlot slot, LinkId link_id, ConfigCommand command, AoeError error) {
    const Link* link = face_.context.responder.links.find(link_id);
    std::size_t bytes = link != nullptr ? write(slot, *link, static_cast<std::uint8_t>(command)) : 0;
    if (bytes == 0) { // stored through a link with a larger MTU
        error = AoeError::bad_argument;
        bytes = aoe_header_bytes;
    }
    ++(error == AoeError::none ? face_.counters.other_commands : face_.counters.aoe_errors);
    face_.send(std::move(slot), link_id, error, bytes);
}

std::size_t ConfigCommands::write(const FrameSlot& slot, const Link& link, std::uint8_t command) const {
    const std::size_t bytes = query_config_bytes + state_.config().size();
    if (bytes > std::min(link.max_frame(), slot.capacity().size()) || link.sectors_per_frame() == 0)
        return 0;
    QueryConfig answer;
    answer.buffer_count = static_cast<std::uint16_t>(
        face_.context.resources.holdings.advertised(slot.pool(), link.max_buffers()));
    answer.firmware_version = face_.context.firmware_version;
    answer.sectors_per_frame = static_cast<std::uint8_t>(link.sectors_per_frame());
    answer.command = command;
    answer.string_length = static_cast<std::uint16_t>(state_.config().size());
    answer.write(slot.capacity());
    std::ranges::copy(state_.config().bytes(), slot.capacity().begin() + query_config_bytes);
    return bytes;
}

} // namespace aoetarget::core
