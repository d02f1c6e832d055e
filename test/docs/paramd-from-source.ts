// For `node --import`: programs that import the package by its name run against the sources, without a build.
import { registerHooks } from 'node:module';

const SOURCES: Record<string, string> = {
  'paramd/client': '../../src/client/index.ts',
  'paramd/client/testing': '../../src/client/testing.ts',
  'paramd/openfeature': '../../src/client/openfeature.ts',
};

registerHooks({
  resolve: (specifier, context, next) => {
    const source = SOURCES[specifier];
    return source === undefined ? next(specifier, context) : next(new URL(source, import.meta.url).href, context);
  },
});
