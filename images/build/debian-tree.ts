import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { placeFiles } from './files.ts';
import { run } from '#libs/process/run.ts';
import type { LoadedRecipe } from '../recipe.ts';

const downloadTimeoutMs = 600_000;

/** Debian's own mirror, unless the operator names another (a region without the Internet has its own). */
export function debianMirror(): string {
  return process.env['BASTIDE_DEBIAN_MIRROR'] ?? 'http://deb.debian.org/debian';
}

/** What mmdebstrap says when a phase begins, and what we call it. */
const phases: readonly (readonly [string, string])[] = [
  ['I: downloading packages', 'downloading packages'],
  ['I: extracting archives', 'unpacking the base system'],
  ['I: installing essential packages', 'installing the base system'],
  ['I: installing remaining packages', 'installing the other packages'],
];

/** Fills `target` with the recipe's packages. Needs root: files get their real owners. */
export async function makeDebianTree(
  recipe: LoadedRecipe,
  target: string,
  { workFolder, progress }: { workFolder: string; progress: (step: string) => void },
): Promise<void> {
  const seed = path.join(workFolder, 'seed');
  await mkdir(seed, { recursive: true });
  await placeFiles(recipe.debian.seedFiles ?? [], recipe.folder, seed);
  const { debian } = recipe;
  const { dpkgOptions = [] } = debian;
  const args = [
    '--mode=root',
    '--format=directory',
    `--variant=${debian.variant}`,
    `--include=${debian.include.join(',')}`,
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=Acquire::Retries "3"',
    '--aptopt=APT::Install-Recommends "false"',
    ...dpkgOptions.filter((option) => !isPathFilter(option)).map((option) => `--dpkgopt=${option}`),
    ...(await pathFilterHooks(dpkgOptions.filter(isPathFilter), workFolder)),
    ...(debian.debconf ?? []).map(
      (line) => `--essential-hook=echo '${line.replaceAll("'", "'\\''")}' | chroot "$1" debconf-set-selections`,
    ),
    ...(debian.seedFiles === undefined ? [] : [`--essential-hook=copy-in ${path.join(seed, 'etc')} /`]),
    debian.suite,
    target,
    ...aptSources(debian.suite),
  ];
  // Its download and unpack folders lie beside the tree, not in /tmp.
  await run(['mmdebstrap', ...args], {
    timeoutMs: downloadTimeoutMs,
    env: { ...process.env, TMPDIR: workFolder },
    onStderr: (text) => {
      for (const [said, step] of phases) if (text.includes(said)) progress(step);
    },
  });
}

function isPathFilter(option: string): boolean {
  return /^path-(?:ex|in)clude=/.test(option);
}

/**
 * Hooks that have dpkg leave out paths. Given to mmdebstrap as dpkg options, it would send each of the base system's packages
 * through a Python filter too, which takes longer than all the rest of unpacking: here they are unpacked whole, what is not
 * wanted is removed, and dpkg then installs them, and all others, without it.
 */
async function pathFilterHooks(options: readonly string[], workFolder: string): Promise<string[]> {
  if (options.length === 0) return [];
  const file = path.join(workFolder, 'path-filter');
  await writeFile(file, `${options.join('\n')}\n`);
  const installed = '"$1"/etc/dpkg/dpkg.cfg.d/98path-filter';
  const excluded = options.flatMap((option) => /^path-exclude=\/([\w/*.-]+)$/.exec(option)?.[1] ?? []);
  return [
    `--extract-hook=cp '${file}' ${installed}`,
    `--extract-hook=cd "$1" && rm -rf ${excluded.map((glob) => `./${glob}`).join(' ')}`,
    `--customize-hook=rm ${installed}`,
  ];
}

/** The three suites of a stable Debian: release, updates, security. */
function aptSources(suite: string): string[] {
  const mirror = debianMirror();
  const security = process.env['BASTIDE_DEBIAN_SECURITY_MIRROR'] ?? mirror.replace(/\/debian\/?$/, '/debian-security');
  return [
    `deb ${mirror} ${suite} main`,
    `deb ${mirror} ${suite}-updates main`,
    `deb ${security} ${suite}-security main`,
  ];
}

/** Runs a program that lies in the tree with the tree's own libraries, without changing root. */
export function treeCommand(tree: string, program: string, args: readonly string[]): [string, string[]] {
  const libraries = libraryFolders.map((folder) => path.join(tree, folder)).join(':');
  return [path.join(tree, loader), ['--library-path', libraries, path.join(tree, program), ...args]];
}

const loader = 'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2';
const libraryFolders = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'];

/** Version of the guest agent in the tree, e.g. `7.2.22`. */
export async function guestAgentVersion(tree: string): Promise<string> {
  const [program, args] = treeCommand(tree, 'usr/sbin/qemu-ga', ['--version']);
  const answer = await run([program, ...args], { timeoutMs: 10_000 });
  return /Agent ([\d.]+)/.exec(answer)?.[1] ?? answer.trim();
}

/** Shared libraries that a program of the tree needs, as paths inside the tree, loader included. */
export async function neededLibraries(tree: string, program: string): Promise<string[]> {
  const image = await readFile(path.join(tree, program));
  // A static program has no interpreter; asking the loader to list one crashes it.
  if (!image.includes('/lib64/ld-linux-x86-64.so.2\0')) return [];
  const [command, args] = treeCommand(tree, program, []);
  const listing = await run([command, '--list', ...args], { timeoutMs: 10_000 });
  const found = [...listing.matchAll(/=> (\S+) \(/g)].map((match) => path.relative(tree, match[1] ?? ''));
  return [...found, loader];
}

/** Release of the one kernel of the tree, e.g. `6.1.0-56-cloud-amd64`. */
export async function kernelRelease(tree: string): Promise<string> {
  const releases = (await readdir(path.join(tree, 'lib/modules'))).toSorted();
  const release = releases.at(-1);
  if (release === undefined) throw new Error('the recipe installs no kernel');
  return release;
}

/** Installed packages of a configured tree as `name=version`; empty for an extracted one. */
export async function packageVersions(tree: string): Promise<string[]> {
  const status = await readFile(path.join(tree, 'var/lib/dpkg/status'), 'utf8').catch(() => '');
  return [...status.matchAll(/^Package: (\S+)$[\s\S]*?^Version: (\S+)$/gm)]
    .map((match) => `${match[1]}=${match[2]}`)
    .toSorted();
}
