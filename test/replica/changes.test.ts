// The stream of commits: from now or from a number on, resumed, filtered, ended; and following a
// peer without a hub.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChangesOptions, LiveRound, LiveState, Replica } from '../../src/index.ts'
import { until } from '../transport/loopback.ts'
import { codeOf, draft, FRONTIER, memoryReplica, pair } from './drafts.ts'

const test = suite('replica/changes')

async function take(replica: Replica, options: ChangesOptions): Promise<[number, string][]> {
  const seen: [number, string][] = []
  for await (const { seq, event } of replica.changes(FRONTIER, options)) seen.push([seq, event!.reason])
  return seen
}

async function written(count: number): Promise<Replica> {
  const replica = await memoryReplica()
  await replica.track(FRONTIER)
  for (let i = 0; i < count; i += 1) await replica.append(FRONTIER, draft(`event ${i}`))
  return replica
}

test('changes begin at a given number and continue with later commits', async () => {
  await using replica = await written(3)
  const seen = take(replica, { since: 1, limit: 4 })
  await replica.append(FRONTIER, draft('event 3'))
  await replica.append(FRONTIER, draft('event 4'))
  assert.equal(await seen, [
    [1, 'event 1'],
    [2, 'event 2'],
    [3, 'event 3'],
    [4, 'event 4'],
  ])
})

test('without a number changes begin after the call, also before the first is read', async () => {
  await using replica = await written(2)
  const changes = replica.changes(FRONTIER)
  await replica.append(FRONTIER, draft('new'))
  const first = await changes.next()
  assert.equal([first.value?.seq, first.value?.event.reason], [2, 'new'])
  await changes.return(undefined)
})

test('a reader that stopped continues after the last node it saw, without a gap', async () => {
  await using replica = await written(0)
  const writing = (async () => {
    for (let i = 0; i < 1000; i += 1) await replica.append(FRONTIER, draft(`event ${i}`))
  })()
  const seqs: number[] = []
  while (seqs.length < 1000) {
    const next = seqs.length === 0 ? 0 : seqs.at(-1)! + 1
    for await (const { seq } of replica.changes(FRONTIER, { since: next, limit: 137 })) {
      seqs.push(seq)
      if (seqs.length === 1000) break
    }
  }
  await writing
  assert.equal(
    seqs,
    seqs.map((_, i) => i),
  )
})

test('changes can be limited to kinds', async () => {
  await using replica = await written(1)
  await replica.append(FRONTIER, { ...draft('another kind'), kind: 'finding.reviewed' })
  await replica.append(FRONTIER, draft('the last'))
  assert.equal(await take(replica, { since: 0, kinds: ['finding.reviewed'], limit: 1 }), [[1, 'another kind']])
})

test('changes end without an error with the signal and with the replica', async () => {
  const replica = await written(1)
  const controller = new AbortController()
  const first = take(replica, { since: 0, signal: controller.signal })
  const second = take(replica, { since: 0 })
  await new Promise(resolve => setImmediate(resolve))
  controller.abort()
  assert.equal(await first, [[0, 'event 0']])
  await replica.close()
  assert.equal(await second, [[0, 'event 0']])
})

test('a number after the end and an invalid number are refused', async () => {
  await using replica = await written(1)
  for (const since of [2, -1, 0.5]) assert.is(await codeOf(take(replica, { since })), 'ERR_USAGE')
})

test('sync exchanges both ways in one session and reports each direction', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await hub.replica.append(FRONTIER, draft('there'))
  await laptop.append(FRONTIER, draft('here'))
  const report = await laptop.sync(FRONTIER, 'hub:main')
  assert.equal([report.in?.admitted, report.out?.admitted, report.equal, report.note], [1, 1, true, undefined])
  assert.equal(laptop.heads(FRONTIER), hub.replica.heads(FRONTIER))
  const pulled = await laptop.sync(FRONTIER, 'hub:main', { mode: 'pull' })
  assert.equal([pulled.in?.admitted, pulled.out, pulled.equal], [0, undefined, true])
  const kinds = (await laptop.journal(FRONTIER, { limit: 10 })).map(({ kind }) => kind)
  assert.is(kinds.filter(kind => kind === 'sync.both').length, 1)
})

test('a replica that does not listen follows a peer both ways until its signal', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  await hub.replica.append(FRONTIER, draft('before'))
  const controller = new AbortController()
  const rounds: LiveRound[] = []
  const states: LiveState[] = []
  const following = laptop.live(FRONTIER, 'hub:main', {
    signal: controller.signal,
    onRound: round => void rounds.push(round),
    onState: state => void states.push(state),
  })
  await until(() => states.at(-1)?.phase === 'live' && states.at(-1)!.equal)
  await laptop.append(FRONTIER, draft('here'))
  await hub.replica.append(FRONTIER, draft('there'))
  await until(() => laptop.headsDigest(FRONTIER) === hub.replica.headsDigest(FRONTIER) && states.at(-1)!.equal)
  controller.abort()
  await following
  assert.ok(rounds.some(({ direction }) => direction === 'out') && rounds.some(({ direction }) => direction === 'in'))
  await until(() => hub.sessions === 0)
})

test('a replica that is closed stops following', async () => {
  await using both = await pair()
  const { hub, laptop } = both
  const following = laptop.live(FRONTIER, 'hub:main', { mode: 'pull' })
  await until(() => hub.sessions === 1)
  await laptop.close()
  await following
  assert.is(await codeOf(laptop.live(FRONTIER, 'hub:nobody')), 'ERR_PEER_UNKNOWN')
})

test.run()
