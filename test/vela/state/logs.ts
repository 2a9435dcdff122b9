// Generated logs for tests of replay: findings, events in stored form, and DAGs of events that may
// arrive in any order.

import { topologicalOrder } from '../../../src/graph/topological-sort.ts'
import * as vela from '../../../src/vela/index.ts'

export type Members = Map<string, vela.Json>

/** A plain finding; members of `more` override its own. */
export function finding(id: string, more: { score?: number; text?: string; direction?: string } = {}): Members {
  const { score = 0.7, text = `Claim of ${id}.`, direction = null } = more
  const { JsonNumber } = vela
  return vela.toJson({
    id,
    assertion: { text, type: 'mechanism', entities: [], relation: null, direction },
    evidence: { evidence_spans: [] },
    confidence: { score: JsonNumber.float(score), basis: 'made up', method: 'llm_initial' },
    flags: { contested: false, retracted: false },
  }) as Members
}

export interface Draft {
  readonly kind: string
  readonly target: string
  readonly payload?: unknown
  readonly actor?: string
  readonly type?: string
  /** Seconds; also makes equal drafts distinct. */
  readonly at?: number
}

export interface LogEvent {
  readonly id: string
  readonly text: Uint8Array
}

export function event(draft: Draft): LogEvent {
  const { kind, target, payload = {}, actor = 'reviewer:ada', type = 'finding', at = 0 } = draft
  const { text, head } = vela.makeEvent({
    kind,
    target: { type, id: target },
    actor: { id: actor },
    reason: 'because',
    timestamp: new Date(Date.UTC(2026, 0, 1) + at * 1000).toISOString(),
    payload,
  })
  return { id: head.id, text }
}

/** An event and its parents, by their indexes in the list. */
export interface Made {
  readonly event: LogEvent
  readonly parents: readonly number[]
}

/** Indexes of the list in replay order. */
export function replayOrder(log: readonly Made[]): number[] {
  const places = new Map(log.map(({ event: { id } }, place) => [id, place]))
  const pairs = log.map(({ event: { id }, parents }) => ({ id, parents: parents.map(at => log[at]!.event.id) }))
  return topologicalOrder(pairs)!.map(id => places.get(id)!)
}

/** Everything that can be read from a view, as text. */
export function printView(view: vela.View): string {
  return vela.printJson(
    vela.toJson({
      length: vela.viewLength(view),
      rows: vela.viewRows(view),
      objects: vela.OBJECT_TABLES.map(table => vela.viewObjects(view, table)),
      conflicts: [...vela.viewConflicts(view)],
      contested: [...vela.viewContested(view)],
      problems: vela.viewProblems(view),
    }),
  )
}

/** A replica that receives events one by one or in merges and keeps one view current. */
export class Arrivals {
  readonly #options: vela.ViewOptions
  readonly #ancestry = new vela.Ancestry()
  readonly #nodes = new Map<number, number>()
  readonly #log: readonly Made[]
  readonly view: vela.View
  #order: readonly number[] = []

  constructor(log: readonly Made[], options: vela.ViewOptions = {}) {
    this.#log = log
    this.#options = { ...options, precedes: (a, b) => this.#ancestry.precedes(a, b) }
    this.view = vela.emptyView(this.#options)
  }

  /**
   * A merge: indexes of the log, parents first. The view continues from the common prefix of both
   * orders.
   */
  merge(places: readonly number[]): void {
    for (const place of places)
      this.#nodes.set(place, this.#ancestry.add(this.#log[place]!.parents.map(parent => this.#nodes.get(parent)!)))
    const sorted = this.#sorted()
    let common = 0
    while (common < this.#order.length && this.#order[common] === sorted[common]) common++
    this.#apply(this.view, sorted, vela.rewindView(this.view, common))
    this.#order = sorted
  }

  /** The same events, by a full replay. */
  afresh(): vela.View {
    const view = vela.emptyView(this.#options)
    this.#apply(view, this.#order, 0)
    return view
  }

  /** Replay order of the received log. */
  #sorted(): number[] {
    const places = [...this.#nodes.keys()]
    const index = new Map(places.map((place, at) => [place, at]))
    const log = places.map(place => {
      const { event: made, parents } = this.#log[place]!
      return { event: made, parents: parents.map(parent => index.get(parent)!) }
    })
    return replayOrder(log).map(at => places[at]!)
  }

  #apply(view: vela.View, order: readonly number[], from: number): void {
    for (const place of order.slice(from))
      vela.applyEvent(view, { text: this.#log[place]!.event.text, nodes: [this.#nodes.get(place)!] })
  }
}
