import { chmod, cp, mkdir, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '#libs/process/run.ts';
import type { LoadedRecipe } from '../recipe.ts';
import { kernelRelease, neededLibraries, treeCommand } from './debian-tree.ts';
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
  await symlink('busybox', path.join(root, 'bin/sh'));
  const release = await kernelRelease(tree);
  const moduleFolder = path.join(root, 'lib/modules', release);
  await copyKernelModules(path.join(tree, 'lib/modules', release), moduleFolder, modules);
  const [depmod, depmodArgs] = treeCommand(tree, 'sbin/depmod', ['-b', root, release]);
  await run([depmod, ...depmodArgs], { timeoutMs: 30_000 });
  await placeFiles(recipe, root);
}

/** Writes the recipe's own files over what is in `root`. */
export async function placeFiles(recipe: LoadedRecipe, root: string): Promise<void> {
  for (const file of recipe.files) {
    const target = path.join(root, file.path);
    const content =
      file.source === undefined ? (file.content ?? '') : await readFile(path.join(recipe.folder, file.source));
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content);
    await chmod(target, Number.parseInt(file.mode, 8));
  }
}

async function copyResolved(source: string, target: string): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  await cp(await realpath(source), target);
}
