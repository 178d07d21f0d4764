// The system calls of BPF that a lane needs: for maps, programs, and the links that attach them.
#pragma once

#include "ring/file_descriptor.hpp"

#include <cstdint>
#include <span>

#include <linux/bpf.h>

namespace aoetarget::net::bpf {

/// Throws the Refusal that errno means, after `what` has failed.
[[noreturn]] void fail(const char* what);

/// Throws Refusal.
ring::FileDescriptor create_map(bpf_map_type type, std::uint32_t key_bytes, std::uint32_t value_bytes,
                                std::uint32_t entries, std::uint32_t flags = 0);
/// Throws Refusal.
void set_element(int map, const void* key, const void* value);
/// An element that is not there is no error.
void remove_element(int map, const void* key);

/// Loads an XDP program. Throws Refusal.
ring::FileDescriptor load_xdp(std::span<const bpf_insn> program);
/// Attaches a program to an interface for as long as the descriptor is open. Returns none, with the cause in
/// errno, if the kernel refuses.
ring::FileDescriptor attach_xdp(int program, int interface_index, std::uint32_t mode_flags);
/// Returns whether the descriptor is a link. (What read_info() tells of a program has the same beginning.)
bool is_link(int fd);
/// Puts another program in the place of the attached one. Returns false, with the cause in errno, if the
/// kernel refuses, for example because the interface is gone.
bool update_link(int link, int program);
/// Detaches the program for good.
void detach_link(int link);

/// Fills `info`, of the type that describes this kind of object. Unset parts must be zero. Returns false,
/// with the cause in errno, for a descriptor that is none of BPF.
bool read_info(int fd, void* info, std::uint32_t bytes);

} // namespace aoetarget::net::bpf
