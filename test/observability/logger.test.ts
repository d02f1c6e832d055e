import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeError } from '../../src/observability/describe-error.ts';
import { createLogger, type Logger, type LoggerOptions } from '../../src/observability/logger.ts';

/** What ends up in the log. */
function written(options: Partial<LoggerOptions>, use: (logger: Logger) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'paramd-log-'));
  const target = join(folder, 'log');
  const { logger, flush } = createLogger({ level: 'info', format: 'json', replicaId: 'r1', target, ...options });
  use(logger);
  return new Promise((resolve) => {
    const poll = setInterval(() => {
      flush();
      const log = readFileSync(target, { encoding: 'utf8', flag: 'a+' });
      if (!log.includes('last')) return;
      clearInterval(poll);
      rmSync(folder, { recursive: true });
      resolve(log);
    }, 5);
  });
}

describe('logger', () => {
  it('writes a line of JSON for each entry', async () => {
    const log = await written({}, (logger) => {
      logger.debug('not shown');
      logger.warn({ keys: 3 }, 'first');
      logger.info('last');
    });
    const lines = log
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).to.have.length(2);
    expect(lines[0]).to.include({ level: 'warn', replica: 'r1', keys: 3, msg: 'first' });
    expect(lines[0].time).to.match(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  it('writes for people', async () => {
    const log = await written({ format: 'pretty' }, (logger) => {
      logger.error({ ms: 1.5, peer: '[::1]:80', reason: 'two words', error: new Error('broken') }, 'first');
      logger.info('last');
    });
    const [first, second, frame] = log.split('\n');
    expect(first).to.match(/^\d\d:\d\d:\d\d\.\d{3} ERROR first ms=1\.5 peer=\[::1\]:80 reason="two words"$/);
    expect(second).to.equal('    Error: broken');
    expect(frame).to.match(/^ {8}at .+logger\.test\.ts/);
    expect(log).to.match(/INFO {2}last\n$/);
  });

  it('neither waits for a reader that has stalled nor keeps lines for it without end', async () => {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', FLOOD], { stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    for await (const chunk of writer.stderr) told += chunk; // and nobody reads stdout
    expect(Number(told)).to.be.greaterThan(1000);
    writer.stdout.destroy();
  });

  it('shows no value that an error quotes (no parameter value in a log)', async () => {
    const thrown = [
      attempt(() => JSON.parse('{"a": hunter2}')),
      attempt(() => BigInt('hunter2')),
      attempt(() => decodeURIComponent('%hunter2')),
      attempt(() => Buffer.alloc('hunter2' as never)),
      Object.assign(new Error('Key (value)=(hunter2) exists'), {
        code: '23505',
        detail: '(hunter2)',
        where: 'hunter2',
      }),
      new Error('outer', { cause: new SyntaxError('near hunter2') }),
      'hunter2',
    ];
    const log = await written({}, (logger) => {
      for (const error of thrown) logger.error({ error }, 'failed');
      logger.info('last');
    });
    expect(log).to.not.contain('hunter2');
    expect(log).to.contain('"code":"23505"').and.contain('"type":"SyntaxError"').and.contain('ERR_INVALID_ARG_TYPE');
  });

  it('keeps what helps to find a defect', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });
    const described = describeError(new TypeError('x is not a function', { cause: refused }));
    expect(described).to.deep.include({ type: 'TypeError', message: 'x is not a function' });
    expect(described.frames?.[0]).to.contain('logger.test.ts');
    expect(described.cause).to.deep.include({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:5432' });
  });

  it('ends a chain of causes', () => {
    const loop = new Error('loop');
    loop.cause = loop;
    expect(JSON.stringify(describeError(loop)).match(/loop/g)).to.have.length(5);
  });
});

/** Logs 20 MB, tells how many lines were dropped, and ends without waiting for anything. */
const FLOOD = `
  import { createLogger } from './src/observability/logger.ts';
  const { logger, dropped } = createLogger({ level: 'info', format: 'json', replicaId: 'r1' });
  for (let line = 0; line < 20_000; line++) {
    logger.info({ fill: 'x'.repeat(1000) }, 'line');
    if (line % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  process.stderr.write(String(dropped()), () => process.kill(process.pid, 'SIGKILL'));
`;

function attempt(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('it should have thrown');
}
