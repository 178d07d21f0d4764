# Bonds, arrays and the like, and the target on them: each case of the program with_modules is one of ours.
# Beside this: cases (a name per line), program/.
. ./settings
. ./cases.sh

export AOETARGET=/e2e/program/target AOETEST_IMAGES=/tmp
export DM_DISABLE_UDEV=1 # there is none, and dmsetup and lvm would wait for it

load_more_modules() {
    while read -r module; do
        case $module in
            scsi_debug.ko) insmod "/modules/$module" add_host=0 dev_size_mb=8 per_host_store=1 ;;
            *) insmod "/modules/$module" ;;
        esac || { echo "$module does not load"; return 1; }
    done < /modules/more
}

load_more_modules || exit 1
mkdir -p /run/teamd /var && ln -s ../run /var/run # for teamd
while read -r name; do
    run_case 100 "$name" sh ./one_case.sh "$name"
done < cases
