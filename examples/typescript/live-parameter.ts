import { connect } from 'paramd/client';

const paramd = connect({ target: process.env.PARAMD_TARGET ?? '127.0.0.1:50051' });
const params = paramd.cache({ prefixes: ['app:config:'] });
await params.ready();

// Read it where you need it, as often as you like: this looks into memory, and 50 is for when there is no such parameter.
console.log('max_users is', params.number('app:config:max_users', 50));

params.onChange('app:config:max_users', () => {
  console.log('max_users is now', params.number('app:config:max_users', 50));
});
