// The server on real connections: TLS, limits of the transport, callers that hang up.
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createCa, issueLeaf } from '../tls/ca.ts';
import { bindContract } from './bind.ts';
import { reply } from './call.ts';
import type { Call, OperationShape } from './call.ts';
import { createContractServer } from './server.ts';
import { document, HANDLERS, ID, PRINCIPAL } from './things.fixture.ts';

const AUTHORISED = { authorization: 'Bearer good' };

test('TLS: a caller that trusts the CA is served, with strict transport security', async (t) => {
  const ca = await createCa('test');
  const tls = await issueLeaf(ca, { commonName: 'api', names: ['127.0.0.1'] });
  const app = createContractServer({ tls });
  await bindContract<Record<string, never>>(app, {
    document,
    handlers: HANDLERS,
    authenticate: async () => PRINCIPAL,
    validateResponses: true,
    prefixes: ['/api'],
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const headers = await new Promise<Record<string, unknown>>((done, fail) => {
    const options = { host: '127.0.0.1', port, path: `/api/things/v1/things/${ID}`, ca: ca.cert, headers: AUTHORISED };
    httpsRequest(options, (response) => {
      response.resume();
      done({ status: response.statusCode, ...response.headers });
    })
      .once('error', fail)
      .end();
  });
  assert.equal(headers['status'], 200);
  assert.match(String(headers['strict-transport-security']), /max-age=/);
});

test('idle connections outlive the 90 s for which clients keep them', () => {
  const { server } = createContractServer();
  assert.equal(server.keepAliveTimeout, 120_000);
  assert.ok(server.headersTimeout <= 60_000 && server.headersTimeout > 0);
  assert.ok(server.requestTimeout > 0);
});

test('the signal of a call is aborted when the caller hangs up', async (t) => {
  let begun: (call: Call<OperationShape>) => void = () => {};
  const started = new Promise<Call<OperationShape>>((done) => (begun = done));
  const waiting = async (call: Call<OperationShape>) => {
    begun(call);
    await new Promise((done) => call.signal.addEventListener('abort', done, { once: true }));
    return reply.ok({});
  };
  const app = createContractServer();
  await bindContract<Record<string, never>>(app, {
    document,
    handlers: { ...HANDLERS, getThing: waiting },
    authenticate: async () => PRINCIPAL,
    validateResponses: true,
    prefixes: [''],
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const request = httpRequest({ host: '127.0.0.1', port, path: `/things/v1/things/${ID}`, headers: AUTHORISED });
  request.once('error', () => {});
  request.end();
  const { signal } = await started;
  assert.equal(signal.aborted, false);
  const aborted = new Promise((done) => signal.addEventListener('abort', done, { once: true }));
  request.destroy();
  await aborted;
});
