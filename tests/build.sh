# How the scripts of this folder configure a build. They set $top, the top of the tree, and source this.

# Warnings are errors for the compilers that the tests have been run with, and for no others.
warnings_are_errors() {
    case $(${CXX:-c++} --version | head -n 1) in
    *clang*' 14.'* | *' 12.'* | *' 14.'*) echo true ;;
    *) echo false ;;
    esac
}

# configure DIR [MESON OPTION...]: configures a build directory, or again one that was configured with other options.
configure() {
    dir=$1
    shift
    set -- "-Dwerror=$(warnings_are_errors)" -Dtests=enabled -Dcli=enabled -Dbench=enabled "$@"
    again=
    [ ! -f "$dir/build.ninja" ] || again=--reconfigure
    if [ -z "$again" ] || [ "$(cat "$dir/options" 2>/dev/null)" != "$*" ]; then
        mkdir -p "$dir"
        meson setup $again "$dir" "$top" "$@" >"$dir/setup.log" || { cat "$dir/setup.log" >&2; return 1; }
        echo "$*" >"$dir/options"
    fi
}

# configure_sanitizers DIR: with AddressSanitizer and UndefinedBehaviorSanitizer, and the fuzz targets. By clang, which needs a
# third of the time that GCC 12 needs for it, and does not warn of the standard library's own code.
configure_sanitizers() {
    CC=clang CXX=clang++ configure "$1" -Dfuzz=enabled -Dseccomp=disabled -Dbuildtype=debug -Doptimization=1 \
        -Db_sanitize=address,undefined -Db_lundef=false
}

# As in tests/fuzz/meson.build.
fuzz_targets='frame identify text configuration control core'
