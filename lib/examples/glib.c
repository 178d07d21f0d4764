// A loop of GLib.
#include "serve_file.h"

#include <glib-unix.h>

static gboolean on_readable(gint fd, GIOCondition condition, gpointer loop) {
    (void)fd;
    (void)condition;
    if (serve_on())
        return G_SOURCE_CONTINUE;
    g_main_loop_quit((GMainLoop*)loop);
    return G_SOURCE_REMOVE; // before the target, and so the descriptor, is gone
}

int main(int argc, char* argv[]) {
    GMainLoop* loop = g_main_loop_new(NULL, FALSE);
    serve_file(argc, argv);
    g_unix_fd_add(aoetarget_fd(target), G_IO_IN, on_readable, loop);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
    return aoetarget_destroy(target);
}
