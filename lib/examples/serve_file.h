// What the examples have in common: a target that serves a file as e1.1 on an interface, and that SIGTERM and
// SIGINT stop. Their loops differ.
#ifndef SERVE_FILE_H
#define SERVE_FILE_H

#include <aoetarget.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static aoetarget_target* target;

static inline void on_signal(int number) {
    (void)number;
    aoetarget_stop(target); // makes aoetarget_fd() readable; a signal handler may call it
}

static inline void require(int is_fine, const char* what, const char* why) {
    if (is_fine)
        return;
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static inline void serve_file(int argc, char* argv[]) {
    struct aoetarget_export_options options = AOETARGET_EXPORT_OPTIONS_INIT;
    struct sigaction stop;
    aoetarget_device* device;
    require(argc == 3, argv[0], "give an interface and a file");
    options.shelf = options.slot = 1;
    target = aoetarget_create(NULL);
    require(target != NULL, "target", aoetarget_error());
    device = aoetarget_open_file(argv[2], NULL);
    require(device != NULL, argv[2], aoetarget_error());
    require(aoetarget_add_interface(target, argv[1], NULL, NULL) >= 0, argv[1], aoetarget_error());
    require(aoetarget_add_export(target, &options, device) >= 0, argv[2], aoetarget_error());
    stop.sa_handler = on_signal;
    stop.sa_flags = 0;
    sigemptyset(&stop.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
}

/// Does what is ready. Returns 0 when the target has ended, and the loop should.
static inline int serve_on(void) {
    const int result = aoetarget_poll(target);
    require(result >= 0, "target", aoetarget_error());
    return result;
}

#endif
