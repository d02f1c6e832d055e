import { Writable } from 'node:stream';
import { expect } from 'chai';
import type { Io } from '../../src/cli/io.ts';
import { columns, dateAndTime, paint, timeAgo } from '../../src/cli/render.ts';

describe('what the command line shows', () => {
  it('says how long ago, and the date where that says more', () => {
    const nowMs = 1_800_000_000_000;
    const at = (secondsAgo: number) => ({ seconds: BigInt(1_800_000_000 - secondsAgo), nanos: 0 });
    const texts: [number, string][] = [
      [0, 'just now'],
      [1, '1 s ago'],
      [59, '59 s ago'],
      [60, '1 min ago'],
      [3599, '59 min ago'],
      [3600, '1 h ago'],
      [86_399, '23 h ago'],
      [86_400, '1 d ago'],
      [30 * 86_400 - 1, '29 d ago'],
      [-60, 'just now'],
    ];
    for (const [secondsAgo, text] of texts) expect(timeAgo(at(secondsAgo), nowMs), text).to.equal(text);
    for (const secondsAgo of [30 * 86_400, -61]) {
      expect(timeAgo(at(secondsAgo), nowMs)).to.equal(dateAndTime(at(secondsAgo)));
    }
    expect(timeAgo(undefined, nowMs)).to.equal('---------- --:--:--');
  });

  it('aligns columns as a terminal shows them', () => {
    // Two cells wide: each CJK character, and an emoji, however many code points it has. None: a combining accent.
    const rows = ['plain', '日本', '👩‍👩‍👧', 'e\u0301'].map((cell) => [cell, '|']);
    expect(columns(rows)).to.deep.equal(['plain  |', '日本   |', '👩‍👩‍👧     |', 'e\u0301      |']);
  });

  it('is coloured where a person looks on, unless the environment says otherwise', () => {
    const coloured = (isTTY: boolean, env: Io['env']) => {
      const io = { stdout: Object.assign(new Writable(), { isTTY }), env } as unknown as Io;
      return paint(io, 'red', 'x') !== 'x';
    };
    expect(coloured(true, {})).to.equal(true);
    expect(coloured(true, { NO_COLOR: '' })).to.equal(true);
    expect(coloured(true, { NO_COLOR: '1' })).to.equal(false);
    expect(coloured(true, { TERM: 'dumb' })).to.equal(false);
    expect(coloured(false, {})).to.equal(false);
    expect(coloured(false, { FORCE_COLOR: '1' })).to.equal(true);
    expect(coloured(true, { FORCE_COLOR: '0' })).to.equal(false);
    expect(coloured(false, { FORCE_COLOR: '1', NO_COLOR: '1' })).to.equal(true);
  });
});
