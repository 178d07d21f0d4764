// Writes the facts of an opened file one after the other, each with a zero at its end, and reads them again.
#include <aoetarget/hand_over.hpp>

#include "storage/file_device.hpp"
#include "storage/sent_file.hpp"

#include <cerrno>
#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace aoetarget {
namespace storage {
namespace {

constexpr std::string_view version = "aoetarget-device-2"; // another one for each change of the parts

[[noreturn]] void refuse_parts(int error, const char* why) {
    throw std::system_error(error, std::generic_category(), why);
}

class Writer {
  public:
    void operator()(std::string_view text) { (facts += text) += '\0'; }
    void operator()(std::integral auto number) { (*this)(std::to_string(number)); }
    void operator()(const std::vector<std::string>& list) {
        (*this)(list.size());
        for (const std::string& text : list)
            (*this)(text);
    }

    std::string facts;
};

class Reader {
  public:
    explicit Reader(std::string_view facts) : left_(facts) {}

    void operator()(std::string& text) {
        const std::size_t end = left_.find('\0');
        if (end == std::string_view::npos)
            refuse();
        text = left_.substr(0, end);
        left_.remove_prefix(end + 1);
    }
    template <std::integral Number>
    void operator()(Number& number) {
        std::string text;
        (*this)(text);
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() ||
            value > std::numeric_limits<Number>::max())
            refuse();
        number = static_cast<Number>(value);
    }
    void operator()(std::vector<std::string>& list) {
        std::size_t count = 0;
        (*this)(count);
        if (count > left_.size())
            refuse();
        list.resize(count);
        for (std::string& text : list)
            (*this)(text);
    }
    void end() const {
        if (!left_.empty())
            refuse();
    }
    [[noreturn]] static void refuse() { refuse_sent("its facts are damaged, or of another version"); }

  private:
    std::string_view left_;
};

template <typename Pass, typename File>
void pass_facts(Pass& pass, File& opened) {
    auto& geometry = opened.geometry;
    pass(opened.path);
    pass(opened.regular);
    pass(opened.offset_bytes);
    pass(opened.end_bytes);
    pass(geometry.sectors);
    pass(geometry.logical_block_bytes);
    pass(geometry.physical_block_bytes);
    pass(geometry.physical_offset_sectors);
    pass(geometry.memory_alignment);
    pass(geometry.read_only);
    pass(geometry.volatile_cache);
    pass(geometry.discard);
    pass(geometry.discard_zeroes);
    pass(geometry.read_ahead);
    pass(geometry.rotation_rate);
    pass(opened.blocks_submission);
    pass(opened.mode);
    pass(opened.identity);
    pass(opened.notes);
}

} // namespace
} // namespace storage

DeviceParts take_apart(const FileDevice& device) {
    using namespace storage;
    const auto* file_device = dynamic_cast<const RingFileDevice*>(&device);
    if (file_device == nullptr)
        refuse_parts(EINVAL, "only a device of open_file() can be handed over");
    const OpenedFile& opened = file_device->opened();
    Writer write;
    write(version);
    pass_facts(write, opened);
    if (write.facts.size() > DeviceParts::max_facts_bytes)
        refuse_parts(EMSGSIZE, "the path of the device is too long to hand it over");
    DeviceParts parts{std::move(write.facts), {opened.file.get(), opened.claim.holder->file.get()}};
    if (const int exclusive = exclusive_descriptor(opened.claim); exclusive >= 0)
        parts.descriptors.push_back(exclusive);
    return parts;
}

std::unique_ptr<FileDevice> put_together(const DeviceParts& parts, bool replaces) {
    using namespace storage;
    std::vector<ring::FileDescriptor> files;
    for (const int descriptor : parts.descriptors)
        files.emplace_back(descriptor);
    if (parts.facts.size() > DeviceParts::max_facts_bytes)
        refuse_sent("its facts are too long");
    Reader read(parts.facts);
    std::string its_version;
    read(its_version);
    if (its_version != version)
        Reader::refuse();
    OpenedFile opened;
    pass_facts(read, opened);
    read.end();
    check_facts(opened);
    if (files.size() < 2 || files.size() > DeviceParts::max_descriptors)
        refuse_sent("it has too few files, or too many");
    const Cache cache = check_files(opened, files);
    const bool read_only = opened.geometry.read_only;
    SentClaim sent{.holder = std::move(files[1]),
                   .share = {.offset_bytes = opened.offset_bytes,
                             .length_bytes = opened.end_bytes - opened.offset_bytes,
                             .read_only = read_only,
                             .writes_through = read_only ? std::nullopt : std::optional(cache)},
                   .relies_on_lock = opened.geometry.read_ahead,
                   .replaces = replaces};
    if (files.size() > 2)
        sent.exclusive = std::move(files[2]);
    opened.claim = adopt_claim(opened.path, std::move(sent));
    opened.file = std::move(files[0]);
    return std::make_unique<RingFileDevice>(std::move(opened));
}

} // namespace aoetarget
