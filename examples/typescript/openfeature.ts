import { OpenFeature } from '@openfeature/server-sdk';
import { connect } from 'paramd/client';
import { ParamdProvider } from 'paramd/openfeature';

const paramd = connect({ target: process.env.PARAMD_TARGET ?? '127.0.0.1:50051' });
await paramd.set('flags:new-checkout', true);
const cache = paramd.cache({ prefixes: ['flags:'] });
await OpenFeature.setProviderAndWait(new ParamdProvider(cache, { prefix: 'flags:' }));

const flags = OpenFeature.getClient();
console.log(await flags.getBooleanValue('new-checkout', false));
const { reason, flagMetadata } = await flags.getBooleanDetails('new-checkout', false);
console.log(reason, 'at most 5 s old:', Number(flagMetadata.stalenessBoundMs) < 5_000);
console.log((await flags.getBooleanDetails('no-such-flag', false)).errorCode);

await OpenFeature.close();
paramd.close();
