#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The first process of the machine: the shell of busybox is all there is.
/bin/busybox mkdir -p /dev /proc /sys /tmp /root /sbin /usr/bin /usr/sbin
/bin/busybox --install -s
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs tmp /tmp
chmod 1777 /tmp /dev/shm
ln -sf /proc/self/fd /dev/fd
ifconfig lo up

# For pages that are in swap.
depmod
modprobe zram
echo 256M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0

echo arm64 >/proc/sys/kernel/hostname

# The second serial port carries results, unchanged; the first is the console.
stty -F /dev/ttyAMA1 raw -echo

. /vm/settings
: "${mode:?}" "${rows:?}" "${columns:?}"
case $mode in
shell)
  stty -F /dev/ttyAMA0 rows "$rows" cols "$columns"
  cd /vm/files || exit
  # With a controlling terminal, for ^C.
  setsid cttyhack sh -l
  ;;
command)
  cd /vm/files || exit
  # As it comes, then the status by the console's way.
  sh /vm/jobs/*/run </dev/null >/dev/ttyAMA1 2>&1
  echo "vm: exit status $?"
  ;;
jobs)
  sh /vm/jobs.sh </dev/ttyAMA1 >/dev/ttyAMA1
  ;;
esac
# Serial ports send slower than programs write: this waits for them.
stty -F /dev/ttyAMA0 sane
stty -F /dev/ttyAMA1 raw
poweroff -f
