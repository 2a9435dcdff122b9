// Forks of held nodes: available nodes are copied, nodes without a registered key are not.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compare, sha256, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { cidText } from '../../src/cbor/cid.ts'
import { checkEvent } from '../../src/event/event.ts'
import { decodeNode } from '../../src/node/node.ts'
import { forkFrontier } from '../../src/replica/fork.ts'
import { makeNode } from '../admission/nodes.ts'
import { chain, FRONTIER, introduce, keyOf, type Local, local, logOf, type Made, node } from '../sync/local.ts'

const test = suite('replica/fork')

/** Returns a laptop that knows the hub `main`. */
async function laptopOfMain(): Promise<Local> {
  const laptop = await local('laptop')
  await introduce(laptop, await local('main'))
  return laptop
}

async function hold(at: Local, nodes: readonly Made[]): Promise<void> {
  const blocks = nodes.map(({ bytes }) => bytes)
  const { held } = await at.context.frontier(FRONTIER).gate.admit(blocks, { from: keyOf('main').publicKeyBytes })
  assert.is(held.length, nodes.length)
}

/**
 * Forks; returns the fork with the reasons of the copied events and the number of parents of each
 * node.
 */
async function fork(at: Local) {
  const report = await forkFrontier(at.context, { base: at.context.frontier(FRONTIER), reason: 'the archive is lost' })
  const nodes: [reason: string, parents: number][] = []
  for await (const rows of logOf(at, report.frontier).scan({ from: 1 })) {
    for (const { bytes } of rows) {
      const { text, parents } = decodeNode(bytes)
      nodes.push([checkEvent(text!).reason, parents.length])
    }
  }
  return { ...report, nodes }
}

test('a frontier with held nodes only can be forked', async () => {
  const laptop = await laptopOfMain()
  const [lost, ...rest] = chain(keyOf('main'), 'link', 4)
  await hold(laptop, rest)
  const { mapped, missing, nodes } = await fork(laptop)
  assert.equal([mapped, missing], [3, [cidText(lost!.digest)]])
  assert.equal(nodes, [
    ['link 1', 1],
    ['link 2', 1],
    ['link 3', 1],
  ])
})

test('a fork includes nodes that wait for a document, and their descendants', async () => {
  const laptop = await laptopOfMain()
  const key = keyOf('main')
  const links = [{ codec: 'raw' as const, digest: sha256(utf8('never came')) }]
  const linking = makeNode(key, 'links a document', [], { frontier: FRONTIER, links })
  await hold(laptop, [linking, node(key, 'built on it', [linking])])
  const { missing, nodes } = await fork(laptop)
  assert.equal(missing, [])
  assert.equal(nodes, [
    ['links a document', 1],
    ['built on it', 1],
  ])
})

test('a fork excludes nodes that wait for a key', async () => {
  const laptop = await laptopOfMain()
  const strange = node(keyOf('stranger'), 'by a stranger')
  await hold(laptop, [strange])
  let refused: unknown
  await fork(laptop).catch(error => {
    refused = error
  })
  assert.ok(hasCode(refused, 'ERR_USAGE'))
  await hold(laptop, [node(keyOf('main'), 'built on it', [strange])])
  const { missing, nodes } = await fork(laptop)
  assert.equal(missing, [cidText(strange.digest)])
  assert.equal(nodes, [['built on it', 1]])
})

test('held nodes are copied parents first, regardless of their stated heights', async () => {
  const laptop = await laptopOfMain()
  const key = keyOf('main')
  const [, ...rest] = chain(key, 'link', 3)
  const liar = makeNode(key, 'states height 1', [rest.at(-1)!], { frontier: FRONTIER, height: 1 })
  await hold(laptop, [...rest, liar])
  const { frontier, nodes } = await fork(laptop)
  assert.equal(
    nodes.map(([reason]) => reason),
    ['link 1', 'link 2', 'states height 1'],
  )
  const [parent, child] = await logOf(laptop, frontier).read([2, 3])
  assert.is(compare(decodeNode(child!.bytes).parents[0]!, parent!.digest), 0)
})

test('a fork leaves out an event whose text is not here, and its descendants stay descendants', async () => {
  const laptop = await laptopOfMain()
  const nodes = chain(keyOf('main'), 'link', 4)
  const frontier = laptop.context.frontier(FRONTIER)
  await frontier.gate.admit(
    nodes.map(({ bytes }) => bytes),
    { from: keyOf('main').publicKeyBytes },
  )
  await frontier.setTexts([
    { seq: 1, state: 'left-out' },
    { seq: 2, state: 'erased' },
  ])
  const report = await fork(laptop)
  assert.is(report.mapped, 2)
  const rows = await logOf(laptop, report.frontier).read([1, 2])
  assert.equal(
    rows.map(({ parents }) => parents),
    [[0], [1]],
  )
})

test.run()
