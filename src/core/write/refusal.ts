import type { Failure } from '../../model/errors.ts';
import type { Refusal, Write } from '../../model/write.ts';

/** What the caller is told when the store refused its write. */
export function refusalFailure(refusal: Refusal, write: Write): Failure {
  switch (refusal.reason) {
    case 'PARAMETER_NOT_FOUND': {
      // The write was judged at the head, by the store itself.
      const { key, revision } = refusal;
      const freshness = { revision, servedFrom: 'store', stalenessBoundMs: undefined, degraded: false } as const;
      return { reason: 'PARAMETER_NOT_FOUND', key, freshness };
    }
    case 'VALUE_REQUIRED': {
      const description = `${JSON.stringify(refusal.key)} does not exist: to create it, a value is required`;
      const operation = write.operations[refusal.operation];
      const path = operation?.type === 'set' ? (operation.path ?? '') : '';
      return { reason: 'INVALID_FIELD', violations: [{ field: `${path}value`, description }] };
    }
    default:
      return refusal;
  }
}
