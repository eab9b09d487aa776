import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OvsdbProtocolError } from './errors.ts';
import { JsonFramer } from './framing.ts';

const message = fc.dictionary(
  fc.string({ unit: 'grapheme' }),
  fc.jsonValue({ stringUnit: 'grapheme' }).filter((value) => !Object.is(value, -0)),
);

test('RFC 7047 §4: however the stream is cut, the same objects come out', () => {
  fc.assert(
    fc.property(
      fc.array(message),
      fc.array(fc.nat()),
      fc.constantFrom('', ' ', '\n', '\r\n\t'),
      (messages, cuts, gap) => {
        const stream = Buffer.from(messages.map((one) => JSON.stringify(one) + gap).join(''));
        const places = [0, ...cuts.map((cut) => cut % (stream.length + 1)), stream.length].toSorted((a, b) => a - b);
        const framer = new JsonFramer();
        const received = places.flatMap((place, index) => framer.push(stream.subarray(places[index - 1] ?? 0, place)));
        assert.deepEqual(received, JSON.parse(JSON.stringify(messages)));
      },
    ),
  );
});

test('a stream cut into single bytes gives the same objects', () => {
  const framer = new JsonFramer();
  const stream = Buffer.from(String.raw`{"a":"}{\"\\"}{"b":{"é":["]"]}}`);
  const received = [...stream].flatMap((byte) => framer.push(Buffer.of(byte)));
  assert.deepEqual(received, [{ a: '}{"\\' }, { b: { é: [']'] } }]);
});

test('what is not a sequence of JSON objects is refused', () => {
  for (const text of ['null', '[1]', '}', '{}x', '{"a":}'])
    assert.throws(() => new JsonFramer().push(Buffer.from(text)), OvsdbProtocolError, text);
});

test('an object without end is refused before it fills the memory', () => {
  const framer = new JsonFramer(1_000);
  framer.push(Buffer.from(`{"a":"${'x'.repeat(900)}`));
  assert.throws(() => framer.push(Buffer.alloc(200, 'x')), OvsdbProtocolError);
});
