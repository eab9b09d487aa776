import { readFileSync } from 'node:fs';

/** What a process needs for mutual TLS. Each member is the path of a PEM file, or the PEM text itself. */
export interface TlsIdentity {
  /** The certificate authority both ends trust. */
  readonly ca: string;
  /** This process' certificate. */
  readonly cert: string;
  /** The private key of `cert`. */
  readonly key: string;
}

function pem(pathOrText: string): string {
  return pathOrText.includes('-----BEGIN ') ? pathOrText : readFileSync(pathOrText, 'utf8');
}

/** Reads the PEM files of an identity. @throws the system error of a file that cannot be read */
export function loadTlsIdentity(identity: TlsIdentity): TlsIdentity {
  return { ca: pem(identity.ca), cert: pem(identity.cert), key: pem(identity.key) };
}
