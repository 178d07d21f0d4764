// Whole frames into the core, many in a run: a few clients and links, exports that come and go, devices that
// complete and fail in any order. The bytes of the input choose what happens next.
//
// CoreFixture checks every answer (reply_rules.hpp), the promises to a device (fake_device.hpp), and that in
// the end nothing is under way and every slot is free. This file also checks that reads return and disks hold
// the data that was written, in the order in which it was sent, and that no sector changes that no request
// has named.
#include "any_request.hpp"
#include "fuzz_target.hpp"
#include "sector_model.hpp"

#include "unit/core_fixture.hpp"

#include <cerrno>

using namespace aoetest;
using aoetarget::Address;
using aoetarget::SectorRange;

namespace {

using Moment = SectorModel::Moment;

constexpr std::size_t max_actions = 300, max_links = 5, max_disks = 8;
constexpr unsigned mtus[] = {1500, 9000, 4200, 548, 1000, 547, 300, 68};

CoreFixture::Options any_options(Input& input) {
    CoreFixture::Options options;
    options.bounce_buffers = 1 + input.below(2);
    options.piece_sectors = 8;
    options.mtu = mtus[input.below(5)]; // of these the slots are made, so they carry a sector
    options.slots = 4 + static_cast<std::uint32_t>(input.below(16));
    options.payload_alignment = input.below(4) == 3 ? 4096 : 512;
    return options;
}

class Run {
  public:
    explicit Run(Input& input) : input_(input), core_(any_options(input)) { add_export(); }

    void run() {
        for (std::size_t i = 0; i < max_actions && !input_.empty(); ++i) {
            act();
            collect();
        }
        finish();
    }

  private:
    /// A request that was sent, and how it was understood.
    struct Sent {
        Request request;
        Moment first, last;       ///< When copies of it arrived.
        std::size_t disk;         ///< Whose it was when it arrived first.
        bool is_repeated = false; ///< Which of the copies was done is anybody's guess.
        bool has_moved = false;   ///< A copy came to another disk of the same address.
        bool is_awaited = false;
    };
    static constexpr std::size_t no_disk = max_disks;

    void act() {
        switch (input_.below(24)) {
        default:
            send(any_request(input_, next_version_++));
            break;
        case 12:
            send(raw_request(input_));
            break;
        case 13:
            repeat();
            break;
        case 14:
        case 15:
            core_.turn();
            break;
        case 16:
        case 17:
        case 18:
            complete_one();
            break;
        case 19:
            fail_one();
            break;
        case 20:
            change_link();
            break;
        case 21:
            replace_link();
            break;
        case 22:
            input_.below(2) == 0 ? add_export() : remove_export();
            break;
        case 23:
            core_.now += std::chrono::milliseconds(input_.byte());
            core_.turn();
            break;
        }
    }

    // --- Requests --------------------------------------------------------------------------------

    FakeLink& any_link() { return *core_.links[input_.below(core_.links.size())]; }

    void send(Request request) {
        request.tag = static_cast<std::uint32_t>(sent_.size() + 1);
        sent_.push_back({request, clock_ + 1, 0, no_disk});
        send_on(any_link(), sent_.back());
    }

    /// As an initiator does after its time-out, by any of its interfaces.
    void repeat() {
        if (sent_.empty())
            return;
        Sent& again = sent_[sent_.size() - 1 - input_.below(std::min<std::size_t>(sent_.size(), 16))];
        again.is_repeated = true;
        send_on(any_link(), again);
    }

    void send_on(FakeLink& link, Sent& sent) {
        if (link.free_slots() == 0 || is_gone(link))
            return; // lost
        const std::size_t room = link.pool().frame_capacity() - 24;
        sent.request.argument.resize(std::min(sent.request.argument.size(), room));
        sent.last = ++clock_;
        const std::size_t disk = disk_of(sent.request);
        sent.has_moved = sent.has_moved || (sent.disk != no_disk && sent.disk != disk);
        if (sent.disk == no_disk)
            sent.disk = disk;
        for_each_change(sent, disk, [&](SectorModel& model, std::uint64_t sector, Digest digest) {
            model.may_change(sector, sent.last, digest);
        });
        core_.send(link, sent.request);
        if (!core_.acted_upon()) {
            for_each_change(sent, disk, [&](SectorModel& model, std::uint64_t sector, Digest) {
                model.has_not_changed(sector, sent.last);
            });
        }
        if (sent.disk == no_disk || sent.is_awaited)
            return;
        sent.is_awaited = true;
        awaited_.push_back(*sent.request.tag);
    }

    /// None for what is not an ATA request to one export.
    [[nodiscard]] std::size_t disk_of(const Request& request) const {
        const auto found = exports_.find({request.shelf, request.slot});
        const bool is_ata = request.command == command_ata && request.version == 1 &&
                            request.ethernet_type == ethernet_type_aoe &&
                            (request.flags & flag_response) == 0 && request.argument.size() >= 12;
        return is_ata && found != exports_.end() ? found->second : no_disk;
    }

