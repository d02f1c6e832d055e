import { expect } from 'chai';
import { logCalls, observeBoth } from '../../src/observability/call-log.ts';
import { manualClock, recordingLogger } from './support.ts';

const GET = '/parameter.v1.ParameterService/GetParameter';
const peer = '127.0.0.1:4711';

describe('log of calls', () => {
  it('has a line for each', () => {
    const { logger, lines } = recordingLogger();
    const calls = logCalls(logger, manualClock(), { calls: 'all', linesPerSecondMax: 10 });
    calls.ended(GET, 1.2345678, { status: 'NOT_FOUND', peer });
    expect(lines).to.deep.equal([{ level: 'info', method: GET, status: 'NOT_FOUND', peer, ms: 1.235, msg: 'call' }]);
  });

  it('is louder for what is no fault of the caller', () => {
    const { logger, lines } = recordingLogger();
    const calls = logCalls(logger, manualClock(), { calls: 'all', linesPerSecondMax: 10 });
    calls.ended(GET, 0, { status: 'INTERNAL', peer, errorId: 'e1', error: new Error('defect') });
    calls.ended(GET, 0, { status: 'UNAVAILABLE', peer });
    calls.ended('/grpc.health.v1.Health/Check', 0, { status: 'OK', peer });
    expect(lines.map((line) => line.level)).to.deep.equal(['error', 'warn', 'debug']);
    expect(lines[0]).to.include({ errorId: 'e1' });
  });

  it('leaves out what was not asked for', () => {
    for (const [calls, expected] of [
      ['errors', ['INTERNAL', 'UNAVAILABLE']],
      ['off', ['INTERNAL']],
    ] as const) {
      const { logger, lines } = recordingLogger();
      const observer = logCalls(logger, manualClock(), { calls, linesPerSecondMax: 10 });
      for (const status of ['OK', 'INTERNAL', 'UNAVAILABLE', 'INVALID_ARGUMENT'])
        observer.ended(GET, 0, { status, peer });
      expect(lines.map((line) => line.status)).to.deep.equal(expected);
    }
  });

  it('is not drowned by load', () => {
    const { logger, lines } = recordingLogger('info');
    const clock = manualClock();
    const observer = logCalls(logger, clock, { calls: 'all', linesPerSecondMax: 3 });
    for (let call = 0; call < 20; call++) observer.ended(GET, 0, { status: 'OK', peer });
    for (let call = 0; call < 20; call++) observer.ended('/grpc.health.v1.Health/Check', 0, { status: 'OK', peer });
    observer.ended(GET, 0, { status: 'INTERNAL', peer, errorId: 'e1' });
    expect(lines).to.have.length(4);
    // By a revision that never was, a caller can have as many of these as it likes.
    for (let call = 0; call < 20; call++) observer.ended(GET, 0, { status: 'DATA_LOSS', peer });
    expect(lines).to.have.length(4);

    clock.advance(1000);
    observer.ended(GET, 0, { status: 'OK', peer });
    expect(lines.slice(4)).to.deep.equal([
      { level: 'info', calls: 37, msg: 'calls without a line of their own' },
      { level: 'info', method: GET, status: 'OK', peer, ms: 0, msg: 'call' },
    ]);
  });

  it('tells two observers', () => {
    const { logger, lines } = recordingLogger();
    const log = () => logCalls(logger, manualClock(), { calls: 'all', linesPerSecondMax: 10 });
    observeBoth(log(), log()).ended(GET, 0, { status: 'OK', peer });
    expect(lines).to.have.length(2);
  });
});
