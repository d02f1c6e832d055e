import type { MemoryDump } from '../../src/adapters/memory/shared-cache.ts';
import type { Announcement } from '../../src/ports/bus.ts';
import type { Fleet, Place } from './fleet.ts';
import type { DeathPoint } from './machine.ts';
import type { Server } from './servers.ts';
import type { LineTrouble } from './store-line.ts';

/** Does something bad; what it returns makes it good again. */
type Fault = () => { readonly name: string; readonly heal?: () => void } | undefined;

const TROUBLES: readonly LineTrouble[] = ['silent', 'mute', 'late', 'refused', 'slow', 'shaky', 'shaky'];
const DEATH_POINTS: readonly DeathPoint[] = ['before', 'sent', 'answered'];
/** Announcements kept, to be sent again much later. */
const OVERHEARD_MAX = 40;

/** Breaks things, some kinds of them in one run and others in another: a run in which everything breaks shows little. */
export class Faults {
  readonly #fleet: Fleet;
  readonly #kinds: readonly Fault[];
  readonly #heals = new Set<() => void>();
  readonly #overheard: Announcement[] = [];
  readonly #compacts: boolean;
  /** Either the wall clock of a machine jumps or it sleeps: what sleep does to it, a jump could hide. */
  readonly #sleeps: boolean;
  #dump: MemoryDump = new Map();
  /** The one of two primaries that will have to go. */
  #twin: Server | undefined;
  #lossShare = 0;
  #delayShare = 0;
  #doubleShare = 0;
  #injected = 0;
  #over = false;

  constructor(fleet: Fleet, compacts: boolean) {
    this.#fleet = fleet;
    this.#compacts = compacts;
    const { chance } = fleet;
    this.#sleeps = chance.of(0.5);
    const groups = [
      this.#storeFaults(),
      this.#serverFaults(),
      this.#valkeyFaults(),
      this.#busFaults(),
      this.#processFaults(),
    ];
    const chosen = groups.filter(() => chance.of(0.6));
    this.#kinds = (chosen.length === 0 ? groups : chosen).flat();
    this.#routeBus();
  }

  /** How many there were. */
  get injected(): number {
    return this.#injected;
  }

  /** Until it is told to end. */
  async run(): Promise<void> {
    const { chance, trace } = this.#fleet;
    const pauseMs = chance.pick([60, 150, 400]);
    for (;;) {
      await this.#fleet.sleep(chance.between(0, 2 * pauseMs));
      if (this.#over) return;
      const fault = chance.pick(this.#kinds)();
      if (fault === undefined) continue;
      this.#injected += 1;
      trace.tell('**', () => fault.name);
      if (fault.heal !== undefined) this.#healLater(fault.name, fault.heal);
    }
  }

  /** Everything is well from now on. */
  end(): void {
    const { trace, places, valkey } = this.#fleet;
    this.#over = true;
    trace.tell('**', () => 'everything heals');
    for (const heal of this.#heals) heal();
    this.#heals.clear();
    this.#lossShare = 0;
    this.#delayShare = 0;
    this.#doubleShare = 0;
    valkey.mode = 'working';
    valkey.travelMs = () => 0;
    for (const place of places) {
      place.line = 'none';
      place.server = this.#fleet.servers.primary;
      place.replica?.machine.spare();
      // It wakes by itself, soon; earlier it would have slept too short for anybody to notice.
      if (place.replica?.machine.isAsleep) continue;
      place.replica?.machine.wake();
      place.replica?.bus.connect();
    }
  }

  #healLater(name: string, heal: () => void): void {
    const { chance, trace } = this.#fleet;
    this.#heals.add(heal);
    this.#fleet.later(chance.pick([chance.between(5, 100), chance.between(100, 1500)]), () => {
      if (!this.#heals.delete(heal)) return;
      trace.tell('**', () => `over: ${name}`);
      heal();
    });
  }

  #storeFaults(): Fault[] {
    const { places, chance } = this.#fleet;
    const line = (of: readonly Place[], who: string) => {
      const trouble = chance.pick(TROUBLES);
      for (const place of of) place.line = trouble;
      const heal = () => {
        for (const place of of) place.line = 'none';
      };
      return { name: `the store is ${trouble} for ${who}`, heal };
    };
    const one = () => {
      const place = chance.pick(places);
      return line([place], place.name);
    };
    return [one, one, () => line(places, 'all')];
  }

