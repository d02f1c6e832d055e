import { expect } from 'chai';
import { Comparable } from './comparable.ts';
import { inThoseWords, unmet } from './expectation.ts';
import { GRPCURL, LANGUAGES } from './languages.ts';
import { lines } from './lines.ts';
import { forClient, type Json, SCENARIO } from './scenario.ts';

describe('what compares the clients', () => {
  it('finds what is missing, different, or should not be there', () => {
    const seen = { a: '1', list: [{ b: 2, c: 3 }], minus: -0 };
    expect(unmet(seen, { a: '1', list: [{ b: 2 }], minus: -0, d: null })).to.deep.equal([]);
    const wrong: Json[] = [{ a: 1 }, { list: [] }, { list: [{ b: 3 }] }, { a: null }, { d: '1' }, { minus: 0 }];
    for (const expected of wrong) {
      expect(unmet(seen, expected), JSON.stringify(expected)).to.have.length(1);
    }
    const labels = JSON.parse('{"__proto__":"a"}') as Json;
    expect(unmet(labels, labels)).to.deep.equal([]);
    expect(unmet({}, labels)).to.have.length(1);
  });

  it('tells a failure from an answer, and failures apart', () => {
    const details: Json = [
      { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'INVALID_FIELD', domain: 'paramd' },
      { '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: 'b' }, { field: 'a' }] },
    ];
    const failed = inThoseWords({ error: { code: 'INVALID_ARGUMENT', message: '', details } });
    const { failure } = failed as { failure: object };
    expect(failure).to.include({ code: 'INVALID_ARGUMENT', reason: 'INVALID_FIELD', retry: false });
    expect(failure).to.deep.include({ fields: ['a', 'b'], subjects: [] });
    expect(unmet(failed, { response: {} })).to.have.length(1);
  });

  it('takes for the same what only the moment and the client make different', () => {
    const one = new Comparable('one:');
    const other = new Comparable('other:');
    const answer = (prefix: string, revision: string, value: string) => ({
      response: { parameter: { key: `${prefix}k`, value, revision, createRevision: '1', updateTime: value } },
    });
    const seen = one.outcome(answer('one:', '7', 'x'), 'a step');
    expect(other.outcome(answer('other:', '9', 'x'), 'a step')).to.deep.equal(seen);
    expect(new Comparable('other:').outcome(answer('other:', '1', 'x'), 'a step')).to.not.deep.equal(seen);
    expect(new Comparable('other:').outcome(answer('other:', '9', 'y'), 'a step')).to.not.deep.equal(seen);
    const long = (character: string) => one.json('x'.repeat(5000) + character, 'stringValue');
    expect(long('a')).to.not.equal(long('b'));
  });

  it('puts responses of a watch together, but not the kinds', () => {
    const comparable = new Comparable('p:');
    const event = (key: string) => ({ parameter: { key } });
    const apart: Json = [
      { kind: 'KIND_CHANGES', revision: '3', events: [event('a')] },
      { kind: 'KIND_PROGRESS', revision: '4' },
      { kind: 'KIND_CHANGES', revision: '5', events: [event('b')] },
    ];
    const together: Json = [{ kind: 'KIND_CHANGES', revision: '8', events: [event('a'), event('b')] }];
    const seen = comparable.outcome({ responses: apart }, 's');
    expect(seen).to.deep.equal(comparable.outcome({ responses: together }, 's'));
    const swapped = [{ kind: 'KIND_CHANGES', revision: '8', events: [event('b'), event('a')] }];
    expect(seen).to.not.deep.equal(comparable.outcome({ responses: swapped }, 's'));
  });

  it('fills in a client’s own keys, answers and long values', () => {
    const answers = new Map<string, Json>([['set', { parameter: { revision: '12' }, list: [{ n: 'm' }] }]]);
    const part = {
      '<prefix>': 0,
      of: ['<prefix>a', '<set.parameter.revision>', '<set.list.0.n>'],
      t: { repeat: 'é', times: 3 },
    };
    const filled = { '<prefix>': 0, of: ['p:a', '12', 'm'], t: 'ééé' };
    expect(forClient(part, 'p:', answers)).to.deep.equal(filled);
    expect(forClient('<no.where>', 'p:', answers)).to.equal('<no.where is not there>');
  });

  it('excepts only clients that there are', () => {
    const clients = [...LANGUAGES, GRPCURL].map(({ name }) => name);
    for (const { step, except = {}, binary = {} } of [...SCENARIO.calls, ...SCENARIO.outage]) {
      expect(clients, step).to.include.members([...Object.keys(except), ...Object.keys(binary)]);
    }
  });

  it('reads lines that contain what Unicode calls the end of one', async () => {
    const bytes = Buffer.from('\uFEFFa\u2028b\r\n\né😀');
    const seen: string[] = [];
    for await (const line of lines(byteByByte(bytes))) seen.push(line);
    expect(seen).to.deep.equal(['\uFEFFa\u2028b\r', '', 'é😀']);
  });
});

async function* byteByByte(bytes: Buffer): AsyncGenerator<Buffer> {
  for (const byte of bytes) yield Buffer.of(byte);
}
