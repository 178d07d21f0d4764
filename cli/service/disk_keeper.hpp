// Takes over disks that had vanished and are back.
//
// The process that serves has given up the right to open disks. A small process beside it, forked before
// that, keeps the right, holds nothing open, and sleeps until a disk vanishes. Then it looks for that disk
// once a second, opens it when its path names it again, and sends the descriptors. It takes no data from the
// network.
#pragma once

#include "config/export_spec.hpp"
#include "service/disk_message.hpp"

#include <aoetarget/event.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cli {

class TargetThreads;
struct KnownDisk;

class DiskKeeper {
  public:
    using Tell = std::function<void(const aoetarget::Event&)>;

    /// Starts the process if there is a disk that it can know again: a block device with a UUID, WWN or
    /// serial number. It inherits everything that this process has by now, so this comes before all else.
    DiskKeeper(const std::vector<ExportSpec>& exports, std::size_t threads);
    /// Ends the process, and waits up to a second for that.
    ~DiskKeeper();
    DiskKeeper(const DiskKeeper&) = delete;
    DiskKeeper& operator=(const DiskKeeper&) = delete;

    /// Returns why the process could not be started, as a sentence, or nothing.
    [[nodiscard]] const std::string& note() const { return note_; }
    /// Passes each disk that comes back to the target that serves its export, and says so on its thread. This
    /// object must outlive the targets.
    void attach(TargetThreads& targets, Tell tell);
    /// Takes note of an event of a target. It is called on that target's thread.
    void on_event(const aoetarget::Event& event);
    /// Looks after the disk of this export no longer. It is called on the thread that serves the export.
    void leave(const aoetarget::Address& address);

  private:
    struct Export {
        aoetarget::Address address;
        std::string path;
        bool is_disk = false;
        bool is_known = false; ///< Its disk can be told from others.
        bool is_left = false;  ///< Another disk has its address now, or none.
        bool is_lost = false;  ///< The process looks for its disk.
    };
    struct Sockets {
        int own = -1;
        /// The other process has this end. It stays open here too, so that the own end is never at its end,
        /// which a target would see as readable for ever.
        int other = -1;
    };

    void start(std::vector<KnownDisk> disks, std::size_t threads);
    bool ask(DiskRequest::Kind kind, std::uint32_t number) const;
    bool has_ended(int within_ms) const;
    /// Returns the place of the export in exports_, or nothing if its disk is none of the start.
    std::optional<std::uint32_t> find(const aoetarget::Address& address) const;
    void read_reports(std::size_t thread);
    void take(DiskReport report);
    void take_end_of_process(std::size_t thread);
    /// Says why nobody takes this export's disk over when it is back.
    void tell_nobody_looks(const std::string& subject, const std::string& reason) const;
    void tell(const std::string& subject, aoetarget::Severity severity, aoetarget::EventKind kind,
              std::string text) const;

    std::vector<Export> exports_; ///< Of the start. Each belongs to the thread that serves it.
    std::map<aoetarget::Address, std::uint32_t> numbers_; ///< The place of each of them.
    std::vector<Sockets> sockets_;                        ///< One pair for each thread.
    int process_ = -1; ///< A descriptor that is readable when the process has ended.
    std::string note_;
    TargetThreads* targets_ = nullptr;
    Tell tell_;
};

} // namespace cli
