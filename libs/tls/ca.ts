import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto, X509Certificate as NodeCertificate } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { Extension } from '@peculiar/x509';

/** A certificate and its private key (PKCS #8), both PEM. */
export interface KeyPairPem {
  readonly cert: string;
  readonly key: string;
}

/** What a leaf certificate says. */
export interface LeafRequest {
  /** Subject common name: the name of the process. */
  readonly commonName: string;
  /** Host names and IP addresses a client may reach it by. */
  readonly names?: readonly string[];
  /** 397 by default: under the 398 days that TLS clients accept. */
  readonly days?: number;
}

const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' };
const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
const dayMs = 86_400_000;

/** Makes a private certificate authority (P-256, valid for ten years, signs leaves only). */
export async function createCa(commonName: string): Promise<KeyPairPem> {
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [commonName] }],
    ...validity(3650),
    keys,
    signingAlgorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) };
}

/** Signs a leaf certificate that serves as TLS server and as TLS client (RFC 5280 §4.2.1.12). */
export async function issueLeaf(ca: KeyPairPem, request: LeafRequest): Promise<KeyPairPem> {
  const issuer = new X509Certificate(ca.cert);
  const signingKey = await importPrivateKey(ca.key);
  const keys = await webcrypto.subtle.generateKey(keyAlgorithm, true, ['sign', 'verify']);
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ];
  const names = (request.names ?? []).map((value) => ({
    type: isIP(value) ? ('ip' as const) : ('dns' as const),
    value,
  }));
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [request.commonName] }],
    issuer: issuer.subject,
    ...validity(request.days ?? 397),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm,
    extensions,
  });
  return { cert: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) };
}

/** What {@link isUsable} asks of a pair. */
export interface CertificateNeed {
  /** It must stay valid for so many days. */
  readonly days: number;
  /** Host names and addresses it must carry. */
  readonly names?: readonly string[];
}

/** Whether certificate and key belong together, were signed by this authority, and are as needed. */
export function isUsable(pair: KeyPairPem, authorityPem: string, need: CertificateNeed): boolean {
  let certificate: NodeCertificate;
  try {
    certificate = new NodeCertificate(pair.cert);
    // A crash between the writing of the two leaves a pair that does not match.
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) return false;
  } catch {
    return false;
  }
  if (!certificate.verify(new NodeCertificate(authorityPem).publicKey)) return false;
  if (new Date(certificate.validTo).getTime() - Date.now() < need.days * dayMs) return false;
  return (need.names ?? []).every(
    (name) => (isIP(name) ? certificate.checkIP(name) : certificate.checkHost(name)) !== undefined,
  );
}

function validity(days: number): { notBefore: Date; notAfter: Date } {
  // An hour back: a client whose clock is a little behind must not refuse it.
  return { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + days * dayMs) };
}

function newSerial(): string {
  // Positive and without a leading zero byte (RFC 5280 §4.1.2.2).
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes.toString('hex');
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

async function importPrivateKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = PemConverter.decode(pem);
  if (!der) throw new Error('the CA key file holds no PEM private key');
  return webcrypto.subtle.importKey('pkcs8', der, keyAlgorithm, false, ['sign']);
}
