// A replica's insides for tests of sessions: the real store in memory, the real registry, gate and services, with keys and
// store ids made from names so that every run has the same bytes. Signatures are checked in place, without threads: what
// happens then depends on the order of calls alone.

import { sha256, utf8 } from '../../src/base/bytes.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import type { VerifierPool } from '../../src/crypto/verifier-pool.ts'
import { mergeObserverOf } from '../../src/projection/vela-merge-observer.ts'
import type { ContextOptions } from '../../src/replica/open-replica.ts'
import { ReplicaContext } from '../../src/replica/replica-context.ts'
import { replicaPort } from '../../src/replica/sync/sync-server.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { FrontierStore, Store } from '../../src/store/store.ts'
import type { ClientConfig, HubConfig, SideConfig } from '../../src/sync/connection.ts'
import type { Role } from '../../src/sync/handshake.ts'
import type { ReplicaPort } from '../../src/transport/session.ts'
import { type EventDraft, makeEvent } from '../../src/vela/index.ts'
import { buildChain, buildNode, type Made } from '../support/nodes.ts'

export type { Made }

export const FRONTIER = 'vfr_00000000000000aa'
export const HOST = 'hub.example'
const AT = '2026-01-01T00:00:00.000Z'

export interface Local {
  readonly name: string
  readonly key: Key
  readonly context: ReplicaContext
  readonly services: ReplicaPort
}

/** The key of a name: its seed is the SHA-256 of the name. */
export function keyOf(name: string): Key {
  return Key.fromSeed(sha256(utf8(name)))
}

const inPlace: Pick<VerifierPool, 'check' | 'close'> = {
  async check(jobs) {
    return Uint8Array.from(jobs, job => (verify(job.key, Buffer.concat(job.message), job.sig) ? 1 : 0))
  },
  async close() {},
}

/** An empty store in memory, by a name. */
export function storeOf(name: string): MemoryStore {
  return Object.assign(new MemoryStore(), { id: sha256(utf8(`store of ${name}`)).subarray(0, 16) })
}

/** A replica named `hub:<name>` that keeps these frontiers, in a new store or in the one given. */
export async function local(
  name: string,
  options: {
    frontiers?: readonly string[]
    openRead?: boolean
    store?: Store
    /** As for a replica that is opened otherwise. */
    open?: ContextOptions
  } = {},
): Promise<Local> {
  const { frontiers = [FRONTIER], openRead = true, store = storeOf(name) } = options
  const key = keyOf(name)
  const opening = { location: store, clock: () => new Date(AT), ...options.open }
  const context = new ReplicaContext({ location: '', store, key, hubId: `hub:${name}`, former: [] }, opening)
  context.observer = mergeObserverOf(context)
  await context.verifier.close()
  Object.assign(context, { verifier: inPlace })
  for (const frontier of frontiers) await context.openFrontier(frontier)
  return { name, key, context, services: replicaPort(context, { openRead }) }
}

/** Registers each of `others` at `at`. */
export async function introduce(at: Local, ...others: readonly Local[]): Promise<void> {
  for (const { registry } of at.context.frontiers.values()) {
    for (const { name, key } of others) {
      const draft = { id: `hub:${name}`, url: `wss://${name}.example`, publicKey: key.publicKey, addedAt: AT }
      await registry.add(draft)
    }
  }
}

/** Replicas that all know each other. */
export async function circle(...names: readonly string[]): Promise<Local[]> {
  const all = await Promise.all(names.map(name => local(name)))
  for (const one of all) await introduce(one, ...all.filter(other => other !== one))
  return all
}

/** A signed node; `label` makes it what it is. */
export function node(key: Key, label: string, parents: readonly Made[] = [], frontier = FRONTIER): Made {
  return carrier(key, { kind: 'finding.noted', reason: label }, parents, frontier)
}

/** A signed node that carries an event about the finding `vf_1`. */
export function carrier(
  key: Key,
  event: Pick<EventDraft, 'kind' | 'reason' | 'payload'> & Partial<Pick<EventDraft, 'target'>>,
  parents: readonly Made[] = [],
  frontier = FRONTIER,
): Made {
  const { text } = makeEvent({
    target: { type: 'finding', id: 'vf_1' },
    actor: { id: 'reviewer:one', type: 'human' },
    timestamp: AT,
    ...event,
  })
  return buildNode(key, { event: text, parents, frontier })
}

/** `count` nodes, each on the one before, the first on `root`. */
export function chain(key: Key, label: string, count: number, root?: Made): Made[] {
  return buildChain(count, root, (index, parents) => node(key, `${label} ${index}`, parents))
}

/** Puts nodes into a replica by its gate; it is a mistake of the test when one is held or refused. */
export async function plant(at: Local, nodes: readonly Made[], frontier = FRONTIER): Promise<void> {
  const blocks = nodes.map(({ bytes }) => bytes)
  const { held, refused } = await at.context.frontier(frontier).gate.admit(blocks, { from: at.key.publicKeyBytes })
  if (held.length + refused.length > 0) throw new TypeError(`${held.length} held, ${refused.length} refused`)
}

export function logOf(at: Local, frontier = FRONTIER): FrontierStore {
  return at.context.frontier(frontier).log
}

/** `at` as the client of `hub`. */
export function clientConfig(at: Local, hub: Local, more: Partial<ClientConfig> = {}): ClientConfig {
  return { ...sideOf(at, 'client'), role: 'client', expect: hub.key.publicKeyBytes, ...more }
}

export function hubConfig(at: Local, more: Partial<HubConfig> = {}): HubConfig {
  return { ...sideOf(at, 'hub'), role: 'hub', ...more }
}

function sideOf(at: Local, role: Role): SideConfig {
  return {
    hub: at.context.hubId,
    key: at.key.publicKeyBytes,
    sign: message => at.key.sign(message),
    nonce: sha256(utf8(`nonce of ${at.name} as ${role}`)),
    host: HOST,
    compress: false,
  }
}
