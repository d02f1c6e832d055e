import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'paramd/client';

const folder = process.env.STATE_DIRECTORY ?? mkdtempSync('/tmp/app-');
const settings = { prefixes: ['shop:limits:'], snapshotFile: join(folder, 'parameters.snapshot') };

const paramd = connect({ target: process.env.PARAMD_TARGET ?? '127.0.0.1:50051' });
await paramd.set('shop:limits:burst', 20n);
const params = paramd.cache(settings);
await params.ready();
await params.close();
paramd.close();

// The same program on a day when no server can be reached.
const cutOff = connect({ target: '127.0.0.1:1' });
const lastKnown = cutOff.cache(settings);
console.log('started from', await lastKnown.ready({ timeoutMs: 500 }));
const { value, reason, degraded } = lastKnown.detail('number', 'shop:limits:burst', 1);
console.log({ value, reason, degraded });
cutOff.close();
