// Draws the graph of `log --graph`, newest node first, with one column for each expected node. A
// node opens a column for each of its parents; columns that expect the same parent join. A column
// whose parent is beyond the end of the list ends there. Rows wider than `graphColumnsMax` are
// truncated and marked.

import { CLI_LIMITS } from '../../base/cli-limits.ts'

export interface GraphRow {
  /** The row with the node. */
  readonly node: string
  /** The rows between this node and the next. */
  readonly below: readonly string[]
}

export class LogGraph {
  /** The CID that each open column expects. */
  readonly #columns: string[] = []

  /** Draws the next node; children must precede their parents. */
  next(cid: string, parents: readonly string[]): GraphRow {
    const columns = this.#columns
    if (!columns.includes(cid)) columns.push(cid)
    const at = columns.indexOf(cid)
    const node = cut(columns.map((_, i) => (i === at ? '*' : '|')).join(' '), at)
    if (parents.length === 0) return { node, below: [...this.#end(at)] }
    columns[at] = parents[0]!
    return { node, below: [...this.#open(at, parents.slice(1)), ...this.#join()] }
  }

  /** One row for each further parent, which gets a column to the right of the node's column. */
  *#open(at: number, parents: readonly string[]): Generator<string> {
    for (const parent of [...parents].reverse()) {
      const moves = this.#columns.map((_, i): Move => [i, i > at ? i + 1 : i])
      this.#columns.splice(at + 1, 0, parent)
      yield* drawn([...moves, [at, at + 1]])
    }
  }

  /** One row for each column that expects the same node as a column further left. */
  *#join(): Generator<string> {
    for (let i = 1; i < this.#columns.length; i++) {
      const target = this.#columns.indexOf(this.#columns[i]!)
      if (target === i) continue
      yield* drawn(this.#columns.map((_, k): Move => [k, k < i ? k : k === i ? target : k - 1]))
      this.#columns.splice(i, 1)
      i--
    }
  }

  /** Ends the column of a node without parents; the columns to the right move left. */
  *#end(at: number): Generator<string> {
    const moves = this.#columns.map((_, i): Move => [i, i - 1]).slice(at + 1)
    const still = this.#columns.map((_, i): Move => [i, i]).slice(0, at)
    this.#columns.splice(at, 1)
    if (moves.length > 0) yield* drawn([...still, ...moves])
  }
}

type Move = readonly [from: number, to: number]

/** Draws one row of moves; nothing if all moves are outside the drawn width. */
function* drawn(moves: readonly Move[]): Generator<string> {
  const most = CLI_LIMITS.graphColumnsMax
  if (moves.every(([from, to]) => from === to || Math.min(from, to) >= most)) return
  const cells: string[] = []
  const put = (place: number, mark: string): void => {
    cells[place] = mark
  }
  for (const [from, to] of moves) {
    if (from === to) put(2 * from, '|')
    else put(from < to ? 2 * to - 1 : 2 * from - 1, from < to ? '\\' : '/')
  }
  // A line that crosses other columns on its way left runs below them.
  for (const [from, to] of moves) for (let i = 2 * to + 1; i < 2 * from - 1; i++) cells[i] ??= '_'
  yield cut(Array.from(cells, cell => cell ?? ' ').join(''), 0)
}

/**
 * Truncates a row; `at` is the node's column, which is marked at the edge if it is beyond the
 * width.
 */
function cut(row: string, at: number): string {
  const most = CLI_LIMITS.graphColumnsMax
  if (row.length <= 2 * most) return row.trimEnd()
  return `${row.slice(0, 2 * most)}…${at >= most ? '*' : ''}`
}
