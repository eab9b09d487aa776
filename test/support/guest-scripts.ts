/** User data for the micro image: scripts that act inside the guest and tell on its serial console. */

/** Waits until the first adapter has an address. */
const addressed = `until ip -4 addr show dev eth0 | grep -q 'inet '; do usleep 200000; done`;

/**
 * Tells the sizes it sees, waits for a data disk of at least 1 GiB, formats it when it is new, tells what an earlier boot left
 * there (`found …`) and leaves something itself (`left …`).
 */
export const keepsData = `#!/bin/sh
echo "sees $(grep -c ^processor /proc/cpuinfo) vCPU, $(awk '/MemTotal/ {print $2}' /proc/meminfo) KiB, system disk of $(cat /sys/block/vda/size) sectors"
data=
while [ -z "$data" ]; do
  for disk in /sys/block/vd*; do
    name=\${disk##*/}
    [ "$name" = vda ] || [ "$(cat "$disk/size")" -lt 2097152 ] || data=$name
  done
  usleep 200000
done
echo "data disk of $(cat "/sys/block/$data/size") sectors"
mount "/dev/$data" /mnt 2>/dev/null || { mke2fs -q "/dev/$data" && mount "/dev/$data" /mnt; }
[ -f /mnt/kept ] && echo "found $(cat /mnt/kept)"
echo precious >/mnt/kept
sync
echo "left precious"
`;

/** Pings `friend` until it answers, then `stranger` five times. */
export function pings(friend: string, stranger: string): string {
  return `#!/bin/sh
${addressed}
until ping -c 1 -W 2 ${friend} >/dev/null 2>&1; do usleep 200000; done
echo "reached the friend"
ping -c 5 -W 1 ${stranger} >/dev/null 2>&1 && echo "reached the stranger" || echo "nothing from the stranger"
`;
}

/** Switches itself off once it is up. */
export const switchesItselfOff = `#!/bin/sh
${addressed}
echo "going off"
sync
poweroff -f
`;

/** Writes to its system disk, far behind what is in use, twice a second and through to the medium; counts on the console. */
export const writesForEver = `#!/bin/sh
written=0
while :; do
  if echo "block $written" | dd of=/dev/vda bs=512 seek=1000000 count=1 conv=sync,fsync 2>/dev/null; then
    written=$((written + 1))
    echo "wrote $written"
  else
    echo "write failed"
  fi
  usleep 500000
done
`;
