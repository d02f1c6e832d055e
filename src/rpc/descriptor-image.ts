import { existsSync, readFileSync } from 'node:fs';

/** From the sources, and from dist/src/rpc/ of the package. */
const PLACES = ['../../gen/image.binpb', '../../../gen/image.binpb'].map((place) => new URL(place, import.meta.url));

/** The descriptors of everything in proto/ and what it needs: a google.protobuf.FileDescriptorSet. */
export function descriptorImage(): Buffer {
  const place = PLACES.find((candidate) => existsSync(candidate));
  if (place === undefined) throw new Error('gen/image.binpb is missing; run npm run generate');
  return readFileSync(place);
}
