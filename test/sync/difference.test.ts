import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Digest, toHex } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { SetDifference } from '../../src/sync/difference.ts'
import { type ToyLog, toyDigest, toyLog } from '../graph/toy-log.ts'

const test = suite('sync/difference')

interface Sink {
  readonly has: (digest: Digest) => boolean
  readonly heads: Digest[]
  readonly count: number
}

interface Found {
  readonly seqs: number[]
  readonly offered: number
  readonly rounds: number
  readonly exact: boolean
}

/** Asks the way the protocol does: the size of an offer doubles from 32 to 1,024. */
async function find(
  log: ToyLog,
  sink: Sink,
  options: { cursor?: number; headsMax?: number; count?: number } = {},
): Promise<Found> {
  const { headsMax = Number.POSITIVE_INFINITY, ...rest } = options
  const difference = await SetDifference.open(log, {
    sinkHeads: sink.heads.slice(0, headsMax),
    sinkHeadsComplete: sink.heads.length <= headsMax,
    sinkCount: sink.count,
    ...rest,
  })
  let offered = 0
  let rounds = 0
  for (let size = 32; ; size = Math.min(size * 2, 1024)) {
    const ids = await difference.next(size)
    if (ids.length === 0) break
    assert.ok(ids.length <= size)
    offered += ids.length
    rounds++
    const bits = new Uint8Array((ids.length + 7) >> 3)
    for (const [i, id] of ids.entries()) if (sink.has(id)) bits[i >> 3] = bits[i >> 3]! | (1 << (i & 7))
    difference.answer(bits)
  }
  const seqs = [...difference.missing()]
  assert.is(seqs.length, difference.size)
  return { seqs, offered, rounds, exact: difference.exact }
}

/** A sink that has these nodes of the log, with all their ancestors, and `others` of its own, which are its heads. */
function sinkWith(
  parents: readonly (readonly number[])[],
  tips: readonly number[],
  others: readonly number[][] = [],
): Sink & { set: Set<number> } {
  const set = new Set<number>()
  const todo = [...tips, ...others.flat()]
  for (let seq = todo.pop(); seq !== undefined; seq = todo.pop()) {
    if (set.has(seq)) continue
    set.add(seq)
    todo.push(...parents[seq]!)
  }
  const covered = new Set(others.flat())
  for (const seq of set) for (const parent of parents[seq]!) covered.add(parent)
  const heads = [...set].filter(seq => !covered.has(seq)).map(toyDigest)
  for (const i of others.keys()) heads.push(toyDigest(`other ${i}`))
  const digests = new Set([...set].map(seq => toHex(toyDigest(seq))))
  return { set, heads, count: set.size + others.length, has: id => digests.has(toHex(id)) }
}

const all = (count: number): number[] => Array.from({ length: count }, (_, i) => i)
const chain = (count: number): number[][] => all(count).map(i => (i === 0 ? [] : [i - 1]))

test('an empty sink lacks everything, without a walk', async () => {
  const log = toyLog(chain(5000))
  const found = await find(log, { heads: [], count: 0, has: () => false })
  assert.ok(found.exact)
  assert.equal(found.seqs, all(5000))
  assert.is(log.rowsRead, 0)
})

test('an empty sink with a cursor holds aside what is below it, and lacks the rest', async () => {
  const log = toyLog(chain(5000))
  const found = await find(log, { heads: [], count: 0, has: () => false }, { cursor: 100 })
  assert.ok(found.exact)
  assert.equal(found.seqs, all(5000).slice(100))
  assert.is(log.rowsRead, 0)
})

test('a sink strictly behind on a chain is served without a question, reading little more than the difference', async () => {
  const parents = chain(100_000)
  const log = toyLog(parents)
  const found = await find(log, sinkWith(parents, [99_989]))
  assert.ok(found.exact)
  assert.equal(found.seqs, all(100_000).slice(99_990))
  assert.ok(log.rowsRead < 200, `${log.rowsRead} rows read`)
})

