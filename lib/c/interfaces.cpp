// The interfaces of a target.
#include "c/options.hpp"
#include "c/prepared_interface.hpp"
#include "c/structs.hpp"
#include "c/target.hpp"

using namespace aoetarget::c_interface;

namespace {

constexpr const char* no_name = "the interface has no name; pass one";
constexpr const char* no_interface =
    "the target neither serves such an interface nor waits for it; add it first";

} // namespace

int aoetarget_add_interface(aoetarget_target* target, const char* name,
                            const aoetarget_interface_options* options,
                            aoetarget_prepared_interface* prepared) {
    auto rights = released(prepared);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        it.add_interface(&needed(name, no_name), options_from(options), std::move(rights));
        return 0;
    });
}

int aoetarget_change_interface(aoetarget_target* target, const char* name,
                               const aoetarget_interface_options* options,
                               aoetarget_prepared_interface* prepared) {
    auto rights = released(prepared);
    return on_its_thread(target, [&](aoetarget::Target& it) {
        return found(it.change_interface(&needed(name, no_name), options_from(options), std::move(rights)),
                     no_interface);
    });
}

int aoetarget_rename_interface(aoetarget_target* target, const char* name, const char* new_name) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        return found(it.rename_interface(&needed(name, no_name), &needed(new_name, no_name)), no_interface);
    });
}

int aoetarget_remove_interface(aoetarget_target* target, const char* name) {
    return on_its_thread(target, [&](aoetarget::Target& it) {
        it.remove_interface(&needed(name, no_name));
        return 0;
    });
}
