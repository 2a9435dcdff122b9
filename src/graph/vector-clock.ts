// Vector clock: a persistent map from chain number to count, joined by maximum. A clock is an
// immutable tree of 16-way nodes. A new clock shares all equal subtrees with the clocks it is made
// from, so that each node of a DAG can have one (ancestry.ts). The recursion follows the tree: at
// most eight levels.

const BITS = 4
const WIDTH = 1 << BITS

/** A leaf holds counts, an inner node holds nodes. */
type Branch = Uint32Array | readonly (Branch | undefined)[]

/** An immutable clock. Chains that it does not mention have count 0. */
export interface Clock {
  /** Levels of inner nodes above the leaves. */
  readonly height: number
  readonly root: Branch
}

/** The clock with count 0 for every chain. */
export const EMPTY_CLOCK: Clock = { height: 0, root: new Uint32Array(WIDTH) }

/** Returns the count of a chain, 0 if the clock does not mention it. */
export function countOf({ height, root }: Clock, chain: number): number {
  if (chain >= capacity(height)) return 0
  let branch: Branch | undefined = root
  for (let level = height; level > 0 && branch !== undefined; level--)
    branch = (branch as readonly (Branch | undefined)[])[place(chain, level)]
  return branch === undefined ? 0 : (branch as Uint32Array)[chain & (WIDTH - 1)]!
}

/** Returns the clock with at least `count` for `chain`; the same object if it has that already. */
export function withCount(clock: Clock, chain: number, count: number): Clock {
  if (countOf(clock, chain) >= count) return clock
  let tall = clock
  while (chain >= capacity(tall.height)) tall = lifted(tall)
  return { height: tall.height, root: changed(tall.root, tall.height, { chain, count }) }
}

/** Returns the maximum of both clocks for every chain; the same object if one of them is that. */
export function joined(a: Clock, b: Clock): Clock {
  if (a === b) return a
  if (a.height < b.height) return joined(b, a)
  let other = b
  while (other.height < a.height) other = lifted(other)
  const root = joinedBranches(a.root, other.root, a.height)!
  if (root === a.root) return a
  return root === b.root ? b : { height: a.height, root }
}

function capacity(height: number): number {
  return WIDTH ** (height + 1)
}

function place(chain: number, level: number): number {
  return (chain >>> (BITS * level)) & (WIDTH - 1)
}

function lifted({ height, root }: Clock): Clock {
  return { height: height + 1, root: [root] }
}

function changed(
  branch: Branch | undefined,
  level: number,
  entry: { readonly chain: number; readonly count: number },
): Branch {
  if (level === 0) {
    const leaf = branch === undefined ? new Uint32Array(WIDTH) : (branch as Uint32Array).slice()
    leaf[entry.chain & (WIDTH - 1)] = entry.count
    return leaf
  }
  const children = branch === undefined ? [] : [...(branch as readonly (Branch | undefined)[])]
  const at = place(entry.chain, level)
  children[at] = changed(children[at], level - 1, entry)
  return children
}

function joinedBranches(a: Branch | undefined, b: Branch | undefined, level: number): Branch | undefined {
  if (a === b || b === undefined) return a
  if (a === undefined) return b
  if (level === 0) return joinedLeaves(a as Uint32Array, b as Uint32Array)
  const [left, right] = [a as readonly (Branch | undefined)[], b as readonly (Branch | undefined)[]]
  const children = Array.from({ length: Math.max(left.length, right.length) }, (_, at) =>
    joinedBranches(left[at], right[at], level - 1),
  )
  if (children.every((child, at) => child === left[at])) return a
  return children.every((child, at) => child === right[at]) ? b : children
}

function joinedLeaves(a: Uint32Array, b: Uint32Array): Uint32Array {
  let leftHolds = true
  let rightHolds = true
  for (let at = 0; at < WIDTH; at++) {
    if (a[at]! < b[at]!) leftHolds = false
    if (b[at]! < a[at]!) rightHolds = false
  }
  if (leftHolds) return a
  return rightHolds ? b : a.map((count, at) => Math.max(count, b[at]!))
}
