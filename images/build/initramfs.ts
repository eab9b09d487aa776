import { cp, mkdir, realpath, symlink } from 'node:fs/promises';
import path from 'node:path';
import { run } from '#libs/process/run.ts';
import type { LoadedRecipe } from '../recipe.ts';
import { kernelRelease, neededLibraries, treeCommand } from './debian-tree.ts';
import { placeFiles } from './files.ts';
import { copyKernelModules } from './kernel-modules.ts';

/** Lays out in `root` what the initramfs of a recipe holds: programs with their libraries, kernel modules, files. */
export async function assembleInitramfs(recipe: LoadedRecipe, tree: string, root: string): Promise<void> {
  const { programs, modules } = recipe.initramfs ?? { programs: [], modules: [] };
  for (const folder of [
    'dev',
    'proc',
    'sys',
    'run',
    'tmp',
    'root',
    'bin',
    'sbin',
    'usr/bin',
    'usr/sbin',
    'etc',
    'mnt',
    'lib',
    'var/log',
  ]) {
    await mkdir(path.join(root, folder), { recursive: true });
  }
  await symlink('lib', path.join(root, 'lib64'));
  for (const program of programs) {
    await copyResolved(path.join(tree, program), path.join(root, program));
    for (const library of await neededLibraries(tree, program)) {
      await copyResolved(path.join(tree, library), path.join(root, 'lib', path.basename(library)));
    }
  }
  await linkApplets(root);
  const release = await kernelRelease(tree);
  const moduleFolder = path.join(root, 'lib/modules', release);
  await copyKernelModules(path.join(tree, 'lib/modules', release), moduleFolder, modules);
  const [depmod, depmodArgs] = treeCommand(tree, 'sbin/depmod', ['-b', root, release]);
  await run([depmod, ...depmodArgs], { timeoutMs: 30_000 });
  await placeFiles(recipe.files, recipe.folder, root);
}

async function copyResolved(source: string, target: string): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  await cp(await realpath(source), target);
}

/** A link per busybox applet, made here: `busybox --install` would cost every boot 270 system calls. */
async function linkApplets(root: string): Promise<void> {
  const busybox = path.join(root, 'bin/busybox');
  const applets = (await run([busybox, '--list-full'], { timeoutMs: 10_000 })).split('\n');
  for (const applet of applets.filter((name) => name !== '' && name !== 'bin/busybox')) {
    const link = path.join(root, applet);
    await mkdir(path.dirname(link), { recursive: true });
    await symlink('/bin/busybox', link);
  }
}
