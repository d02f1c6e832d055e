import { type ClientUnaryCall, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type Unary, unary } from '../../src/client/call.ts';

const DEFAULTS = {
  metadata: () => new Metadata(),
  timeoutMs: 5_000,
  attemptsMax: 4,
  closed: new AbortController().signal,
};

describe('a unary call', () => {
  const wallMs = Date.now;
  afterEach(() => {
    Date.now = wallMs;
  });

  it('gets no more time from a wall clock that is put back', async () => {
    const timesMs: number[] = [];
    const start: Unary<string, string> = (_request, _metadata, { deadline }, callback) => {
      timesMs.push(Number(deadline) - Date.now());
      if (timesMs.length > 1) callback(null, 'answer');
      else {
        Date.now = () => wallMs() - 3_600_000;
        callback(unavailable(), '');
      }
      return {} as ClientUnaryCall;
    };
    expect(await unary(start, '', {}, DEFAULTS)).to.equal('answer');
    expect(timesMs).to.have.length(2);
    for (const ms of timesMs) expect(ms).to.be.within(1, 5_000);
  });
});

function unavailable(): ServiceError {
  const details = { code: status.UNAVAILABLE, details: 'no connection', metadata: new Metadata() };
  return Object.assign(new Error('no connection'), details);
}
