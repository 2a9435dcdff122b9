// The check of a stream, on hand-made streams: each kind of damage is found once, at the right
// position.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { concat, type Digest, sha256 } from '../../src/base/bytes.ts'
import { encodeCommit } from '../../src/store/commit-record.ts'
import { COMMIT, NODE } from '../../src/store/leveldb/keys.ts'
import { StreamCheck } from '../../src/store/leveldb/stream-check.ts'
import { encodeRow } from '../../src/store/row.ts'
import type { Fault } from '../../src/store/store.ts'
import { madeChain } from './made-nodes.ts'

const test = suite('store/stream-check')

interface Entry {
  seq: number
  kind: number
  value: Buffer
}

const genesis = sha256(Buffer.from('genesis'))
const name = 'vfr_0123456789abcdef'

/** Returns commits with these numbers of nodes, as in the log. */
function stream(sizes: readonly number[]): Entry[] {
  const entries: Entry[] = []
  const nodes = madeChain('node', 100)
  let previous: Digest = genesis
  let seq = 0
  for (const [number, count] of sizes.entries()) {
    const rows = nodes.slice(seq, seq + count).map((node, at) => encodeRow(node, seq + at === 0 ? [] : [seq + at - 1]))
    const hash = sha256(concat(rows.map(({ head }) => head)))
    const value = encodeCommit({ number, previous, count, rows: hash, changes: undefined })
    entries.push({ seq, kind: COMMIT, value })
    for (const [at, { row }] of rows.entries()) entries.push({ seq: seq + at, kind: NODE, value: row })
    previous = sha256(value)
    seq += count
  }
  return entries
}

function check(entries: readonly Entry[], end: number): string[] {
  const found: Fault[] = []
  const checker = new StreamCheck({ name, start: { genesis }, onFault: fault => found.push(fault) })
  for (const { seq, kind, value } of entries) checker.add(seq, kind, value)
  checker.finish(end)
  return found.map(({ kind, seq }) => `${kind} ${seq}`)
}

/**
 * Entries: 0 commit, 1–3 nodes 0–2, 4 commit, 5–8 nodes 3–6, 9 commit, 10 node 7, 11 commit, 12–13
 * nodes 8–9.
 */
const sizes = [3, 4, 1, 2]

test('an undamaged stream has no faults, and its rows and links are returned', () => {
  const entries = stream(sizes)
  assert.equal(check(entries, 10), [])
  const links: number[] = []
  const checker = new StreamCheck({
    name,
    start: { genesis },
    onFault: () => {},
    onCommit: mark => links.push(mark.first),
  })
  const rows = entries.flatMap(({ seq, kind, value }) => checker.add(seq, kind, value) ?? [])
  assert.equal(
    rows.map(row => row.seq),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  )
  assert.equal(rows[5]?.parents, [4])
  assert.equal(links, [0, 3, 7, 8])
  const { commits, last, end } = checker.finish(10)
  assert.equal({ commits, last, end }, { commits: 4, last: 8, end: 10 })
})

test('an empty stream has faults only if nodes are expected', () => {
  assert.equal(check([], 0), [])
  assert.equal(check([], 3), ['commit 0'])
})

test('a missing entry is found at its position', () => {
  const expected: Record<number, string[]> = {
    0: ['commit 0'],
    1: ['node 0'],
    2: ['node 1'],
    4: ['commit 3'],
    8: ['node 6'],
    9: ['commit 7'],
    10: ['node 7'],
    13: ['node 9'],
  }
  for (const [at, faults] of Object.entries(expected)) {
    assert.equal(check(stream(sizes).toSpliced(Number(at), 1), 10), faults, `entry ${at}`)
  }
})

test('a missing commit, first, in the middle or last, is one fault', () => {
  assert.equal(check(stream(sizes).slice(4), 10), ['commit 0'])
  assert.equal(check(stream(sizes).toSpliced(4, 5), 10), ['commit 3'])
  assert.equal(check(stream(sizes).toSpliced(4, 7), 10), ['commit 3'])
  assert.equal(check(stream(sizes).slice(0, 11), 10), ['commit 8'])
  assert.equal(check(stream(sizes).slice(0, 12), 10), ['node 8'])
})

test('damage to a row is found at any offset', () => {
  for (const offset of [0, 4, 5, 9, 20, 50, 82, 90, 300]) {
    const entries = stream(sizes)
    entries[6]!.value[offset]! ^= 1
    assert.equal(check(entries, 10), ['node 4'], `offset ${offset}`)
  }
  const short = stream(sizes)
  short[6]!.value = short[6]!.value.subarray(0, 3)
  assert.equal(check(short, 10), ['node 4'])
})

test('damage to a commit record is found at any offset', () => {
  // Number, link, count, hash. In the middle, the next record also reveals that its predecessor has
  // another hash.
  for (const offset of [5, 10, 50]) {
    const entries = stream(sizes)
    entries[4]!.value[offset]! ^= 1
    const found = check(entries, 10)
    assert.ok(found.includes('commit 3'), `offset ${offset}: ${found}`)
    assert.ok(
      found.every(fault => ['commit 3', 'commit 7'].includes(fault)),
      `offset ${offset}: ${found}`,
    )
  }
  const count = stream(sizes)
  count[4]!.value[41]! ^= 1
  assert.ok(check(count, 10).length > 0)
  const length = stream(sizes)
  length[4]!.value = length[4]!.value.subarray(1)
  assert.equal(check(length, 10), ['commit 3'])
})

test('an exchanged commit is found', () => {
  const entries = stream(sizes)
  const others = stream([3, 2, 2, 1, 2])
  assert.ok(check([...entries.slice(0, 4), ...others.slice(4, 10), ...entries.slice(9)], 10).length > 0)
})

test('a node that is its own ancestor is found', () => {
  const [first, second] = madeChain('node', 2)
  const rows = [encodeRow(first!, []), encodeRow(second!, [1])]
  const value = encodeCommit({
    number: 0,
    previous: genesis,
    count: 2,
    rows: sha256(concat(rows.map(({ head }) => head))),
    changes: undefined,
  })
  const entries = [{ seq: 0, kind: COMMIT, value }, ...rows.map(({ row }, seq) => ({ seq, kind: NODE, value: row }))]
  assert.equal(check(entries, 2), ['node 1'])
})

test('a check that starts at a known commit requires exactly that commit', () => {
  const entries = stream(sizes)
  const from = (link: Digest) => {
    const found: Fault[] = []
    const start = { commit: { number: 1, first: 3, link } }
    const checker = new StreamCheck({ name, start, onFault: fault => found.push(fault) })
    for (const { seq, kind, value } of entries.slice(4)) checker.add(seq, kind, value)
    return [...found.map(({ kind, seq }) => `${kind} ${seq}`), checker.finish(10).commits]
  }
  assert.equal(from(sha256(entries[4]!.value)), [4])
  assert.equal(from(sha256(entries[0]!.value)), ['commit 3', 4])
})

test.run()
