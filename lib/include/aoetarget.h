// libaoetarget in C: serve block devices over ATA over Ethernet, from one io_uring ring.
//
//     aoetarget_target* target = aoetarget_create(NULL);
//     aoetarget_add_interface(target, "eth0", NULL, NULL);
//     struct aoetarget_export_options options = AOETARGET_EXPORT_OPTIONS_INIT;
//     options.shelf = options.slot = 1;
//     aoetarget_add_export(target, &options, aoetarget_open_file("/dev/sdb", NULL));
//     aoetarget_run(target);
//     aoetarget_destroy(target);
//
// Everything here is C11 and C++20. The shared library libaoetarget-c.so.1 exports these functions and
// nothing else; `pkg-config --cflags --libs libaoetarget-c` has the options of the compiler.
//
// Errors. A function that returns an int returns 0 or a number that it describes, or a negative errno value.
// One that returns a pointer returns NULL if it fails, and sets errno. Either way aoetarget_error() then has
// the cause and the cure. Running out of memory is ENOMEM; an error that has no errno value is EIO. A NULL
// where an object is needed is EINVAL.
//
// Structs that the caller fills begin with `size`, which each one's _INIT sets. Members that are zero have
// their default, so a program sets only what it wants to be different. The library takes a shorter struct of
// an older program; what is missing has its default. It takes a longer one of a newer program if all that it
// does not know is zero; otherwise it refuses with E2BIG. A member that a later release adds lies behind all
// present ones, and behind their padding. A NULL instead of a struct of options means all defaults.
//
// Structs that the library fills have no such member: the caller passes their size. The library fills as much
// as both know, sets the rest to zero, and returns the size that it knows itself.
//
// Strings are UTF-8 or whatever the kernel uses for names. The library copies those that it gets. Those in
// structs that it fills belong to the object that they were read from, and end with it. Lists of strings end
// with NULL.
//
// Callbacks have a `user` pointer, and a `destroy` function, which may be NULL. The library calls `destroy`
// exactly once for each time it is given, also if the function that takes it fails; afterwards it does not
// use `user` any more. Callbacks run on the target's thread, and must return: no longjmp(), no exception of
// C++, no panic of Rust may leave them.
//
// Threads. A target belongs to the thread that first calls aoetarget_run() or aoetarget_poll(). Before that,
// one thread at a time may set it up. From then on other threads may call aoetarget_post(), aoetarget_stop()
// and aoetarget_io_complete_from_any_thread() only; every other function that gets the target fails with
// EPERM there, and does nothing. The thread must live as long as the target serves. When the target has ended
// after a single aoetarget_stop(), any thread may use it again. Callbacks may call the target that calls
// them, except to run, poll or destroy it (EDEADLK). Other objects belong to one thread at a time.
//
// Processes. A target belongs to its process: create it after fork(), or call execve() at once in the child;
// every descriptor closes itself then. In a child that goes on, functions that get the target fail with EPERM
// as soon as it runs.
//
// The library starts no thread, installs no signal handler, writes to no stream and never ends the process.
//
// The C++ interface alone has: parsing and printing of addresses, sums over histograms and the like, which
// are a line in any language; GroupSync, a part for devices; the texts of what has changed that
// change_interface() and replace_device() take; and inspect_file() and inspect_interfaces(), which exist for
// the diagnosis of `aoetarget check`, which prints it as JSON.
#ifndef AOETARGET_H
#define AOETARGET_H

#include <aoetarget-c/base.h>
#include <aoetarget-c/device.h>
#include <aoetarget-c/discover.h>
#include <aoetarget-c/event.h>
#include <aoetarget-c/file_device.h>
#include <aoetarget-c/hand_over.h>
#include <aoetarget-c/options.h>
#include <aoetarget-c/probe.h>
#include <aoetarget-c/stats.h>
#include <aoetarget-c/target.h>

#endif