    static std::uint64_t lba_of(const Request& request) {
        std::uint64_t lba = 0;
        for (std::size_t at = 34; at-- > 28;)
            lba = lba << 8 | request.byte_at(at);
        return ata::is_28_bit(request.opcode()) ? lba & 0x0FFFFFFF : lba;
    }

    /// Calls `change(model, sector, digest)` for every sector that the request asks to change.
    template <typename Change>
    void for_each_change(const Sent& sent, std::size_t disk, Change change) {
        if (disk == no_disk || (sent.request.byte_at(24) & aflag_write) == 0)
            return;
        const std::uint64_t sectors = core_.disks[disk].geometry.sectors;
        const Bytes data(sent.request.argument.begin() + 12, sent.request.argument.end());
        if (sent.request.count() * sector_bytes > data.size())
            return;
        const auto each = [&](const SectorRange& range, auto digest) {
            for (std::uint64_t i = 0; range.fits(sectors) && i < range.count; ++i)
                change(models_[disk], range.first + i, digest(i));
        };
        if (ata::writes_data(sent.request.opcode()))
            each({lba_of(sent.request), sent.request.count()},
                 [&](std::uint64_t i) { return digest_of(data, i); });
        if (sent.request.opcode() != ata::data_set_management)
            return;
        for (std::size_t at = 0; at < sent.request.count() * sector_bytes; at += 8) {
            std::uint64_t entry = 0;
            for (std::size_t byte = 8; byte-- > 0;)
                entry = entry << 8 | data[at + byte];
            each({entry & 0xFFFFFFFFFFFF, entry >> 48}, [&](std::uint64_t) { return zeros_; });
        }
    }

    // --- Answers ---------------------------------------------------------------------------------

    void collect() {
        ++clock_;
        std::erase_if(awaited_, [&](std::uint32_t tag) {
            if (!core_.answered(tag))
                return false;
            Sent& sent = sent_[tag - 1];
            for (const Reply& reply : core_.replies(tag))
                judge(sent, reply);
            sent.is_awaited = false;
            return true;
        });
    }

    void judge(const Sent& sent, const Reply& reply) {
        if (sent.has_moved)
            return;
        const std::uint8_t opcode = sent.request.opcode();
        const aoetarget::Geometry& geometry = core_.disks[sent.disk].geometry;
        if (reply.succeeded() && ata::reads_data(opcode))
            judge_read(sent, reply);
        if (sent.is_repeated)
            return;
        const bool trims_all =
            opcode == ata::data_set_management && geometry.logical_block_bytes == sector_bytes;
        const bool is_durable = opcode == ata::write_dma_fua_ext || !geometry.volatile_cache;
        for_each_change(sent, sent.disk, [&](SectorModel& model, std::uint64_t sector, Digest) {
            if (reply.succeeded() && (trims_all || ata::writes_data(opcode)))
                model.has_changed(sector, sent.last, clock_, is_durable);
            else if (!reply.succeeded() && ata::writes_data(opcode))
                model.has_not_changed(sector, sent.last);
        });
        const bool flushes = opcode == ata::flush_cache || opcode == ata::flush_cache_ext ||
                             (opcode == ata::set_features && sent.request.byte_at(25) == 0x82);
        if (reply.succeeded() && flushes)
            models_[sent.disk].is_flushed(sent.first);
    }

    void judge_read(const Sent& sent, const Reply& reply) {
        const Bytes data = reply.data();
        const std::uint64_t first = lba_of(sent.request);
        for (std::size_t i = 0; i < sent.request.count(); ++i) {
            if (!models_[sent.disk].may_hold(first + i, digest_of(data, i), sent.first, sent.last))
                abort_test("sector " + std::to_string(first + i) +
                           " was read and cannot hold this: " + hex_dump(reply.bytes, 64));
        }
    }

    // --- Devices, links, exports -----------------------------------------------------------------

    /// One that has something to do, or null.
    Disk* any_busy_disk() {
        const std::size_t from = input_.below(core_.disks.size());
        for (std::size_t i = 0; i < core_.disks.size(); ++i) {
            Disk& disk = core_.disks[(from + i) % core_.disks.size()];
            if (!disk.pending.empty())
                return &disk;
        }
        return nullptr;
    }

    void complete_one() {
        Disk* const disk = any_busy_disk();
        if (disk == nullptr)
            return;
        const std::uint8_t chosen = input_.byte();
        const std::size_t index = chosen / 4U % disk->pending.size();
        if ((chosen & 1) != 0)
            disk->complete_from_any_thread(index);
        else
            disk->complete(index);
        if ((chosen & 2) != 0)
            core_.turn();
    }

