// Making nodes beside what is held. The rest of appending is in append.test.ts.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256 } from '../../src/bytes.ts'
import { decodeNode } from '../../src/codec/node.ts'
import { appendEvent } from '../../src/replica/append.ts'
import { checkEvent, eventLabel } from '../../src/vela/event.ts'
import { FRONTIER, introduce, local, logOf, node, storeOf } from '../sync/local.ts'

const test = suite('replica/authoring')

test('an append after a crash succeeds though what it finds held has to wait on', async () => {
  const store = storeOf('laptop')
  const [before, main] = [await local('laptop', { store }), await local('main')]
  await introduce(before, main)
  const parents = [node(main.key, 'left'), node(main.key, 'right')]
  const child = node(main.key, 'child', parents)
  const { held } = await before.home.at(FRONTIER).gate.admit([child.bytes], { from: main.key.publicKeyBytes })
  // The parent that it waits for is committed, and the crash comes before that sets anything free.
  const waited = parents.find(({ digest }) => Buffer.compare(digest, held[0]!.wait.id) === 0)!
  const { event } = decodeNode(waited.bytes)
  const label = eventLabel(checkEvent(event).id)
  await logOf(before).commit([{ ...waited, parents: [], label, event: sha256(event) }])

  const { home } = await local('laptop', { store })
  const { seq } = await appendEvent(home, FRONTIER, {
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vf_1' },
    actor: { id: 'reviewer:one', type: 'human' },
    reason: 'made after the crash',
  })
  assert.is(seq, 1)
  assert.is(store.held.usage(FRONTIER).nodes, 1)
})

test.run()
