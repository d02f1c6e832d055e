// Needs @openfeature/server-sdk, an optional peer dependency: nothing else in this package imports this file.
import {
  ErrorCode,
  type FlagMetadata,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  type ResolutionDetails,
  StandardResolutionReasons,
} from '@openfeature/server-sdk';
import type { NearCache, ReadDetail, ReadReason } from './near-cache/near-cache.ts';

export interface ParamdProviderSettings {
  /** Put before a flag's key to make the parameter's: 'flags:'. By default ''. The cache must keep it. */
  readonly prefix?: string | undefined;
  /** Close the cache when the provider is closed; by default it stays open, for it is the caller's. */
  readonly closeCache?: boolean | undefined;
}

const { Ready: READY, Stale: STALE } = ProviderEvents;

const ERROR_CODES: Readonly<Partial<Record<ReadReason, ErrorCode>>> = {
  MISSING: ErrorCode.FLAG_NOT_FOUND,
  WRONG_KIND: ErrorCode.TYPE_MISMATCH,
  NOT_READY: ErrorCode.PROVIDER_NOT_READY,
};

/**
 * Flags from a near cache: an evaluation reads memory and never waits for a server. It has the reason CACHED, or STALE
 * beyond the cache's bound, and tells `revision` and `stalenessBoundMs` as metadata. Parameters are the same for
 * everybody: the evaluation context is not looked at.
 */
export class ParamdProvider implements Provider {
  readonly metadata = { name: 'paramd' } as const;
  readonly runsOn = 'server';
  readonly events = new OpenFeatureEventEmitter();
  readonly #cache: NearCache;
  readonly #prefix: string;
  readonly #closeCache: boolean;
  #endings: (() => void)[] = [];
  #changed = new Set<string>();

  constructor(cache: NearCache, { prefix = '', closeCache = false }: ParamdProviderSettings = {}) {
    this.#cache = cache;
    this.#prefix = prefix;
    this.#closeCache = closeCache;
  }

  /** @throws NearCacheTimeout if there are no values yet (Ready follows once there are); TypeError for a prefix that the cache does not keep */
  async initialize(): Promise<void> {
    let isSettled = false;
    this.#endings = [
      this.#cache.onChange({ prefix: this.#prefix }, ({ key }) => this.#tellChanged(key.slice(this.#prefix.length))),
      this.#cache.onDegraded((degraded) => isSettled && this.events.emit(degraded ? STALE : READY)),
    ];
    // The SDK says Ready, or Error, of its own when this function is done: what is to follow that, must come later.
    await this.#cache.ready().finally(() => {
      isSettled = true;
    });
    if (this.#cache.degraded) setImmediate(() => this.#cache.degraded && this.events.emit(STALE));
  }

  async onClose(): Promise<void> {
    for (const end of this.#endings.splice(0)) end();
    if (this.#closeCache) await this.#cache.close();
  }

  async resolveBooleanEvaluation(flagKey: string, fallback: boolean): Promise<ResolutionDetails<boolean>> {
    return resolution(this.#cache.detail('boolean', this.#prefix + flagKey, fallback));
  }

  async resolveStringEvaluation(flagKey: string, fallback: string): Promise<ResolutionDetails<string>> {
    return resolution(this.#cache.detail('string', this.#prefix + flagKey, fallback));
  }

  /** An int or a double. */
  async resolveNumberEvaluation(flagKey: string, fallback: number): Promise<ResolutionDetails<number>> {
    return resolution(this.#cache.detail('number', this.#prefix + flagKey, fallback));
  }

  /** A json or a list of strings, frozen. */
  async resolveObjectEvaluation<T extends JsonValue>(flagKey: string, fallback: T): Promise<ResolutionDetails<T>> {
    const key = this.#prefix + flagKey;
    const isList = this.#cache.kindOf(key) === 'list';
    const detail = isList ? this.#cache.detail('list', key, []) : this.#cache.detail('json', key, fallback);
    return resolution(detail as ReadDetail<T>);
  }

  /** One event for all that changed in one turn. */
  #tellChanged(flagKey: string): void {
    if (this.#changed.size === 0) {
      queueMicrotask(() => {
        const flagsChanged = [...this.#changed];
        this.#changed.clear();
        this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged });
      });
    }
    this.#changed.add(flagKey);
  }
}

function resolution<T>({ value, reason, revision, stalenessBoundMs, degraded, problem }: ReadDetail<T>) {
  const bound: FlagMetadata = stalenessBoundMs === undefined ? {} : { stalenessBoundMs };
  const errorCode = ERROR_CODES[reason];
  if (errorCode === undefined) {
    const flagMetadata = { revision: String(revision), ...bound };
    return { value, reason: StandardResolutionReasons[degraded ? 'STALE' : 'CACHED'], flagMetadata };
  }
  const errorMessage = problem ?? reason;
  return { value, reason: StandardResolutionReasons.DEFAULT, errorCode, errorMessage, flagMetadata: bound };
}
