// The last nodes of a log as a picture: a column of dots, newest first, and lines to their parents.
// A node is put in the lane in which a child waits for it, as in the graphs of version control.

import { type Html, html } from './html.ts'

const ROW = 28
const LANE = 14
/** Further lanes are drawn over the last one. */
const LANES_MAX = 8

/** A node of the picture: its number in the log, and those of its parents. */
export interface PictureNode {
  readonly seq: number
  readonly parents: readonly number[]
}

/** Returns the picture of nodes in descending order of their numbers, one row for each. */
export function dagPicture(nodes: readonly PictureNode[]): Html {
  const places = lanesOf(nodes)
  const width = LANE * (Math.max(0, ...places.values()) + 1) + 4
  const height = nodes.length * ROW
  const rows = new Map(nodes.map(({ seq }, row) => [seq, row]))
  const x = (seq: number): number => 9 + LANE * places.get(seq)!
  const y = (row: number): number => row * ROW + ROW / 2
  const lines = nodes.flatMap(({ seq, parents }, row) =>
    parents.map(parent => {
      const below = rows.get(parent)
      const [x2, y2] = below === undefined ? [x(seq), height] : [x(parent), y(below)]
      return html`<line x1="${x(seq)}" y1="${y(row)}" x2="${x2}" y2="${y2}"/>`
    }),
  )
  const dots = nodes.map(({ seq, parents }, row) => {
    const kind = parents.length > 1 ? html` class="merge"` : ''
    return html`<circle cx="${x(seq)}" cy="${y(row)}" r="4"${kind}/>`
  })
  return html`<svg width="${width}" height="${height}" role="img" aria-label="the last nodes and their parents">${lines}${dots}</svg>`
}

function lanesOf(nodes: readonly PictureNode[]): Map<number, number> {
  const places = new Map<number, number>()
  /** The node that each lane waits for. */
  const lanes: (number | undefined)[] = []
  for (const { seq, parents } of nodes) {
    const waiting = lanes.indexOf(seq)
    const lane = waiting >= 0 ? waiting : freeLane(lanes)
    places.set(seq, lane)
    for (const [at, awaited] of lanes.entries()) if (awaited === seq) lanes[at] = undefined
    for (const [at, parent] of parents.slice(0, LANES_MAX).entries()) {
      if (lanes.includes(parent)) continue
      lanes[at === 0 && lanes[lane] === undefined ? lane : freeLane(lanes)] = parent
    }
  }
  return places
}

function freeLane(lanes: readonly (number | undefined)[]): number {
  const free = lanes.indexOf(undefined)
  return Math.min(free >= 0 ? free : lanes.length, LANES_MAX - 1)
}