  #serverFaults(): Fault[] {
    const { chance, servers, places, chronicle } = this.#fleet;
    const failOver = (missed: number, name: string) => {
      this.#endTwin();
      const former = servers.primary;
      const promoted = servers.promote(former, missed);
      servers.fence(former);
      servers.primary = promoted;
      for (const place of places) this.#leadLater(place);
      return {
        name: `${name}: ${former.name} ends, ${promoted.name} goes on at ${chronicle.short(promoted.store.head.revision)}`,
      };
    };
    const compaction: Fault = () => {
      if (!this.#compacts) return undefined;
      const keptMs = chance.below(1000);
      servers.primary.store.upkeep.compact(keptMs).catch(() => {});
      return { name: `history older than ${keptMs} ms is compacted` };
    };
    return [
      () => failOver(0, 'failover without loss'),
      () => failOver(1 + chance.below(4), 'failover with loss'),
      () => (chance.of(0.3) ? failOver(5 + chance.below(20), 'an older backup is put back') : undefined),
      () => this.#formerReturns(),
      () => this.#promoteTwo(),
      compaction,
      compaction,
    ];
  }

  #formerReturns(): ReturnType<Fault> {
    const { servers, places, chance } = this.#fleet;
    const former = servers.anyFormer();
    if (former === undefined || chance.of(0.6)) return undefined;
    this.#endTwin();
    const left = servers.primary;
    const back = servers.promote(former, 0);
    servers.fence(left);
    servers.primary = back;
    for (const place of places) this.#leadLater(place);
    return { name: `${left.name} ends, what ${former.name} had comes back` };
  }

  /** For a while there are two primaries, and some replicas are led to the one, some to the other. */
  #promoteTwo(): ReturnType<Fault> {
    const { servers, places, chance } = this.#fleet;
    if (chance.of(0.4)) return undefined;
    this.#endTwin();
    const former = servers.primary;
    const pair = [servers.promote(former, chance.below(3)), servers.promote(former, chance.below(3))] as const;
    servers.fence(former);
    const [kept, lost] = chance.of(0.5) ? pair : [pair[1], pair[0]];
    servers.primary = kept;
    for (const place of places) place.server = chance.pick(pair);
    this.#twin = lost;
    const heal = () => {
      if (this.#twin === lost) this.#endTwin();
    };
    return { name: `${former.name} ends, ${pair[0].name} and ${pair[1].name} are promoted apart`, heal };
  }

  /** There is one primary again. */
  #endTwin(): void {
    const { servers, places } = this.#fleet;
    const twin = this.#twin;
    if (twin === undefined) return;
    this.#twin = undefined;
    servers.fence(twin);
    for (const place of places) if (place.server === twin) this.#leadLater(place);
  }

  #leadLater(place: Place): void {
    const { chance, servers } = this.#fleet;
    this.#fleet.later(chance.of(0.3) ? 0 : chance.between(0, 150), () => {
      place.server = servers.primary;
    });
  }

  #valkeyFaults(): Fault[] {
    const { valkey, chance } = this.#fleet;
    const mode = (to: 'failing' | 'frozen') => {
      valkey.mode = to;
      return { name: `Valkey is ${to}`, heal: () => (valkey.mode = 'working') };
    };
    const travel = () => {
      const msMax = chance.pick([5, 60, 1000]);
      valkey.travelMs = () => (chance.of(0.3) ? chance.between(0, msMax) : 0);
      return { name: `Valkey is slow, up to ${msMax} ms`, heal: () => (valkey.travelMs = () => 0) };
    };
    const save: Fault = () => {
      this.#dump = valkey.dump();
      return { name: 'Valkey saves its contents' };
    };
    const restart: Fault = () => {
      valkey.load(this.#dump);
      return { name: 'Valkey restarts with what it saved' };
    };
    return [
      () => mode('failing'),
      () => mode('frozen'),
      travel,
      travel,
      save,
      save,
      restart,
      restart,
      () => {
        valkey.load();
        return { name: 'Valkey restarts empty' };
      },
      () => {
        const share = chance.random();
        valkey.spoil(() => chance.of(share));
        return { name: 'garbage is written into Valkey' };
      },
    ];
  }

  #busFaults(): Fault[] {
    const { places, chance } = this.#fleet;
    const share = (set: (share: number) => void, name: string): Fault => {
      return () => {
        const of = chance.pick([0.2, 0.6, 1]);
        set(of);
        return { name: `the bus ${name} ${of * 100} %`, heal: () => set(0) };
      };
    };
    const connection = (how: 'disconnect' | 'deafen'): Fault => {
      return () => {
        const { replica, name } = chance.pick(places);
        if (replica === undefined) return undefined;
        replica.bus[how]();
        const heal = () => {
          replica.bus.disconnect();
          replica.bus.connect();
        };
        return { name: how === 'deafen' ? `the bus of ${name} is half-open` : `${name} loses the bus`, heal };
      };
    };
    return [
      share((of) => (this.#lossShare = of), 'loses'),
      share((of) => (this.#delayShare = of), 'delays'),
      share((of) => (this.#doubleShare = of), 'doubles'),
      connection('disconnect'),
      connection('deafen'),
      () => this.#replay(),
      () => this.#replay(),
      () => this.#forge(),
    ];
  }

  /** What was sent long ago comes once more. */
  #replay(): ReturnType<Fault> {
    const { chance, channel, chronicle } = this.#fleet;
    if (this.#overheard.length === 0) return undefined;
    const old = chance.pick(this.#overheard);
    channel.inject(old);
    return { name: `an old announcement comes again: ${chronicle.short(old.from)} to ${chronicle.short(old.to)}` };
  }

  /** What nobody sent: no batch of it ever was. */
  #forge(): ReturnType<Fault> {
    const { chance, channel, servers } = this.#fleet;
    const { revision, epoch } = servers.primary.store.head;
    const kind = chance.pick(['epoch', 'later epoch', 'hole', 'next'] as const);
    const from = revision + (kind === 'hole' ? 3n : 1n);
    const batchId = chance.hex(32);
    channel.inject({
      epochNumber: epoch.number + (kind === 'later epoch' ? 1n : 0n),
      epochId: kind === 'epoch' || kind === 'later epoch' ? chance.hex(32) : epoch.id,
      from,
      to: from,
      previousBatchId: chance.hex(32),
      entries: [{ revision: from, batchId, events: [{ type: 'delete', key: 'a', revision: from }] }],
    });
    return { name: `an announcement is forged (${kind})` };
  }

  #processFaults(): Fault[] {
    const { chance } = this.#fleet;
    const at = (act: (place: Place, machine: NonNullable<Place['replica']>['machine']) => ReturnType<Fault>): Fault => {
      return () => {
        const place = chance.pick(this.#fleet.places);
        return place.replica && act(place, place.replica.machine);
      };
    };
    // A machine that sleeps loses what is sent to it: others give up on its connections.
    const deafenUntil = ({ replica }: Place, ms: number) => {
      replica?.bus.deafen();
      this.#fleet.later(ms, () => {
        replica?.bus.disconnect();
        replica?.bus.connect();
      });
    };
    const stop = at((place, machine) => {
      const asleep = this.#sleeps && chance.of(0.5);
      machine.stop(asleep);
      // A sleep shorter than this goes unnoticed, and counts for as little.
      const until = asleep ? chance.between(200, 2500) : chance.between(5, 1500);
      if (asleep) deafenUntil(place, until + chance.between(0, 100));
      this.#fleet.later(until, () => machine.wake());
      return { name: asleep ? `the machine of ${place.name} sleeps` : `${place.name} is stopped` };
    });
    const jump = at((place, machine) => {
      if (this.#sleeps) return undefined;
      const ms = chance.between(-1, 1) * chance.pick([300, 5_000, 3_600_000]);
      machine.jumpWall(ms);
      const name = `the wall clock of ${place.name} jumps by ${ms.toFixed(0)} ms`;
      // Only where nothing proves the opposite could it make an answer look younger.
      if (chance.of(0.5)) return { name };
      place.line = 'silent';
      deafenUntil(place, chance.between(600, 1500));
      return { name: `${name}, and it is cut off`, heal: () => (place.line = 'none') };
    });
    const doom = at((place, machine) => {
      const calls = chance.below(12);
      const point = chance.pick(DEATH_POINTS);
      machine.doom({ calls, point });
      return { name: `${place.name} is to die after ${calls} calls (${point})` };
    });
    const doomWrite = at((place, machine) => {
      const name = chance.pick(['commit', 'commit', 'publish', 'startEpoch', 'readLog']);
      const point = chance.pick(DEATH_POINTS);
      machine.doom({ calls: 0, point, name });
      return { name: `${place.name} is to die at its next ${name} (${point})` };
    });
    const kill = at((_place, machine) => {
      machine.die('at once');
      return undefined;
    });
    return [stop, stop, jump, doom, doom, doomWrite, doomWrite, kill];
  }

  #routeBus(): void {
    const { channel, chance } = this.#fleet;
    const baseMs = chance.pick([0, 0, 2]);
    let last: Announcement | undefined;
    channel.route = (announcement) => {
      if (announcement !== last) this.#overhear(announcement);
      last = announcement;
      if (chance.of(this.#lossShare)) return [];
      const delayMs = () => (chance.of(this.#delayShare) ? chance.between(0, 60) : chance.between(0, baseMs));
      return chance.of(this.#doubleShare) ? [delayMs(), delayMs()] : [delayMs()];
    };
    // Large values stay at home, and the previous ones first.
    const strips = chance.of(0.4);
    channel.carry = (announcement) =>
      strips && chance.of(0.4) ? stripped(announcement, chance.of(0.5)) : announcement;
  }

  #overhear(announcement: Announcement): void {
    if (this.#overheard.length < OVERHEARD_MAX) this.#overheard.push(announcement);
    else this.#overheard[this.#fleet.chance.below(OVERHEARD_MAX)] = announcement;
  }
}

function stripped(announcement: Announcement, alsoValues: boolean): Announcement {
  const entries = announcement.entries.map((entry) => ({
    ...entry,
    events: entry.events.map(({ type, key, revision, parameter }) => {
      return alsoValues ? { type, key, revision } : { type, key, revision, parameter };
    }),
  }));
  return { ...announcement, entries };
}
