// Writes that share a flush, and what a failed flush does to them.
#include "support/catch.hpp"

#include <aoetarget/group_sync.hpp>

#include <cerrno>
#include <deque>
#include <vector>

using aoetarget::GroupSync;
using aoetarget::Io;

namespace {

struct Owner final : aoetarget::IoOwner {
    struct Known;
    void completed(Io& io) noexcept override;
    void completed_from_any_thread(Io&) noexcept override {}
    std::vector<Known*> ended;
};

struct Owner::Known final : Io {
    explicit Known(Owner& owner) : Io(&owner) {}
    [[nodiscard]] int error() const { return error_; }
};

void Owner::completed(Io& io) noexcept {
    ended.push_back(static_cast<Known*>(&io));
}

struct Operations {
    Io& next() { return all.emplace_back(owner); }
    [[nodiscard]] std::vector<int> errors() const {
        std::vector<int> errors;
        for (const Owner::Known* each : owner.ended)
            errors.push_back(each->error());
        return errors;
    }
    Owner owner;
    std::deque<Owner::Known> all;
};

} // namespace

TEST_CASE("a flush covers what waited when it began, and nothing later", "[group-sync]") {
    Operations io;
    GroupSync sync;
    CHECK_FALSE(sync.begin());
    sync.add(io.next());
    sync.add(io.next());
    CHECK(sync.begin());
    sync.add(io.next());
    CHECK_FALSE(sync.begin()); // one at a time
    CHECK(io.owner.ended.empty());
    sync.end(0);
    CHECK(io.owner.ended == std::vector<Owner::Known*>{&io.all[0], &io.all[1]});
    CHECK(sync.is_waiting());
    CHECK(sync.begin());
    sync.end(0);
    CHECK(io.errors() == std::vector{0, 0, 0});
}

TEST_CASE("after a failed flush everything that waited has failed, and so does what comes later",
          "[group-sync]") {
    Operations io;
    GroupSync sync;
    sync.add(io.next());
    CHECK(sync.begin());
    sync.add(io.next());
    sync.end(EIO);
    CHECK(io.errors() == std::vector{EIO, EIO});
    CHECK(sync.error() == EIO);
    sync.add(io.next());
    CHECK(io.errors() == std::vector{EIO, EIO, EIO});
    CHECK_FALSE(sync.is_waiting());
}

TEST_CASE("a flush that was not attempted fails alone", "[group-sync]") {
    Operations io;
    GroupSync sync;
    sync.add(io.next());
    CHECK(sync.begin());
    sync.add(io.next());
    sync.end(EAGAIN, false);
    CHECK(sync.error() == 0);
    CHECK(io.errors() == std::vector{EAGAIN});
    CHECK(sync.begin());
    sync.end(0);
    CHECK(io.errors() == std::vector{EAGAIN, 0});
}
