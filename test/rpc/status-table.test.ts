import { status as Code } from '@grpc/grpc-js';
import { expect } from 'chai';
import type { Failure } from '../../src/model/errors.ts';
import { statusOf, unforeseenStatus } from '../../src/rpc/status-table.ts';
import { FRESH } from './fake-core.ts';
import { richError } from './rpc-fixture.ts';

interface Case {
  readonly failure: Failure;
  readonly code: Code;
  readonly metadata: Record<string, string>;
  readonly retry: boolean;
  /** Numbers and names that the message must state. */
  readonly says: string;
}

const key = 'app:k';
const CASES: { readonly [R in Failure['reason']]: Case } = {
  INVALID_FIELD: {
    failure: { reason: 'INVALID_FIELD', violations: [{ field: 'key', description: 'is empty' }] },
    code: Code.INVALID_ARGUMENT,
    metadata: {},
    retry: false,
    says: 'key: is empty',
  },
  UNKNOWN_FIELD: {
    failure: { reason: 'UNKNOWN_FIELD', fieldNumber: 99, path: 'value' },
    code: Code.INVALID_ARGUMENT,
    metadata: { fieldNumber: '99' },
    retry: false,
    says: 'field 99 of value',
  },
  PARAMETER_NOT_FOUND: {
    failure: { reason: 'PARAMETER_NOT_FOUND', key, freshness: FRESH },
    code: Code.NOT_FOUND,
    metadata: { key },
    retry: false,
    says: '"app:k" does not exist at revision 7',
  },
  PARAMETER_EXISTS: {
    failure: { reason: 'PARAMETER_EXISTS', key, currentRevision: 5n },
    code: Code.ALREADY_EXISTS,
    metadata: { key, currentRevision: '5' },
    retry: false,
    says: 'revision 5',
  },
  REVISION_MISMATCH: {
    failure: { reason: 'REVISION_MISMATCH', mismatches: [{ key, currentRevision: 0n }] },
    code: Code.ABORTED,
    metadata: { key, currentRevision: '0' },
    retry: false,
    says: 'does not exist',
  },
  KIND_MISMATCH: {
    failure: { reason: 'KIND_MISMATCH', key, currentKind: 'int_value' },
    code: Code.FAILED_PRECONDITION,
    metadata: { key, currentKind: 'int_value' },
    retry: false,
    says: 'int_value',
  },
  REQUEST_ID_REUSED: {
    failure: { reason: 'REQUEST_ID_REUSED' },
    code: Code.FAILED_PRECONDITION,
    metadata: {},
    retry: false,
    says: 'request_id',
  },
  REVISION_COMPACTED: {
    failure: { reason: 'REVISION_COMPACTED', requested: 3n, oldestRevision: 8n },
    code: Code.OUT_OF_RANGE,
    metadata: { oldestRevision: '8' },
    retry: false,
    says: '8',
  },
  REVISION_LOST: {
    failure: { reason: 'REVISION_LOST', requested: 30n, head: 8n },
    code: Code.DATA_LOSS,
    metadata: {},
    retry: false,
    says: '30',
  },
  LIMIT_EXCEEDED: {
    failure: { reason: 'LIMIT_EXCEEDED', limit: 'keys', maximum: 1000 },
    code: Code.RESOURCE_EXHAUSTED,
    metadata: { limit: 'keys', maximum: '1000' },
    retry: false,
    says: 'keys is 1000',
  },
  RATE_LIMITED: {
    failure: { reason: 'RATE_LIMITED', limit: 'calls', maximum: 5, retryMs: 1500 },
    code: Code.RESOURCE_EXHAUSTED,
    metadata: { limit: 'calls' },
    retry: true,
    says: '1500 ms',
  },
  STORE_UNREACHABLE: {
    failure: { reason: 'STORE_UNREACHABLE', why: 'connection refused' },
    code: Code.UNAVAILABLE,
    metadata: {},
    retry: true,
    says: 'connection refused',
  },
  CONSISTENCY_NOT_MET: {
    failure: { reason: 'CONSISTENCY_NOT_MET', revision: 4n, wanted: 'at least revision 9' },
    code: Code.UNAVAILABLE,
    metadata: { revision: '4' },
    retry: true,
    says: 'at least revision 9',
  },
  DRAINING: { failure: { reason: 'DRAINING' }, code: Code.UNAVAILABLE, metadata: {}, retry: true, says: 'closing' },
  OUTCOME_UNKNOWN: {
    failure: { reason: 'OUTCOME_UNKNOWN', retriable: true },
    code: Code.UNAVAILABLE,
    metadata: {},
    retry: true,
    says: 'not known',
  },
  CANCELLED: { failure: { reason: 'CANCELLED' }, code: Code.CANCELLED, metadata: {}, retry: false, says: 'left' },
};

describe('status table', () => {
  for (const [reason, { failure, code, metadata, retry, says }] of Object.entries(CASES)) {
    it(`has ${reason}`, () => {
      const error = richError(statusOf(failure));
      expect(error).to.deep.include({ code, metadata, reason: reason === 'CANCELLED' ? undefined : reason });
      expect(error.retryMs !== undefined, 'RetryInfo').to.equal(retry);
      expect(error.message).to.include(says);
    });
  }

  it('has no RetryInfo for an unknown outcome without request_id', () => {
    expect(richError(statusOf({ reason: 'OUTCOME_UNKNOWN', retriable: false })).retryMs).to.equal(undefined);
  });

  it('tells the freshness of an absence', () => {
    const { freshness } = richError(statusOf({ reason: 'PARAMETER_NOT_FOUND', key, freshness: FRESH }));
    expect(freshness).to.deep.include({ revision: 7n, servedFrom: 1, degraded: false });
  });

  it('names the keys of failed conditions', () => {
    const mismatches = ['a', 'b'].map((name) => ({ key: name, currentRevision: 9n }));
    const { preconditions } = richError(statusOf({ reason: 'REVISION_MISMATCH', mismatches }));
    expect(preconditions.map(({ subject }) => subject)).to.deep.equal(['a', 'b']);
  });

  it('stays below 4 KB, whatever there is to tell', () => {
    const long = '🦊'.repeat(128);
    const mismatches = Array.from({ length: 300 }, () => ({ key: long, currentRevision: 9n }));
    const violations = Array.from({ length: 50 }, () => ({ field: 'f'.repeat(200), description: long }));
    const failures: Failure[] = [
      { reason: 'REVISION_MISMATCH', mismatches },
      { reason: 'INVALID_FIELD', violations },
      { reason: 'PARAMETER_NOT_FOUND', key: long, freshness: FRESH },
    ];
    for (const failure of failures) {
      const error = richError(statusOf(failure));
      expect(error.detailsBytes).to.be.lessThan(4096);
      expect(encodeURI(error.message).length + (error.detailsBytes * 4) / 3).to.be.lessThan(8000);
    }
  });

  it('survives lone surrogates', () => {
    const error = richError(statusOf({ reason: 'PARAMETER_NOT_FOUND', key: '\ud800' }));
    expect(() => encodeURI(error.message)).not.to.throw();
  });

  it('tells only the id of a defect', () => {
    expect(richError(unforeseenStatus('abc'))).to.deep.include({
      code: Code.INTERNAL,
      reason: 'UNFORESEEN',
      metadata: { errorId: 'abc' },
    });
  });
});