test('a new node on a very old one costs no walk down to it, because the counts agree', async () => {
  const parents = [...chain(100_000), [99_999, 5]]
  const log = toyLog(parents)
  const found = await find(log, sinkWith(parents, [99_999]))
  assert.equal(found.seqs, [100_000])
  assert.ok(log.rowsRead < 200, `${log.rowsRead} rows read`)
})

test('a sink that misstates its count low gets the exact difference all the same', async () => {
  const parents = [...chain(3000), [2999, 5]]
  for (const count of [1, 2500, 1e9, 0]) {
    const found = await find(toyLog(parents), { ...sinkWith(parents, [2999]), count })
    assert.equal(found.seqs, [3000])
  }
})

test('a sink that overstates its count gets less than it lacks, and nothing that it has', async () => {
  const parents = chain(100)
  for (const [count, first] of [
    [60, 60],
    [99, 99],
    [100, 50], // as many as here, yet not equal: not believed
  ] as const) {
    const { seqs } = await find(toyLog(parents), { ...sinkWith(parents, [49]), count })
    assert.equal(seqs, all(100).slice(first))
  }
})

test('two diverged chains: what is asked follows the difference', async () => {
  const parents = chain(50_000)
  const log = toyLog(parents)
  const found = await find(log, sinkWith(parents, [49_950], [[49_950]]))
  assert.not.ok(found.exact)
  assert.equal(found.seqs, all(50_000).slice(49_951))
  assert.ok(found.offered <= 2 * 49 + 64, `${found.offered} ids offered`)
  assert.ok(log.rowsRead < 500, `${log.rowsRead} rows read`)
})

test('a difference of 20,000 takes tens of rounds, not thousands', async () => {
  const parents = chain(40_000)
  const found = await find(toyLog(parents), sinkWith(parents, [19_999], [[19_999]]))
  assert.is(found.seqs.length, 20_000)
  assert.ok(found.rounds < 30, `${found.rounds} rounds`)
  assert.ok(found.offered <= 2 * 20_000 + 64)
})

test('an old branch that the sink lacks, merged early into what it has not, is found', async () => {
  // 0 … 99 chain; 100 … 199 a branch on 3; then the chain goes on to 1,099; a node joins the branch.
  const parents = [
    ...chain(100),
    ...all(100).map(i => [i === 0 ? 3 : 99 + i]),
    ...all(900).map(i => [i === 0 ? 99 : 199 + i]),
    [1099, 199],
  ]
  const expected = [...all(100).map(i => 100 + i), 1100]
  const exact = await find(toyLog(parents), sinkWith(parents, [1099]))
  assert.ok(exact.exact)
  assert.equal(exact.seqs, expected)
  const asked = await find(toyLog(parents), sinkWith(parents, [1099], [[1099]]))
  assert.equal(asked.seqs, expected)
})

test("a thousand heads of which ten are news: exact when all the sink's heads fit, asked when they do not", async () => {
  const parents = [[], ...all(1000).map(() => [0])]
  const sink = sinkWith(parents, all(991))
  const exact = await find(toyLog(parents), sink)
  assert.equal(exact.seqs, all(1001).slice(991))
  assert.is(exact.offered, 0)
  const asked = await find(toyLog(parents), sink, { headsMax: 950 })
  assert.equal(asked.seqs, all(1001).slice(991))
  assert.ok(asked.offered <= 2 * 10 + 64 + 40, `${asked.offered} ids offered`)
})

test('nodes that came after the snapshot are no part of the answer', async () => {
  const parents = [...chain(60), [40], [59, 60]]
  const sink = sinkWith(parents, [30])
  const expected = all(50).slice(31)
  assert.equal((await find(toyLog(parents), sink, { count: 50 })).seqs, expected)
  assert.equal((await find(toyLog(parents), sinkWith(parents, [30], [[30]]), { count: 50 })).seqs, expected)
})

