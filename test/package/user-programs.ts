// What users write: texts, so that they find the package and not this checkout.

const SESSION = `
const paramd = connect({ target: process.argv[2] });
const { revision } = await paramd.set(process.argv[3], 100n);
const { parameter } = await paramd.get(process.argv[3], { atLeastRevision: revision });
console.log(parameter.value.kind.value);
const missing = await paramd.delete('app:none').catch((error) => error);
console.log(missing instanceof ParamdRpcError, missing.reason);
for await (const item of paramd.watch({ prefixes: ['app:'] }, { initial: true })) {
  console.log(item.kind);
  break;
}
const cache = paramd.cache({ prefixes: [process.argv[3]] });
await cache.ready();
console.log(cache.number(process.argv[3], 1));
await cache.close();
paramd.close();
`;

/** What each of them prints. */
export const SESSION_SHOWN = '100n\ntrue PARAMETER_NOT_FOUND\nsnapshot\n100\n';

export const MODULE = `import { connect, ParamdRpcError } from 'paramd/client';\n${SESSION}`;

export const COMMON_JS = `const { connect, ParamdRpcError } = require('paramd/client');\n(async () => {${SESSION}})();`;

/** Each error that must come is one that would be missed if a type had become any. */
export const TYPED = `
import { connect, type Parameter, type ParamdClient, ParamdRpcError, type WatchItem } from 'paramd/client';

const paramd: ParamdClient = connect({ target: '127.0.0.1:50051' });
const { parameter, freshness } = await paramd.get('app:limit', { atLeastRevision: 1n });
const found: Parameter | undefined = parameter;
const revision: bigint = freshness.revision;
// @ts-expect-error: a revision is a bigint
const wrong: string = freshness.revision;
// @ts-expect-error: a key is a string
await paramd.get(1);
// @ts-expect-error: there is no such setting
await paramd.set('app:limit', 7n, { ttl: 1 });
for await (const item of paramd.watch({ prefixes: ['app:'] })) {
  const kind: WatchItem['kind'] = item.kind;
  if (item.kind === 'changes') for (const event of item.events) console.log(kind, event.parameter?.updateTime?.seconds);
}
const cache = paramd.cache({ prefixes: ['app:'] });
const limit: number = cache.number('app:limit', 100);
// @ts-expect-error: the default is of the same type
cache.number('app:limit', '100');
try {
  await paramd.commit([{ set: 'app:limit', value: 8n }, { delete: 'app:old' }]);
} catch (error) {
  if (error instanceof ParamdRpcError) console.log(error.reason, found, revision, wrong, limit);
}
`;

/** Prints 7. */
export const UNIT_TEST = `
import { memoryClient } from 'paramd/client/testing';

const paramd = memoryClient({ 'app:limit': 7n });
const cache = paramd.cache({ prefixes: ['app:'] });
await cache.ready();
console.log(cache.number('app:limit', 100));
await cache.close();
paramd.close();
`;

/** Prints 7. */
export const FLAGS = `
import { OpenFeature } from '@openfeature/server-sdk';
import { memoryClient } from 'paramd/client/testing';
import { ParamdProvider } from 'paramd/openfeature';

const paramd = memoryClient({ 'flags:limit': 7n });
const cache = paramd.cache({ prefixes: ['flags:'] });
await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' }));
console.log(await OpenFeature.getClient().getNumberValue('limit', 100));
await OpenFeature.close();
await cache.close();
paramd.close();
`;
