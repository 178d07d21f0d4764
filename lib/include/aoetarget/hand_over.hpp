// A file device or a network interface that one process opens and another serves: a process that has given up
// its rights can take over what it may not open.
#pragma once

#include <aoetarget/file_device.hpp>
#include <aoetarget/options.hpp>

#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace aoetarget {

/// A device as a message over a Unix socket carries it.
struct DeviceParts {
    /// What open_file() has found out. It may contain zeros.
    std::string facts;
    /// To be sent in this order (SCM_RIGHTS). The locks and the exclusive use of the device belong to the
    /// open files, so they go with them, and last until every process has closed its own.
    std::vector<int> descriptors;

    static constexpr std::size_t max_descriptors = 3;
    static constexpr std::size_t max_facts_bytes = 16384;
};

/// Opens a file as open_file() does, but does not take its lock, because the process to which it is sent has
/// or takes that: see put_together(). FileOptions::replaces means that the process has the exclusive use of
/// the block device, too, so that this does not take it.
/// The result is there to be taken apart; Target::add_export() and Target::replace_device() refuse it
/// (EINVAL). If other exports of that process write to other parts of the file, FileOptions::cache must be
/// set to theirs.
std::unique_ptr<FileDevice> open_unclaimed(const std::string& path, const FileOptions& options = {});

/// Makes a device of a file or block device that another process, such as a service manager, has opened for
/// this one, which may not open it. It owns the descriptor, which is closed also if this throws. `path` is
/// where the file is; it is watched, and must lead to the same file if this process may look. Everything is
/// checked and locked as open_file() does, but a block device is not taken into exclusive use, which only the
/// one who opens it could do; so the target does not read ahead, and a note says so. The lock is that of the
/// open file, so it lasts until every process has closed that. An open file serves one device: another
/// descriptor of it is refused like a file that is in use (EBUSY), except on a file system without locks.
/// Throws std::system_error as open_file() does.
std::unique_ptr<FileDevice> adopt_file(int descriptor, const std::string& path,
                                       const FileOptions& options = {});

/// Returns the parts of a device that open_file(), open_unclaimed() or put_together() has made. The
/// descriptors stay the device's: send them before it is destroyed. Throws std::system_error (EINVAL) for
/// another device, and (EMSGSIZE) if the facts are too long, as an endless path makes them.
DeviceParts take_apart(const FileDevice& device);

/// Makes the device from parts that another process has sent, with the locks, the exclusive use, and
/// everything else that it had there. It owns the descriptors, which are closed also if this throws. It opens
/// nothing. It needs the system calls close(), fstat(), fstatfs(), ioctl(), fcntl() with F_GETFL, F_OFD_SETLK
/// and F_OFD_GETLK, and to heed the limit of this process (RLIMIT_FSIZE) prlimit64(). Nor does
/// Target::replace_device() open anything then; it uses inotify_add_watch() and inotify_rm_watch() to watch
/// the path, and does without if they are refused.
///
/// `replaces` is for a device that another process has opened with open_unclaimed(): as FileOptions::replaces
/// does, it shares the lock of a device of this process that has the same file open, if that one has a part
/// of the window or writes through the other cache, for Target::replace_device() of the export that has that
/// one. Without `replaces` it has to get a lock of its own. Either way it shares the exclusive use of a block
/// device that some device of this process has.
///
/// The sender may be hostile. The files must be regular files or block devices, all the same one, and open as
/// open_file() opens them; the facts must fit each other and the files; and the lock of the window is taken
/// once more through the file that should have it, so the device has it for certain, unless the file system
/// has no locks. Throws std::system_error: EBADMSG if parts are missing, wrong or of another version of the
/// library, EBUSY if another open file has the lock, or writes through the other cache, or if a device has
/// the same open file, EROFS and EFBIG as open_file() does.
///
/// Some things cannot be checked without opening the file: that the path and the identity are its own, that
/// the file of the exclusive use has it, and that nobody changes the data of a device that reads ahead. A
/// sender that keeps its own descriptors shares the open files: it can unlock them and change their flags
/// later. A file system that does not answer, such as FUSE, can block this call. So the sender can harm the
/// data of the file, to which it has access anyway, and the initiators that use it.
std::unique_ptr<FileDevice> put_together(const DeviceParts& parts, bool replaces = false);

/// What serving a network interface takes rights for, opened by a process that has them: packet sockets
/// (CAP_NET_RAW), with receive buffers beyond net.core.rmem_max (CAP_NET_ADMIN), and the program that brings
/// frames through AF_XDP (CAP_BPF and CAP_NET_ADMIN). It is for Target::add_interface() and
/// Target::change_interface(), of this process or, taken apart and sent, of another one.
class PreparedInterface {
  public:
    virtual ~PreparedInterface() = default;
    PreparedInterface(const PreparedInterface&) = delete;
    PreparedInterface& operator=(const PreparedInterface&) = delete;

  protected:
    PreparedInterface() = default;
};

/// A prepared interface as a message over a Unix socket carries it (SCM_RIGHTS).
struct InterfaceParts {
    /// 1 to `max_sockets` packet sockets (AF_PACKET, SOCK_RAW, protocol 0), as any program can open them: one
    /// that receives, one that sends, and one that sends frames longer than a page, which costs less. Where
    /// the second or third is missing, the one before it does its work, too.
    std::vector<int> sockets;
    /// The parts of the XDP program, in this order; empty if there is none.
    std::vector<int> program;
    bool is_generic = false;  ///< The kernel runs the program, and not the driver.
    std::string why_no_xdp{}; ///< As InterfaceStats::link tells it, if XDP was wanted.

    static constexpr std::size_t max_sockets = 3;
};

/// Opens what serving the interface with these options takes. It must exist; a pattern names none. The XDP
/// program is attached to the interface, and passes all frames until a target uses it. If `options.link` is
/// LinkKind::automatic and XDP is not possible, the result is without it. This waits up to a second for the
/// XDP program of another process to go. Throws std::system_error as Target::add_interface() does.
std::unique_ptr<PreparedInterface> prepare_interface(const std::string& name,
                                                     const InterfaceOptions& options = {});

/// Returns the parts. The descriptors stay the interface's: send them before it is destroyed.
InterfaceParts take_apart(const PreparedInterface& interface);

/// Makes it of parts that another process, such as a service manager, has opened. It owns the descriptors,
/// which are closed also if this throws.
///
/// The sender may be hostile. The sockets must be packet sockets of this process's network namespace, without
/// rings, fanout or a locked filter, and none that this process has for another interface; what they have
/// received before is thrown away. The program, its maps and
/// its link must be BPF objects of the right kinds and sizes. Throws std::system_error (EBADMSG) otherwise,
/// and if parts are missing or too many. A program that does not do its work is not noticed here, but when
/// frames that it hands over do not arrive; packet sockets take over then. A program that is attached to
/// another interface is not used.
std::unique_ptr<PreparedInterface> put_together(const InterfaceParts& parts);

} // namespace aoetarget
#pragma GCC visibility pop
