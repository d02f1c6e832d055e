import { expect } from 'chai';
import { WrongAnswer } from '../../src/bench/load/dialect.ts';
import { GrpcConnection } from '../../src/bench/load/grpc-connection.ts';
import { paramdDialect } from '../../src/bench/load/paramd-dialect.ts';
import { type RealServer, startRealServer } from '../client/real-server.ts';
import { eventually } from '../e2e/eventually.ts';

describe('the calls of paramd, as the load makes them', () => {
  let server: RealServer;
  let connection: GrpcConnection;

  beforeEach(async () => {
    server = await startRealServer();
    connection = new GrpcConnection(server.target);
  });
  afterEach(async () => {
    connection.close();
    await server.close();
  });

  type Rpc = ReturnType<typeof paramdDialect.read>;
  const answerOf = async ({ path, request, check }: Rpc) => check(await connection.call(path, request));
  const failureOf = (rpc: Rpc) => answerOf(rpc).catch((error: Error) => error);

  it('tell what they did, at which revision, and from which tier', async () => {
    expect(await answerOf(paramdDialect.write('a:1', 'one'))).to.deep.equal({ operations: 1, revision: 1 });
    expect(await answerOf(paramdDialect.writeMany(['a:2', 'a:3'], 'x'))).to.deep.equal({ operations: 2, revision: 2 });
    await answerOf(paramdDialect.read('a:1'));
    expect(await answerOf(paramdDialect.read('a:1'))).to.deep.equal({ operations: 1, tier: 'near cache' });
    expect(await answerOf(paramdDialect.readMany(['a:1', 'a:2']))).to.have.property('operations', 2);
    expect(await answerOf(paramdDialect.list('a:', 3))).to.have.property('operations', 3);
  });

  it('are not content with less than they asked for', async () => {
    await answerOf(paramdDialect.write('a:1', 'one'));
    expect(await failureOf(paramdDialect.readMany(['a:1', 'a:2']))).to.be.instanceOf(WrongAnswer);
    expect(await failureOf(paramdDialect.list('a:', 2))).to.be.instanceOf(WrongAnswer);
  });

  it('read the revision of every event', async () => {
    const revisions: number[] = [];
    let messages = 0;
    const take = (message: Buffer) => {
      messages++;
      revisions.push(...paramdDialect.watched(message).revisions);
    };
    connection.stream(paramdDialect.watch('a:'), take, () => {});
    await eventually(async () => messages > 0);
    await answerOf(paramdDialect.write('a:1', 'one'));
    await answerOf(paramdDialect.writeMany(['a:2', 'a:3'], 'x'));
    await eventually(async () => revisions.length === 3);
    expect(revisions).to.deep.equal([1, 2, 2]);
  });
});
