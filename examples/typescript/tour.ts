// A tour of paramd: typed values, how fresh an answer is, an error's details, and a watch.
import { connect, Event_Type, fromValue, ParamdRpcError, type Parameter } from 'paramd/client';

const prefix = process.argv[2] ?? 'tour:';
const [maxUsers, timeout, hosts] = [`${prefix}max_users`, `${prefix}timeout`, `${prefix}hosts`];
const paramd = connect({ target: process.env.PARAMD_TARGET ?? '127.0.0.1:50051' });

// The type decides the kind: 100n is an int, 100 would be a double.
const written = await paramd.set(maxUsers, 100n);
// Whichever replica answers, it reflects the write.
const { parameter } = await paramd.get(maxUsers, { atLeastRevision: written.revision });
console.log('max_users =', text(parameter));

await paramd.set(timeout, { durationNs: 1_500_000_000n });
const { revision } = await paramd.set(hosts, ['a', 'b']);
const { parameters, freshness } = await paramd.getMany([timeout, hosts], { atLeastRevision: revision });
for (const each of parameters) console.log(each.key.slice(prefix.length), '=', text(each));

const { seconds, nanos } = freshness!.stalenessBound!;
const boundMs = Number(seconds) * 1000 + nanos / 1e6;
console.log('fresh within 500 ms:', boundMs <= 500);
console.error('current at most', boundMs, 'ms before it was answered');

try {
  await paramd.set(maxUsers, 1n, { ifRevision: 0n });
} catch (error) {
  if (!(error instanceof ParamdRpcError) || error.reason === undefined) throw error;
  const same = error.metadata.get('currentRevision') === String(parameter?.revision);
  console.log(error.status, `${error.reason}: ${same}`);
}

// Once and in order, also over broken connections; a snapshot comes first, and replaces what there was.
const state = new Map<string, Parameter>();
for await (const item of paramd.watch({ prefixes: [prefix] }, { initial: true })) {
  if (item.kind === 'progress') continue;
  if (item.kind === 'snapshot') {
    state.clear();
    for (const each of item.parameters) state.set(each.key, each);
  } else {
    for (const { type, parameter } of item.events) {
      if (type === Event_Type.TYPE_DELETE) state.delete(parameter!.key);
      else state.set(parameter!.key, parameter!);
    }
  }
  const users = fromValue(state.get(maxUsers)?.value);
  console.log('watching: max_users =', String(users));
  if (users === 120n) break;
  await paramd.set(maxUsers, 120n);
}
paramd.close();

/** Of some kinds. A value of a kind that this program does not know is an error, never a default. */
function text(parameter: Parameter | undefined): string {
  const value = fromValue(parameter?.value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.join(', ');
  if (typeof value === 'object' && 'durationNs' in value) return `${Number(value.durationNs) / 1e9} s`;
  throw new TypeError(`${parameter?.key} is of another kind`);
}
