#include "checker.hpp"

#include <algorithm>

namespace aoesim {

WriteId Checker::write_begins(const SectorRange& range, Promise promise) {
    return begin({&range, 1}, promise, Effect::certain);
}

WriteId Checker::trim_begins(std::span<const SectorRange> ranges, Promise promise, Effect effect) {
    return begin(ranges, promise, effect);
}

WriteId Checker::begin(std::span<const SectorRange> ranges, Promise promise, Effect effect) {
    const WriteId write = writes_.size();
    const Moment began = now();
    std::uint64_t first = sectors_.size();
    std::uint64_t end = 0;
    for (const SectorRange& range : ranges) {
        first = std::min(first, range.first);
        end = std::max(end, range.end());
        for (std::uint64_t sector = range.first; sector < range.end(); ++sector) {
            auto& values = sectors_[sector].values;
            if (values.empty() || values.back().write != write) // a trim may name a sector twice
                values.push_back({write, never, began});
        }
    }
    writes_.push_back({{first, end - first}, began, never, promise, effect});
    return write;
}

void Checker::write_acknowledged(WriteId id) {
    Write& write = writes_[id];
    write.acknowledged = now();
    if (write.effect == Effect::advice)
        return; // it may have done nothing
    for (std::uint64_t sector = write.range.first; sector < write.range.end(); ++sector) {
        for (Value& value : sectors_[sector].values) {
            if (value.write == id && value.seen > write.acknowledged) {
                value.seen = write.acknowledged;
                check(sector, value);
            }
        }
    }
}

bool Checker::is_newest(const SectorRange& range, WriteId write) const {
    for (std::uint64_t sector = range.first; sector < range.end(); ++sector) {
        const auto& values = sectors_[sector].values;
        const auto is_over = [&](const Value& value) {
            return value.write == write || writes_[value.write].acknowledged < writes_[write].began;
        };
        if (std::ranges::find(values, write, &Value::write) == values.end() ||
            !std::ranges::all_of(values, is_over))
            return false;
    }
    return writes_[write].acknowledged != never;
}

/// Until it is acknowledged it may be made at any time, also after a power cut.
void Checker::write_begins_again(WriteId id, Promise promise) {
    Write& write = writes_[id];
    write.acknowledged = never;
    write.promise = promise;
    const Moment began = now();
    for (std::uint64_t sector = write.range.first; sector < write.range.end(); ++sector)
        sectors_[sector].values.push_back({id, never, began});
}

void Checker::read_returned(const SectorRange& range, Moment began, const std::uint8_t* bytes) {
    const Moment ended = now();
    for (std::uint64_t i = 0; i < range.count; ++i) {
        const std::uint64_t sector = range.first + i;
        const auto write = write_of(bytes + i * aoetarget::sector_bytes, sector);
        if (!write)
            fail(sector, "a read returned a sector that nobody wrote so");
        else
            returned(sector, *write, began, ended);
    }
}

void Checker::returned(std::uint64_t number, WriteId write, Moment began, Moment ended) {
    Sector& sector = sectors_[number];
    auto value = std::ranges::find(sector.values, write, &Value::write);
    if (value == sector.values.end()) {
        if (std::ranges::find(sector.survivors, write) == sector.survivors.end()) {
            fail(number, "a read returned the data of write " + std::to_string(write) +
                             ", which cannot have survived the power cut or was never made");
            return;
        }
        sector.survivors.clear();
        sector.values.push_back({write, epoch_ - 1, epoch_ - 1});
        value = sector.values.end() - 1;
    }
    if (value->seen == never) {
        if (writes_[write].effect == Effect::advice)
            check_advice(number, write, began);
        sector.values.push_back({write, ended, began});
        check(number, sector.values.back());
    } else {
        value->needed = std::max(value->needed, began);
        check(number, *value);
    }
}

void Checker::check(std::uint64_t sector, const Value& value) {
    for (const Value& other : sectors_[sector].values) {
        if (value.seen < other.needed && other.seen < value.needed && other.write != value.write) {
            fail(sector, "the data of writes " + std::to_string(value.write) + " (seen " +
                             std::to_string(value.seen) + ", needed " + std::to_string(value.needed) +
                             ") and " + std::to_string(other.write) + " (seen " + std::to_string(other.seen) +
                             ", needed " + std::to_string(other.needed) + ") cannot be put in an order");
        }
    }
}

/// `began`: of a read that has returned what this trim left.
void Checker::check_advice(std::uint64_t sector, WriteId trim, Moment began) {
    for (const Value& other : sectors_[sector].values) {
        if (writes_[trim].acknowledged < writes_[other.write].began && other.seen < began)
            fail(sector, "the data of write " + std::to_string(other.write) + " (seen " +
                             std::to_string(other.seen) + ") is gone, trimmed by " + std::to_string(trim) +
                             ", which was acknowledged before");
    }
}

bool Checker::is_stable(const Write& write) const {
    return write.acknowledged != never &&
           (write.promise != Promise::none || write.acknowledged < stable_before_);
}

void Checker::power_cut() {
    for (Sector& sector : sectors_)
        cut(sector);
    restarted();
    now();
    epoch_ = now();
}

void Checker::restarted() {
    for (Write& write : writes_) {
        if (write.acknowledged == never && write.promise == Promise::cache_off)
            write.promise = Promise::none;
    }
}

void Checker::cut(Sector& sector) const {
    Moment newest_stable = 0; // when the newest write began that must have survived
    for (const Value& value : sector.values) {
        const Write& write = writes_[value.write];
        if (is_stable(write) && write.effect == Effect::certain && write.acknowledged > epoch_)
            newest_stable = std::max({newest_stable, write.began, epoch_});
    }
    if (newest_stable > 0)
        sector.survivors.clear();
    std::vector<Value> open;
    for (const Value& value : sector.values) {
        const Write& write = writes_[value.write];
        if (write.acknowledged == never && value.seen == never) // it may yet be made, or made again
            open.push_back(value);
        else if (write.acknowledged == never)
            continue;
        else if (std::min(value.seen, write.acknowledged) >= newest_stable)
            sector.survivors.push_back(value.write);
    }
    sector.values = std::move(open);
}

void Checker::fail(std::uint64_t sector, const std::string& what) {
    if (violation_.empty())
        violation_ = "sector " + std::to_string(sector) + ": " + what;
}

} // namespace aoesim
