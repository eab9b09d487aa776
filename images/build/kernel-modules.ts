import { cp, mkdir, readFile, readdir } from 'node:fs/promises';
import path from 'node:path';

/** A module that the recipe names is not in the kernel package (it may have become built-in). */
export class UnknownModule extends Error {
  override readonly name = 'UnknownModule';
}

/**
 * Copies the named kernel modules and all they depend on. The dependencies are read from the modules themselves
 * (`depends=` in .modinfo), so no depmod of the building host takes part.
 */
export async function copyKernelModules(
  moduleTree: string,
  target: string,
  names: readonly string[],
): Promise<string[]> {
  const files = await moduleFiles(moduleTree);
  const wanted = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    const key = canonicalName(name);
    if (wanted.has(key)) return;
    const file = files.get(key);
    if (file === undefined) throw new UnknownModule(`kernel module ${name} is not in ${path.basename(moduleTree)}`);
    wanted.add(key);
    for (const dependency of readDependencies(await readFile(path.join(moduleTree, file)))) await visit(dependency);
  };
  for (const name of names) await visit(name);
  const copied = [...wanted].map((name) => files.get(name) ?? '').toSorted();
  for (const file of copied) {
    await mkdir(path.join(target, path.dirname(file)), { recursive: true });
    await cp(path.join(moduleTree, file), path.join(target, file));
  }
  for (const list of ['modules.builtin', 'modules.order'])
    await cp(path.join(moduleTree, list), path.join(target, list));
  return copied;
}

/** The kernel treats `-` and `_` in module names alike. */
function canonicalName(name: string): string {
  return name.replaceAll('-', '_');
}

async function moduleFiles(moduleTree: string): Promise<Map<string, string>> {
  const entries = await readdir(path.join(moduleTree, 'kernel'), { recursive: true });
  const modules = entries.filter((entry) => entry.endsWith('.ko'));
  return new Map(modules.map((entry) => [canonicalName(path.basename(entry, '.ko')), path.join('kernel', entry)]));
}

/** The `depends=` line of a module's .modinfo section. */
export function readDependencies(module: Buffer): string[] {
  const at = module.indexOf('\0depends=');
  if (at === -1) return [];
  const start = at + '\0depends='.length;
  const value = module.toString('latin1', start, module.indexOf(0, start));
  return value.split(',').filter((name) => name !== '');
}
