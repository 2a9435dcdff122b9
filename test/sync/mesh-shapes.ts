// Which hubs of a mesh keep links to which: the shapes that federations have.

import type { MeshHub } from './mesh-hub.ts'
import type { Net } from './mesh-net.ts'
import type { Random } from './random.ts'

export const SHAPES = ['ring', 'star', 'line', 'mesh', 'tree'] as const
export type Shape = (typeof SHAPES)[number]

/** Joins the honest hubs in a shape, and each of the odd ones with some of them. Either side may be the one that dials. */
export function joinAll(
  net: Net,
  random: Random,
  hubs: {
    readonly shape: Shape
    readonly honest: readonly MeshHub[]
    readonly odd: readonly MeshHub[]
  },
): void {
  const { shape, odd } = hubs
  const order = [...hubs.honest].sort((a, b) => (a.key.publicKey < b.key.publicKey ? -1 : 1))
  const join = (a: MeshHub, b: MeshHub): void => {
    const [from, to] = random.chance(0.5) ? [a, b] : [b, a]
    net.join(from, to)
    if (random.chance(0.15)) net.join(to, from)
  }
  order.forEach((hub, i) => {
    if (shape === 'mesh') for (const other of order.slice(i + 1)) join(hub, other)
    else if (shape === 'ring') join(hub, order[(i + 1) % order.length]!)
    else if (i > 0) join(hub, order[{ star: 0, line: i - 1, tree: random.below(i) }[shape]]!)
  })
  for (const one of odd) for (const hub of order) if (random.chance(0.5)) join(one, hub)
}
