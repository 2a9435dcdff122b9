// Runs the vectors of admission through the production functions.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Registry } from '../../src/admission/registry.ts'
import { type Digest, equals, fromHex, toHex } from '../../src/base/bytes.ts'
import { hasCode, ReplicaError } from '../../src/base/errors.ts'
import { Key } from '../../src/crypto/key.ts'
import { readEvent } from '../../src/event/event.ts'
import { causalClosure, classify, type IdPair, missingAncestors } from '../../src/graph/causal-closure.ts'
import { topologicalOrder } from '../../src/graph/topological-sort.ts'
import { blockOf } from '../../src/node/decoder.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { SetDifference } from '../../src/sync/difference.ts'
import { FRONTIER, NOW, seededKey, setting, waitText } from '../admission/nodes.ts'
import { readText } from '../sources.ts'
import { toyDigest, toyLog } from './toy-log.ts'

const test = suite('graph/vectors')

type Events = Record<string, string[]>

interface Step {
  do: string
  id: string
  url: string
  key: string
  note?: string
  heads: string[]
}

interface Input {
  op: string
  events: Events
  ours: Events
  incoming: Events
  received: string[]
  pool: Events
  reason?: string
  event: string
  closed?: boolean
  parents: number[][]
  has: number[]
  heads: number[]
  answer?: string
  own: { id: string; seed: string }
  steps: Step[]
  frontier: string
  hub: string
  offer: string
  registered: string[]
  cut?: { key: string; heads: string[] }
  calls: string[][]
}

interface Vector {
  name: string
  rule: string
  in: Input
  ok?: unknown
  error?: string
}

const pairs = (events: Events): IdPair[] => Object.entries(events).map(([id, parents]) => ({ id, parents }))
const digests = (hex: readonly string[]): Digest[] => hex.map(digest => fromHex(digest)!)

function wantClosed(missing: readonly string[]): void {
  if (missing.length > 0) throw new ReplicaError('ERR_EVENT_PARENT', `missing: ${missing.join(', ')}`)
}

const operations: Record<string, (input: Input) => unknown> = {
  missing({ events }) {
    const missing = missingAncestors(pairs(events))
    wantClosed(missing)
    return missing
  },
  closure({ received, pool }) {
    const closure = causalClosure(received, pairs(pool))
    if (!closure.ok) wantClosed(closure.missing)
    return closure.ok ? closure.ids : []
  },
  classify: ({ ours, incoming, reason }) =>
    classify(pairs(ours), pairs(incoming), reason === undefined ? undefined : { reason }),
  parents({ event, closed }) {
    const { head } = readEvent(event)
    const parents = head.parents ?? []
    if (closed) wantClosed(missingAncestors([{ id: head.id, parents }]))
    return parents
  },
  order({ events }) {
    const order = topologicalOrder(pairs(events))
    if (order === undefined) throw new ReplicaError('ERR_EVENT_PARENT', 'no order')
    return order
  },
  difference: findDifference,
  registry: runRegistry,
  async offer({ frontier, hub, offer }) {
    const registry = await Registry.load(new MemoryStore().records, frontier, { id: 'hub:reader', key: seededKey(99) })
    const { peers, cuts } = registry.readOffer(fromHex(offer)!, fromHex(hub)!)
    return { peers: peers.map(peer => peer.id), cuts: cuts.map(cut => [cut.publicKey, cut.heads]) }
  },
  admit: runGate,
}

/** A head of −1 is one that the source does not have. */
async function findDifference({ parents, has, heads, answer }: Input): Promise<unknown> {
  const sinkHeads = heads.map(head => toyDigest(head < 0 ? 'elsewhere' : head))
  const difference = await SetDifference.open(toyLog(parents), {
    sinkHeads,
    sinkHeadsComplete: true,
    sinkCount: has.length,
  })
  let offered = 0
  for (let ids = await difference.next(32); ids.length > 0; ids = await difference.next(32)) {
    offered += ids.length
    const bits = new Uint8Array((ids.length + 7) >> 3)
    for (const [i, id] of ids.entries()) {
      if (has.some(seq => equals(toyDigest(seq), id))) bits[i >> 3] = bits[i >> 3]! | (1 << (i & 7))
    }
    difference.answer(answer === undefined ? bits : fromHex(answer)!)
  }
  return { sent: [...difference.missing()], offered }
}

