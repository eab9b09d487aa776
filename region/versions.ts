import { CommandFailed, run } from '#libs/process/run.ts';
import { release } from './code-version.ts';

/** Versions of what a region is made of, for `status` and for bug reports. */
export async function readVersions({ simulated }: { readonly simulated: boolean }): Promise<Record<string, string>> {
  const commands: readonly (readonly [string, readonly [string, ...string[]]])[] = simulated
    ? []
    : [
        ['qemu', ['qemu-system-x86_64', '--version']],
        ['openvswitch', ['ovs-vswitchd', '--version']],
        ['ovn', ['ovn-controller', '--version']],
      ];
  const found = await Promise.all(commands.map(async ([name, argv]) => [name, await firstVersion(argv)] as const));
  return {
    bastide: release(),
    node: process.versions.node,
    ...Object.fromEntries(found.filter((entry) => entry[1] !== '')),
  };
}

async function firstVersion(argv: readonly [string, ...string[]]): Promise<string> {
  try {
    const printed = await run(argv, { timeoutMs: 10_000 });
    return /\d+(?:\.\d+)+/.exec(printed)?.[0] ?? '';
  } catch (error) {
    if (error instanceof CommandFailed || (error instanceof Error && 'code' in error)) return '';
    throw error;
  }
}
