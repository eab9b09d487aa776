const keptBytes = 256 * 1024;

/**
 * What a simulated guest printed: the same text for every boot, so that nothing but the number of boots is kept. The
 * second part appears when the guest is up.
 */
export function serialText(hostname: string, boots: number, up: boolean): { start: number; text: string } {
  const early = `[    0.000000] Linux version 6.1.0-simulated (bastide@${hostname})\r\n[    0.000000] Command line: console=ttyS0\r\n`;
  const late = `[    1.000000] cloud-init: finished at boot\r\n\r\nDebian GNU/Linux 12 ${hostname} ttyS0\r\n\r\n${hostname} login: `;
  if (boots === 0) return { start: 0, text: '' };
  const one = early.length + late.length + 2;
  const end = (boots - 1) * one + early.length + (up ? late.length : 0);
  const skipped = Math.max(0, Math.ceil((end - keptBytes) / one));
  const before = `${early}${late}\r\n`.repeat(boots - 1 - skipped);
  return { start: skipped * one, text: `${before}${early}${up ? late : ''}` };
}

/** A host name out of a machine's name: what the simulated guest calls itself, ASCII only so that bytes are characters. */
export function hostnameOf(name: string): string {
  const plain = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 63);
  return plain === '' ? 'localhost' : plain;
}