async function runRegistry({ own, steps }: Input): Promise<unknown> {
  const key = Key.fromSeed(fromHex(own.seed)!)
  const registry = await Registry.load(new MemoryStore().records, FRONTIER, { id: own.id, key })
  let outcome: unknown
  for (const step of steps) {
    const { id, url, note } = step
    if (step.do === 'verdict') {
      const verdict = registry.verdict(fromHex(step.key)!)
      outcome = typeof verdict === 'string' ? verdict : 'cut'
    } else if (step.do === 'add') {
      const draft = { id, url, publicKey: step.key, addedAt: NOW, ...(note === undefined ? {} : { note }) }
      outcome = (await registry.add(draft)).change
    } else if (step.do === 'rotate') await registry.rotate(id, step.key, { heads: digests(step.heads), at: NOW })
    else await registry.remove(id, { heads: digests(step.heads), at: NOW })
  }
  return outcome
}

/**
 * What became of the last block: admitted, held for something, or refused with the code that is
 * thrown.
 */
async function runGate({ registered, cut, calls }: Input): Promise<unknown> {
  await using at = await setting({ ownSeed: 77 })
  for (const [i, publicKey] of registered.entries()) {
    await at.registry.add({ id: `hub:${i}`, url: 'wss://peer.example', publicKey, addedAt: NOW })
  }
  if (cut !== undefined) {
    await at.registry.add({ id: 'hub:cut', url: 'wss://cut.example', publicKey: cut.key, addedAt: NOW })
    await at.registry.remove('hub:cut', { heads: digests(cut.heads), at: NOW })
  }
  let last = 'admitted'
  for (const call of calls) {
    const blocks = call.map(hex => fromHex(hex)!)
    const report = await at.gate.admit(blocks, { from: at.own.publicKeyBytes })
    const [refusal] = report.refused.slice(-1)
    // The last block, or one that was held until it came.
    if (refusal !== undefined && call === calls.at(-1) && isLastOrEarlier(refusal.digest, calls)) {
      throw new ReplicaError(refusal.code, toHex(refusal.digest))
    }
    const held = report.held.find(item => equals(item.digest, blockOf(blocks.at(-1)!).digest))
    last = held === undefined ? 'admitted' : waitText(held.wait)
  }
  const { void: broken, wanted } = at.log.texts()
  return { nodes: at.log.nodes, last, ...(broken > 0 ? { void: broken } : {}), ...(wanted > 0 ? { wanted } : {}) }
}

function isLastOrEarlier(digest: Digest, calls: readonly string[][]): boolean {
  const isIn = (hex: string): boolean => equals(blockOf(fromHex(hex)!).digest, digest)
  return isIn(calls.at(-1)!.at(-1)!) || calls.slice(0, -1).flat().some(isIn)
}

for (const { name, rule, in: input, ok, error } of JSON.parse(readText('protocol/vectors/dag.json')) as Vector[]) {
  test(`${rule}: ${name}`, async () => {
    const operation = operations[input.op]
    assert.ok(operation, `unknown op ${input.op}`)
    let outcome: unknown
    try {
      outcome = await operation!(input)
    } catch (thrown) {
      if (!hasCode(thrown)) throw thrown
      assert.is(thrown.code, error, thrown.message)
      return
    }
    assert.is(error, undefined, `came to ${JSON.stringify(outcome)}`)
    assert.equal(outcome, ok)
  })
}

test('there are vectors, each of an operation known here', () => {
  assert.ok((JSON.parse(readText('protocol/vectors/dag.json')) as Vector[]).length > 50)
})

test.run()
