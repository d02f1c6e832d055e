import { expect } from 'chai';
import { parseTarget } from '../../../src/adapters/valkey/target.ts';

describe('valkey URLs', () => {
  it('of all four schemes are read', () => {
    expect(parseTarget('valkey://u:p%40ss@cache.example:7000/3')).to.deep.equal({
      host: 'cache.example',
      port: 7000,
      username: 'u',
      password: 'p@ss',
      db: 3,
      tls: false,
    });
    expect(parseTarget('redis://[::1]')).to.include({
      host: '::1',
      port: 6379,
      db: 0,
      tls: false,
      password: undefined,
    });
    expect(parseTarget('rediss://h').tls).to.equal(true);
    expect(parseTarget('valkeys://:secret@h')).to.include({ tls: true, username: undefined, password: 'secret' });
  });

  it('that are none are refused without being repeated', () => {
    for (const url of ['', 'secret', 'http://secret@h', 'valkey://', 'valkey://h/secret', 'valkey://h?a=secret']) {
      expect(() => parseTarget(url), url)
        .to.throw(/^not a Valkey URL/)
        .with.property('message')
        .that.does.not.include('secret');
    }
  });
});
