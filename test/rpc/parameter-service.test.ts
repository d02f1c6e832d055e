import { status as Code, Metadata } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import type { GetParameterResponse, SetParameterRequest } from '../../gen/parameter/v1/parameter_service.ts';
import { ParamdError } from '../../src/model/errors.ts';
import type { Write } from '../../src/model/write.ts';
import { encodeParameter } from '../../src/rpc/parameter-codec.ts';
import { aParameter, FRESH } from './fake-core.ts';
import { ask, type Fixture, failure, startFixture } from './rpc-fixture.ts';

describe('ParameterService', () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.close());
  beforeEach(() => {
    fixture.core.asked.length = 0;
    fixture.core.answer = {};
  });

  const get = (key: string, consistency = {}) =>
    ask<unknown, GetParameterResponse>(
      (request, callback) => fixture.parameters.getParameter(request as never, callback),
      { key, consistency: undefined, ...consistency },
    );
  const set = (over: Partial<SetParameterRequest>, metadata = new Metadata()) =>
    ask(
      (request: SetParameterRequest, callback) => fixture.parameters.setParameter(request, metadata, callback as never),
      {
        key: 'k',
        value: { kind: { $case: 'intValue', value: 5n } },
        cacheTtl: undefined,
        labels: new Map(),
        removeLabels: [],
        ifRevision: undefined,
        requestId: '',
        validateOnly: false,
        allowKindChange: false,
        ...over,
      },
    );
  const written = (): Write => fixture.core.asked[0]?.arguments[0] as Write;

  it('gets a parameter with its freshness', async () => {
    const { parameter, freshness } = await get('app:config:max_users');
    expect(parameter?.key).to.equal('app:config:max_users');
    expect(parameter?.value?.kind).to.deep.equal({ $case: 'intValue', value: 100n });
    expect(parameter?.labels).to.deep.equal(new Map([['team', 'checkout']]));
    expect(freshness?.revision).to.equal(7n);
    expect(freshness?.servedFrom).to.equal(1);
    expect(freshness?.stalenessBound).to.deep.include({ seconds: 0n, nanos: 12_500_000 });
  });

  it('tells freshness with NOT_FOUND (C3)', async () => {
    fixture.core.answer.get = async () => ({ parameter: null, freshness: FRESH });
    const error = await failure(get('nothing'));
    expect(error).to.deep.include({
      code: Code.NOT_FOUND,
      reason: 'PARAMETER_NOT_FOUND',
      metadata: { key: 'nothing' },
    });
    expect(error.freshness?.revision).to.equal(7n);
  });

  it('passes the demands of a read on', async () => {
    const consistency = { maxStaleness: { seconds: 0n, nanos: 250_000_000 }, atLeastRevision: 9n, linearizable: true };
    await get('k', { consistency });
    expect(fixture.core.asked[0]?.arguments[1]).to.deep.equal({
      maxStalenessMs: 250,
      atLeastRevision: 9n,
      linearizable: true,
    });
  });

  it('writes a value, and all that goes with it', async () => {
    const metadata = new Metadata();
    metadata.set('paramd-actor', 'deploy-bot');
    const response = await set(
      {
        labels: new Map([['__proto__', 'x']]),
        cacheTtl: { seconds: 60n, nanos: 0 },
        removeLabels: ['*'],
        ifRevision: 0n,
        requestId: 'abc',
      },
      metadata,
    );
    expect(response).to.have.nested.property('parameter.revision', 12n);
    expect(written()).to.deep.include({ actor: 'deploy-bot', principal: '', requestId: 'abc', validateOnly: false });
    expect(written().operations[0]).to.deep.include({
      type: 'set',
      key: 'k',
      path: '',
      cacheTtlNs: 60_000_000_000n,
      removeLabels: ['*'],
      ifRevision: 0n,
      labels: new Map([['__proto__', 'x']]),
    });
  });

  it('deletes', async () => {
    const request = { key: 'k', ifRevision: 4n, allowMissing: true, requestId: '', validateOnly: false };
    const response = await ask(fixture.parameters.deleteParameter.bind(fixture.parameters), request);
    expect(response).to.have.property('revision', 12n);
    expect(written().operations).to.deep.equal([{ type: 'delete', key: 'k', ifRevision: 4n, allowMissing: true }]);
  });

  it('commits', async () => {
    const request = {
      conditions: [{ key: 'c', ifRevision: 0n }],
      operations: [
        {
          operation: {
            $case: 'set' as const,
            value: {
              key: 'a',
              value: { kind: { $case: 'boolValue' as const, value: true } },
              cacheTtl: undefined,
              labels: new Map(),
              removeLabels: [],
              allowKindChange: false,
            },
          },
        },
        { operation: { $case: 'delete' as const, value: { key: 'b', allowMissing: false } } },
      ],
      requestId: '',
      validateOnly: false,
    };
    const response = await ask(fixture.parameters.commit.bind(fixture.parameters), request);
    expect(response).to.have.property('revision', 12n);
    expect(response).to.have.property('parameters').with.length(1);
    expect(written().conditions).to.deep.equal([{ key: 'c', ifRevision: 0n }]);
    expect(written().operations[0]).to.have.property('path', 'operations[0].set.');
    expect(fixture.core.asked[0]?.arguments[1]).to.have.property('source').matches(/:\d+$/);
  });

  it('gets many, repeated keys once', async () => {
    fixture.core.answer.getMany = async () => ({
      parameters: [encodeParameter(aParameter({ key: 'a' }))],
      missingKeys: ['b', 'ключ'.repeat(20)],
      freshness: FRESH,
    });
    const request = { keys: ['a', 'b', 'a'], consistency: undefined };
    const response = await ask(fixture.parameters.batchGetParameters.bind(fixture.parameters), request);
    expect(fixture.core.asked[0]?.arguments[0]).to.deep.equal(['a', 'b']);
    expect(response).to.have.nested.property('parameters[0].key', 'a');
    expect(response)
      .to.have.property('missingKeys')
      .deep.equal(['b', 'ключ'.repeat(20)]);
  });

  it('lists by pages whose tokens belong to the listing', async () => {
    fixture.core.answer.list = async () => ({
      parameters: [encodeParameter(aParameter({ key: 'p:1' }))],
      freshness: { ...FRESH, stalenessBoundMs: undefined },
      next: { revision: 7n, after: 'p:1' },
    });
    const list = (over: object) =>
      ask(fixture.parameters.listParameters.bind(fixture.parameters), {
        prefix: 'p:',
        consistency: undefined,
        pageSize: 0,
        pageToken: '',
        keysOnly: false,
        ...over,
      }) as Promise<{ nextPageToken: string }>;
    const { nextPageToken: pageToken } = await list({});
    await list({ pageToken, pageSize: 5000 });
    expect(fixture.core.asked[0]?.arguments[0]).to.deep.include({ limit: 100, cursor: undefined });
    expect(fixture.core.asked[1]?.arguments[0]).to.deep.include({
      limit: 1000,
      cursor: { revision: 7n, after: 'p:1' },
    });
    for (const over of [
      { keysOnly: true },
      { prefix: 'p' },
      { pageToken: `${pageToken}A` },
      { pageToken: 'nonsense' },
    ]) {
      const error = await failure(list({ pageToken, ...over }));
      expect(error).to.deep.include({ code: Code.INVALID_ARGUMENT, reason: 'INVALID_FIELD', fields: ['page_token'] });
    }
  });

  it('cuts a page that is too large, and goes on behind it', async () => {
    const value = { kind: 'string_value' as const, encoded: stringValue('x'.repeat(1 << 20)) };
    fixture.core.answer.list = async () => ({
      parameters: ['a', 'b', 'c', 'd', 'e'].map((key) => encodeParameter(aParameter({ key, value }))),
      freshness: FRESH,
      next: undefined,
    });
    const request = { prefix: '', consistency: undefined, pageSize: 0, pageToken: '', keysOnly: false };
    const response = (await ask(fixture.parameters.listParameters.bind(fixture.parameters), request)) as {
      parameters: Parameter[];
      nextPageToken: string;
    };
    expect(response.parameters.map(({ key }) => key)).to.deep.equal(['a', 'b', 'c']);
    await ask(fixture.parameters.listParameters.bind(fixture.parameters), {
      ...request,
      pageToken: response.nextPageToken,
    });
    expect(fixture.core.asked[1]?.arguments[0]).to.have.deep.property('cursor', { revision: 7n, after: 'c' });
  });

  it('refuses a batch that is too large for a response', async () => {
    const value = { kind: 'string_value' as const, encoded: stringValue('x'.repeat(1 << 20)) };
    const parameter = encodeParameter(aParameter({ value }));
    fixture.core.answer.getMany = async () => ({
      parameters: [parameter, parameter, parameter, parameter],
      missingKeys: [],
      freshness: FRESH,
    });
    const request = { keys: ['a', 'b', 'c', 'd'], consistency: undefined };
    const error = await failure(ask(fixture.parameters.batchGetParameters.bind(fixture.parameters), request));
    expect(error).to.deep.include({ code: Code.RESOURCE_EXHAUSTED, reason: 'LIMIT_EXCEEDED', retryMs: undefined });
    expect(error.metadata).to.deep.equal({ limit: 'response_bytes', maximum: String((4 << 20) - (64 << 10)) });
  });

  it('takes a value of 1 MiB and gives it back, and refuses a larger one', async () => {
    const text = 'ü'.repeat(1 << 19);
    const response = (await set({ value: { kind: { $case: 'stringValue', value: text } } })) as GetParameterResponse;
    expect(response.parameter?.value?.kind?.value).to.equal(text);
    const error = await failure(set({ value: { kind: { $case: 'stringValue', value: `${text}x` } } }));
    expect(error).to.deep.include({ code: Code.RESOURCE_EXHAUSTED, reason: 'LIMIT_EXCEEDED', retryMs: undefined });
    expect(error.metadata).to.deep.equal({ limit: 'value_bytes', maximum: '1048576' });
  });

  it('answers for defects with an id and nothing else', async () => {
    fixture.core.answer.get = async () => {
      throw new Error('the secret is xyzzy');
    };
    fixture.outcomes.length = 0;
    const error = await failure(get('k'));
    expect(error).to.deep.include({ code: Code.INTERNAL, reason: 'UNFORESEEN' });
    expect(error.message).to.not.include('xyzzy');
    expect(fixture.outcomes[0]).to.deep.include({ status: 'INTERNAL', errorId: error.metadata.errorId });
    expect(fixture.outcomes[0]?.error).to.have.property('message', 'the secret is xyzzy');
  });

  it('gives the core less time than the caller has', async () => {
    let deadlineMs = 0;
    fixture.core.answer.get = async (_key, _consistency, call) => {
      deadlineMs = call.deadlineAtMs - call.startedAtMs;
      throw new ParamdError({ reason: 'STORE_UNREACHABLE', why: 'in this test' });
    };
    const error = await failure(
      ask(
        (request: { key: string; consistency: undefined }, callback) =>
          fixture.parameters.getParameter(request, new Metadata(), { deadline: Date.now() + 2000 }, callback),
        { key: 'k', consistency: undefined },
      ),
    );
    expect(error).to.deep.include({ code: Code.UNAVAILABLE, reason: 'STORE_UNREACHABLE', retryMs: 500 });
    expect(deadlineMs).to.be.within(500, 1955);
    await failure(get('k'));
    expect(deadlineMs).to.be.closeTo(9950, 1);
  });
});

function stringValue(text: string): Uint8Array {
  return Value.encode({ kind: { $case: 'stringValue', value: text } }).finish();
}
