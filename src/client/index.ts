export type { GetStatsResponse, WarmCacheResponse } from '../../gen/parameter/v1/cache_service.ts';
export { type Freshness, Tier } from '../../gen/parameter/v1/freshness.ts';
export { type Event, Event_Type, type Parameter, type Value } from '../../gen/parameter/v1/parameter.ts';
export type {
  BatchGetParametersResponse,
  CommitResponse,
  ListParametersResponse,
} from '../../gen/parameter/v1/parameter_service.ts';
export type { CallSettings } from './call.ts';
export type { TlsSettings } from './channel.ts';
export { type ConnectSettings, connect, type MetadataHook } from './connect.ts';
export { formatDuration, parseDuration } from './duration.ts';
export type { HealthStatus } from './health.ts';
export {
  type Change,
  type ChangeSelection,
  type DefaultsUsed,
  type JsonValue,
  type NearCache,
  type NearCacheSettings,
  NearCacheTimeout,
  type ReadDetail,
  type ReadReason,
  type ReadTypes,
  type WaitSettings,
} from './near-cache/near-cache.ts';
export type { StandardResult, StandardSchema } from './near-cache/standard-schema.ts';
export type { Found, ListSettings, ParamdClient, WarmSettings } from './paramd-client.ts';
export type {
  CommitOperation,
  CommitSettings,
  DeleteSettings,
  Labels,
  ReadSettings,
  SetContents,
  SetSettings,
  WriteSettings,
} from './requests.ts';
export { type ErrorDetails, ParamdRpcError, type Reason } from './rpc-error.ts';
export { formatValue, guessKind, parseValue } from './value-text.ts';
export { apiNameOf, fromValue, KINDS, type Kind, kindNamed, kindOf, type NativeValue, toValue } from './values.ts';
export type { WatchItem, WatchSelection, WatchSettings } from './watch.ts';
