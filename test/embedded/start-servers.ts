// Run by tests as a process of its own: starts both servers in a folder, prints one line of JSON, and then stays until
// its input ends (stops them) or it is killed (leaves them).
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { startEmbeddedValkey } from '../../src/embedded/valkey.ts';

const [folder = '', unpackInto = ''] = process.argv.slice(2);
const lines: string[] = [];
const log = (line: string) => void lines.push(line);
try {
  const postgres = await startEmbeddedPostgres({ folder: `${folder}/postgres`, log, durable: false });
  const valkey =
    unpackInto === '' ? undefined : await startEmbeddedValkey({ folder: `${folder}/valkey`, unpackInto, log });
  const tell = (server?: { url: string; pid: number }) => server && { url: server.url, pid: server.pid };
  console.log(JSON.stringify({ postgres: tell(postgres), valkey: tell(valkey), lines, uid: process.getuid?.() }));
  process.stdin.resume();
  process.stdin.once('end', async () => {
    await Promise.all([postgres.stop(), valkey?.stop()]);
    process.exit(0);
  });
} catch (error) {
  console.log(JSON.stringify({ failure: (error as Error).message, lines }));
  process.exitCode = 1;
}
