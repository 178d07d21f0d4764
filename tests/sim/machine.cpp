#include "machine.hpp"

#include <cerrno>

namespace aoesim {

using aoetarget::core::FrameSlot;

// --- Ports ---------------------------------------------------------------------------------------

Port::Port(unsigned number_of_it, const Mac& mac, unsigned mtu, std::uint32_t slots, const Lent& lent,
           std::size_t alignment, std::function<void()> something_to_send)
    : number(number_of_it), address(mac), mtu_now(mtu),
      name_("eth" + std::to_string(number_of_it)), layout_{slots, mtu + 18, alignment},
      memory_(layout_.region_bytes()), pool_(memory_.bytes(), layout_),
      something_to_send_(std::move(something_to_send)) {
    max_slot_frame_ = pool_.frame_capacity();
    socket.most_lent = lent.socket;
    lane.most_lent = lent.lane;
    pool_.set_aside(lent.socket + lent.lane);
    replenish();
}

FrameSlot Port::receive(Queue& queue) {
    const Waiting waiting = std::move(queue.frames.front());
    queue.frames.pop_front();
    FrameSlot slot = std::move(queue.lent.back());
    queue.lent.pop_back();
    std::ranges::copy(std::as_bytes(std::span(waiting.frame)), slot.capacity().begin());
    slot.set_length(waiting.frame.size());
    slot.set_arrival(waiting.arrival);
    return slot;
}

void Port::replenish() {
    for (Queue* queue : {&lane, &socket}) {
        while (queue->lent.size() < queue->most_lent) {
            auto slot = pool_.take();
            if (!slot)
                return;
            queue->lent.push_back(std::move(*slot));
        }
    }
}

void Port::retire() {
    for (Queue* queue : {&lane, &socket}) {
        queue->frames.clear();
        queue->lent.clear();
    }
}

Port::Queue& Port::queue_for(const Frame& frame) {
    return lane.most_lent > 0 && aoetest::Reply{frame}.destination() == address ? lane : socket;
}

void Port::send(FrameSlot slot) {
    outbox.push_back(std::move(slot));
    something_to_send_();
}

// --- The machine ---------------------------------------------------------------------------------

Machine::Machine(const Setting& setting, Schedule& schedule, Random random, FaultCounts& faults,
                 Observer& observer)
    : setting_(setting), schedule_(schedule), random_(random), faults_(faults), observer_(observer),
      bounce_(setting.bounce_buffers * aoetarget::core::BouncePool::buffer_bytes),
      ahead_(setting.ahead_pieces * setting.piece_sectors * 512), workers_(usual_workers) {}

Machine::~Machine() = default;

void Machine::add_export(const aoetarget::ExportOptions& options, Disk& disk) {
    exports_.emplace_back(options, &disk);
    exports_.back().first.serial = "S" + to_string(options.address);
}

void Machine::boot() {
    ++boots_;
    removed_.clear();
    ports_.clear();
    core_ = std::make_unique<aoetarget::core::Core>(
        aoetarget::core::Core::Options{.buffer_count = setting_.buffer_count,
                                       .firmware = "sim",
                                       .bounce_memory = bounce_.bytes(),
                                       .ahead_memory = ahead_.bytes(),
                                       .piece_sectors = setting_.piece_sectors,
                                       .store = setting_.keeps_state ? this : nullptr});
    for (unsigned number = 0; number < setting_.ports; ++number) {
        ports_.emplace_back();
        add_port(number);
    }
    for (const auto& [options, disk] : exports_)
        core_->add_export(options, disk->device(disk->geometry()), disk->geometry(), saved_[options.address]);
    wake();
}

void Machine::add_port(unsigned number) {
    auto& port = ports_[number];
    port = std::make_unique<Port>(number, aoetest::numbered_mac(0x1000 + number), setting_.mtus[number],
                                  setting_.slots, setting_.lent[number], setting_.alignment, [this] {
                                      if (!std::exchange(sending_scheduled_, true))
                                          schedule_.after(microseconds(random_.below(20)),
                                                          [this] { transmit_all(); });
                                  });
    port->queue_frames = setting_.queue_frames;
    port->id = core_->add_link(*port, setting_.slots);
}

void Machine::power_cut() {
    faults_.add(Fault::power_cut);
    for (const auto& [options, disk] : exports_)
        disk->cut_power();
    for (const auto& [address, state] : saving_) {
        if (random_.chance(0.5)) // the power may have lasted just long enough
            saved_[address] = state;
    }
    turn_off();
}

void Machine::turn_off() {
    stopped_ = nullptr;
    saving_.clear();
    held_saves_.clear();
    workers_.end();
    core_.reset();
    for (const auto* list : {&ports_, &removed_}) {
        for (const auto& port : *list) {
            port->retire();
            port->outbox.clear();
        }
    }
}

void Machine::stop(std::function<void()> stopped) {
    faults_.add(Fault::restart);
    stopped_ = std::move(stopped);
    core_->close();
    wake();
}

void Machine::maybe_end() {
    const auto has_sent_all = [](const auto& each) { return each->outbox.empty(); };
    if (!is_stopping() || !core_->idle() || !std::ranges::all_of(ports_, has_sent_all) ||
        !std::ranges::all_of(removed_, has_sent_all))
        return;
    std::exchange(stopped_, nullptr)();
    turn_off();
}

void Machine::save(const aoetarget::Address& address, const aoetarget::core::ProtocolState& state,
                   aoetarget::core::StateSaver& saver) {
    saving_[address] = state;
    workers_.begin([this, save = Save{address, &saver, boots_}] {
        schedule_.after(microseconds(random_.below(20000)), [this, save] { end_save(save); });
    });
}

void Machine::end_save(const Save& save) {
    const auto found = saving_.find(save.address);
    if (save.boot != boots_ || found == saving_.end())
        return; // lost in a power cut
    if (state_frozen_) {
        held_saves_.push_back(save);
        return;
    }
    const bool fails = random_.chance(setting_.save_errors);
    if (fails)
        faults_.add(Fault::state_not_saved);
    else
        saved_[save.address] = found->second;
    saving_.erase(found);
    save.saver->saved(fails ? EIO : 0);
    workers_.done();
    wake();
}

void Machine::freeze_state() {
    faults_.add(Fault::state_frozen);
    state_frozen_ = true;
}

void Machine::thaw_state() {
    state_frozen_ = false;
    for (const Save& save : std::exchange(held_saves_, {}))
        end_save(save);
}

bool Machine::arrive(unsigned number, const Frame& frame, WriteId write) {
    if (core_ == nullptr || !port(number).up_now)
        return false;
    Port& to = port(number);
    if (frame.size() > to.mtu_now + 18 || frame.size() > to.pool().frame_capacity())
        return false;
    auto& frames = to.queue_for(frame).frames;
    if (frames.size() >= to.queue_frames) {
        faults_.add(Fault::socket_full);
        return false;
    }
    frames.push_back({frame, schedule_.now(), write});
    wake();
    return true;
}

void Machine::wake() {
    if (core_ == nullptr || std::exchange(turn_scheduled_, true))
        return;
    Time delay = microseconds(random_.below(10));
    if (random_.chance(setting_.delayed_turns)) {
        faults_.add(Fault::loop_delayed);
        delay = milliseconds(random_.below(40));
    }
    schedule_.after(delay, [this] { turn(); });
}

void Machine::turn() {
    turn_scheduled_ = false;
    if (core_ == nullptr)
        return;
    const Time now = schedule_.now();
    core_->tell_time(now);
    const std::uint64_t first = random_.below(ports_.size());
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        Port& from = *ports_[(first + i) % ports_.size()];
        for (Port::Queue* queue : {&from.socket, &from.lane}) {
            for (unsigned taken = 0; taken < setting_.batch && from.has_work(*queue, now); ++taken) {
                observer_.taken(from, queue->frames.front());
                core_->receive(from.id, from.receive(*queue));
            }
        }
    }
    core_->turn(now);
    workers_.set_count(usual_workers + static_cast<unsigned>(core_->held_workers()));
    for (const auto& each : ports_) {
        each->replenish();
        if (each->has_work(now))
            wake();
        else if (each->waiting_frames() > 0 && each->stalled_until > now)
            schedule_.after(each->stalled_until - now, [this] { wake(); });
    }
    set_alarm();
    std::erase_if(removed_, [](const auto& each) { return each->all_slots_free(); });
    maybe_end();
}

