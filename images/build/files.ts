import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { RecipeFile } from '../recipe.ts';

/** Writes a recipe's own files over what is in `root`; `source` is relative to the recipe's folder. */
export async function placeFiles(files: readonly RecipeFile[], recipeFolder: string, root: string): Promise<void> {
  for (const file of files) {
    const target = path.join(root, file.path);
    const content =
      file.source === undefined ? (file.content ?? '') : await readFile(path.join(recipeFolder, file.source));
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content);
    await chmod(target, Number.parseInt(file.mode, 8));
  }
}
