// Building nodes while others are held. The other tests of appending are in append.test.ts.

import { setImmediate } from 'node:timers/promises' // timer: see below
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { ReplicaError } from '../../src/base/errors.ts'
import { importEvent } from '../../src/event/event.ts'
import { decodeNode } from '../../src/node/node.ts'
import { appendEvent } from '../../src/replica/append.ts'
import type { Frontier } from '../../src/replica/frontier.ts'
import { NodeBuilder } from '../../src/replica/node-builder.ts'
import { FRONTIER, introduce, local, logOf, node, storeOf } from '../sync/local.ts'
import { codeOf } from './drafts.ts'

const test = suite('replica/node-builder')

test('an append after a crash succeeds while held nodes keep waiting', async () => {
  const store = storeOf('laptop')
  const [before, main] = [await local('laptop', { store }), await local('main')]
  await introduce(before, main)
  const parents = [node(main.key, 'left'), node(main.key, 'right')]
  const child = node(main.key, 'child', parents)
  const { held } = await before.context.frontier(FRONTIER).gate.admit([child.bytes], { from: main.key.publicKeyBytes })
  // The missing parent is committed, and a crash prevents the release.
  const waited = parents.find(({ digest }) => Buffer.compare(digest, held[0]!.wait.id) === 0)!
  await logOf(before).commit([waited])

  const { context } = await local('laptop', { store })
  const { seq } = await appendEvent(context, {
    frontier: FRONTIER,
    event: {
      kind: 'finding.noted',
      target: { type: 'finding', id: 'vf_1' },
      actor: { id: 'reviewer:one', type: 'human' },
      reason: 'made after the crash',
    },
  })
  assert.is(seq, 1)
  assert.is(store.held.usage(FRONTIER).nodes, 1)
})

test('after an error of signing or flushing, a closed builder writes nothing', async () => {
  const { context, key } = await local('laptop')
  const admitted: number[] = []
  const gate = {
    admit: async (blocks: readonly unknown[]) => {
      if (admitted.push(blocks.length) === 1) throw new ReplicaError('ERR_STORE_IO', 'the disk is full')
      await setImmediate() // timer: a commit takes its time
      admitted.push(0)
      return { refused: [], held: [] }
    },
  }
  const author = new NodeBuilder({ log: context.frontier(FRONTIER).log, gate } as unknown as Frontier, context)
  for (const reason of ['one', 'two']) {
    author.buildOn(importEvent(decodeNode(node(key, reason).bytes).text!), [])
    await author.flush()
  }
  assert.is(await codeOf(author.drain()), 'ERR_STORE_IO')
  await author.close()
  assert.equal(admitted, [1, 1, 0])
})

test.run()
