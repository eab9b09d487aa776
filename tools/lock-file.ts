/** What package-lock.json must be, so that `npm ci` takes the very same packages anywhere. */

/** The part of a lock file (version 3) that matters here. */
export interface LockFile {
  packages: Record<
    string,
    { integrity?: string; resolved?: string; link?: boolean; optionalDependencies?: Record<string, string> }
  >;
}

/**
 * Removes from every package the optional dependencies that the lock file does not hold: builds of tools for platforms
 * that no registry within reach had when it was written. `npm ci` refuses a lock file that names them without a hash.
 * Answers what was removed as `package: dependency`.
 */
export function dropAbsentOptionals(lock: LockFile): string[] {
  const dropped: string[] = [];
  for (const [folder, entry] of Object.entries(lock.packages)) {
    // The root's own are those of package.json, and must be there.
    if (folder === '' || entry.optionalDependencies === undefined) continue;
    const names = Object.keys(entry.optionalDependencies);
    const absent = names.filter((name) => !holds(lock, folder, name));
    for (const name of absent) delete entry.optionalDependencies[name];
    if (absent.length === names.length) delete entry.optionalDependencies;
    dropped.push(...absent.map((name) => `${folder}: ${name}`));
  }
  return dropped;
}

/** What is wrong with a lock file: packages without a hash, or bound to one registry. Empty when it is fine. */
export function lockFileFaults(lock: LockFile): string[] {
  return Object.entries(lock.packages).flatMap(([folder, entry]) => {
    if (folder === '' || entry.link === true) return [];
    return [
      ...(entry.integrity === undefined ? [`${folder} has no integrity hash`] : []),
      ...(entry.resolved === undefined ? [] : [`${folder} names a registry: ${entry.resolved}`]),
    ];
  });
}

function holds(lock: LockFile, folder: string, name: string): boolean {
  return `node_modules/${name}` in lock.packages || `${folder}/node_modules/${name}` in lock.packages;
}
