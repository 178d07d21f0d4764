// Finds the stream that a read continues.
#include "core/read_streams.hpp"

#include <algorithm>

namespace aoetarget::core {

SectorRange ReadStreams::note(const SectorRange& read) {
    ++reads_;
    const auto goes_on = [&](const Stream& stream) {
        return stream.sectors > 0 && read.first >= stream.next &&
               read.first - stream.next <= disorder_sectors();
    };
    const auto is_late = [&](const Stream& stream) {
        return stream.sectors > 0 && read.first < stream.next &&
               stream.next - read.first <= disorder_sectors();
    };
    auto found = std::ranges::find_if(streams_, goes_on);
    if (found == streams_.end()) {
        if (std::ranges::any_of(streams_, is_late))
            return {};
        *std::ranges::min_element(streams_, {}, &Stream::used) = {
            .next = read.end(), .sectors = read.count, .used = reads_};
        return {};
    }
    Stream& stream = *found;
    stream.sectors += read.count;
    stream.next = read.end();
    stream.used = reads_;
    stream.fetched_end = std::max(stream.fetched_end, stream.next);
    if (stream.sectors < least_sectors() || stream.fetched_end - stream.next >= piece_sectors_)
        return {};
    noted_ = &stream;
    return {stream.fetched_end, piece_sectors_};
}

} // namespace aoetarget::core
