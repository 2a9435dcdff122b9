// Shared by the tests of the replica layer: drafts of events, replicas in memory or in a folder,
// and a hub with a registered client.

import { Hub } from '../../src/hub/hub.ts'
import { type EventDraft, Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { makeEvent } from '../../src/vela/index.ts'

export const FRONTIER = 'vfr_228826dc9ec1a4fb'
export const NOW = new Date('2026-06-01T00:00:00Z')

export function draft(reason: string, payload?: unknown): EventDraft {
  return {
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vf_04f7f6513eaa1b4d' },
    actor: { id: 'reviewer:one', type: 'human' },
    reason,
    timestamp: NOW.toISOString(),
    ...(payload === undefined ? {} : { payload }),
  }
}

/** Returns texts of events as in a log file. */
export function texts(...drafts: readonly EventDraft[]): Uint8Array[] {
  return drafts.map(item => makeEvent(item).text)
}

export function idOf(text: Uint8Array): string {
  return JSON.parse(Buffer.from(text).toString('utf8')).id
}

export async function memoryReplica(): Promise<Replica> {
  return Replica.open({ location: new MemoryStore(), clock: () => NOW })
}

export interface Pair extends AsyncDisposable {
  readonly hub: Hub
  readonly laptop: Replica
}

/** Opens a hub and a laptop in memory, registered with each other for FRONTIER. */
export async function pair(): Promise<Pair> {
  const hub = await Hub.listen({ location: new MemoryStore(), port: 0, hubId: 'hub:main', clock: () => NOW })
  const laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop', clock: () => NOW })
  await introduce(hub, laptop)
  return {
    hub,
    laptop,
    async [Symbol.asyncDispose]() {
      await laptop.close()
      await hub.close()
    },
  }
}

export async function introduce(hub: Hub, laptop: Replica): Promise<void> {
  const { publicKey } = laptop.key
  await hub.replica.registry(FRONTIER).add({ id: laptop.hubId, url: 'wss://laptop.example', publicKey })
  await laptop.registry(FRONTIER).add({ id: hub.replica.hubId, url: hub.url, publicKey: hub.replica.key.publicKey })
}

export async function reasons(replica: Replica): Promise<string[]> {
  const found: string[] = []
  for await (const node of replica.events(FRONTIER)) found.push(node.event!.reason)
  return found
}

/** Returns the code of the ReplicaError with which `task` rejects. */
export async function codeOf(task: Promise<unknown>): Promise<string> {
  try {
    await task
    return 'no error'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
