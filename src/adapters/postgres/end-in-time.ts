import type { Client } from 'pg';

const END_MS_MAX = 1000;

/** What pg has and its types do not tell. */
interface WithStream {
  readonly connection: { readonly stream: { destroy(): void } };
}

/** Ends connections with a goodbye. A frozen server answers none: what is still open then is closed without. */
export async function endInTime(end: () => Promise<void>, open: Iterable<Client>): Promise<void> {
  const timer = setTimeout(() => {
    for (const client of open) (client as unknown as WithStream).connection.stream.destroy();
  }, END_MS_MAX);
  try {
    await end();
  } finally {
    clearTimeout(timer);
  }
}
