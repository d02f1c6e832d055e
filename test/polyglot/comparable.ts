// Clients see the same, but for what belongs to the moment and to the client: keys begin with their own prefix, other
// clients' writes lie between their revisions, times pass. So that the rest can be compared exactly, a prefix becomes
// <prefix>, a revision <where it was first seen>, and what means nothing to others <so>.
import { createHash } from 'node:crypto';
import { isList, type Json, mapped, type Outcome } from './scenario.ts';

const OF_ITS_OWN = new Set(['createRevision', 'currentRevision']);
const OF_THE_MOMENT = new Set([
  'createTime',
  'updateTime',
  'nextPageToken',
  'stalenessBound',
  'servedFrom',
  'retryDelay',
  'errorId',
]);
/** For people; the numbers in them are in the details too. */
const TEXTS = new Set(['message', 'description']);
const CHARACTERS_MAX = 300;

export class Comparable {
  readonly #prefix: string;
  readonly #revisions = new Map<string, string>();
  #step = '';
  #ofStep = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @param step by which the revisions are called that it is the first to show */
  outcome(outcome: Outcome, step: string): Json {
    this.#step = step;
    this.#ofStep = 0;
    if (outcome.responses !== undefined) return { responses: this.json(merged(outcome.responses), '') };
    return this.json(outcome as Json, '');
  }

  /** @param name of the member that this is */
  json(json: Json, name: string): Json {
    if (typeof json === 'string') return this.#text(json, name);
    if (isList(json)) {
      const items = json.map((item) => this.json(item, name));
      return name === 'details' ? items.toSorted(byType) : items;
    }
    if (typeof json !== 'object' || json === null) return json;
    // Up to where an answer or a watch reflects everything depends on others' writes too.
    const reflecting = 'servedFrom' in json || 'kind' in json;
    if (reflecting && typeof json.revision === 'string') json = { ...json, revision: '<some>' };
    const members = Object.entries(json).sort(([one], [other]) => (one < other ? -1 : 1));
    return mapped(Object.fromEntries(members), (value, member) => this.json(value, member));
  }

  #text(text: string, name: string): string {
    if (OF_THE_MOMENT.has(name)) return '<some>';
    if ((name === 'revision' || OF_ITS_OWN.has(name)) && /^[1-9]\d*$/.test(text)) {
      if (!this.#revisions.has(text)) this.#revisions.set(text, `<revision ${++this.#ofStep} of "${this.#step}">`);
      return this.#revisions.get(text)!;
    }
    const common = text.replaceAll(this.#prefix, '<prefix>');
    if (TEXTS.has(name)) return common.replaceAll(/\d+/g, '<n>');
    if (common.length <= CHARACTERS_MAX) return common;
    const hash = createHash('sha256').update(common).digest('hex').slice(0, 16);
    return `${common.slice(0, 20)}… (${common.length} characters, hash ${hash})`;
  }
}

/** How many responses carry some events is a matter of the moment, and where nothing is said of progress. */
function merged(responses: Json): Json {
  const together: { kind: Json; events?: readonly Json[] }[] = [];
  for (const response of responses as readonly { kind: Json; events?: readonly Json[] }[]) {
    const last = together.at(-1);
    if (response.kind === 'KIND_PROGRESS') continue;
    if (last?.kind === response.kind) last.events = [...(last.events ?? []), ...(response.events ?? [])];
    else together.push({ ...response });
  }
  return together as unknown as Json;
}

function byType(one: Json, other: Json): number {
  return JSON.stringify(one) < JSON.stringify(other) ? -1 : 1;
}
