// Shows the findings of a frontier and follows their changes. `// →` marks the expected output.

import { Replica } from 'frontier-replica'
import { FrontierView } from 'frontier-replica/vela'

await using replica = await Replica.open({ location: './lab', create: true, hubId: 'hub:lab' })
const { frontier } = await replica.createFrontier({ name: 'Blood-brain barrier' })
const id = 'vf_04f7f6513eaa1b4d'
const about = { target: { type: 'finding', id }, actor: { id: 'reviewer:ada' } }

using view = await FrontierView.open(replica, frontier)
const changed = new Promise<void>(resolve => {
  view.subscribe(() => {
    if (view.get(id)?.confidence === 0.9) resolve()
  })
})

await replica.append(frontier, {
  ...about,
  kind: 'finding.asserted',
  reason: 'read in three papers',
  payload: {
    finding: { id, assertion: { text: 'It crosses.', type: 'mechanism' }, confidence: { score: 0.7 }, flags: {} },
  },
})
await replica.append(frontier, {
  ...about,
  kind: 'finding.confidence_revised',
  reason: 'a fourth paper',
  payload: { previous_score: 0.7, new_score: 0.9 },
})

await changed
for (const { text, confidence, retracted } of view.list()) console.log(text, confidence, retracted)
// → It crosses. 0.9 false
console.log(view.snapshot().nodes, view.snapshot().conflicts.length) // → 3 0
