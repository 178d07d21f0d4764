// Thousands of random requests against a plain array of bytes. A request takes effect in the model when it
// arrives; whatever the device then does, in whatever order, every answer and the disk must come out as the
// model has it.
//
// A failure prints its seed; AOETARGET_SEED=n in the environment runs that one.
#include "core_fixture.hpp"
#include "support/catch.hpp"

#include <cerrno>
#include <cstdlib>
#include <random>

using namespace aoetest;
using aoetarget::SectorRange;

namespace {

struct Setting {
    std::uint32_t block_bytes;
    std::uint32_t memory_alignment;
    std::size_t bounce_buffers;
    bool bad_block;
};

// Of each of two links, whose slots are so many that no request is dropped for holding more than its share.
constexpr std::uint32_t slots = 200, max_in_flight = 48;

class Model {
  public:
    Model(const Setting& setting, std::uint64_t seed)
        : random_(seed), block_(setting.block_bytes / 512), core_({.bounce_buffers = setting.bounce_buffers,
                                                                   .ahead_pieces = 2,
                                                                   .piece_sectors = 16,
                                                                   .mtu = 5000,
                                                                   .slots = slots}),
          disk_(core_.add_export(geometry(setting))), bytes_(disk_.data) {
        second_link_ = &core_.add_link(9000, slots);
        disk_.logging = false;
        disk_.immediate = seed % 5 == 0; // else reading ahead is hardly ever in time
        core_.turn();
        core_.now += std::chrono::hours(1);
        for (int copies = 0; copies < 3; ++copies) {
            core_.turn();
            core_.now += std::chrono::hours(1);
        }
        if (setting.bad_block) {
            bad_ = SectorRange{sectors / 2, block_};
            disk_.error_of = [this](const Disk::Io& io) { return io.range.overlaps(bad_) ? EIO : 0; };
        }
    }

    /// Empty, or what was wrong.
    std::string run(unsigned rounds) {
        for (unsigned i = 0; i < rounds && wrong_.empty(); ++i)
            round();
        core_.turn();
        while (wrong_.empty() && !disk_.pending.empty())
            complete_one();
        collect();
        if (wrong_.empty() && !asked_.empty())
            wrong_ = std::to_string(asked_.size()) + " requests were never answered";
        if (wrong_.empty() && disk_.data != bytes_)
            wrong_ = "the disk holds something else in the end";
        if (wrong_.empty())
            wrong_ = disk_.violations;
        return wrong_;
    }

    [[nodiscard]] aoetarget::ExportStats stats() const { return core_.stats(); }

  private:
    static constexpr std::uint64_t sectors = 64;

    struct Asked {
        Request request;
        SectorRange range;
        bool good;
        Bytes expected; // of a read
        std::uint64_t bad_sector;
    };

    static aoetarget::Geometry geometry(const Setting& setting) {
        aoetarget::Geometry geometry = geometry_of(sectors, setting.block_bytes);
        geometry.memory_alignment = setting.memory_alignment;
        geometry.discard = true;
        geometry.volatile_cache = true;
        geometry.read_ahead = true;
        return geometry;
    }

    std::uint64_t below(std::uint64_t limit) {
        return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(random_);
    }

    void round() {
        const bool idle = disk_.pending.empty();
        switch (below(idle ? 3 : 5)) {
        case 0:
        case 1:
            for (std::uint64_t burst = below(4); burst-- > 0;)
                ask();
            if (below(2) == 0)
                core_.turn();
            break;
        case 2:
            repeat();
            break;
        default:
            complete_one();
        }
        collect();
    }

    void complete_one() {
        if (!disk_.pending.empty()) {
            const std::size_t index = below(disk_.pending.size());
            if (below(4) == 0)
                disk_.complete_from_any_thread(index);
            else
                disk_.complete(index);
        }
        if (below(3) > 0 || disk_.pending.empty())
            core_.turn();
    }

