// A host in C that serves two volumes in memory until it gets SIGTERM. At the end it tells how many volumes
// it made and how many came back: two serve, one is removed while the target serves, and one finds its
// address in use.
//
//     volume INTERFACE
#include <aoetarget.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { sectors = 2048 };

static aoetarget_target* target;
static int made, destroyed, gone;

static void submit(void* user, aoetarget_io* io) {
    size_t count;
    struct iovec* iov = aoetarget_io_iov(io, &count);
    char* at = (char*)user + aoetarget_io_first(io) * AOETARGET_SECTOR_BYTES;
    for (size_t i = 0; i < count; at += iov[i++].iov_len) {
        if (aoetarget_io_op(io) == AOETARGET_IO_READ)
            memcpy(iov[i].iov_base, at, iov[i].iov_len);
        else
            memcpy(at, iov[i].iov_base, iov[i].iov_len);
    }
    aoetarget_io_complete(io, 0);
}

static int identity(void* user, char* text, size_t bytes) {
    (void)user;
    return snprintf(text, bytes, "memory");
}

static void destroy(void* user) {
    free(user);
    ++destroyed;
}

static int add_volume(uint16_t shelf, uint8_t slot) {
    struct aoetarget_device_ops ops = AOETARGET_DEVICE_OPS_INIT;
    struct aoetarget_geometry geometry = AOETARGET_GEOMETRY_INIT;
    struct aoetarget_export_options options = AOETARGET_EXPORT_OPTIONS_INIT;
    ops.submit = submit;
    ops.identity = identity;
    ops.destroy = destroy;
    geometry.sectors = sectors;
    options.shelf = shelf;
    options.slot = slot;
    ++made;
    return aoetarget_add_export(
        target, &options, aoetarget_create_device(&ops, &geometry, calloc(sectors, AOETARGET_SECTOR_BYTES)));
}

static void on_gone(void* user) {
    (void)user;
    gone = 1;
}

static void remove_one(void* user) {
    (void)user;
    aoetarget_remove_export(target, 1, 3, on_gone, NULL, NULL);
}

static void on_event(void* user, const struct aoetarget_event* event) {
    (void)user;
    fprintf(stderr, "%s: %s\n", event->kind_name, event->subject);
}

static void on_signal(int number) {
    (void)number;
    aoetarget_stop(target);
}

static void require(int result, const char* what) {
    if (result >= 0)
        return;
    fprintf(stderr, "%s: %s\n", what, aoetarget_error());
    exit(1);
}

static void tell_counters(void) {
    struct aoetarget_export_stats first;
    aoetarget_stats* stats = aoetarget_take_stats(target);
    require(aoetarget_stats_export(stats, 0, &first, sizeof first), "counters");
    printf("reads %llu writes %llu\n", (unsigned long long)first.reads, (unsigned long long)first.writes);
    aoetarget_destroy_stats(stats);
}

int main(int argc, char* argv[]) {
    struct aoetarget_target_options options = AOETARGET_TARGET_OPTIONS_INIT;
    if (argc != 2)
        return 2;
    options.on_event = on_event;
    target = aoetarget_create(&options);
    require(target != NULL ? 0 : -1, "target");
    signal(SIGTERM, on_signal);
    require(aoetarget_add_interface(target, argv[1], NULL, NULL), "interface");
    require(add_volume(1, 1), "first volume");
    require(add_volume(1, 2), "second volume");
    require(add_volume(1, 3), "third volume");
    if (add_volume(1, 1) != -EEXIST)
        return 1;
    require(aoetarget_post(target, remove_one, NULL, NULL), "post");
    require(aoetarget_run(target), "run");
    tell_counters();
    require(aoetarget_destroy(target), "destroy");
    printf("made %d destroyed %d gone %d\n", made, destroyed, gone);
    return 0;
}