test('the walk never goes below the cursor', async () => {
  const parents = chain(100_000)
  const log = toyLog(parents)
  const sink = { heads: [toyDigest('elsewhere')], count: 7, has: () => false }
  const found = await find(log, sink, { cursor: 99_000 })
  assert.equal(found.seqs, all(100_000).slice(99_000))
  assert.ok(log.rowsRead <= 2100, `${log.rowsRead} rows read`)
})

test('an answer of the wrong length is a broken frame, and reading too early a mistake', async () => {
  const difference = await SetDifference.open(toyLog(chain(10)), {
    sinkHeads: [toyDigest('x')],
    sinkHeadsComplete: true,
    sinkCount: 1,
  })
  await difference.next(4)
  assert.throws(
    () => difference.answer(new Uint8Array(2)),
    (error: unknown) => hasCode(error, 'ERR_SYNC_FRAME'),
  )
  assert.throws(
    () => difference.missing(),
    (error: unknown) => error instanceof TypeError,
  )
})

test('an aborted search ends with ERR_ABORTED', async () => {
  const options = { sinkHeads: [toyDigest(0)], sinkHeadsComplete: true, sinkCount: 1, signal: AbortSignal.abort() }
  try {
    await SetDifference.open(toyLog(chain(10)), options)
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_ABORTED'))
    return
  }
  assert.unreachable()
})

interface Shape {
  readonly parents: number[][]
  readonly sink: ReturnType<typeof sinkWith>
  readonly others: number
}

/** Random DAGs of a few styles, a random down-closed part at the sink, sometimes with nodes that we do not have. */
const shapes: fc.Arbitrary<Shape> = fc
  .record({
    style: fc.constantFrom('any', 'near', 'chain', 'wide'),
    picks: fc.array(fc.array(fc.nat(1_000_000), { maxLength: 4 }), { minLength: 1, maxLength: 220 }),
    tips: fc.array(fc.nat(1_000_000), { maxLength: 8 }),
    others: fc.array(fc.array(fc.nat(1_000_000), { minLength: 1, maxLength: 3 }), { maxLength: 3 }),
  })
  .map(({ style, picks, tips, others }) => {
    const parents = picks.map((list, seq) => {
      if (seq === 0) return []
      const span = style === 'near' ? Math.min(seq, 5) : seq
      const wanted = list.map(pick => (style === 'wide' ? pick % Math.min(seq, 3) : seq - 1 - (pick % span)))
      if (style === 'chain') wanted.push(seq - 1)
      return [...new Set(wanted)]
    })
    const within = (pick: number): number => pick % parents.length
    return {
      parents,
      sink: sinkWith(
        parents,
        tips.map(within),
        others.map(list => list.map(within)),
      ),
      others: others.length,
    }
  })

test("what is sent is exactly ours without the sink's, parents first, for any DAG, cursor and list of heads", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, fc.nat(), fc.option(fc.nat(4)), async ({ parents, sink, others }, cut, headsMax) => {
      const expected = all(parents.length).filter(seq => !sink.set.has(seq))
      const cursorMax = expected[0] ?? parents.length
      const options = { cursor: cut % (cursorMax + 1), ...(headsMax === null ? {} : { headsMax }) }
      const { seqs, offered } = await find(toyLog(parents), sink, options)
      assert.equal(seqs, expected)
      for (const seq of seqs)
        for (const parent of parents[seq]!) assert.ok(sink.set.has(parent) || seqs.includes(parent))
      // Beyond twice the difference: the edge, i.e. what the sink has directly below it or as heads that it could not name.
      const edge = new Set(expected.flatMap(seq => parents[seq]!).filter(seq => sink.set.has(seq)))
      const heads = new Set(all(parents.length))
      for (const list of parents) for (const parent of list) heads.delete(parent)
      const bound = 2 * expected.length + 64 + edge.size + heads.size
      assert.ok(offered <= bound, `${offered} offered, bound ${bound}, ${others} unknown heads`)
    }),
    { numRuns: 400 },
  )
})

test.run()
