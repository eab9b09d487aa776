import { createCipheriv, hash, pbkdf2 as pbkdf2Callback, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const pbkdf2 = promisify(pbkdf2Callback);

/* LUKS1 on-disk format 1.2.3; the values QEMU and cryptsetup insist on. */
const sector = 512;
const keyBytes = 64;
const digestBytes = 32;
const stripes = 4000;
const slotCount = 8;
const slotsOffset = 208;
const slotBytes = 48;
const slotEnabled = 0x00ac71f3;
const slotDisabled = 0x0000dead;
const alignSectors = 8;
const materialSectors = roundUp(Math.ceil((keyBytes * stripes) / sector), alignSectors);
const payloadSectors = alignSectors + slotCount * materialSectors;

/**
 * PBKDF2 slows down the guessing of human passwords. Ours are 256 random bits, so 1000 rounds (the least LUKS allows)
 * lose nothing, and a volume opens in milliseconds.
 */
const iterations = 1000;

/** The length of a header in bytes; a volume's own key lies within. */
export const luksHeaderBytes = payloadSectors * sector;

/**
 * A LUKS1 header (AES-256-XTS, plain64, SHA-256) with a fresh random volume key, sealed by `passphrase` in slot 0.
 *
 * Made here and not by QEMU, because QEMU first measures for a second or two how fast PBKDF2 runs, on every volume, and
 * refuses ("Unable to get accurate CPU usage") where the kernel counts CPU time in coarse ticks.
 */
export async function luksHeader(passphrase: Buffer, uuid: string): Promise<Buffer> {
  const volumeKey = randomBytes(keyBytes);
  const slotSalt = randomBytes(32);
  const digestSalt = randomBytes(32);
  const [slotKey, digest] = await Promise.all([
    pbkdf2(passphrase, slotSalt, iterations, keyBytes, 'sha256'),
    pbkdf2(volumeKey, digestSalt, iterations, 20, 'sha256'),
  ]);
  const header = Buffer.alloc(luksHeaderBytes);
  header.write('LUKS\xba\xbe', 0, 'latin1');
  header.writeUInt16BE(1, 6);
  header.write('aes', 8);
  header.write('xts-plain64', 40);
  header.write('sha256', 72);
  header.writeUInt32BE(payloadSectors, 104);
  header.writeUInt32BE(keyBytes, 108);
  digest.copy(header, 112);
  digestSalt.copy(header, 132);
  header.writeUInt32BE(iterations, 164);
  header.write(uuid, 168);
  for (let slot = 0; slot < slotCount; slot += 1) {
    const at = slotsOffset + slot * slotBytes;
    header.writeUInt32BE(slot === 0 ? slotEnabled : slotDisabled, at);
    header.writeUInt32BE(slot === 0 ? iterations : 0, at + 4);
    if (slot === 0) slotSalt.copy(header, at + 8);
    header.writeUInt32BE(alignSectors + slot * materialSectors, at + 40);
    header.writeUInt32BE(stripes, at + 44);
  }
  encryptSectors(split(volumeKey), slotKey).copy(header, alignSectors * sector);
  volumeKey.fill(0);
  slotKey.fill(0);
  return header;
}

/** The anti-forensic splitter: every stripe is needed to get the key back. */
function split(key: Buffer): Buffer {
  common ??= randomStripes();
  const material = Buffer.from(common.material);
  const last = Buffer.from(common.folded);
  xorInto(last, key, 0);
  last.copy(material, (stripes - 1) * keyBytes);
  return material;
}

/**
 * All stripes but the last, and what they fold to. Drawn once per process: folding them takes 13 ms of CPU, which a
 * create would pay. Stripes of its own would only help a volume whose header is erased in part; we erase a pool's
 * volumes by destroying its passphrase.
 */
let common: { readonly material: Buffer; readonly folded: Buffer } | undefined;

function randomStripes(): { material: Buffer; folded: Buffer } {
  const material = Buffer.alloc(materialSectors * sector);
  randomBytes((stripes - 1) * keyBytes).copy(material);
  let folded = Buffer.alloc(keyBytes);
  for (let stripe = 0; stripe < stripes - 1; stripe += 1) {
    xorInto(folded, material, stripe * keyBytes);
    folded = diffuse(folded);
  }
  return { material, folded };
}

function diffuse(block: Buffer): Buffer<ArrayBuffer> {
  const out = Buffer.alloc(keyBytes);
  const input = Buffer.alloc(4 + digestBytes);
  for (let part = 0; part < keyBytes / digestBytes; part += 1) {
    input.writeUInt32BE(part, 0);
    block.copy(input, 4, part * digestBytes, (part + 1) * digestBytes);
    hash('sha256', input, 'buffer').copy(out, part * digestBytes);
  }
  return out;
}

function xorInto(target: Buffer, source: Buffer, offset: number): void {
  for (let i = 0; i < target.length; i += 1) target[i] = (target[i] ?? 0) ^ (source[offset + i] ?? 0);
}

function encryptSectors(plain: Buffer, key: Buffer): Buffer {
  const out = Buffer.alloc(plain.length);
  const tweak = Buffer.alloc(16);
  for (let at = 0; at < plain.length; at += sector) {
    tweak.writeUInt32LE(at / sector, 0);
    const cipher = createCipheriv('aes-256-xts', key, tweak);
    cipher.update(plain.subarray(at, at + sector)).copy(out, at);
    cipher.final();
  }
  return out;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
