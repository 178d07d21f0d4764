// Structs that programs of other releases share with the library: what each side does not know.
#pragma once

#include "c/error.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

namespace aoetarget::c_interface {

/// Returns as much of the caller's struct as both know; the rest, and everything without a struct, is zero.
template <typename Struct>
Struct known_part(const Struct* given) {
    static_assert(std::is_trivially_copyable_v<Struct> && offsetof(Struct, size) == 0);
    Struct known{};
    if (given != nullptr)
        std::memcpy(&known, given, std::min(given->size, sizeof known));
    return known;
}

/// Refuses a struct of which the library would ignore something that the caller has set.
template <typename Struct>
void check_size(const Struct* given) {
    if (given == nullptr)
        return;
    if (given->size < sizeof given->size)
        refuse(EINVAL, "a struct has no size; begin with its _INIT of aoetarget.h");
    const auto* bytes = reinterpret_cast<const unsigned char*>(given);
    if (given->size > sizeof *given &&
        std::any_of(bytes + sizeof *given, bytes + given->size, [](unsigned char byte) { return byte != 0; }))
        refuse(E2BIG,
               "a struct sets a member that this release of the library does not know; leave it zero, or "
               "install the release that the program was built with");
}

template <typename Struct>
Struct taken(const Struct* given) {
    check_size(given);
    return known_part(given);
}

/// Fills the caller's struct, of which it knows `size` bytes. Returns as many as the library knows.
template <typename Struct>
int fill(Struct* out, std::size_t size, const Struct& from) {
    static_assert(std::is_trivially_copyable_v<Struct>);
    needed(out, "there is no struct to fill in; pass one");
    std::memcpy(out, &from, std::min(size, sizeof from));
    if (size > sizeof from)
        std::memset(reinterpret_cast<unsigned char*>(out) + sizeof from, 0, size - sizeof from);
    return static_cast<int>(sizeof from);
}

/// Does the same for a struct that begins with its size, which stays.
template <typename Struct>
int fill_sized(Struct* out, Struct from) {
    needed(out, "there is no struct to fill in; pass one");
    check_size(out);
    from.size = out->size;
    fill(out, out->size, from);
    return 0;
}

/// Writes text as snprintf() does.
inline int fill_text(char* out, std::size_t bytes, const std::string& text) {
    if (bytes > 0) {
        const std::size_t length =
            text.copy(&needed(out, "there is no memory for the text; pass some"), bytes - 1);
        out[length] = '\0';
    }
    return static_cast<int>(text.size());
}

inline std::string text_or_empty(const char* text) {
    return text != nullptr ? text : "";
}

/// Returns the texts up to the NULL at the end.
inline std::vector<std::string> list_of(const char* const* texts) {
    std::vector<std::string> list;
    for (; texts != nullptr && *texts != nullptr; ++texts)
        list.emplace_back(*texts);
    return list;
}

/// Returns the entry of a snapshot.
template <typename Entry>
const Entry& entry_of(const std::vector<Entry>& all, std::size_t index) {
    if (index >= all.size())
        refuse(ENOENT, "there is no entry with this index; the list ends before it");
    return all[index];
}

} // namespace aoetarget::c_interface
