// Links operations that wait for a flush, and completes them.
#include <aoetarget/group_sync.hpp>

#include <cassert>
#include <utility>

namespace aoetarget {
namespace {

constexpr std::size_t next_in_list = 0; // of device_data

} // namespace

void GroupSync::List::push(Io& io) {
    io.device_data[next_in_list] = 0;
    if (last_ != nullptr)
        last_->device_data[next_in_list] = reinterpret_cast<std::uintptr_t>(&io);
    else
        first_ = &io;
    last_ = &io;
}

void GroupSync::List::complete_all(int error) {
    Io* io = std::exchange(first_, nullptr);
    last_ = nullptr;
    while (io != nullptr) {
        auto* next = reinterpret_cast<Io*>(static_cast<std::uintptr_t>(io->device_data[next_in_list]));
        io->complete(error);
        io = next;
    }
}

GroupSync::~GroupSync() {
    assert(waiting_.empty() && covered_.empty());
}

void GroupSync::add(Io& io) {
    if (error_ != 0)
        io.complete(error_);
    else
        waiting_.push(io);
}

bool GroupSync::begin() {
    if (!covered_.empty() || waiting_.empty())
        return false;
    covered_ = std::exchange(waiting_, {});
    return true;
}

void GroupSync::end(int error, bool attempted) {
    List covered = std::exchange(covered_, {});
    List lost;
    if (error != 0 && attempted) {
        error_ = error;
        lost = std::exchange(waiting_, {}); // their flush would find nothing left to write, and succeed
    }
    covered.complete_all(error);
    lost.complete_all(error);
}

} // namespace aoetarget
