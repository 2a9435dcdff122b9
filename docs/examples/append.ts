// Appends events to a frontier and reads them back. `// →` marks the expected output.

import { Replica } from 'frontier-replica'

await using replica = await Replica.open({ location: './lab', create: true, hubId: 'hub:lab' })
const { frontier } = await replica.createFrontier({ name: 'Blood-brain barrier' })

// A draft. The replica adds the timestamp and the id, signs the node, and returns when the node is durable.
const first = await replica.append(frontier, {
  kind: 'finding.noted',
  target: { type: 'finding', id: 'vf_04f7f6513eaa1b4d' },
  actor: { id: 'reviewer:ada' },
  reason: 'first look',
  payload: { text: 'effect size is missing' },
})
console.log(first.seq, first.height, first.parents.length) // → 1 1 1

// A draft as JSON text keeps the spelling of its numbers: 1.0 and 1 are different content.
const draft = `{
  "kind": "finding.noted",
  "target": { "type": "finding", "id": "vf_04f7f6513eaa1b4d" },
  "actor": { "id": "reviewer:ben" },
  "reason": "second look",
  "payload": { "dose_mg": 1.0 }
}`
const second = await replica.append(frontier, draft)
const [node] = await replica.get(second.event)
const { text } = node!.event!
console.log(node!.event!.payloadAs<{ dose_mg: number }>().dose_mg) // → 1
console.log(Buffer.from(text).includes('"dose_mg":1.0')) // → true

// A whole event that is stored already is not added again.
const again = await replica.append(frontier, text)
console.log(again.known, again.cid === second.cid) // → true true

for await (const { seq, event } of replica.nodes(frontier)) console.log(seq, event?.kind, event?.reason)
// → 0 frontier.created frontier compiled
// → 1 finding.noted first look
// → 2 finding.noted second look

const { ok } = await replica.verify({ signatures: true })
console.log(ok) // → true
