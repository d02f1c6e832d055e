import { expect } from 'chai';
import { endpointsOf } from '../../../src/adapters/postgres/endpoints.ts';

function all(connection: Parameters<typeof endpointsOf>[0]) {
  const endpoints = endpointsOf(connection);
  return Array.from({ length: endpoints.count }, () => {
    const endpoint = endpoints.current();
    endpoints.gone(endpoint);
    return endpoint;
  });
}

describe('endpoints', () => {
  it('of a string are its hosts', () => {
    expect(all('postgresql://u:p%40@h1:1,h2/db?sslmode=require')).to.deep.equal([
      { connectionString: 'postgresql://u:p%40@h1:1/db?sslmode=require', options: '' },
      { connectionString: 'postgresql://u:p%40@h2/db?sslmode=require', options: '' },
    ]);
    expect(all('postgres:///db')).to.deep.equal([{ connectionString: 'postgres:///db', options: '' }]);
    expect(all('/run/socket db')).to.deep.equal([{ connectionString: '/run/socket db' }]);
  });

  it('keep the options of a string beside our own', () => {
    expect(all('postgres://h/db?options=-c%20geqo%3Doff')).to.deep.equal([
      { connectionString: 'postgres://h/db', options: '-c geqo=off' },
    ]);
  });

  it('of fields are their hosts, with one port or one each', () => {
    expect(all({ host: 'a,b', port: '1,2', user: 'u' })).to.deep.equal([
      { user: 'u', host: 'a', port: 1 },
      { user: 'u', host: 'b', port: 2 },
    ]);
    expect(all({ host: 'a,b', port: 5432 }).map(({ port }) => port)).to.deep.equal([5432, 5432]);
    expect(all({ database: 'd', password: undefined })).to.deep.equal([{ database: 'd' }]);
  });

  it('go round, and only the present one can be gone', () => {
    const endpoints = endpointsOf({ host: 'a,b' });
    const first = endpoints.current();
    endpoints.gone(first);
    const second = endpoints.current();
    expect(second).to.not.equal(first);
    endpoints.gone(first);
    expect(endpoints.current()).to.equal(second);
    endpoints.gone(second);
    expect(endpoints.current()).to.equal(first);
  });
});
