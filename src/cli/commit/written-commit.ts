import { CommitRequest, type Operation } from '../../../gen/parameter/v1/parameter_service.ts';
import type { CommitOperation } from '../../client/index.ts';
import { EXIT, Failure } from '../failure.ts';
import { fromProtoJson } from '../proto-json.ts';
import type { Condition } from './flags.ts';

/** What the client takes. */
export interface WrittenCommit {
  readonly operations: readonly CommitOperation[];
  readonly conditions: readonly Condition[];
  readonly requestId?: string | undefined;
  readonly validateOnly?: boolean;
}

/** @param text a CommitRequest in ProtoJSON. @throws Failure that says what is wrong with it */
export function writtenCommit(text: string): WrittenCommit {
  const { operations, conditions, requestId, validateOnly } = parsed(text);
  return {
    operations: operations.map(operationOf),
    conditions: conditions.map(({ key, ifRevision }, index) => {
      if (ifRevision === undefined) throw wrong(`conditions[${index}] has no ifRevision; 0 means: does not exist`);
      return { key, ifRevision };
    }),
    requestId: requestId === '' ? undefined : requestId,
    validateOnly,
  };
}

function parsed(text: string): CommitRequest {
  try {
    return fromProtoJson('CommitRequest', CommitRequest, text);
  } catch (error) {
    throw wrong((error as Error).message);
  }
}

function operationOf({ operation }: Operation, index: number): CommitOperation {
  if (operation?.$case === 'delete') {
    return { delete: operation.value.key, allowMissing: operation.value.allowMissing };
  }
  if (operation?.$case === 'set') {
    const { key, value, cacheTtl, labels, removeLabels, allowKindChange } = operation.value;
    const cacheTtlMs = cacheTtl && Number(cacheTtl.seconds) * 1000 + cacheTtl.nanos / 1e6;
    return { set: key, value, cacheTtlMs, labels, removeLabels, allowKindChange };
  }
  throw wrong(`operations[${index}] is neither set nor delete`);
}

function wrong(what: string): Failure {
  return new Failure(EXIT.usage, `the request: ${what}`);
}
