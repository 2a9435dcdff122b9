// What the tests of links share: hubs on memory with alarms that ring when a test says so, registered with each other, and
// waiting for a state instead of for a time.

import { LINK_LIMITS, SOCKET_LIMITS } from '../../src/base/limits.ts'
import type { SetTimer, Timer } from '../../src/base/timer.ts'
import { Hub, type HubOptions } from '../../src/hub/hub.ts'
import type { LiveSetting, PeerStatus, Replica, ReplicaEvent } from '../../src/index.ts'
import type { NetworkHooks } from '../../src/replica/links/backoff.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { FRONTIER, NOW } from './drafts.ts'

const { reopenMsMin, reopenMsMax, drainMsMax, recordMsMin } = LINK_LIMITS
const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS
/** Chance is 0.5 in these tests, so a channel is opened again after exactly this long. */
const REOPEN_MS = (reopenMsMin + reopenMsMax) / 2
/** Alarms for other ends than to try again. */
const OTHERS = [drainMsMax, recordMsMin, handshakeMsMax, idleMsMax, REOPEN_MS]

/** Alarms of a hub's links, which ring by hand. */
export class Alarms {
  readonly #waiting = new Set<{ ms: number; ring: () => void }>()

  readonly setTimer: SetTimer = (ms, ring): Timer => {
    const alarm = { ms, ring }
    this.#waiting.add(alarm)
    return {
      restart: () => void this.#waiting.add(alarm),
      stop: () => void this.#waiting.delete(alarm),
    }
  }

  /** Waits before something is dialled, or a refused channel asked for, again. */
  #retries(): { ms: number; ring: () => void }[] {
    return [...this.#waiting].filter(({ ms }) => !OTHERS.includes(ms))
  }

  isRetrying(): boolean {
    return this.#retries().length > 0
  }

  retryMs(): number {
    return this.#retries()[0]!.ms
  }

  retry(): void {
    this.#ring(this.#retries())
  }

  reopen(): void {
    this.#ring([...this.#waiting].filter(({ ms }) => ms === REOPEN_MS))
  }

  #ring(alarms: readonly { ms: number; ring: () => void }[]): void {
    for (const alarm of alarms) {
      this.#waiting.delete(alarm)
      alarm.ring()
    }
  }
}

export interface Scene extends AsyncDisposable {
  readonly hub: Hub
  readonly alarms: Alarms
  /** What an operator was told. */
  readonly told: ReplicaEvent[]
  readonly stop: () => Promise<void>
}

/** A hub on memory, or on a given engine, with alarms of its own. */
export async function liveHub(
  hubId: string,
  options: Partial<HubOptions> = {},
  tools: Partial<NetworkHooks> = {},
): Promise<Scene> {
  const alarms = new Alarms()
  const { setTimer } = alarms
  const told: ReplicaEvent[] = []
  const hub = await Hub.listen({
    location: new MemoryStore(),
    port: 0,
    hubId,
    clock: () => NOW,
    onEvent: event => void told.push(event),
    network: { setTimer, random: () => 0.5, ...tools },
    ...options,
  })
  await hub.replica.track(FRONTIER)
  const stop = (): Promise<void> => hub.close()
  return { hub, alarms, told, stop, [Symbol.asyncDispose]: stop }
}

/** `knower` registers `known` and follows it this way. */
export async function know(knower: Replica, known: Hub, live: LiveSetting = 'off'): Promise<void> {
  const { publicKey } = known.replica.key
  await knower.registry(FRONTIER).add({ id: known.replica.hubId, url: known.url, publicKey, live })
}

export function equal(...replicas: readonly Replica[]): boolean {
  const [first, ...others] = replicas.map(replica => replica.headsDigest(FRONTIER))
  return others.every(digest => digest === first)
}

/** What `status` says of a peer. */
export async function linkOf(replica: Replica, id: string): Promise<PeerStatus> {
  const { frontiers } = await replica.status()
  return frontiers.find(one => one.frontier === FRONTIER)!.links.find(link => link.id === id)!
}

/** Turns of the event loop until something is so; a test file has a limit of its own. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setImmediate(resolve))
}

/** All its links are live. */
export async function isFollowing(replica: Replica): Promise<boolean> {
  const { frontiers } = await replica.status()
  const links = frontiers.flatMap(one => one.links).filter(link => link.live !== 'off')
  return links.length > 0 && links.every(link => link.link === 'live')
}
