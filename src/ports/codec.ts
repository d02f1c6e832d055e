import type { Parameter } from '../model/parameter.ts';

/**
 * The wire form of a parameter: field 1 of any response, tag and length included, so that a cache hit is sent as it is.
 */
export interface ParameterCodec {
  encode(parameter: Parameter): Uint8Array;
  /** Throws on anything that encode does not give. */
  decode(encoded: Uint8Array): Parameter;
}
