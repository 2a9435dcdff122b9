import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CLI_LIMITS } from '../../src/base/cli-limits.ts'
import { LogGraph } from '../../src/cli/terminal/graph.ts'

const test = suite('cli/graph')

type Named = [cid: string, parents: string[]]

function drawing(nodes: readonly Named[]): string[] {
  const graph = new LogGraph()
  return nodes.flatMap(([cid, parents]) => {
    const { node, below } = graph.next(cid, parents)
    return [`${node} ${cid}`, ...below]
  })
}

test('a chain is one column', () => {
  assert.equal(
    drawing([
      ['c', ['b']],
      ['b', ['a']],
      ['a', []],
    ]),
    ['* c', '* b', '* a'],
  )
})

test('a merge opens a column and a common parent closes it', () => {
  assert.equal(
    drawing([
      ['m', ['x', 'y']],
      ['x', ['a']],
      ['y', ['a']],
      ['a', []],
    ]),
    ['* m', '|\\', '* | x', '| * y', '|/', '* a'],
  )
})

test('a line to a column further left runs below the columns between', () => {
  assert.equal(
    drawing([
      ['h1', ['p']],
      ['h2', ['q']],
      ['h3', ['p']],
      ['p', []],
      ['q', []],
    ]),
    ['* h1', '| * h2', '| | * h3', '|_|/', '* | p', ' /', '* q'],
  )
})

test('a graph wider than the limit is truncated and marked', () => {
  const wide = CLI_LIMITS.graphColumnsMax + 3
  const heads = Array.from({ length: wide }, (_, i): Named => [`h${i}`, [`p${i}`]])
  const lines = drawing(heads)
  assert.is(lines.at(-1), `${'| '.repeat(CLI_LIMITS.graphColumnsMax)}…* h${wide - 1}`)
})

/** A random log, newest first: each node has up to three parents among the nodes after it. */
const logs = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 40 }).map(rows =>
  rows.map((picks, i): Named => {
    const older = rows.length - i - 1
    const parents = older === 0 ? [] : [...new Set(picks.map(pick => i + 1 + (pick % Math.min(older, 6))))]
    return [`n${i}`, parents.map(parent => `n${parent}`)]
  }),
)

test('each node is drawn once on its own line within the width', () => {
  fc.assert(
    fc.property(logs, nodes => {
      const graph = new LogGraph()
      for (const [cid, parents] of nodes) {
        const { node, below } = graph.next(cid, parents)
        assert.is([...node].filter(mark => mark === '*').length, 1)
        for (const line of [node, ...below]) assert.ok(line.length <= 2 * CLI_LIMITS.graphColumnsMax + 2)
        for (const line of below) assert.match(line, /^[|/\\_ …]+$/)
      }
    }),
  )
})

test('each line from a node ends at its parent', () => {
  fc.assert(
    fc.property(logs, nodes => {
      const narrow = nodes.slice(0, CLI_LIMITS.graphColumnsMax / 2)
      const graph = new LogGraph()
      // Follow the lines of the children to the node's column by their marks alone.
      let expected = new Map<string, number>()
      for (const [cid, parents] of narrow) {
        const { node, below } = graph.next(cid, parents)
        const at = node.indexOf('*') / 2
        if (expected.has(cid)) assert.is(at, expected.get(cid))
        expected = followed(expected, { cid, at, parents }, below)
      }
    }),
  )
})

/** Returns the column of each expected node after the rows below a node. */
function followed(
  before: ReadonlyMap<string, number>,
  node: { cid: string; at: number; parents: readonly string[] },
  below: readonly string[],
): Map<string, number> {
  const columns: string[] = []
  for (const [cid, at] of before) columns[at] = cid
  columns[node.at] = node.cid
  const [first, ...rest] = node.parents
  let opened = 0
  if (first === undefined) {
    columns.splice(node.at, 1)
    return new Map(columns.map((cid, i) => [cid, i]))
  }
  columns[node.at] = first
  for (const row of below) {
    const right = row.indexOf('\\')
    if (right >= 0) {
      opened++
      columns.splice(node.at + 1, 0, rest[rest.length - opened]!)
      assert.is(right, 2 * node.at + 1)
    } else {
      const from = (row.indexOf('/') + 1) / 2
      const under = row.indexOf('_')
      const to = under < 0 ? from - 1 : (under - 1) / 2
      assert.is(columns[from], columns[to])
      columns.splice(from, 1)
    }
  }
  return new Map(columns.map((cid, i) => [cid, i]))
}

test.run()
