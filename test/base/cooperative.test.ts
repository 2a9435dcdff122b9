// Cooperative tasks: other work runs between steps, and the result is that of an uninterrupted run.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { type CooperativeTask, runCooperatively, runToCompletion } from '../../src/base/cooperative.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { contentHashes, contentHashesTask } from '../../src/vela/hashes/snapshot-hash.ts'
import { serve } from '../hub/site.ts'

const test = suite('base/cooperative')

function* busy(pieces: number): CooperativeTask<number> {
  for (let i = 0; i < pieces; i++) {
    const began = performance.now()
    while (performance.now() - began < 10);
    yield
  }
  return pieces
}

test('other work runs between long steps', async () => {
  let turns = 0
  const count = (): void => {
    turns += 1
    next = setImmediate(count)
  }
  let next = setImmediate(count)
  assert.is(await runCooperatively(busy(5)), 5)
  clearImmediate(next)
  assert.ok(turns >= 4, `${turns} turns`)
})

test('an error of the task is thrown', async () => {
  const broken = function* (): CooperativeTask<void> {
    yield
    throw new RangeError('broken')
  }
  assert.is(await runCooperatively(broken()).catch(error => error.message), 'broken')
  assert.throws(() => runToCompletion(broken()), 'broken')
})

test('a frontier of many events is read and hashed in many steps', async () => {
  await using site = await serve({ notes: 600 })
  const { text, file } = await exportFrontier(site.hub.replica, site.frontier)
  assert.is(file.events.length, 601)
  let pieces = 0
  const hashing = contentHashesTask(text)
  let step = hashing.next()
  for (; step.done !== true; step = hashing.next()) pieces += 1
  assert.equal(step.value, contentHashes(text))
  assert.ok(pieces > 2 * (601 / 256), `${pieces} pieces`)
  // Printed a part at a time, it is canonical all the same.
  const plain = JSON.stringify(sorted(JSON.parse(Buffer.from(text).toString('utf8'))))
  assert.equal(text, utf8(plain.replace('"avg_confidence":0,', '"avg_confidence":0.0,')))
})

/** Only for ASCII names, and whole numbers but for the one float of an empty frontier. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  )
}

test.run()
