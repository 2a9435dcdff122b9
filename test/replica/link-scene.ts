// Shared by the tests of links: registered hubs in memory with timers that fire by hand, and
// waiting for a state.

import { LINK_LIMITS, SOCKET_LIMITS } from '../../src/base/limits.ts'
import type { SetTimer, Timer } from '../../src/base/timer.ts'
import { Hub, type HubOptions } from '../../src/hub/hub.ts'
import type { LiveSetting, PeerStatus, Replica, ReplicaEvent } from '../../src/index.ts'
import type { NetworkHooks } from '../../src/replica/links/backoff.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { FRONTIER, NOW } from './drafts.ts'

const { reopenMsMin, reopenMsMax, drainMsMax, recordMsMin, clockMs } = LINK_LIMITS
const { handshakeMsMax, idleMsMax } = SOCKET_LIMITS
/** Random numbers are 0.5 here, so a channel is reopened after exactly this time. */
const REOPEN_MS = (reopenMsMin + reopenMsMax) / 2
/** Timers other than retries. */
const OTHERS = [drainMsMax, recordMsMin, clockMs, handshakeMsMax, idleMsMax, REOPEN_MS]

/** Timers of a hub's links, fired by hand. */
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

  /** Returns delays before dialing, or before reopening a refused channel. */
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
  /** Events for an operator. */
  readonly told: ReplicaEvent[]
  readonly stop: () => Promise<void>
}

/** Opens a hub in memory, or on a given engine, with its own timers. */
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

/** Registers `known` at `knower`, with a link in this direction. */
export async function know(knower: Replica, known: Hub, live: LiveSetting = 'off'): Promise<void> {
  const { publicKey } = known.replica.key
  await knower.registry(FRONTIER).add({ id: known.replica.hubId, url: known.url, publicKey, live })
}

export function equal(...replicas: readonly Replica[]): boolean {
  const [first, ...others] = replicas.map(replica => replica.headsDigest(FRONTIER))
  return others.every(digest => digest === first)
}

/** Returns the status of a peer. */
export async function linkOf(replica: Replica, id: string): Promise<PeerStatus> {
  const { frontiers } = await replica.status()
  return frontiers.find(one => one.frontier === FRONTIER)!.links.find(link => link.id === id)!
}

/** Waits until a condition holds; the test file has a time limit. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(resolve => setImmediate(resolve))
}

/** Returns whether all links are live. */
export async function isFollowing(replica: Replica): Promise<boolean> {
  const { frontiers } = await replica.status()
  const links = frontiers.flatMap(one => one.links).filter(link => link.live !== 'off')
  return links.length > 0 && links.every(link => link.link === 'live')
}
