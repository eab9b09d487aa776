/** `node main.ts --config FILE [--json]`: the consistency check. Exit code 0 = nothing found, 1 = findings, 2 = could not check. */
import { Agents } from '../compute/agents.ts';
import { readConfig } from '../config.ts';
import { Database } from '../database/database.ts';
import { createNetworkDriver } from '../network/driver/create.ts';
import { checkRegion } from './service.ts';

const config = readConfig(process.argv);
const database = new Database({ url: config.database.url, tenantConnections: 1, platformConnections: 2 });
const agents = new Agents(database, config.agents);
const network = config.network.driver === 'ovn' ? createNetworkDriver(config.network) : null;
try {
  const findings = await checkRegion({ database, agents, network });
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ ok: findings.length === 0, findings })}\n`);
  else if (findings.length === 0) process.stdout.write('Nothing is orphaned, nothing is missing.\n');
  else process.stdout.write(`${findings.join('\n')}\n${String(findings.length)} findings\n`);
  process.exitCode = findings.length === 0 ? 0 : 1;
} catch (error) {
  process.stderr.write(`The check could not be made: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
} finally {
  await network?.close();
  agents.close();
  await database.close();
}