    void fail_one() {
        constexpr int errors[] = {EIO, EAGAIN, ENOMEM, ENODATA, ENODEV, EOPNOTSUPP, ENOSPC};
        Disk* const disk = any_busy_disk();
        if (disk == nullptr)
            return;
        const int error = input_.one_of(errors);
        disk->fail(error, input_.below(disk->pending.size()));
    }

    [[nodiscard]] bool is_gone(const FakeLink& link) const {
        return std::ranges::find(gone_, &link) != gone_.end();
    }

    void change_link() {
        FakeLink& link = any_link();
        const std::uint8_t chosen = input_.byte();
        switch (chosen % 4) {
        case 0:
            link.mtu_now = input_.one_of(mtus);
            break;
        case 1:
            link.up_now = !link.up_now && !is_gone(link);
            break;
        case 2:
            link.slow = !link.slow;
            break;
        case 3:
            link.finish_sending();
            return;
        }
        if (!is_gone(link))
            core_.core.link_changed(link.id);
    }

    void replace_link() {
        FakeLink& link = any_link();
        const CoreFixture::Options options = any_options(input_);
        if (!is_gone(link) && input_.below(2) == 0) {
            core_.remove_link(link);
            gone_.push_back(&link);
        }
        if (core_.links.size() < max_links)
            core_.add_link(options.mtu, options.slots, options.payload_alignment);
    }

    void add_export() {
        constexpr std::uint32_t blocks[] = {512, 512, 4096, 1024, 65536};
        constexpr std::uint32_t alignments[] = {1, 512, 4096};
        const Address address = address_of(1, static_cast<unsigned>(input_.below(4)));
        aoetarget::Geometry geometry = geometry_of(1, input_.one_of(blocks));
        const std::uint64_t block_sectors = geometry.logical_block_bytes / sector_bytes;
        geometry.sectors = (input_.below(70) + block_sectors) / block_sectors * block_sectors;
        geometry.memory_alignment = input_.one_of(alignments);
        const std::uint8_t flags = input_.byte();
        geometry.read_only = (flags & 0x0F) == 0x0F;
        geometry.volatile_cache = (flags & 0x10) != 0;
        geometry.discard = (flags & 0x20) != 0;
        geometry.read_ahead = (flags & 0x0C) == 0x04;
        if (core_.core.has_export(address) || core_.disks.size() == max_disks)
            return;
        aoetarget::ExportOptions options;
        options.address = address;
        if ((flags & 0x0F) == 0x0E)
            options.mask_list = {to_mac(client_mac)};
        Disk& disk = core_.add_export_with(options, geometry);
        disk.logging = false;
        disk.immediate = (flags & 0xC0) == 0xC0;
        exports_[address] = models_.size();
        models_.emplace_back(disk.data);
    }

    void remove_export() {
        const Address address = address_of(1, static_cast<unsigned>(input_.below(4)));
        require(core_.core.remove_export(address) == (exports_.erase(address) > 0),
                "an export that is there can be removed");
    }

    // --- The end ---------------------------------------------------------------------------------

    /// Everything that is under way comes to its end, and to a good one.
    void finish() {
        const bool closes = clock_ % 2 == 0;
        if (closes)
            core_.core.close();
        for (const auto& link : core_.links) {
            link->slow = false;
            link->finish_sending(); // which may be what a wildcard request waits for
        }
        for (bool busy = true; busy;) {
            core_.turn();
            busy = false;
            for (Disk& disk : core_.disks) {
                busy = busy || !disk.pending.empty();
                while (!disk.pending.empty())
                    disk.complete();
            }
        }
        collect();
        core_.check_nothing_left();
        for (const aoetarget::ExportStats& stats : core_.core.export_stats(core_.now))
            require(stats.in_flight == 0, "nothing is in flight in the end");
        for (std::size_t i = 0; i < core_.disks.size(); ++i) {
            const Disk& disk = core_.disks[i];
            const std::int64_t wrong = models_[i].first_wrong(disk.data, disk.stable);
            if (wrong >= 0)
                abort_test("sector " + std::to_string(wrong) + " of disk " + std::to_string(i) +
                           " holds in the end what it cannot hold");
        }
    }

    Input& input_;
    CoreFixture core_;
    std::vector<SectorModel> models_;        ///< As core_.disks.
    std::map<Address, std::size_t> exports_; ///< Which disk is there now.
    std::vector<Sent> sent_;                 ///< By tag - 1.
    std::vector<std::uint32_t> awaited_;     ///< Tags of what may yet be answered, and is to be judged.
    std::vector<const FakeLink*> gone_;
    Moment clock_ = 0;
    std::uint32_t next_version_ = 10;
    const Digest zeros_ = digest_of(Bytes(sector_bytes), 0);
};

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input({data, size});
    Run(input).run();
    return 0;
}
