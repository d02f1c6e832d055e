import { expect } from 'chai';
import { classify } from '../../../src/adapters/postgres/classify.ts';

describe('failures of the PostgreSQL driver', () => {
  it('are told apart by SQLSTATE', () => {
    expect(classify({ code: '53100' }, 'write').kind).to.equal('unreachable');
    expect(classify({ code: '22021' }, 'write').kind).to.equal('data');
    expect(classify({ code: '57P01' }, 'write').kind).to.equal('ambiguous');
    expect(classify({ code: 'XX000' }, 'read').kind).to.equal('internal');
  });

  for (const code of ['ECONNRESET', 'EPIPE', 'EPERM', 'E2BIG']) {
    it(`of Node are the connection's, also if their name looks like a SQLSTATE: ${code}`, () => {
      const error = Object.assign(new Error(`write ${code}`), { code, errno: -32, syscall: 'write' });
      expect(classify(error, 'connect').kind).to.equal('unreachable');
      expect(classify(error, 'read').kind).to.equal('unreachable');
      expect(classify(error, 'write').kind).to.equal('ambiguous');
      expect(classify(error, 'read').message).to.equal(`PostgreSQL cannot be reached: ${code}`);
    });
  }
});
