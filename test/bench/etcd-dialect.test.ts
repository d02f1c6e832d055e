import { expect } from 'chai';
import { WrongAnswer } from '../../src/bench/load/dialect.ts';
import { etcdDialect } from '../../src/bench/load/etcd-dialect.ts';

// Bytes as a protobuf compiler makes them of etcd's rpc.proto.
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
/** Of member 1 in cluster 2, at revision 300. */
const HEADER = '0a07 0802 1001 18ac02';

describe('the calls of etcd', () => {
  it('are as its API has them', () => {
    expect(hex(etcdDialect.read('a').request)).to.equal('0a0161' + '3801');
    expect(hex(etcdDialect.list('a:', 5).request)).to.equal('0a02613a' + '1202613b' + '1805' + '3801');
    expect(hex(etcdDialect.write('k', 'v').request)).to.equal('0a016b' + '120176');
    expect(hex(etcdDialect.writeMany(['k', 'l'], 'v').request)).to.equal(
      '12081206' + '0a016b120176' + '12081206' + '0a016c120176',
    );
    expect(hex(etcdDialect.readMany(['k']).request)).to.equal('12070a05' + '0a016b3801');
    expect(hex(etcdDialect.watch('a:').request)).to.equal('0a08' + '0a02613a1202613b');
    expect(hex(etcdDialect.watch('a:', 300).request)).to.equal('0a0b' + '0a02613a1202613b' + '18ac02');
  });

  it('tell the revision of a write', () => {
    expect(etcdDialect.write('k', 'v').check(bytes(HEADER))).to.deep.equal({ operations: 1, revision: 300 });
  });

  it('are not content with an answer that has no key', () => {
    const found = bytes(`${HEADER} 1206 0a016b 2a0176 2001`);
    expect(etcdDialect.read('k').check(found).operations).to.equal(1);
    expect(() => etcdDialect.read('k').check(bytes(`${HEADER} 2000`))).to.throw(WrongAnswer);
    expect(() => etcdDialect.readMany(['k', 'l']).check(bytes(`${HEADER} 1001 1a00`))).to.throw(WrongAnswer);
  });

  it('tell the revisions of a watch', () => {
    expect(etcdDialect.watched(bytes(`${HEADER} 1801`)).revisions).to.deep.equal([]);
    // A put of k at 301, and its deletion at 302.
    const events = bytes(`${HEADER} 5a0b 1209 0a016b 10ad02 18ad02 5a0a 0801 1206 0a016b 18ae02`);
    expect(etcdDialect.watched(events)).to.deep.equal({ revisions: [301, 302], delivered: 302 });
  });

  it('find out that a watch was cancelled', () => {
    expect(() => etcdDialect.watched(bytes(`${HEADER} 2001`))).to.throw(WrongAnswer);
  });
});
