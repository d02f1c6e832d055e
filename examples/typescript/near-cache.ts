import { connect } from 'paramd/client';
import { z } from 'zod';

const paramd = connect({ target: process.env.PARAMD_TARGET ?? '127.0.0.1:50051' });
await paramd.commit([
  { set: 'shop:config:max_users', value: 100n, allowKindChange: true },
  { set: 'shop:config:timeout', value: { durationNs: 1_500_000_000n } },
  { set: 'shop:config:mode', value: 'fast' },
  { set: 'shop:config:retry', value: { json: '{"attempts":3,"backoff":"exponential"}' } },
]);

const params = paramd.cache({ prefixes: ['shop:config:'] });
await params.ready({ timeoutMs: 5_000 });

// Synchronous and typed. The default is what you get where there is no value of that type.
const maxUsers: number = params.number('shop:config:max_users', 50);
const timeoutMs: number = params.duration('shop:config:timeout', 1_000);
const beta: boolean = params.boolean('shop:config:beta', false);
console.log({ maxUsers, timeoutMs, beta });

// JSON is checked by a schema, once per value (zod, valibot, arktype: Standard Schema).
const Retry = z.object({ attempts: z.int(), backoff: z.enum(['none', 'exponential']) });
const retry = params.json('shop:config:retry', { attempts: 1, backoff: 'none' }, Retry);
console.log(retry.attempts, retry.backoff);

// What an answer is worth, and why it is what it is.
const mode = params.detail('string', 'shop:config:mode', 'slow');
console.log(mode.value, mode.reason, 'at most 5 s old:', !mode.degraded);
const wrong = params.detail('number', 'shop:config:mode', 1);
console.log(wrong.value, wrong.reason, wrong.problem);

// Wait for a write of one's own, or hear of everybody's. Between two awaits all reads are as of one revision.
const changed = new Promise<void>((resolve) => {
  params.onChange({ prefix: 'shop:config:' }, ({ key, value, previous }) => {
    console.log(`${key}: ${previous} -> ${value}`);
    resolve();
  });
});
const { revision } = await paramd.set('shop:config:max_users', 200n);
await params.atLeast(revision);
await changed;
console.log(params.number('shop:config:max_users', 50), [...params.defaultsUsed.keys()]);
paramd.close();
