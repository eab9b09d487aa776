import { homedir, userInfo } from 'node:os';
import path from 'node:path';

/** The state folder when none is named: `$BASTIDE_STATE`, else /var/lib/bastide for root, else below the home folder. */
export function defaultStateDir(): string {
  const named = process.env['BASTIDE_STATE'];
  if (named !== undefined && named !== '') return path.resolve(named);
  return userInfo().uid === 0 ? '/var/lib/bastide' : path.join(homedir(), '.local/state/bastide');
}

/** Where the images of a state folder are. */
export function imagesDirOf(stateDir: string): string {
  return path.join(stateDir, 'images');
}
