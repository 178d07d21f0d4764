// The table of registered buffers, and of those that were refused.
#include "ring/buffer_table.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace aoetarget::ring {
namespace {

constexpr unsigned max_buffers = 64;

} // namespace

void BufferTable::set_up() {
    if (io_uring_register_buffers_sparse(&ring_, max_buffers) == 0)
        buffers_.resize(max_buffers);
}

bool BufferTable::update(std::size_t index, const iovec& memory) {
    const __u64 tag = 0;
    return io_uring_register_buffers_update_tag(&ring_, static_cast<unsigned>(index), &memory, &tag, 1) == 1;
}

bool BufferTable::add(std::span<std::byte> memory) {
    const auto free = std::ranges::find_if(buffers_, [](auto buffer) { return buffer.empty(); });
    // What the kernel refuses is most often beyond the limit of locked memory.
    if (free == buffers_.end() ||
        !update(static_cast<std::size_t>(free - buffers_.begin()), {memory.data(), memory.size()})) {
        refused_.push_back(memory.data());
        return false;
    }
    *free = memory;
    return true;
}

void BufferTable::remove(std::span<std::byte> memory) {
    std::erase(refused_, memory.data());
    const auto found = std::ranges::find_if(
        buffers_, [&](auto buffer) { return !buffer.empty() && buffer.data() == memory.data(); });
    if (found == buffers_.end())
        return;
    update(static_cast<std::size_t>(found - buffers_.begin()), {});
    *found = {};
}

int BufferTable::index_of(const void* data, std::size_t bytes) const {
    const auto* begin = static_cast<const std::byte*>(data);
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
        const auto buffer = buffers_[i];
        if (begin >= buffer.data() && begin + bytes <= buffer.data() + buffer.size())
            return static_cast<int>(i);
    }
    return -1;
}

/// As long as none was refused, what the kernel allows.
std::string BufferTable::description() const {
    const auto registered = std::ranges::count_if(buffers_, [](auto buffer) { return !buffer.empty(); });
    if (buffers_.empty() || (registered == 0 && !refused_.empty()))
        return "plain buffers";
    if (refused_.empty())
        return "registered buffers";
    return fmt::format("{} registered and {} plain buffers", registered, refused_.size());
}

} // namespace aoetarget::ring
