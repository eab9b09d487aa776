import { homedir } from 'node:os';
import { join } from 'node:path';

/** Every place inside one state folder. */
export class StatePaths {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get stateFile(): string {
    return join(this.root, 'state.json');
  }
  get secrets(): string {
    return join(this.root, 'secrets');
  }
  get seedFile(): string {
    return join(this.secrets, 'seed.json');
  }
  get tokenKey(): string {
    return join(this.secrets, 'jwt.key');
  }
  get poolKeys(): string {
    return join(this.secrets, 'pools');
  }
  get tls(): string {
    return join(this.root, 'tls');
  }
  get run(): string {
    return join(this.root, 'run');
  }
  get config(): string {
    return join(this.run, 'config');
  }
  get logs(): string {
    return join(this.root, 'logs');
  }
  get images(): string {
    return join(this.root, 'images');
  }
  get runtime(): string {
    return join(this.root, 'runtime');
  }
  get postgres(): string {
    return join(this.root, 'postgres');
  }
  get postgresSocket(): string {
    return join(this.run, 'pg');
  }
  get ovn(): string {
    return join(this.root, 'ovn');
  }
  get ovnSockets(): string {
    return join(this.run, 'ovn');
  }
  get supervisorSocket(): string {
    return join(this.run, 'supervisor.sock');
  }
  get simulatedSocket(): string {
    return join(this.run, 'simulated.sock');
  }
  /** The list of processes, as the supervisor reads it; holds the database password. */
  get planFile(): string {
    return join(this.config, 'plan.json');
  }
  host(name: string): string {
    return join(this.root, 'hosts', name);
  }
  hostRun(name: string): string {
    return join(this.run, 'h', name);
  }
  array(name: string): string {
    return join(this.root, 'arrays', name);
  }
  arrayRun(name: string): string {
    return join(this.run, 'a', name);
  }
  configOf(process: string): string {
    return join(this.config, `${process}.json`);
  }
  pidOf(process: string): string {
    return join(this.run, `${process}.pid`);
  }
  logOf(process: string): string {
    return join(this.logs, `${process}.log`);
  }
}

/** `/var/lib/bastide` for root, else a folder of the user's (XDG base directories). */
export function defaultStateDir(): string {
  if (process.getuid?.() === 0) return '/var/lib/bastide';
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'bastide');
}
