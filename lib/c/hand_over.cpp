// Devices and interfaces that another process has opened, or is to serve.
#include "c/device.hpp"
#include "c/options.hpp"
#include "c/prepared_interface.hpp"
#include "c/structs.hpp"

#include <utility>

#include <unistd.h>

using namespace aoetarget::c_interface;

namespace {

constexpr const char* no_path = "there is no path; pass one";

/// Descriptors of the caller, which are closed unless somebody takes them.
class Descriptors {
  public:
    Descriptors(const int* first, std::size_t count) {
        if (first != nullptr)
            all_.assign(first, first + count);
    }
    Descriptors(const Descriptors&) = delete;
    Descriptors& operator=(const Descriptors&) = delete;
    ~Descriptors() {
        for (const int descriptor : all_)
            ::close(descriptor);
    }
    [[nodiscard]] std::vector<int> take() { return std::exchange(all_, {}); }

  private:
    std::vector<int> all_;
};

} // namespace

aoetarget_device* aoetarget_open_unclaimed(const char* path, const aoetarget_file_options* options) {
    return guarded_pointer(
        [&] { return handle_of(aoetarget::open_unclaimed(&needed(path, no_path), options_from(options))); });
}

aoetarget_device* aoetarget_adopt_file(int descriptor, const char* path,
                                       const aoetarget_file_options* options) {
    return guarded_pointer([&] {
        Descriptors held(&descriptor, 1);
        const std::string file = &needed(path, no_path);
        const aoetarget::FileOptions wanted = options_from(options);
        held.take().clear();
        return handle_of(aoetarget::adopt_file(descriptor, file, wanted));
    });
}

int aoetarget_take_apart_device(aoetarget_device* device, aoetarget_device_parts* parts) {
    return guarded([&] {
        aoetarget::DeviceParts taken = aoetarget::take_apart(file_of(device));
        device->parts = std::move(taken);
        aoetarget_device_parts out{};
        out.facts = device->parts.facts.data();
        out.facts_bytes = device->parts.facts.size();
        out.descriptors = device->parts.descriptors.data();
        out.descriptor_count = device->parts.descriptors.size();
        return fill_sized(parts, out);
    });
}

aoetarget_device* aoetarget_put_together_device(const aoetarget_device_parts* parts, int replaces) {
    return guarded_pointer([&] {
        const aoetarget_device_parts given = known_part(parts);
        Descriptors held(given.descriptors, given.descriptor_count);
        check_size(&needed(parts, "there are no parts; pass some"));
        aoetarget::DeviceParts together;
        if (given.facts != nullptr)
            together.facts.assign(static_cast<const char*>(given.facts), given.facts_bytes);
        together.descriptors = held.take();
        return handle_of(aoetarget::put_together(together, replaces != 0));
    });
}

aoetarget_prepared_interface* aoetarget_prepare_interface(const char* name,
                                                          const aoetarget_interface_options* options) {
    return guarded_pointer([&] {
        auto handle = std::make_unique<aoetarget_prepared_interface>();
        handle->interface = aoetarget::prepare_interface(&needed(name, "the interface has no name; pass one"),
                                                         options_from(options));
        return handle.release();
    });
}

void aoetarget_destroy_prepared_interface(aoetarget_prepared_interface* prepared) {
    released(prepared);
}

int aoetarget_take_apart_interface(aoetarget_prepared_interface* prepared, aoetarget_interface_parts* parts) {
    return guarded([&] {
        aoetarget::InterfaceParts& kept = needed(prepared, "there is no prepared interface; pass one").parts;
        kept = aoetarget::take_apart(*prepared->interface);
        aoetarget_interface_parts out{};
        out.sockets = kept.sockets.data();
        out.socket_count = kept.sockets.size();
        out.program = kept.program.data();
        out.program_count = kept.program.size();
        out.why_no_xdp = kept.why_no_xdp.c_str();
        out.is_generic = kept.is_generic ? 1 : 0;
        return fill_sized(parts, out);
    });
}

aoetarget_prepared_interface* aoetarget_put_together_interface(const aoetarget_interface_parts* parts) {
    return guarded_pointer([&] {
        const aoetarget_interface_parts given = known_part(parts);
        Descriptors sockets(given.sockets, given.socket_count);
        Descriptors program(given.program, given.program_count);
        check_size(&needed(parts, "there are no parts; pass some"));
        auto handle = std::make_unique<aoetarget_prepared_interface>();
        aoetarget::InterfaceParts together;
        together.is_generic = given.is_generic != 0;
        together.why_no_xdp = text_or_empty(given.why_no_xdp);
        together.sockets = sockets.take();
        together.program = program.take();
        handle->interface = aoetarget::put_together(together);
        return handle.release();
    });
}
