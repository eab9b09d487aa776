// Whatever comes in, the answer is never a 5xx of our own making and never carries a stray Location.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { listOperations } from './document.ts';
import { parseJsonBody } from './json-body.ts';
import { bound, document, ID } from './things.fixture.ts';
import type { TestHandler } from './things.fixture.ts';

/** Handlers that accept anything, so that every 5xx comes from the runtime. */
const TOLERANT: Record<string, TestHandler> = {
  createThing: async () => ({ status: 201, headers: { Location: ID } }),
  deleteTag: async () => ({ status: 204 }),
};

const pathText = fc.oneof(
  fc.string(),
  fc.constantFrom(ID, ID.toUpperCase(), '..', '%', '%00', '%2F', '%zz', '\ud800', 'x'.repeat(3000)),
);
const method = fc.constantFrom('GET', 'POST', 'DELETE', 'PATCH', 'PUT', 'OPTIONS', 'HEAD');
const contentType = fc.constantFrom(
  undefined,
  'application/json',
  'application/json; charset=utf-16',
  'text/plain',
  '',
  ';',
  'a/b/c',
);
const body = fc.oneof(
  fc.constant(undefined),
  fc.string(),
  fc.json(),
  fc.json().map((text) => text.replaceAll('"', '"\\u0000')),
  fc.record({ name: fc.anything(), familyId: fc.anything(), size: fc.anything(), seed: fc.anything() }).map((value) => {
    try {
      return JSON.stringify(value);
    } catch {
      return '{}';
    }
  }),
);

test('malformed requests never give a 5xx', async () => {
  const { app } = await bound({ handlers: TOLERANT });
  const templates = listOperations(document).map((info) => info.path);
  const request = fc.record({
    template: fc.constantFrom(...templates),
    part: pathText,
    query: fc.dictionary(fc.constantFrom('limit', 'all', 'name[]', 'familyId', '__proto__', 'x'), fc.string()),
    raw: fc.boolean(),
    method,
    contentType,
    body,
  });
  await fc.assert(
    fc.asyncProperty(request, async ({ template, part, query, raw, contentType: type, body: payload, ...rest }) => {
      const filled = template.replaceAll(/\{\w+\}/g, () =>
        raw ? part.replaceAll(/[^\x21-\x7e]/g, '%') : encodeLoosely(part),
      );
      const search = new URLSearchParams(query).toString();
      const answer = await app.inject({
        method: rest.method as 'GET',
        url: `${filled}?${search}`,
        headers: { authorization: 'Bearer good', ...(type === undefined ? {} : { 'content-type': type }) },
        ...(payload === undefined ? {} : { payload }),
      });
      assert.ok(answer.statusCode < 500, `${rest.method} ${filled} ${answer.body}`);
      if (answer.statusCode >= 400) {
        assert.equal(answer.headers.location, undefined);
        if (rest.method !== 'HEAD') assert.equal(typeof answer.json<{ code: unknown }>().code, 'string');
      }
    }),
    { numRuns: 600 },
  );
});

function encodeLoosely(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

test('the JSON reader agrees with JSON.parse on everything it accepts', () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), (text) => {
      assert.deepEqual(parseOrCode(text), JSON.parse(text));
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      parseOrCode(bytes);
    }),
  );
});

/** The value, or the code of the refusal; anything else thrown fails the test. */
function parseOrCode(text: string | Uint8Array): unknown {
  try {
    return parseJsonBody(Buffer.from(text));
  } catch (error) {
    const { code } = error as { code?: string };
    assert.ok(code === 'invalid_json' || code === 'invalid_text', String(error));
    return code === 'invalid_text' ? JSON.parse(String(text)) : code;
  }
}

/** Sends bytes on a bare connection and returns everything that comes back until it closes. */
async function exchange(t: TestContext, bytes: string): Promise<string> {
  const { app } = await bound();
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  return new Promise((done, fail) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = '';
    socket.setEncoding('utf8').on('data', (text: string) => (received += text));
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer in time')));
    socket.once('close', () => done(received));
    socket.once('error', fail);
    socket.write(bytes);
  });
}

test('what is not HTTP is answered with an error body and a closed connection', async (t) => {
  const answer = await exchange(t, 'HELLO\r\n\r\n');
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.match(answer, /"code":"invalid_request"/);
});

test('headers that are too large are a 431', async (t) => {
  const answer = await exchange(t, `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(40_000)}\r\n\r\n`);
  assert.match(answer, /^HTTP\/1\.1 431 /);
});

test('idle connections are kept for 120 s', async (t) => {
  const answer = await exchange(
    t,
    `GET /things/v1/things HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /Keep-Alive: timeout=120/);
});
