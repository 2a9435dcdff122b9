// Progress of long calls: counts only grow, and end at those of the report.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Conflicts } from '../../src/projection/conflicts-api.ts'
import type { ReplayProgress } from '../../src/projection/replayer.ts'
import type { ImportProgress } from '../../src/replica/import/import-reader.ts'
import type { Progress } from '../../src/replica/sync/sync-client.ts'
import { draft, FRONTIER, memoryReplica, pair, texts } from './drafts.ts'

const test = suite('replica/progress')

const MANY = 3000

function grows<T>(seen: readonly T[], name: keyof T): void {
  for (let i = 1; i < seen.length; i += 1) assert.ok(seen[i]![name] >= seen[i - 1]![name], String(name))
}

test('a push reports durable nodes at the peer, a pull verified nodes here', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const pushed: Progress[] = []
  await laptop.import(FRONTIER, () => texts(...Array.from({ length: MANY }, (_, i) => draft(`${i}`))))
  await laptop.push(FRONTIER, 'hub:main', { onProgress: progress => pushed.push(progress) })
  for (const name of ['sent', 'acked'] as const) grows(pushed, name)
  assert.ok(pushed.every(({ sent, acked }) => acked <= sent))
  assert.equal([pushed.at(-1)!.sent, pushed.at(-1)!.acked], [MANY, MANY])
  await using copy = await memoryReplica()
  await copy.registry(FRONTIER).add({ id: 'hub:main', url: hub.url, publicKey: hub.replica.key.publicKey })
  await copy.registry(FRONTIER).add({ id: 'hub:laptop', url: 'wss://l.example', publicKey: laptop.key.publicKey })
  const pulled: Progress[] = []
  await copy.pull(FRONTIER, 'hub:main', { onProgress: progress => pulled.push(progress) })
  for (const name of ['received', 'verified', 'admitted'] as const) grows(pulled, name)
  const { received, verified, admitted } = pulled.at(-1)!
  assert.equal([received, verified, admitted], [MANY, MANY, MANY])
})

test('an import reports verified events and, later, durable ones', async () => {
  await using replica = await memoryReplica()
  const seen: ImportProgress[] = []
  const log = [Buffer.from('{'), ...texts(...Array.from({ length: MANY }, (_, i) => draft(`${i}`)))]
  await replica.import(FRONTIER, () => log, { onProgress: progress => seen.push(progress) })
  for (const name of ['read', 'verified', 'durable'] as const) grows(seen, name)
  assert.ok(seen.every(({ read, verified, durable }) => durable <= verified && verified < read))
  assert.equal([seen.at(-1)!.read, seen.at(-1)!.verified], [MANY + 1, MANY])
})

test('the replay for a list of conflicts can be watched', async () => {
  await using replica = await memoryReplica()
  await replica.import(FRONTIER, () => texts(...Array.from({ length: MANY }, (_, i) => draft(`${i}`))))
  const seen: ReplayProgress[] = []
  const conflicts = new Conflicts(replica, FRONTIER)
  const stop = conflicts.watch(progress => seen.push(progress))
  await conflicts.list()
  for (const name of ['read', 'replayed'] as const) grows(seen, name)
  assert.equal(seen.at(-1), { read: MANY, total: MANY, replayed: MANY })
  stop()
  const before = seen.length
  await replica.append(FRONTIER, draft('more'))
  await conflicts.list()
  assert.is(seen.length, before)
})

test.run()
