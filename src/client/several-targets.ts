// grpc-js takes one name, or several IP addresses. This resolver takes several of either, each of which may stand for
// many addresses: those of all are used together, and a name that cannot be resolved does not keep the others back.
import { type ChannelOptions, experimental } from '@grpc/grpc-js';

type Found = experimental.StatusOr<experimental.Endpoint[]>;
type Target = Parameters<typeof experimental.createResolver>[0];

const SCHEME = 'several';

/** @param targets each "host:port" */
export function severalTargets(targets: readonly string[]): string {
  experimental.registerResolver(SCHEME, SeveralTargets);
  return `${SCHEME}:${targets.join(',')}`;
}

class SeveralTargets implements experimental.Resolver {
  readonly #resolvers: readonly experimental.Resolver[];

  constructor({ path }: Target, listener: experimental.ResolverListener, options: ChannelOptions) {
    const targets = path.split(',');
    const found: (Found | undefined)[] = targets.map(() => undefined);
    this.#resolvers = targets.map((target, at) =>
      experimental.createResolver(
        { scheme: 'dns', path: target },
        (endpoints, attributes, serviceConfig, note) => {
          // What a name stood for the last time is better than that it cannot be resolved now.
          if (endpoints.ok || found[at] === undefined) found[at] = endpoints;
          const known = together(found);
          return known === undefined || listener(known, attributes, serviceConfig, note);
        },
        options,
      ),
    );
  }

  updateResolution(): void {
    for (const resolver of this.#resolvers) resolver.updateResolution();
  }

  destroy(): void {
    for (const resolver of this.#resolvers) resolver.destroy();
  }

  static getDefaultAuthority({ path }: Target): string {
    return path.split(',')[0] ?? '';
  }
}

/** Undefined: nothing is known yet. An error only if all have failed. */
function together(found: readonly (Found | undefined)[]): Found | undefined {
  const endpoints = found.flatMap((each) => (each?.ok ? each.value : []));
  if (endpoints.length > 0) return experimental.statusOrFromValue(endpoints);
  return found.includes(undefined) ? undefined : found[0];
}
