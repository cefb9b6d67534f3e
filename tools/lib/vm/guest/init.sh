#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The first process of the machine: the shell of busybox is all there is.
/bin/busybox mkdir -p /dev /proc /sys /tmp /root /home /etc /sbin /usr/bin \
  /usr/sbin /var/tmp
/bin/busybox --install -s
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TMPDIR=/tmp
. /vm/settings
: "${mode:?}" "${arch:?}" "${ports:?}" "${user:?}" "${cpus:?}"
: "${rows:?}" "${columns:?}"

# Ends the machine. By a reset, since not every kernel can switch it off; QEMU
# was told not to start again.
end() {
  reboot -f
}

# cannot WHAT...: ends it, and lets the kernel's messages say why.
cannot() {
  echo "vm: cannot $*"
  end
}

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
echo "$arch" >/proc/sys/kernel/hostname
[ "$(nproc)" -eq "$cpus" ] || cannot "use $cpus CPUs"

echo root:x:0:0::/root:/bin/sh >/etc/passwd
echo user:x:1000:1000::/home:/bin/sh >>/etc/passwd
echo root:x:0: >/etc/group
echo user:x:1000: >>/etc/group
chown user:user /home

# For pages that are in swap, and for files that are on a disk: tmpfs has no
# O_DIRECT before 6.6.
if [ ! -e /sys/block/zram0 ]; then
  depmod
  modprobe zram
fi
disk=/dev/zram$(cat /sys/class/zram-control/hot_add) || cannot 'use zram'
echo 256M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0 || cannot 'swap'
echo 256M >"/sys/block/${disk#/dev/}/disksize"
mke2fs -b 4096 "$disk" >/dev/null
mount -t ext4 "$disk" /var/tmp || cannot 'mount a disk'
chmod 1777 /var/tmp

# The modules of the command line.
. /vm/load.sh

# The second serial port carries results, unchanged; the first is the console.
stty -F "/dev/${ports}1" raw -echo

case $mode in
shell)
  stty -F "/dev/${ports}0" rows "$rows" cols "$columns"
  cd /vm/files || exit
  # With a controlling terminal, for ^C.
  setsid cttyhack su "$user"
  ;;
command)
  cd /vm/files || exit
  # As it comes, then the status by the console's way.
  su "$user" -c 'exec sh /vm/jobs/*/run' </dev/null >"/dev/${ports}1" 2>&1
  echo "vm: exit status $?"
  ;;
jobs)
  sh /vm/jobs.sh "$user" <"/dev/${ports}1" >"/dev/${ports}1"
  ;;
esac
# Serial ports send slower than programs write: this waits for them.
stty -F "/dev/${ports}0" sane
stty -F "/dev/${ports}1" raw
end
