import { expect } from 'chai';
import type { MemoryStoreOptions } from '../../../src/adapters/memory/store.ts';
import { MemoryStore } from '../../../src/adapters/memory/store.ts';
import { done, expectation, failure, get, newBatchId, set, wholeLog, write } from '../../contract/store-subject.ts';

function open(more: Partial<MemoryStoreOptions> = {}): MemoryStore {
  let seed = 1;
  // A small generator of its own: the same run twice has the same ids.
  const random = () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const clock = { monotonicMs: () => 0, wallMs: () => 1_790_000_000_000, setTimer: () => ({ cancel: () => {} }) };
  return new MemoryStore({ clock, random, ...more });
}

describe('MemoryStore when told to', () => {
  it('is deterministic', async () => {
    const [one, other] = [open(), open()];
    for (const store of [one, other]) await store.startEpoch((await store.readHead()).epoch, 0n);
    expect(await one.epochs()).to.deep.equal(await other.epochs());
    expect(await one.installation()).to.deep.equal(await other.installation());
  });

  it('is unreachable, then well again', async () => {
    const store = open();
    store.fail('unreachable');
    expect((await failure(store.readHead())).kind).to.equal('unreachable');
    store.fail('none');
    await store.readHead();
    await store.close();
    expect((await failure(store.readHead())).kind).to.equal('unreachable');
  });

  it('hangs until told otherwise', async () => {
    const store = open();
    store.fail('hang');
    const hanging = failure(store.readHead());
    store.fail('none');
    expect((await hanging).kind).to.equal('unreachable');
    await store.readHead();
  });

  for (const [fault, version] of [['ambiguous-after-commit', 1n] as const, ['ambiguous-before-commit', 0n] as const]) {
    it(`is ${fault}; the same batch again is done once`, async () => {
      const store = open();
      const expected = await expectation(store);
      const batch = { id: newBatchId(), writes: [write(set('a', '1'))] };
      store.fail(fault);
      expect((await failure(store.commit(batch, expected))).kind).to.equal('ambiguous');
      expect((await get(store, 'a'))?.version ?? 0n).to.equal(version);
      store.fail('none');
      expect((await store.commit(batch, expected)).to).to.equal(1n);
      expect((await get(store, 'a'))!.version).to.equal(1n);
    });
  }

  it('loses commits, and would issue their numbers again but for an epoch (C9)', async () => {
    const store = open();
    for (const text of ['1', '2', '3']) await done(store, write(set('a', text), { requestId: text }));
    const { epoch } = await store.readHead();
    store.crash({ loseAfter: 1n });
    expect((await store.readHead()).revision).to.equal(1n);
    expect((await get(store, 'a'))!.version).to.equal(1n);
    expect((await done(store, write(set('b', '3'), { requestId: '3' }))).replayed, 'forgotten too').to.equal(false);
    store.crash({ loseAfter: 1n });
    const head = await store.startEpoch(epoch, 3n);
    expect(head.epoch.lostAfter).to.equal(1n);
    expect((await done(store, set('a', '4'))).revision).to.equal(head.epoch.startRevision);
  });

  it('loses an epoch with its commits, and the next one goes beyond it', async () => {
    const store = open();
    await done(store, set('a', '1'));
    const { epoch } = await store.startEpoch((await store.readHead()).epoch, 1n);
    await done(store, set('a', '2'));
    store.crash({ loseAfter: 1n });
    expect((await store.readHead()).epoch.number).to.equal(0n);
    expect((await store.startEpoch(epoch, 1n)).epoch.number).to.equal(2n);
    expect((await wholeLog(store)).length).to.equal(1);
  });

  it('answers as another incarnation, and takes no writes', async () => {
    const store = open();
    const expected = await expectation(store);
    store.setIncarnation('memory-2');
    expect((await store.readHead()).incarnation).to.equal('memory-2');
    const batch = { id: newBatchId(), writes: [write(set('a', '1'))] };
    expect((await failure(store.commit(batch, expected))).kind).to.equal('epoch-changed');
  });

  it('is slow before and after, with the answer fixed between', async () => {
    const steps: string[] = [];
    const waiting: (() => void)[] = [];
    const store = open({
      delay: (call, phase) => {
        steps.push(`${call} ${phase}`);
        return call === 'read' && phase === 'answer' ? new Promise<void>((go) => waiting.push(go)) : undefined;
      },
    });
    const reading = get(store, 'a');
    await done(store, set('a', '1'));
    for (const go of waiting) go();
    expect(await reading, 'as of before the write').to.equal(undefined);
    expect(steps.slice(0, 2)).to.deep.equal(['read request', 'read answer']);
  });
});