    FakeLink& any_link() { return below(2) == 0 ? *core_.link : *second_link_; }

    void ask() {
        FakeLink& link = any_link();
        if (link.free_slots() <= slots - max_in_flight)
            return;
        // Often more of the same behind the last: then writes wait to grow, and reads are fetched ahead.
        const std::uint64_t first = below(3) > 0 && next_ < sectors ? next_ : below(sectors);
        const auto count = static_cast<std::uint8_t>(1 + below(std::min<std::uint64_t>(9, sectors - first)));
        next_ = first + count;
        if (below(3) == 0)
            kind_ = below(12);
        Request request;
        switch (kind_) {
        case 0:
            request = flush_request();
            break;
        case 1:
            request = ata_request(ata::read_verify_ext, 0, count, first);
            break;
        case 2: {
            const std::uint64_t blocks = sectors / block_;
            const std::uint64_t at = below(blocks) * block_;
            request = trim_request({{at, static_cast<std::uint16_t>(block_)},
                                    {below(blocks) * block_, static_cast<std::uint16_t>(block_)}});
            break;
        }
        case 3:
        case 4:
        case 5:
        case 6:
            request = read_request(first, count);
            break;
        case 7:
            request = write_request(first, pattern(first, count, ++version_), ata::write_dma_fua_ext);
            break;
        default:
            request = write_request(first, pattern(first, count, ++version_));
        }
        request.source = below(4) == 0 ? other_client_mac : client_mac;
        arrive(link, core_.complete(link, request));
    }

    /// Something under way once more, as an initiator would after its time-out: with the same tag or with
    /// another, by any link.
    void repeat() {
        FakeLink& link = any_link();
        if (asked_.empty() || link.free_slots() <= slots - max_in_flight)
            return;
        auto chosen = asked_.begin();
        std::advance(chosen, static_cast<std::ptrdiff_t>(below(asked_.size())));
        Request request = chosen->second.request;
        request.destination = link.address;
        if (newest_alike(request) !=
            chosen) // there are copies of it already; which is meant would be anybody's guess
            return;
        if (below(2) == 0) {
            core_.send(link, request); // the same request: no effect of its own
            return;
        }
        request.tag.reset();
        arrive(link, core_.complete(link, request));
    }

    using AskedRequests = std::map<std::uint32_t, Asked>;

    AskedRequests::iterator newest_alike(const Request& request) {
        auto newest = asked_.end();
        for (auto it = asked_.begin(); it != asked_.end(); ++it) {
            if (it->second.request.argument == request.argument &&
                it->second.request.source == request.source)
                newest = it;
        }
        return newest;
    }

    void arrive(FakeLink& link, const Request& request) {
        Asked asked{request, {}, true, {}, 0};
        const std::uint8_t opcode = request.opcode();
        std::uint64_t lba = 0;
        for (std::size_t i = 6; i-- > 0;)
            lba = lba << 8 | request.argument[4 + i];
        if (opcode == ata::data_set_management)
            discard(asked);
        else if (opcode != ata::flush_cache_ext)
            asked.range = {lba, request.count()};
        if (asked.range.count > 0 && bad_.overlaps(whole_blocks(asked.range)) &&
            opcode != ata::data_set_management)
            asked.good = false;
        asked.bad_sector = std::max(bad_.first, asked.range.first);
        if (ata::reads_data(opcode))
            asked.expected = part(asked.range);
        if (ata::writes_data(opcode) && asked.good)
            std::copy(request.argument.begin() + 12, request.argument.end(), at(asked.range.first));
        const auto original = newest_alike(request);
        const std::uint64_t merged_before = core_.stats().duplicates;
        core_.send(link, request);
        if (core_.stats().duplicates != merged_before) {
            if (original == asked_.end())
                wrong_ = "a request was taken for a copy that is none";
            else
                asked_.erase(original); // it gets no answer: the newest copy does
        }
        asked_.emplace(*request.tag, asked);
    }

