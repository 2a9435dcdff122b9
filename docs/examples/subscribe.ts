// Subscribes to a frontier: first what is stored, then each node when it is merged. A reader keeps the number of the last
// node that it processed and continues after it. It sends no acknowledgements and misses nothing.

import { Replica } from 'frontier-replica'

await using replica = await Replica.open({ location: './lab', create: true })
const { frontier } = await replica.createFrontier({ name: 'Blood-brain barrier' })

async function note(reason: string): Promise<void> {
  const target = { type: 'finding', id: 'vf_04f7f6513eaa1b4d' }
  await replica.append(frontier, { kind: 'finding.noted', target, actor: { id: 'reviewer:ada' }, reason })
}

/** Prints notes from number `since` on, up to the note `last`. Returns the number to continue from. */
async function readNotes(since: number, last: string): Promise<number> {
  const stop = new AbortController()
  let next = since
  const changes = replica.changes(frontier, { since, kinds: ['finding.noted'], signal: stop.signal })
  for await (const { seq, event } of changes) {
    console.log(seq, event?.reason)
    next = seq + 1
    if (event?.reason === last) stop.abort() // ends the loop without an error
  }
  return next
}

await note('one')
await note('two')
const next = await readNotes(0, 'two')
// → 1 one
// → 2 two

const reading = readNotes(next, 'four') // waits for new nodes
await note('three')
await note('four')
console.log(await reading)
// → 3 three
// → 4 four
// → 5
