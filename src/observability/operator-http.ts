import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface OperatorHttpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  /** May this replica get calls, and if not, why. */
  ready(): { readonly ready: boolean; readonly reason: string };
}

export interface OperatorHttp {
  readonly port: number;
  close(): Promise<void>;
}

const HEADER_BYTES_MAX = 8 * 1024;
const HEADERS_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;
const CONNECTIONS_MAX = 64;
const CLOSE_MS_MAX = 1000;

type Pages = ReadonlyMap<string, () => Page | Promise<Page>>;

interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What operators and their tools ask for. Rejects if the address is taken. */
export async function startOperatorHttp(options: OperatorHttpOptions): Promise<OperatorHttp> {
  const pages: Pages = new Map<string, () => Page | Promise<Page>>([
    ['/', () => ({ status: 200, type: 'text/html; charset=utf-8', body: INDEX })],
    ['/metrics', sharing(() => metricsPage(options))],
    ['/healthz', () => text(200, 'alive')],
    ['/readyz', () => readyPage(options)],
  ]);
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => void answer(pages, request, response),
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listening(server, options);
  return { port: (server.address() as AddressInfo).port, close: () => closed(server) };
}

async function answer(pages: Pages, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { status, type, body } = await pageFor(pages, request).catch(() => text(500, 'failed'));
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 ? { allow: 'GET, HEAD', connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function pageFor(pages: Pages, { method, url = '/' }: IncomingMessage): Promise<Page> {
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET and HEAD');
  const page = pages.get(url.split('?', 1)[0] ?? '/');
  return page === undefined ? text(404, 'not found') : page();
}

async function metricsPage({ metrics }: OperatorHttpOptions): Promise<Page> {
  return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
}

function readyPage({ ready }: OperatorHttpOptions): Page {
  const now = ready();
  return now.ready ? text(200, 'ready') : text(503, now.reason);
}

/** Requests that come while an answer is being made share it: asking often costs no more than asking once. */
function sharing<T>(make: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined;
  return () => {
    underWay ??= make().finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}

function text(status: number, body: string): Page {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function listening(server: Server, { host, port }: OperatorHttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS_MAX);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

const INDEX = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>paramd</title>
<h1>paramd</h1>
<ul>
<li><a href="/metrics">/metrics</a>: for Prometheus
<li><a href="/healthz">/healthz</a>: the process is alive
<li><a href="/readyz">/readyz</a>: this replica takes calls, or why not
</ul>
</html>
`;
