// A gate on a store in memory, and signed nodes for it, made from seeds: equal calls give equal bytes.

import { type AdmitReport, Gate, type GateOptions } from '../../src/admission/gate.ts'
import { Registry } from '../../src/admission/registry.ts'
import { TextPolicy } from '../../src/admission/text-policy.ts'
import { sha256, toHex } from '../../src/base/bytes.ts'
import { Key } from '../../src/crypto/key.ts'
import { VerifierPool } from '../../src/crypto/verifier-pool.ts'
import { makeEvent } from '../../src/event/event.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { FrontierStore, NodeEntry, Store, Wait } from '../../src/store/store.ts'
import { buildChain, buildNode, type Made, type NodeParts } from '../support/nodes.ts'

export type { Made }

export const FRONTIER = 'vfr_0123456789abcdef'
export const NOW = '2026-06-01T00:00:00Z'

export type Deviation = Partial<Omit<NodeParts, 'parents'>>

export function seededKey(seed: number): Key {
  return Key.fromSeed(new Uint8Array(32).fill(seed))
}

export function eventText(name: string): Uint8Array {
  return makeEvent({
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vf_0000000000000001' },
    actor: { id: 'reviewer:test', type: 'human' },
    reason: name,
    timestamp: NOW,
  }).text
}

/** A node by `key` that carries an event of this name. */
export function makeNode(key: Key, name: string, parents: readonly Made[] = [], deviation: Deviation = {}): Made {
  return buildNode(key, { event: eventText(name), frontier: FRONTIER, ...deviation, parents })
}

export function makeChain(key: Key, count: number, options: { name?: string; on?: Made } = {}): Made[] {
  const { name = 'link', on } = options
  return buildChain(count, on, (index, parents) => makeNode(key, `${name} ${index}`, parents))
}

/** One for all settings: a thread takes longer to start than most tests. It doesn't keep the process alive. */
const verifier = new VerifierPool({ workers: 1 })

export interface Setting {
  readonly store: Store
  readonly log: FrontierStore
  readonly registry: Registry
  readonly gate: Gate
  readonly policy: TextPolicy
  readonly own: Key
  /** Commits seen by the hook: sequence numbers of their first nodes, and the nodes. */
  readonly commits: { firstSeq: number; nodes: readonly NodeEntry[] }[]
  admit(nodes: readonly Made[], from?: Key): Promise<AdmitReport>
  register(id: string, key: Key): Promise<void>
  /** Cuts a peer at the heads of this moment. */
  remove(id: string): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Parts of the gate other than those of the store. */
export type GateParts = Partial<Pick<GateOptions, 'log' | 'held' | 'records'>>

/** A gate on a memory store; its own key has seed 1. */
export async function setting(
  options: {
    store?: Store
    ownSeed?: number
    peers?: readonly Key[]
    heldBytesPerPeer?: number
    parts?: GateParts
  } = {},
): Promise<Setting> {
  const heldLimits = { bytesPerPeerMax: options.heldBytesPerPeer ?? 1 << 26, bytesMax: 1 << 29 }
  const store = options.store ?? new MemoryStore({ heldLimits })
  const log = await store.track(FRONTIER)
  const own = seededKey(options.ownSeed ?? 1)
  const registry = await Registry.load(store.records, FRONTIER, { id: 'hub:own', key: own })
  const commits: Setting['commits'] = []
  const onCommitted = (nodes: readonly NodeEntry[], firstSeq: number): void => {
    commits.push({ firstSeq, nodes })
  }
  const policy = await TextPolicy.load(store.records, FRONTIER)
  const { held, records } = store
  const gate = new Gate({ log, held, records, registry, policy, verifier, onCommitted, ...options.parts })
  const register = async (id: string, key: Key): Promise<void> => {
    await registry.add({ id, url: 'wss://peer.example', publicKey: key.publicKey, addedAt: NOW })
  }
  for (const [i, key] of (options.peers ?? []).entries()) await register(`hub:peer-${i}`, key)
  return {
    store,
    log,
    registry,
    gate,
    policy,
    own,
    commits,
    admit: (nodes, from = own) =>
      gate.admit(
        nodes.map(node => node.bytes),
        { from: from.publicKeyBytes },
      ),
    register,
    async remove(id) {
      await gate.exclusive(() => registry.remove(id, { heads: log.heads(), at: NOW }))
    },
    async [Symbol.asyncDispose]() {
      if (options.store === undefined) await store.close()
    },
  }
}

/** Everything that the store has of the frontier, to compare before and after. */
export async function contents({ store, log }: Pick<Setting, 'store' | 'log'>): Promise<string> {
  const lines: string[] = []
  for await (const rows of log.scan({ from: 0 })) {
    for (const { seq, digest, bytes, parents } of rows)
      lines.push(`${seq} ${toHex(digest)} ${toHex(sha256(bytes))} ${parents}`)
  }
  for (const { digest, wait, from } of await store.held.list(FRONTIER, { limit: 1_000_000 })) {
    lines.push(`held ${toHex(digest)} ${waitText(wait)} ${toHex(from)}`)
  }
  const { nodes, bytes } = store.held.usage(FRONTIER)
  return [...lines, `heads ${toHex(log.headsDigest())} ${log.events} events`, `held ${nodes} ${bytes}`].join('\n')
}

export function waitText({ kind, id }: Wait): string {
  return `${kind} ${toHex(id)}`
}