/// Far ones once only, for there is one for each turn.
void Machine::set_alarm() {
    const Time now = schedule_.now();
    const auto deadline = core_->next_deadline();
    if (!deadline || (*deadline - now > seconds(1) && last_alarm_ > now && last_alarm_ <= *deadline))
        return;
    last_alarm_ = *deadline;
    schedule_.after(std::max(*deadline - now, Time(microseconds(1))), [this] { wake(); });
}

void Machine::replace_device(std::size_t number) {
    if (core_ == nullptr || is_stopping())
        return;
    faults_.add(Fault::device_replaced);
    const auto& [options, disk] = exports_[number];
    constexpr std::uint32_t sizes[] = {512, 1024, 4096};
    aoetarget::Geometry geometry = disk->geometry();
    geometry.memory_alignment = sizes[random_.below(std::size(sizes))];
    if (!geometry.discard_zeroes) // of which parts of larger blocks promise nothing
        geometry.logical_block_bytes = geometry.physical_block_bytes = sizes[random_.below(std::size(sizes))];
    core_->replace_device(options.address, disk->device(geometry), geometry);
    wake();
}

void Machine::change_export(std::size_t number, const aoetarget::ExportOptions& options) {
    exports_[number].first = options;
    if (core_ == nullptr || is_stopping())
        return;
    faults_.add(Fault::access_changed);
    core_->change_export(options, schedule_.now());
    wake();
}

