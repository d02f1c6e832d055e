import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { LogLine } from './embedded-server.ts';

// Valkey without installing it: the distribution's own package, fetched and verified by apt with a configuration and
// lists of our own, and only unpacked. That needs no root and changes nothing outside the folder. The sources are those
// that this machine has, plus the backports beside them (where Debian 12 keeps Valkey); apt resolves which libraries
// the machine lacks.

const run = promisify(execFile);
const updateMsMax = 120_000;
const downloadMsMax = 120_000;
const keyrings = ['debian-archive-keyring', 'ubuntu-archive-keyring'].flatMap((name) =>
  ['gpg', 'pgp'].map((kind) => `/usr/share/keyrings/${name}.${kind}`),
);

/** Unpacks the package and what it needs into the folder, at once or not at all. Throws where that cannot be done. */
export async function unpackValkey(folder: string, log: LogLine): Promise<void> {
  const sources = await ownSources();
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(`${folder}.`);
  try {
    log(`downloading Valkey from this system's package sources into ${folder} (once, about 15 MB)`);
    const apt = await privateApt(work, sources);
    // A single source that fails is no obstacle if another one has the package.
    await run('apt-get', [...apt, 'update'], { timeout: updateMsMax }).catch(() => undefined);
    const wanted = ['install', '--yes', '--no-install-recommends', '--download-only', 'valkey-server'];
    await run('apt-get', [...apt, ...wanted], { timeout: downloadMsMax });
    const archives = join(work, 'cache', 'archives');
    const root = join(work, 'root');
    for (const name of (await readdir(archives)).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg-deb', ['-x', join(archives, name), root]);
    }
    // Somebody else may have been faster: his is as good.
    await rename(root, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** In the one-line format of sources.list. */
async function ownSources(): Promise<string[]> {
  if (!(existsSync('/usr/bin/apt-get') && existsSync('/usr/bin/dpkg-deb'))) throw new Error('this system has no apt');
  const release = /^VERSION_CODENAME=(\S+)$/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const format = '$(CREATED_BY) $(REPO_URI) $(RELEASE) $(COMPONENT)';
  const { stdout } = await run('apt-get', ['indextargets', '-o', 'APT::Get::IndexTargets=0', '--format', format]);
  const keys = keyrings.filter((path) => existsSync(path));
  const option = keys.length > 0 ? `[signed-by=${keys.join(',')}] ` : '';
  const lines = stdout.split('\n').flatMap((line) => {
    const [kind, uri, suite = '', component] = line.split(' ');
    if (kind !== 'Packages' || ![release, `${release}-updates`, `${release}-security`].includes(suite)) return [];
    const suites = suite === release ? [suite, `${release}-backports`] : [suite];
    return suites.map((name) => `deb ${option}${uri} ${name} ${component}`);
  });
  if (lines.length === 0) throw new Error('apt has no package sources of this release');
  return [...new Set(lines)];
}

/** Parameters that make apt keep everything of its own below the folder; proxies and credentials stay the machine's. */
async function privateApt(work: string, sources: readonly string[]): Promise<string[]> {
  await mkdir(join(work, 'state', 'lists', 'partial'), { recursive: true });
  await mkdir(join(work, 'cache', 'archives', 'partial'), { recursive: true });
  await writeFile(join(work, 'sources.list'), `${sources.join('\n')}\n`);
  const settings = {
    'Dir::State': join(work, 'state'),
    'Dir::State::status': '/var/lib/dpkg/status',
    'Dir::Cache': join(work, 'cache'),
    'Dir::Etc::sourcelist': join(work, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::http::Timeout': '20',
    'Debug::NoLocking': 'true',
    'APT::Update::Post-Invoke-Success::': '',
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
}
