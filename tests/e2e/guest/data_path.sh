# Every export: is it seen as it is, does fio verify, does a file system survive.
. ./settings
. ./cases.sh

while read -r address label sectors frame_bytes; do
    run_case 20 "$label: discovery" sh ./check_device.sh "$address" "$sectors" "$frame_bytes"
    run_case 60 "$label: fio verify" sh ./fio_verify.sh "$address" "$FIO_MEGABYTES"
    run_case 60 "$label: ext4 round trip" sh ./file_system_round_trip.sh "$address" "$TREE_MEGABYTES"
    tell_checksum "$address" "$label"
done < exports
