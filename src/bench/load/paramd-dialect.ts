import { randomUUID } from 'node:crypto';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { Freshness, Tier } from '../../../gen/parameter/v1/freshness.ts';
import {
  BatchGetParametersRequest,
  CommitRequest,
  CommitResponse,
  GetParameterRequest,
  ListParametersRequest,
  ParameterServiceService,
  SetParameterRequest,
  WatchRequest,
} from '../../../gen/parameter/v1/parameter_service.ts';
import { type Answer, type Dialect, type Watched, WrongAnswer } from './dialect.ts';

const { getParameter, batchGetParameters, listParameters, setParameter, commit, watch } = ParameterServiceService;
const FRESHNESS = 2;
const TIERS: Readonly<Record<number, string>> = {
  [Tier.TIER_NEAR_CACHE]: 'near cache',
  [Tier.TIER_SHARED_CACHE]: 'shared cache',
  [Tier.TIER_STORE]: 'store',
};

/** Writes bring a request_id each, as those of the shipped client do. */
export const paramdDialect: Dialect = {
  read: (key) => ({
    path: getParameter.path,
    request: GetParameterRequest.encode({ key, consistency: undefined }).finish(),
    check: (answer) => readAnswer(answer, 1),
  }),
  readMany: (keys) => ({
    path: batchGetParameters.path,
    request: BatchGetParametersRequest.encode({ keys: [...keys], consistency: undefined }).finish(),
    check: (answer) => readAnswer(answer, keys.length),
  }),
  list: (prefix, pageSize) => ({
    path: listParameters.path,
    request: ListParametersRequest.encode({
      prefix,
      consistency: undefined,
      pageSize,
      pageToken: '',
      keysOnly: false,
    }).finish(),
    check: (answer) => readAnswer(answer, pageSize),
  }),
  write: (key, text) => ({
    path: setParameter.path,
    request: SetParameterRequest.encode({
      ...newContents(key, text),
      ifRevision: undefined,
      requestId: randomUUID(),
      validateOnly: false,
    }).finish(),
    check: (answer) => ({ operations: 1, revision: revisionOfParameter(answer) }),
  }),
  writeMany: (keys, text) => ({
    path: commit.path,
    request: CommitRequest.encode({
      conditions: [],
      operations: keys.map((key) => ({ operation: { $case: 'set', value: newContents(key, text) } })),
      requestId: randomUUID(),
      validateOnly: false,
    }).finish(),
    check: (answer) => {
      const { parameters, revision } = CommitResponse.decode(answer);
      if (parameters.length !== keys.length) throw new WrongAnswer('a commit has more or fewer parameters than asked');
      return { operations: keys.length, revision: Number(revision) };
    },
  }),
  watch: (prefix, fromRevision = 0) => ({
    path: watch.path,
    request: WatchRequest.encode({
      keys: [],
      prefixes: [prefix],
      startRevision: BigInt(fromRevision),
      sendInitial: false,
      includePrevious: false,
      progressInterval: undefined,
    }).finish(),
  }),
  watched,
};

function newContents(key: string, text: string) {
  return {
    key,
    value: { kind: { $case: 'stringValue' as const, value: text } },
    cacheTtl: undefined,
    labels: new Map<string, string>(),
    removeLabels: [],
    allowKindChange: false,
  };
}

/** Parameters are field 1 of every answer; they are counted and skipped. */
function readAnswer(answer: Buffer, count: number): Answer {
  const reader = new BinaryReader(answer);
  let operations = 0;
  let tier: string | undefined;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) operations++;
    if (field === FRESHNESS) tier = TIERS[Freshness.decode(reader, reader.uint32()).servedFrom];
    else reader.skip(type);
  }
  if (operations !== count) throw new WrongAnswer('an answer has more or fewer parameters than asked for');
  return { operations, tier };
}

/** SetParameterResponse.parameter.revision; the rest is skipped. */
function revisionOfParameter(answer: Buffer): number {
  const reader = new BinaryReader(answer);
  if (reader.uint32() !== ((1 << 3) | 2)) throw new WrongAnswer('a write was answered without its parameter');
  const end = reader.uint32() + reader.pos;
  while (reader.pos < end) {
    const [field, type] = reader.tag();
    if (field === 3) return Number(reader.int64());
    reader.skip(type);
  }
  throw new WrongAnswer('a parameter has no revision');
}

/** WatchResponse: events = 1, each with its revision = 4; revision = 2. Values are skipped. */
function watched(message: Buffer): Watched {
  const reader = new BinaryReader(message);
  const revisions: number[] = [];
  let delivered = 0;
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === 1) revisions.push(revisionOfEvent(reader, reader.uint32() + reader.pos));
    else if (field === 2) delivered = Number(reader.int64());
    else reader.skip(type);
  }
  return { revisions, delivered };
}

function revisionOfEvent(reader: BinaryReader, end: number): number {
  let revision = 0;
  while (reader.pos < end) {
    const [field, type] = reader.tag();
    if (field === 4) revision = Number(reader.int64());
    else reader.skip(type);
  }
  return revision;
}
