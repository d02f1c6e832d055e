import { expect } from 'chai';
import { expectPart } from '../docs/pages.ts';
import { allCases } from './all-cases.ts';
import { caseTable } from './case-table.ts';
import { decodeHeaders, encodeHeaders, type Header, integer } from './hpack.ts';
import { requestFields } from './request-fields.ts';

describe('hostile cases', () => {
  const cases = allCases();

  it('have names of their own', () => {
    const names = cases.map(({ group, name }) => `${group}: ${name}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).to.deep.equal([]);
  });

  it('abuse every field of every request', () => {
    const covered = new Set(cases.flatMap(({ covers = [] }) => covers));
    const fields = requestFields().map(({ path }) => path);
    expect(fields).to.include('SetParameterRequest.value.string_list_value.values');
    expect(fields.filter((path) => !covered.has(path))).to.deep.equal([]);
    const known = new Set(fields);
    expect(
      [...covered].filter((path) => !known.has(path)),
      'fields that there are',
    ).to.deep.equal([]);
  });

  it('mean something that must not be, in every field', () => {
    const meant = cases.filter(({ group }) => group === 'requests').flatMap(({ covers = [] }) => covers);
    const fields = requestFields().map(({ path }) => path);
    expect(fields.filter((path) => !meant.some((one) => one.startsWith(path)))).to.deep.equal([]);
  });

  it('are those of the table', () => {
    expectPart('docs/hostile-input.md', 'cases', caseTable(cases));
  });
});

describe('HPACK of hostile clients', () => {
  it('reads what it writes', () => {
    const headers: Header[] = [
      [':status', '200'],
      ['grpc-status', '3'],
      ['x', 'y'.repeat(70_000)],
    ];
    expect(decodeHeaders(encodeHeaders(headers))).to.deep.equal(headers);
  });

  it('reads what servers write: Huffman codes, and the static table', () => {
    // RFC 7541, C.6.1: ":status: 302", of which the code is 8 + 2 characters.
    expect(decodeHeaders(Buffer.from('4882640258', 'hex').subarray(0, 4))).to.deep.equal([[':status', '302']]);
    expect(decodeHeaders(Buffer.from('88', 'hex'))).to.deep.equal([[':status', '200']]);
  });

  it('writes integers of any length', () => {
    expect(integer(10, 5)).to.deep.equal(Buffer.of(10));
    expect(integer(1337, 5)).to.deep.equal(Buffer.of(31, 154, 10));
  });
});
