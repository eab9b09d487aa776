/** The tenant and provider listeners on a seeded database, without agents: for tests of what needs none. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FastifyInstance } from 'fastify';
import pg from 'pg';
import { CatalogueService } from '#control/catalogue/service.ts';
import { catalogueHandlers } from '#control/catalogue/routes.ts';
import type { Database } from '#control/database/database.ts';
import { type Authenticator, createAuthenticator, createProviderAuthenticator } from '#control/iam/authenticator.ts';
import { type JwtKeys, jwtKeys } from '#control/iam/jwt.ts';
import { iamHandlers } from '#control/iam/routes.ts';
import { marketplaceHandlers } from '#control/marketplace/routes.ts';
import { providerHandlers } from '#control/provider/routes.ts';
import { seed } from '#control/seed/seed.ts';
import type { SeedSecrets, SeedToken } from '#control/seed/secrets-file.ts';
import { tagHandlers } from '#control/tags/routes.ts';
import { bindContract } from '#libs/contract-runtime/bind.ts';
import type { OpenApiDocument } from '#libs/contract-runtime/document.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { createContractServer } from '#libs/contract-runtime/server.ts';
import { ensureSimulatedCatalogue } from '#region/simulated/catalogue.ts';
import { withDatabase } from './postgres.ts';
import { smallTopology } from './small-topology.ts';

/** An answer, read. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** @throws when the text is not JSON */
  json<T = unknown>(): T;
}

export interface Request {
  readonly token?: string;
  readonly body?: unknown;
}

/** One listener to send requests to. */
export type Send = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  request?: Request,
) => Promise<Answer>;

export interface SeededApi {
  readonly database: Database;
  readonly url: string;
  readonly keys: JwtKeys;
  readonly secrets: SeedSecrets;
  readonly catalogue: CatalogueService;
  readonly imagesDir: string;
  /** Starts at the real time; `advance` moves it. */
  readonly clock: { now(): Date; advance(ms: number): void };
  readonly authenticate: Authenticator;
  readonly tenant: Send;
  readonly provider: Send;
  /** JWT of a token. */
  login(token: SeedToken): Promise<string>;
  loginProvider(token?: SeedToken): Promise<string>;
  /** Runs SQL as the owner of the tables, under no row-level security. */
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

/** Two organisations as in a fresh region: Aster with production and staging, Bellis with default. */
export async function seededApi(t: TestContext): Promise<SeededApi> {
  const { url, database } = await withDatabase(t);
  const dir = mkdtempSync(join(tmpdir(), 'bst-api-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const imagesDir = join(dir, 'images');
  ensureSimulatedCatalogue(imagesDir);
  const secretsFile = join(dir, 'seed.json');
  await seed(database, { topology: smallTopology(), secretsFile, imagesDir });
  const secrets = JSON.parse(await readFile(secretsFile, 'utf8')) as SeedSecrets;
  const keys = jwtKeys([randomBytes(32)]);
  const clock = movableClock();
  const catalogue = new CatalogueService(database);
  const authenticate = createAuthenticator({ database, keys, clock });
  const parts = { database, keys, clock, catalogue, imagesDir, name: 'control-1', version: '0.0.0-test' };
  const tenant = await serve(t, 'tenant', {
    authenticate,
    handlers: {
      ...iamHandlers({ ...parts, forgetToken: authenticate.forget }),
      ...tagHandlers(parts),
      ...marketplaceHandlers(parts),
      ...catalogueHandlers(parts),
    },
  });
  const provider = await serve(t, 'provider', {
    authenticate: createProviderAuthenticator(parts),
    handlers: providerHandlers(parts),
  });
  return {
    database,
    url,
    keys,
    secrets,
    catalogue,
    imagesDir,
    clock,
    authenticate,
    tenant,
    provider,
    login: async ({ id, secret }) =>
      (await tenant('POST', '/iam/v2/auth/personal_access_token', { body: { id, secret } })).text,
    loginProvider: async ({ id, secret } = secrets.providerToken) =>
      (await provider('POST', '/provider/v1/auth/token', { body: { id, secret } })).json<{ token: string }>().token,
    query: (text, values = []) => runSql(url, text, values),
  };
}

function movableClock(): { now(): Date; advance(ms: number): void } {
  let ahead = 0;
  return { now: () => new Date(Date.now() + ahead), advance: (ms) => void (ahead += ms) };
}

/** Operations without a handler of their own answer 404, after authentication and permission. */
async function serve(
  t: TestContext,
  contract: 'tenant' | 'provider',
  { authenticate, handlers }: { authenticate: Authenticator; handlers: object },
): Promise<Send> {
  const file = new URL(`../../contract/generated/${contract}.json`, import.meta.url);
  const document = JSON.parse(await readFile(file, 'utf8')) as OpenApiDocument;
  const absent = async (): Promise<never> => {
    throw new ApiError('not_found');
  };
  const ids = Object.values(document.paths).flatMap((path) =>
    Object.values(path).flatMap((operation: unknown) =>
      typeof operation === 'object' && operation !== null && 'operationId' in operation
        ? [String(operation.operationId)]
        : [],
    ),
  );
  const all = { ...Object.fromEntries(ids.map((id) => [id, absent])), ...handlers };
  const app = createContractServer();
  t.after(() => app.close());
  await bindContract<Record<string, never>>(app, {
    document,
    handlers: all,
    authenticate,
    validateResponses: true,
    prefixes: ['', '/api'],
  });
  return sender(app);
}

function sender(app: FastifyInstance): Send {
  return async (method, url, { token, body } = {}) => {
    const answer = await app.inject({
      method,
      url,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: answer.body,
      json: <T>() => JSON.parse(answer.body) as T,
    };
  };
}

async function runSql(url: string, text: string, values: readonly unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}