    /// The entries in their order; the list ends at the first that fails.
    void discard(Asked& asked) {
        std::vector<SectorRange> entries;
        for (std::size_t i = 0; i < 2; ++i) {
            std::uint64_t first = 0;
            for (std::size_t byte = 6; byte-- > 0;)
                first = first << 8 | asked.request.argument[12 + 8 * i + byte];
            entries.push_back({first, block_});
        }
        if (entries[0].end() == entries[1].first) // one operation, which fails as a whole
            entries = {{entries[0].first, 2 * block_}};
        for (const SectorRange& entry : entries) {
            if (entry.overlaps(bad_)) {
                asked.good = false;
                return;
            }
            std::fill_n(at(entry.first), entry.bytes(), std::uint8_t{0});
        }
    }

    Bytes::iterator at(std::uint64_t sector) {
        return bytes_.begin() + static_cast<std::ptrdiff_t>(sector * 512);
    }
    Bytes part(const SectorRange& range) { return {at(range.first), at(range.end())}; }
    [[nodiscard]] SectorRange whole_blocks(const SectorRange& range) const {
        const std::uint64_t first = range.first / block_ * block_;
        return {first, (range.end() + block_ - 1) / block_ * block_ - first};
    }

    void collect() {
        for (auto it = asked_.begin(); it != asked_.end() && wrong_.empty();) {
            if (!core_.answered(it->first)) {
                ++it;
                continue;
            }
            for (const Reply& reply : core_.replies(it->first))
                judge(it->second, reply);
            it = asked_.erase(it);
        }
    }

    void judge(const Asked& asked, const Reply& reply) {
        const bool verify = asked.request.opcode() == ata::read_verify_ext;
        if (reply.succeeded() != asked.good)
            wrong_ = "an answer says " + std::string(asked.good ? "failure" : "success") + ": " +
                     hex_dump(reply.bytes, 40);
        else if (asked.good && ata::reads_data(asked.request.opcode()) && reply.data() != asked.expected)
            wrong_ = "a read returned something else: " + hex_dump(reply.bytes, 40);
        else if (!asked.good && verify && reply.lba_registers()[0] != asked.bad_sector)
            wrong_ = "a verify names another sector: " + hex_dump(reply.bytes, 40);
    }

    std::mt19937_64 random_;
    std::uint64_t block_;
    CoreFixture core_;
    Disk& disk_;
    FakeLink* second_link_ = nullptr;
    Bytes bytes_;
    SectorRange bad_{};
    AskedRequests asked_; ///< And not yet answered.
    std::uint32_t version_ = 0;
    std::uint64_t next_ = 0; ///< Behind the last request.
    std::uint64_t kind_ = 0; ///< Of the last request.
    std::string wrong_;
};

} // namespace

TEST_CASE("random requests have the effect of their order", "[core][model]") {
    const Setting setting = GENERATE(values<Setting>({
        {512, 1, 4, false},
        {512, 1, 4, true},
        {4096, 1, 2, false},
        {4096, 1, 1, true},
        {1024, 512, 1, true},
        {512, 4096, 1, true},
        {8192, 4096, 2, true},
    }));
    CAPTURE(setting.block_bytes, setting.memory_alignment, setting.bounce_buffers, setting.bad_block);
    const char* given = std::getenv("AOETARGET_SEED");
    std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
    std::uint64_t ordered = 0, duplicates = 0, read_ahead = 0;
    for (unsigned run = 0; run < (given != nullptr ? 1U : 25U); ++run, ++seed) {
        CAPTURE(seed);
        Model model(setting, seed);
        const std::string wrong = model.run(400);
        if (!wrong.empty())
            FAIL(wrong);
        ordered += model.stats().ordered;
        duplicates += model.stats().duplicates;
        read_ahead += model.stats().read_ahead;
    }
    if (given != nullptr)
        return;
    CHECK(ordered > 100); // the test tests what it is for
    CHECK(duplicates > 10);
    CHECK(read_ahead > 10);
}
