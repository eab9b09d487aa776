declare const unit: unique symbol;
type Quantity<Name extends string> = number & { readonly [unit]: Name };

/** A size in bytes; always a non-negative safe integer. */
export type Bytes = Quantity<'bytes'>;
/** A size in mebibytes (1024² bytes); a non-negative safe integer. */
export type Mib = Quantity<'mib'>;
/** A size in gibibytes (1024³ bytes); a non-negative safe integer. */
export type Gib = Quantity<'gib'>;
/** Input/output operations per second; a non-negative safe integer. */
export type Iops = Quantity<'iops'>;
/** Committed operations per second for each TiB ordered (STO-01…STO-05). */
export type IopsPerTib = Quantity<'iopsPerTib'>;

const bytesPerMib = 1024 ** 2;
const bytesPerGib = 1024 ** 3;
const mibPerGib = 1024;
const gibPerTib = 1024;

/** Thrown when a number is not a non-negative safe integer of its unit. */
export class QuantityError extends RangeError {
  override readonly name = 'QuantityError';
}

function whole(value: number, name: string): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new QuantityError(`${value} is not a number of ${name}`);
  return value;
}

/** A number of bytes. @throws QuantityError */
export function bytes(value: number): Bytes {
  return whole(value, 'bytes') as Bytes;
}

/** A number of MiB. @throws QuantityError */
export function mib(value: number): Mib {
  return whole(value, 'MiB') as Mib;
}

/** A number of GiB. @throws QuantityError */
export function gib(value: number): Gib {
  return whole(value, 'GiB') as Gib;
}

/** A number of operations per second. @throws QuantityError */
export function iops(value: number): Iops {
  return whole(value, 'IOPS') as Iops;
}

/** A rate of operations per second and ordered TiB. @throws QuantityError */
export function iopsPerTib(value: number): IopsPerTib {
  return whole(value, 'IOPS/TiB') as IopsPerTib;
}

/** GiB → bytes, exactly. @throws QuantityError beyond 2⁵³ bytes */
export function gibToBytes(size: Gib): Bytes {
  return bytes(size * bytesPerGib);
}

/** MiB → bytes, exactly. @throws QuantityError beyond 2⁵³ bytes */
export function mibToBytes(size: Mib): Bytes {
  return bytes(size * bytesPerMib);
}

/** GiB → MiB, exactly. @throws QuantityError */
export function gibToMib(size: Gib): Mib {
  return mib(size * mibPerGib);
}

/** Bytes → whole GiB, rounded down: what is surely there. */
export function bytesToGibFloor(size: Bytes): Gib {
  return gib(Math.floor(size / bytesPerGib));
}

/** Bytes → whole GiB, rounded up: what must be ordered to hold them. */
export function bytesToGibCeil(size: Bytes): Gib {
  return gib(Math.ceil(size / bytesPerGib));
}

/** Bytes → whole MiB, rounded up. */
export function bytesToMibCeil(size: Bytes): Mib {
  return mib(Math.ceil(size / bytesPerMib));
}

/** STO-08: the ceiling of a LUN, floor(rate × ordered GiB / 1024). */
export function iopsLimit(rate: IopsPerTib, size: Gib): Iops {
  return iops(Math.floor((rate * size) / gibPerTib));
}
