import type { Answer, HttpConnection } from './http-connection.ts';

/** What a create needs to name, looked up once. */
export interface Offer {
  readonly zoneIds: readonly string[];
  readonly templateId: string;
  readonly familyId: string;
  readonly cpu: number;
  readonly memoryGb: number;
  readonly backupPolicyId: string;
  readonly networkId: string;
}

/** How a client learns that its operation has ended. */
export type Follow = 'wait' | 'poll';

interface Named {
  readonly id: string;
  readonly name: string;
}

const instances = '/vm_instances/v1';
const waitSeconds = 60;

/** Reads the catalogue: the smallest machine of the Development family from the micro image. */
export async function readOffer(connection: HttpConnection): Promise<Offer> {
  const zones = await list<Named>(connection, '/availability_zones');
  const families = await list<Named & { vcpuMin: number; ramMinGb: number }>(connection, '/instance_families');
  const templates = await list<Named>(connection, '/templates');
  const policies = await list<Named>(connection, '/backup_policies');
  const networks = await list<Named>(connection, '/networks');
  const family = named(families, 'Development');
  return {
    zoneIds: zones.map((zone) => zone.id),
    templateId: named(templates, 'Micro (test)').id,
    familyId: family.id,
    cpu: Math.max(family.vcpuMin, 1),
    memoryGb: Math.max(family.ramMinGb, 1),
    backupPolicyId: named(policies, 'No Backup').id,
    networkId: named(networks, 'LAN01').id,
  };
}

/** The body of a create; zones take turns by `index`. */
export function createBody(offer: Offer, name: string, index: number): string {
  return JSON.stringify({
    name,
    availabilityZoneId: offer.zoneIds[index % offer.zoneIds.length],
    templateId: offer.templateId,
    instanceFamilyId: offer.familyId,
    cpu: offer.cpu,
    memory: offer.memoryGb,
    backupPolicyId: offer.backupPolicyId,
    networkInterfaces: [{ deviceIndex: 0, networkId: offer.networkId }],
    powerState: 'on',
  });
}

/** Creates a machine and answers its id once it runs. @throws Error with the activity's reason */
export async function createMachine(connection: HttpConnection, body: string, follow: Follow): Promise<string> {
  const started = expectStatus(await connection.send('POST', `${instances}/virtual_machines`, body), 201);
  return await ended(connection, started, follow);
}

/** Deletes a machine and resolves once it is gone. @throws Error with the activity's reason */
export async function deleteMachine(connection: HttpConnection, machineId: string): Promise<void> {
  const path = `${instances}/virtual_machines/${machineId}`;
  await ended(connection, expectStatus(await connection.send('DELETE', path), 201), 'wait');
}

/** Stops a machine and resolves once it is off. @throws Error with the activity's reason */
export async function stopMachine(connection: HttpConnection, machineId: string): Promise<void> {
  const path = `${instances}/virtual_machines/${machineId}/stop`;
  await ended(connection, expectStatus(await connection.send('POST', path), 201), 'wait');
}

export function machinePath(machineId: string): string {
  return `${instances}/virtual_machines/${machineId}`;
}

export function pagePath(offset: number): string {
  return `${instances}/virtual_machines?limit=200&offset=${offset}`;
}

async function ended(connection: HttpConnection, started: Answer, follow: Follow): Promise<string> {
  const activityId = started.location;
  if (activityId === null) throw new Error('the answer has no Location');
  const path = `/activity/v1/activities/${activityId}${follow === 'wait' ? `/wait?timeoutSeconds=${waitSeconds}` : ''}`;
  const deadline = performance.now() + 120_000;
  while (performance.now() < deadline) {
    const { body } = expectStatus(await connection.send('GET', path), 200);
    const { state } = JSON.parse(body) as { state: Record<string, { result?: string | null; reason?: string | null }> };
    if (state['completed'] !== undefined) return state['completed'].result ?? '';
    if (state['failed'] !== undefined)
      throw new Error(`activity ${activityId} failed: ${state['failed'].reason ?? 'no reason'}`);
  }
  throw new Error(`activity ${activityId} did not end within 120 s`);
}

export function expectStatus(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer;
  throw new Error(`expected HTTP ${status}, got ${answer.status}: ${answer.body.slice(0, 300)}`);
}

async function list<T>(connection: HttpConnection, path: string): Promise<T[]> {
  return JSON.parse(expectStatus(await connection.send('GET', instances + path), 200).body) as T[];
}

function named<T extends Named>(entries: readonly T[], name: string): T {
  const found = entries.find((entry) => entry.name === name);
  if (found === undefined)
    throw new Error(`nothing is named ${name}; there are: ${entries.map((entry) => entry.name).join(', ')}`);
  return found;
}
