import { type ClientUnaryCall, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { expect } from 'chai';
import { type Unary, unary } from '../../src/client/call.ts';
import { RetryBudget } from '../../src/client/retry-budget.ts';
import { Throttle } from '../../src/client/throttle.ts';
import { failure } from './fake-server.ts';

const DEFAULTS = {
  metadata: () => new Metadata(),
  timeoutMs: 5_000,
  attemptsMax: 4,
  budget: new RetryBudget(),
  throttle: new Throttle(),
  closed: new AbortController().signal,
};

describe('a unary call', () => {
  const wallMs = Date.now;
  afterEach(() => {
    Date.now = wallMs;
  });

  for (const [code, details] of [
    [status.UNAVAILABLE, 'no connection'],
    [status.CANCELLED, 'Call cancelled'],
    [status.INTERNAL, 'Received RST_STREAM with code 2'],
  ] as const) {
    it(`is tried again where the way broke under it: ${status[code]}`, async () => {
      const requests: string[] = [];
      const start: Unary<string, string> = (request, _metadata, _options, callback) => {
        if (requests.push(request) === 1) callback(serviceError(code, details), '');
        else callback(null, 'answer');
        return {} as ClientUnaryCall;
      };
      expect(await unary(start, 'the same', {}, DEFAULTS)).to.equal('answer');
      expect(requests).to.deep.equal(['the same', 'the same']);
    });
  }

  it('is tried again no more often than the budget of its client allows, when it is refused', async () => {
    const budget = new RetryBudget();
    let attempts = 0;
    const start: Unary<string, string> = (_request, _metadata, _options, callback) => {
      attempts++;
      callback(failure(status.RESOURCE_EXHAUSTED, 'RATE_LIMITED', {}, { retryMs: 1 }) as ServiceError, '');
      return {} as ClientUnaryCall;
    };
    const refused = Array.from({ length: 100 }, () => unary(start, '', {}, { ...DEFAULTS, attemptsMax: 2, budget }));
    const outcomes = await Promise.allSettled(refused);
    expect(outcomes.every((outcome) => outcome.status === 'rejected')).to.equal(true);
    expect(attempts).to.equal(110);
    for (let answers = 0; answers < 25; answers++) budget.answered();
    expect([budget.take(), budget.take(), budget.take()]).to.deep.equal([true, true, false]);
  });

  it('is not sent while most are refused for overload, and says so', async () => {
    const throttle = new Throttle();
    let attempts = 0;
    const start: Unary<string, string> = (_request, _metadata, _options, callback) => {
      attempts++;
      callback(failure(status.RESOURCE_EXHAUSTED, 'RATE_LIMITED', { limit: 'wait_ms' }) as ServiceError, '');
      return {} as ClientUnaryCall;
    };
    const errors: Error[] = [];
    for (let call = 0; call < 1000; call++) {
      await unary(start, '', {}, { ...DEFAULTS, throttle }).catch((error) => errors.push(error));
    }
    expect(attempts).to.be.within(5, 500);
    expect(errors.filter(({ message }) => message.startsWith('not sent: '))).to.have.length(1000 - attempts);
  });

  it('ends with its client while it waits to be tried again', async () => {
    const closing = new AbortController();
    const start: Unary<string, string> = (_request, _metadata, _options, callback) => {
      const error = failure(status.UNAVAILABLE, 'DRAINING', {}, { retryMs: 3_600_000 });
      callback(error as ServiceError, '');
      setImmediate(() => closing.abort(new Error('closed')));
      return {} as ClientUnaryCall;
    };
    const call = unary(start, '', { timeoutMs: 7_200_000 }, { ...DEFAULTS, closed: closing.signal });
    expect(await call.catch((error: Error) => error.message)).to.equal('closed');
  });

  it('gets no more time from a wall clock that is put back', async () => {
    const timesMs: number[] = [];
    const start: Unary<string, string> = (_request, _metadata, { deadline }, callback) => {
      timesMs.push(Number(deadline) - Date.now());
      if (timesMs.length > 1) callback(null, 'answer');
      else {
        Date.now = () => wallMs() - 3_600_000;
        callback(serviceError(status.UNAVAILABLE, 'no connection'), '');
      }
      return {} as ClientUnaryCall;
    };
    expect(await unary(start, '', {}, DEFAULTS)).to.equal('answer');
    expect(timesMs).to.have.length(2);
    for (const ms of timesMs) expect(ms).to.be.within(1, 5_000);
  });
});

function serviceError(code: status, details: string): ServiceError {
  return Object.assign(new Error(details), { code, details, metadata: new Metadata() });
}
