/** The three listeners: tenants over TLS, tenants on loopback without, the provider's operators (design §1.6). */
import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Operations as ProviderOperations } from '#contract/generated/provider.ts';
import type { Operations as TenantOperations } from '#contract/generated/tenant.ts';
import { bindContract, type BindOptions } from '#libs/contract-runtime/bind.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';
import type { OpenApiDocument } from '#libs/contract-runtime/document.ts';
import { createContractServer } from '#libs/contract-runtime/server.ts';
import type { ControlPlaneConfig, ListenAddress } from '../config.ts';
import type { Metrics } from './metrics.ts';

export interface ListenerParts {
  readonly config: ControlPlaneConfig;
  readonly log: Logger;
  readonly tenant: { handlers: Handlers<TenantOperations>; authenticate: BindOptions<unknown>['authenticate'] };
  readonly provider: { handlers: Handlers<ProviderOperations>; authenticate: BindOptions<unknown>['authenticate'] };
  readonly metrics: Metrics;
}

/** The client sends `/api/...` by default and its own test suites the bare path; both must answer (notes §1). */
const tenantPrefixes = ['', '/api'] as const;
/** Answered slower than this is worth a line of its own. */
const slowMs = 2_000;

/** Opens every listener. @returns how to close them all */
export async function openListeners(parts: ListenerParts): Promise<() => Promise<void>> {
  const { config, log } = parts;
  const tls = { cert: await readFile(config.tls.cert), key: await readFile(config.tls.key) };
  const tenantDocument = await readDocument('tenant');
  const providerDocument = await readDocument('provider');
  const apps: FastifyInstance[] = [];

  const open = async (name: string, address: ListenAddress, app: FastifyInstance): Promise<void> => {
    apps.push(app);
    await app.listen({ host: address.host, port: address.port });
    log.info({ listener: name, ...address }, 'listening');
  };
  const tenant = async (app: FastifyInstance): Promise<FastifyInstance> => {
    await bindContract(app, {
      ...common(parts, 'tenant'),
      ...parts.tenant,
      document: tenantDocument,
      prefixes: tenantPrefixes,
    });
    return app;
  };
  try {
    await open('tenant', config.listeners.tenant, await tenant(createContractServer({ tls, logger: log })));
    if (config.listeners.plain !== null)
      await open('plain', config.listeners.plain, await tenant(createContractServer({ logger: log })));
    const provider = createContractServer({ tls, logger: log });
    await bindContract(provider, {
      ...common(parts, 'provider'),
      ...parts.provider,
      document: providerDocument,
      prefixes: [''],
    });
    await open('provider', config.listeners.provider, provider);
  } catch (error) {
    await Promise.all(apps.map((app) => app.close()));
    throw error;
  }
  return async () => {
    await Promise.all(apps.map((app) => app.close()));
  };
}

function common(
  parts: ListenerParts,
  plane: string,
): Pick<BindOptions<unknown>, 'validateResponses' | 'rateLimits' | 'audit'> {
  return {
    rateLimits: parts.config.rateLimits,
    validateResponses: parts.config.validateResponses ?? false,
    audit: (entry) => {
      parts.metrics.request(plane, entry);
      if (entry.durationMs > slowMs && !entry.operationId.startsWith('wait'))
        parts.log.warn(
          { operation: entry.operationId, ms: Math.round(entry.durationMs), request: entry.requestId },
          'slow request',
        );
    },
  };
}

async function readDocument(name: 'tenant' | 'provider'): Promise<OpenApiDocument> {
  const url = new URL(`../../../contract/generated/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(url, 'utf8')) as OpenApiDocument;
}
