/**
 * What the guest does after it has printed its text on COM1: `halt` for ever, `acpi` = power off when the power button is
 * pressed, `poweroff` = at once, `debug-exit` = end QEMU with status 33 through isa-debug-exit at 0xf4.
 */
export type BootSectorEnding = 'halt' | 'acpi' | 'poweroff' | 'debug-exit';

const ORIGIN = 0x7c00;
const SECTOR = 512;

/** isa-debug-exit ends QEMU with (value << 1) | 1. */
export const DEBUG_EXIT_STATUS = 33;

const HALT = [0xf4, 0xeb, 0xfd]; // 1: hlt; jmp 1b
// SeaBIOS puts the ACPI power management block of both PC boards at 0x600: event status, +2 enable, +4 control.
const POWER_OFF = [0xba, 0x04, 0x06, 0xb8, 0x00, 0x20, 0xef, ...HALT]; // mov dx,0x604; mov ax,SLP_EN; out dx,ax
const ENABLE_BUTTON = [0xba, 0x02, 0x06, 0xb8, 0x00, 0x01, 0xef]; // mov dx,0x602; mov ax,PWRBTN_EN; out dx,ax
const AWAIT_BUTTON = [0xf4, 0xba, 0x00, 0x06, 0xed, 0xf6, 0xc4, 0x01, 0x74, 0xf6]; // 1: hlt; mov dx,0x600; in ax,dx; test ah,1; jz 1b

const ENDINGS: Record<BootSectorEnding, readonly number[]> = {
  halt: HALT,
  acpi: [0xfb, ...ENABLE_BUTTON, ...AWAIT_BUTTON, ...POWER_OFF],
  poweroff: POWER_OFF,
  'debug-exit': [0xba, 0xf4, 0x00, 0xb0, 0x10, 0xee, ...HALT],
};

/**
 * A whole guest in 512 bytes (a BIOS boot sector): the smallest thing that shows that an accelerator runs guest code, that a disk
 * is bootable and that power events arrive. `text` is ASCII, at most 400 bytes.
 */
export function bootSector(text: string, ending: BootSectorEnding): Buffer {
  const tail = ENDINGS[ending];
  const messageAt = ORIGIN + 18 + tail.length;
  const code = [
    0x31,
    0xc0,
    0x8e,
    0xd8, // xor ax,ax; mov ds,ax
    0xbe,
    messageAt & 0xff,
    messageAt >> 8, // mov si,message
    0xba,
    0xf8,
    0x03, // mov dx,0x3f8
    0xac,
    0x84,
    0xc0,
    0x74,
    0x03,
    0xee,
    0xeb,
    0xf8, // 1: lodsb; test al,al; jz 2f; out dx,al; jmp 1b; 2:
    ...tail,
  ];
  const message = Buffer.from(`${text}\0`, 'latin1');
  if (code.length + message.length > SECTOR - 2)
    throw new RangeError(`text of ${text.length} bytes does not fit a boot sector`);
  const sector = Buffer.alloc(SECTOR);
  Buffer.from(code).copy(sector);
  message.copy(sector, code.length);
  sector.writeUInt16LE(0xaa55, SECTOR - 2);
  return sector;
}
