import { createHash } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

/** A file put into the image: content given in place, or a file beside the recipe. */
export interface RecipeFile {
  path: string;
  mode: string;
  content?: string;
  source?: string;
}

/** One image as its recipe declares it; see docs/images.md for what each field does. */
export interface Recipe {
  slug: string;
  name: string;
  kind: 'official' | 'custom';
  layout: 'initramfs' | 'rootfs';
  os: { family: 'linux' | 'windows' | 'other'; name: string; version: string };
  /** Smallest system disk offered with it, GiB. */
  minDiskGib: number;
  /** Size of the disk as built, MiB. */
  diskMib: number;
  /** Memory that its boot check is given, MiB. */
  memoryMib: number;
  debian: {
    suite: string;
    variant: 'extract' | 'minbase' | 'apt';
    include: string[];
    debconf?: string[];
    dpkgOptions?: string[];
    /** Files that must be there before the packages are configured. */
    seedFiles?: RecipeFile[];
  };
  initramfs?: { programs: string[]; modules: string[] };
  files: RecipeFile[];
  /** Commands run inside the root file system, each as argv, after the files are in place. */
  commands?: string[][];
  boot: { kernelCommandLine: string; timeoutSeconds?: number };
  checks: ('guest-agent' | 'cloud-init')[];
}

/** A recipe together with the folder its sources are relative to and the hash of everything it says. */
export interface LoadedRecipe extends Recipe {
  folder: string;
  hash: string;
}

/** The recipe file is not YAML, breaks the schema or names a file that is not there. */
export class InvalidRecipe extends Error {
  override readonly name = 'InvalidRecipe';
}

const text = { type: 'string', minLength: 1 };
const texts = { type: 'array', items: text };
const absolutePath = { type: 'string', pattern: '^(/[^/\\0]+)+$' };
const filesSchema = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['path', 'mode'],
    properties: {
      path: absolutePath,
      mode: { type: 'string', pattern: '^0[0-7]{3}$' },
      content: { type: 'string' },
      source: text,
    },
    oneOf: [{ required: ['content'] }, { required: ['source'] }],
  },
};
const recipeSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'slug',
    'name',
    'kind',
    'layout',
    'os',
    'minDiskGib',
    'diskMib',
    'memoryMib',
    'debian',
    'files',
    'boot',
    'checks',
  ],
  properties: {
    slug: { type: 'string', pattern: '^[a-z0-9][a-z0-9-]{0,62}$' },
    name: { type: 'string', minLength: 1, maxLength: 255 },
    kind: { enum: ['official', 'custom'] },
    layout: { enum: ['initramfs', 'rootfs'] },
    os: {
      type: 'object',
      additionalProperties: false,
      required: ['family', 'name', 'version'],
      properties: { family: { enum: ['linux', 'windows', 'other'] }, name: text, version: text },
    },
    minDiskGib: { type: 'integer', minimum: 1, maximum: 65536 },
    diskMib: { type: 'integer', minimum: 8, maximum: 1_048_576 },
    memoryMib: { type: 'integer', minimum: 64, maximum: 65536 },
    debian: {
      type: 'object',
      additionalProperties: false,
      required: ['suite', 'variant', 'include'],
      properties: {
        suite: { type: 'string', pattern: '^[a-z][a-z-]*$' },
        variant: { enum: ['extract', 'minbase', 'apt'] },
        include: {
          type: 'array',
          minItems: 1,
          uniqueItems: true,
          items: { type: 'string', pattern: '^[a-z0-9][a-z0-9+.-]+$' },
        },
        debconf: texts,
        dpkgOptions: texts,
        seedFiles: filesSchema,
      },
    },
    initramfs: {
      type: 'object',
      additionalProperties: false,
      required: ['programs', 'modules'],
      properties: {
        programs: { type: 'array', items: absolutePath },
        modules: { type: 'array', uniqueItems: true, items: { type: 'string', pattern: '^[\\w-]+$' } },
      },
    },
    files: filesSchema,
    commands: { type: 'array', items: { type: 'array', minItems: 1, items: { type: 'string' } } },
    boot: {
      type: 'object',
      additionalProperties: false,
      required: ['kernelCommandLine'],
      properties: { kernelCommandLine: text, timeoutSeconds: { type: 'integer', minimum: 1, maximum: 3600 } },
    },
    checks: { type: 'array', uniqueItems: true, items: { enum: ['guest-agent', 'cloud-init'] } },
  },
};
const ajv = new Ajv2020({ allErrors: true, strictTypes: false });
const validate = ajv.compile<Recipe>(recipeSchema);

/** Where the product's own recipes are. */
export const recipesFolder = path.join(import.meta.dirname, 'recipes');

/** Parses a recipe's text. Throws {@link InvalidRecipe} naming every fault at once. */
export function parseRecipe(yaml: string, source: string): Recipe {
  let document: unknown;
  try {
    document = parse(yaml);
  } catch (error) {
    throw new InvalidRecipe(`${source}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!validate(document)) {
    const faults = (validate.errors ?? []).map(
      (fault) => `${fault.instancePath || '/'} ${fault.message ?? 'is wrong'}`,
    );
    throw new InvalidRecipe(`${source}: ${faults.join('; ')}`);
  }
  const files = [...document.files, ...(document.debian.seedFiles ?? [])];
  const dotted = files.find((file) => file.path.split('/').some((part) => part === '..' || part === '.'));
  if (dotted !== undefined)
    throw new InvalidRecipe(`${source}: the path ${dotted.path} must not contain dots as a folder`);
  if (document.layout === 'initramfs' && document.initramfs === undefined) {
    throw new InvalidRecipe(`${source}: layout initramfs needs the field initramfs`);
  }
  return document;
}

/** Reads a recipe and hashes it with the files that it takes in: a changed init script is a changed recipe. */
export async function loadRecipe(file: string): Promise<LoadedRecipe> {
  const yaml = await readFile(file, 'utf8');
  const recipe = parseRecipe(yaml, path.basename(file));
  const folder = path.dirname(file);
  const hash = createHash('sha256').update(JSON.stringify(recipe));
  for (const item of [...recipe.files, ...(recipe.debian.seedFiles ?? [])]) {
    if (item.source === undefined) continue;
    const full = path.join(folder, item.source);
    hash.update(
      await readFile(full).catch(() =>
        Promise.reject(new InvalidRecipe(`${path.basename(file)}: ${full} is not there`)),
      ),
    );
  }
  return { ...recipe, folder, hash: hash.digest('hex') };
}

/** The recipes of a folder, by slug. */
export async function loadRecipes(folder = recipesFolder): Promise<Map<string, LoadedRecipe>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted();
  const recipes = await Promise.all(names.map((name) => loadRecipe(path.join(folder, name))));
  return new Map(recipes.map((recipe) => [recipe.slug, recipe]));
}
