import type { Written } from '../../core/api.ts';
import { encodeParameter } from '../parameter-codec.ts';
import { VARINT_BYTES_MAX, writeInt64 } from '../protobuf-bytes.ts';

const DELETE_REVISION_TAG = 0x08;
const COMMIT_REVISION_TAG = 0x10;

export function setResponse({ parameters: [parameter] }: Written): Buffer {
  if (parameter === undefined) throw new Error('a set was written and gave no parameter');
  return encodeParameter(parameter);
}

export function deleteResponse({ revision }: Written): Buffer {
  return revisionField(DELETE_REVISION_TAG, revision);
}

export function commitResponse({ parameters, revision }: Written): Buffer {
  return Buffer.concat([...parameters.map(encodeParameter), revisionField(COMMIT_REVISION_TAG, revision)]);
}

function revisionField(tag: number, revision: bigint): Buffer {
  const target = Buffer.allocUnsafe(1 + VARINT_BYTES_MAX);
  if (revision === 0n) return target.subarray(0, 0);
  target[0] = tag;
  return target.subarray(0, writeInt64(target, 1, revision));
}
