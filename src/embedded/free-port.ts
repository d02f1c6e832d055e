import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { EmbeddedError, type LogLine } from './embedded-server.ts';

// Below the ranges from which systems take the local ports of outgoing connections: a server that is stopped and
// started again then finds its port free.
const portMin = 15_000;
const portEnd = 32_000;
const attemptsMax = 100;

/** The port asked for (else an error), or the remembered one, or a free one. */
export async function choosePort(
  wanted: number | undefined,
  rememberedIn: string,
  what: string,
  log: LogLine,
): Promise<number> {
  if (wanted !== undefined) {
    if (await isFree(wanted)) return wanted;
    throw new EmbeddedError(`port ${wanted}, which ${what} is to listen on, is taken by another program`);
  }
  const remembered = read(rememberedIn);
  if (remembered === undefined) return freePort();
  if (await isFree(remembered)) return remembered;
  const port = await freePort();
  log(`port ${remembered}, which ${what} listened on before, is taken by another program: taking ${port}`);
  return port;
}

/** A port on the loopback that nobody listens on. Somebody else may take it before you do. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = randomInt(portMin, portEnd);
    if (await isFree(port)) return port;
  }
  throw new EmbeddedError(`no free port found between ${portMin} and ${portEnd}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

function read(path: string): number | undefined {
  try {
    const port = Number(readFileSync(path, 'utf8'));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}
