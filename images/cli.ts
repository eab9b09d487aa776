import path from 'node:path';
import { buildImage } from './build/build.ts';
import type { ImageRecord } from './catalogue.ts';
import { gibOption, oneOf, parseCommandLine, usage, UsageError } from './cli-options.ts';
import type { CommandLine } from './cli-options.ts';
import { explain } from './explain.ts';
import { importImage, virtualSizeLimitGib } from './import.ts';
import { loadRecipes } from './recipe.ts';
import { defaultStateDir, imagesDirOf } from './state.ts';
import { ImageRefused, ImageStore } from './store.ts';

async function main(argv: readonly string[]): Promise<void> {
  const line = parseCommandLine(argv);
  if (line.values.help || line.command === undefined || line.command === 'help') {
    process.stdout.write(usage);
    return;
  }
  const store = new ImageStore(imagesDirOf(path.resolve(line.values.state ?? defaultStateDir())));
  const commands = new Map([
    ['build', build],
    ['import', takeIn],
    ['list', list],
    ['show', show],
    ['publish', publish],
    ['remove', remove],
  ]);
  const command = commands.get(line.command);
  if (command === undefined) throw new UsageError(`unknown command ${line.command}`);
  const records = await command(store, line);
  if (line.values.json)
    process.stdout.write(
      `${JSON.stringify(line.command === 'list' || line.command === 'build' ? records : records[0], null, 2)}\n`,
    );
  else process.stdout.write(line.command === 'show' ? details(records) : table(records));
}

async function build(store: ImageStore, line: CommandLine): Promise<ImageRecord[]> {
  const recipes = await loadRecipes();
  const names = line.rest.length === 0 ? [...recipes.keys()] : line.rest;
  const wanted = names.map((name) => {
    const recipe = recipes.get(name);
    if (recipe === undefined)
      throw new UsageError(`there is no recipe ${name}; there are ${[...recipes.keys()].join(', ')}`);
    return recipe;
  });
  if (process.getuid?.() !== 0)
    throw new ImageRefused('building an image needs root: its files belong to the guest’s users');
  const { values } = line;
  const results = await Promise.allSettled(
    wanted.map((recipe) =>
      buildImage(recipe, {
        store,
        bootCheck: recipe.layout === 'initramfs' || !values['no-boot-check'],
        publish: !values['no-publish'],
        onlyMissing: values.missing,
        ...(values.changelog === undefined ? {} : { changelog: values.changelog }),
        progress: (step) => progress(`${step.slug}: ${step.step} (${(step.elapsedMs / 1000).toFixed(1)} s)`),
      }),
    ),
  );
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
  const records = results.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  const draft = records.find((record) => record.status === 'draft');
  if (draft !== undefined) throw new ImageRefused(`${draft.name} was built but not validated: ${failedChecks(draft)}`);
  return records;
}

async function takeIn(store: ImageStore, line: CommandLine): Promise<ImageRecord[]> {
  const { values, rest } = line;
  const [source] = rest;
  if (source === undefined || values.name === undefined) throw new UsageError('import needs a SOURCE and --name');
  if (values.sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(values.sha256))
    throw new UsageError('--sha256 takes 64 hexadecimal digits');
  const parent = values.parent === undefined ? null : findVersion(await store.list(), values.parent);
  const record = await importImage({
    store,
    source,
    name: values.name,
    slug: values.name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .replaceAll(/^-|-$/g, ''),
    kind: oneOf(values.kind, 'kind', ['custom', 'official']),
    osFamily: oneOf(values['os-family'], 'os-family', ['linux', 'windows', 'other']),
    osName: values['os-name'],
    osVersion: values['os-version'],
    sha256: values.sha256 ?? null,
    allowUnverified: values['insecure-no-checksum'],
    maxVirtualGib: gibOption(values['max-size'], 'max-size', virtualSizeLimitGib),
    minDiskGib: gibOption(values['min-disk'], 'min-disk', null),
    lineage: parent === null ? null : { parentImageId: parent.id, parentVersionId: parent.versionId },
    bootCheck: values['boot-check'],
    changelog: values.changelog ?? `Imported from ${source}.`,
    progress: (step) => progress(`${values.name}: ${step}`),
  });
  return [record];
}

async function list(store: ImageStore): Promise<ImageRecord[]> {
  return store.list();
}

async function show(store: ImageStore, line: CommandLine): Promise<ImageRecord[]> {
  return [findVersion(await store.list(), versionArgument(line))];
}

async function publish(store: ImageStore, line: CommandLine): Promise<ImageRecord[]> {
  const record = findVersion(await store.list(), versionArgument(line));
  return [await store.publish(record.versionId, line.values.changelog)];
}

async function remove(store: ImageStore, line: CommandLine): Promise<ImageRecord[]> {
  return [await store.remove(versionArgument(line), { force: line.values.force })];
}

function versionArgument(line: CommandLine): string {
  const [version] = line.rest;
  if (version === undefined) throw new UsageError(`${line.command} needs a version id (see \`bastide image list\`)`);
  return version;
}

/** By version id, else the newest version of a name. */
function findVersion(records: readonly ImageRecord[], wanted: string): ImageRecord {
  const found =
    records.find((record) => record.versionId === wanted) ??
    records.findLast((record) => record.slug === wanted || record.name === wanted);
  if (found === undefined) throw new ImageRefused(`no image ${wanted}`);
  return found;
}

function table(records: readonly ImageRecord[]): string {
  const rows = records.map((record) => [
    record.versionId,
    record.name,
    record.version,
    record.kind,
    record.status,
    `${Math.ceil(record.fileSize / 1024 ** 2)} MiB`,
    record.toolsVersion ?? '-',
  ]);
  const all = [['VERSION ID', 'NAME', 'VERSION', 'KIND', 'STATUS', 'SIZE', 'TOOLS'], ...rows];
  const widths = (all[0] ?? []).map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function details(records: readonly ImageRecord[]): string {
  return records
    .map((record) => {
      const checks = record.checks.map(
        (check) => `  ${check.passed ? 'passed' : 'FAILED'}  ${check.name} ${check.at}: ${check.detail}\n`,
      );
      const { checks: _checks, packages, ...fields } = record;
      const lines = Object.entries(fields).map(
        ([field, value]) => `${field}: ${typeof value === 'string' ? value : JSON.stringify(value)}\n`,
      );
      return `${lines.join('')}packages: ${packages.length}\nchecks:\n${checks.join('')}`;
    })
    .join('\n');
}

function failedChecks(record: ImageRecord): string {
  return record.checks
    .filter((check) => !check.passed)
    .map((check) => `${check.name}: ${check.detail}`)
    .join('; ');
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bastide image: ${explain(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
