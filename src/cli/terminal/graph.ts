// The drawing beside `log --graph`: newest first, one column for each node that is still to come. A node opens a column
// for each of its parents; columns that wait for the same parent join. Only what is known is drawn: a column whose
// parent lies beyond the end of the list just ends. What is wider than the limit is cut off and marked, never guessed.

import { CLI_LIMITS } from '../../base/limits.ts'

export interface GraphRow {
  /** Drawing of the line with the node in it. */
  readonly node: string
  /** Drawings of the lines below it, before the next node. */
  readonly below: readonly string[]
}

export class LogGraph {
  /** What each open column waits for. */
  readonly #columns: string[] = []

  /** Takes the next node; children must come before their parents. */
  next(cid: string, parents: readonly string[]): GraphRow {
    const columns = this.#columns
    if (!columns.includes(cid)) columns.push(cid)
    const at = columns.indexOf(cid)
    const node = cut(columns.map((_, i) => (i === at ? '*' : '|')).join(' '), at)
    if (parents.length === 0) return { node, below: [...this.#end(at)] }
    columns[at] = parents[0]!
    return { node, below: [...this.#open(at, parents.slice(1)), ...this.#join()] }
  }

  /** One row for each further parent: a column to the right of the node's own. */
  *#open(at: number, parents: readonly string[]): Generator<string> {
    for (const parent of [...parents].reverse()) {
      const moves = this.#columns.map((_, i): Move => [i, i > at ? i + 1 : i])
      this.#columns.splice(at + 1, 0, parent)
      yield* drawn([...moves, [at, at + 1]])
    }
  }

  /** One row for each column that waits for what a column further left waits for. */
  *#join(): Generator<string> {
    for (let i = 1; i < this.#columns.length; i++) {
      const target = this.#columns.indexOf(this.#columns[i]!)
      if (target === i) continue
      yield* drawn(this.#columns.map((_, k): Move => [k, k < i ? k : k === i ? target : k - 1]))
      this.#columns.splice(i, 1)
      i--
    }
  }

  /** A node without parents ends its column; those to the right move up. */
  *#end(at: number): Generator<string> {
    const moves = this.#columns.map((_, i): Move => [i, i - 1]).slice(at + 1)
    const still = this.#columns.map((_, i): Move => [i, i]).slice(0, at)
    this.#columns.splice(at, 1)
    if (moves.length > 0) yield* drawn([...still, ...moves])
  }
}

type Move = readonly [from: number, to: number]

/** One row of lines; none when nothing moves within the width that is drawn. */
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
  // A line that crosses others on its way left runs under them.
  for (const [from, to] of moves) for (let i = 2 * to + 1; i < 2 * from - 1; i++) cells[i] ??= '_'
  yield cut(Array.from(cells, cell => cell ?? ' ').join(''), 0)
}

/** `at` is the column of the node in this row: one beyond the width is marked at the edge. */
function cut(row: string, at: number): string {
  const most = CLI_LIMITS.graphColumnsMax
  if (row.length <= 2 * most) return row.trimEnd()
  return `${row.slice(0, 2 * most)}…${at >= most ? '*' : ''}`
}
