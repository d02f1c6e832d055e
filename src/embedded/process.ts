import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

// A process number alone names nothing: it is used again. A process is its number and the moment it was born.
export interface RunningProcess {
  readonly pid: number;
  /** Opaque; the empty string where the system does not tell (Windows). */
  readonly born: string;
}

interface ProcessState {
  readonly parent: number;
  readonly zombie: boolean;
  readonly born: string;
}

const pollMs = 10;

/** Undefined if there is no such process, or only what an unreaped one leaves. */
export function findProcess(pid: number): RunningProcess | undefined {
  const state = stateOf(pid);
  return state === undefined || state.zombie ? undefined : { pid, born: state.born };
}

export function isRunning(process: RunningProcess): boolean {
  return findProcess(process.pid)?.born === process.born;
}

/** Whether a signal to that number would reach something, be it unreaped or another user's. */
export function numberIsUsed(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The parameters that it was started with; empty if they cannot be read. */
export function commandLine(pid: number): readonly string[] {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
    if (process.platform === 'win32') return [];
    return ps('-ww', '-o', 'command=', '-p', String(pid)).trim().split(' ');
  } catch {
    return [];
  }
}

/** The process and all its descendants, ancestors first. */
export function processTree(root: RunningProcess): RunningProcess[] {
  const children = Map.groupBy(everyProcess(), ({ parent }) => parent);
  const tree = isRunning(root) ? [root] : [];
  for (const { pid } of tree) {
    for (const child of children.get(pid) ?? []) if (!child.zombie) tree.push({ pid: child.pid, born: child.born });
  }
  return tree;
}

/** Those whose working folder it is, as far as we may know: our own, or as root all. Linux only, elsewhere none. */
export function processesIn(folder: string): RunningProcess[] {
  if (process.platform !== 'linux' || !existsSync(folder)) return [];
  const path = realpathSync(folder);
  return everyProcess().filter(({ pid, zombie }) => {
    try {
      return !zombie && readlinkSync(`/proc/${pid}/cwd`) === path;
    } catch {
      return false;
    }
  });
}

/** True if it could be sent. A process that is gone is not an error. */
export function sendSignal(target: RunningProcess, signal: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    return false;
  }
}

/** Signals the process and all descendants; the root first, so that it starts no further ones. */
export function signalTree(root: RunningProcess, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): RunningProcess[] {
  if (signal !== 'SIGCONT') sendSignal(root, 'SIGSTOP');
  const tree = processTree(root);
  for (const member of tree) sendSignal(member, signal);
  return tree;
}

/** False if one of them still runs after that time. */
export async function goneWithin(processes: readonly RunningProcess[], waitMs: number): Promise<boolean> {
  const deadline = performance.now() + waitMs;
  while (processes.some(isRunning)) {
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
  return true;
}

/** Sends the signals one after the other, giving each its time, and at last SIGKILL to whatever is left. */
export async function stopProcess(
  root: RunningProcess,
  steps: readonly { readonly signal: NodeJS.Signals; readonly waitMs: number }[],
): Promise<void> {
  const tree = signalTree(root, 'SIGCONT');
  for (const { signal, waitMs } of steps) {
    sendSignal(root, signal);
    if (await goneWithin(tree, waitMs)) return;
  }
  const rest = new Set([...tree, ...signalTree(root, 'SIGKILL')]);
  for (const member of rest) sendSignal(member, 'SIGKILL');
  if (!(await goneWithin([...rest], 5000))) throw new Error(`process ${root.pid} cannot be ended`);
}

function stateOf(pid: number): ProcessState | undefined {
  try {
    if (process.platform === 'linux') return linuxState(pid);
    if (process.platform === 'win32') return process.kill(pid, 0) ? { parent: 0, zombie: false, born: '' } : undefined;
    const [parent = '', status = '', ...born] = ps('-o', 'ppid=,stat=,lstart=', '-p', String(pid)).trim().split(/\s+/);
    return { parent: Number(parent), zombie: status.startsWith('Z'), born: born.join(' ') };
  } catch {
    return undefined;
  }
}

/** Fields of /proc/…/stat: number, (name, which may hold anything), state, parent, …, the 22nd is the start in ticks. */
function linuxState(pid: number): ProcessState {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const zombie = fields[0] === 'Z' || fields[0] === 'X';
  return { parent: Number(fields[1]), zombie, born: `${fields[19]}@${bootId()}` };
}

let boot: string | undefined;
function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return boot;
}

function everyProcess(): (ProcessState & { pid: number })[] {
  if (process.platform === 'win32') return [];
  const names =
    process.platform === 'linux'
      ? readdirSync('/proc').filter((name) => /^\d+$/.test(name))
      : ps('-axo', 'pid=').trim().split(/\s+/);
  return names.flatMap((name) => {
    const state = stateOf(Number(name));
    return state === undefined ? [] : [{ ...state, pid: Number(name) }];
  });
}

function ps(...parameters: string[]): string {
  return execFileSync('ps', parameters, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}