std::uint64_t Machine::resize(std::size_t number) {
    wake();
    return core_->resize_export(options(number).address);
}

void Machine::change_link(unsigned number, const LinkOptions& options) {
    faults_.add(Fault::interface_changed);
    port(number).advertise_sectors(options.sectors_per_frame);
    port(number).pool().set_buffer_count(options.buffer_count);
    core_->link_options_changed(port(number).id);
    wake();
}

/// What the core has sent leaves, as far as the MTU still allows it.
void Machine::transmit_all() {
    sending_scheduled_ = false;
    if (core_ == nullptr)
        return;
    for (const auto& list : {&ports_, &removed_}) {
        for (const auto& from : *list) {
            auto outbox = std::exchange(from->outbox, {});
            for (FrameSlot& slot : outbox) {
                if (slot.frame().size() > from->mtu_now + 14) {
                    core_->undeliverable(from->id, std::move(slot));
                    continue;
                }
                const auto* bytes = reinterpret_cast<const std::uint8_t*>(slot.frame().data());
                const Frame frame(bytes, bytes + slot.frame().size());
                if (from->up_now && !from->removed)
                    observer_.left_target(*from, frame);
            }
        }
    }
    wake(); // slots have become free
}

void Machine::set_link_up(unsigned number, bool up) {
    if (core_ == nullptr)
        return;
    Port& changed = port(number);
    if (up && !changed.up_now)
        core_->link_changed(changed.id);
    changed.up_now = up;
    wake();
}

void Machine::set_mtu(unsigned number, unsigned mtu) {
    if (core_ == nullptr)
        return;
    port(number).mtu_now = mtu;
    core_->link_changed(port(number).id);
    wake();
}

/// The interface goes and comes back: another link with other slots, while requests are under way.
void Machine::replace_link(unsigned number) {
    if (core_ == nullptr)
        return;
    faults_.add(Fault::link_replaced);
    auto& gone = ports_[number];
    core_->remove_link(gone->id);
    gone->removed = true;
    gone->retire();
    removed_.push_back(std::move(gone));
    add_port(number);
    wake();
}

std::string Machine::holdings() const {
    std::string text;
    for (const auto& each : ports_)
        text += "port " + std::to_string(each->number) + " has " + std::to_string(each->slots()) +
                " slots, of which " + std::to_string(each->free_slots()) + " are free and " +
                std::to_string(each->lent_slots()) + " lent, and " + std::to_string(each->waiting_frames()) +
                " frames wait for it; ";
    text += std::to_string(workers_.busy()) + " workers are busy and " + std::to_string(workers_.waiting()) +
            " operations wait for one; under way are";
    for (const auto& stats : core_->export_stats(schedule_.now()))
        text += " " + to_string(stats.address) + ": " + std::to_string(stats.in_flight);
    return text;
}

std::string Machine::leftovers() const {
    for (const auto& each : ports_) {
        if (!each->all_slots_free())
            return "slots are lost";
    }
    for (const auto& each : removed_) {
        if (!each->all_slots_free())
            return "slots of a link that was removed are lost";
    }
    for (const auto& stats : core_->export_stats(schedule_.now())) {
        if (stats.in_flight != 0)
            return "requests are lost";
        if (stats.oldest_request)
            return "a request that is over counts as the oldest";
    }
    return {};
}

} // namespace aoesim
