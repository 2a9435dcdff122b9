// `node dist/test/campaign/mesh.js [--seeds N] [--from SEED] [--texts]`: many simulations of five hubs that follow each other live through
// faults; prints each seed that fails, with the command that repeats it, and exits with 1 when one did.
// Short form: test/sync/mesh.test.ts

import { parseArgs } from 'node:util'
import { type MeshOutcome, simulateMesh } from '../sync/mesh-simulation.ts'

/** Of a failing run, enough to see where. */
const TRACE_LINES = 12

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    from: { type: 'string', default: '1' },
    texts: { type: 'boolean', default: false },
  },
})
const [count, from] = [Number(values.seeds), Number(values.from)]
const { texts } = values
const outcomes: MeshOutcome[] = []
const started = performance.now()
let bad = 0
for (let seed = from; seed < from + count; seed += 1) {
  try {
    outcomes.push(await simulateMesh(seed, { texts }))
  } catch (error) {
    bad += 1
    const { message, cause } = error as Error & { cause?: Error }
    console.log(`${message}\n  node dist/test/campaign/mesh.js --seeds 1 --from ${seed}${texts ? ' --texts' : ''}`)
    if (count === 1) console.log((cause?.stack ?? '').split('\n').slice(0, TRACE_LINES).join('\n'))
  }
  if ((seed - from + 1) % 500 === 0) console.log(`… ${seed - from + 1} seeds, ${bad} failed, ${seconds()} s`)
}
const sum = (of: (outcome: MeshOutcome) => number): number => outcomes.reduce((total, one) => total + of(one), 0)
const most = (of: (outcome: MeshOutcome) => number): number => outcomes.reduce((top, one) => Math.max(top, of(one)), 0)
console.log(
  `${count} seeds from ${from}: ${bad} failed; ${sum(one => one.acknowledged)} events acknowledged with ${sum(one => one.documents)} ` +
    `documents, ${sum(one => one.crossed)} nodes over links, ${sum(one => one.links)} links made, ${sum(one => one.broken)} ` +
    `ended out of order, ${sum(one => one.crashes)} crashes that lost ${sum(one => one.lostWrites)} writes under way, ${sum(one => one.lies)} lies in ` +
    `${sum(one => Number(one.lies > 0))} runs, ${sum(one => Number(one.revoked))} revocations with ` +
    `${sum(one => one.refused)} nodes refused in ${sum(one => Number(one.refused > 0))} runs, ` +
    `${sum(one => Number(one.late))} late registrations, ${sum(one => Number(one.faultless))} runs without a fault; ` +
    `equal after at most ` +
    `${(most(one => one.settledMs) / 1000).toFixed(1)} virtual s; ${seconds()} s`,
)
if (texts) {
  console.log(
    `${sum(one => one.texts!.erasures)} signed erasures acknowledged, ${sum(one => one.texts!.ownerErasures)} of them by the ` +
      `owner, ${sum(one => one.texts!.deletions)} local deletions, ${sum(one => one.texts!.fetched)} texts fetched by name, ` +
      `${sum(one => one.texts!.dropped)} dropped`,
  )
}
process.exitCode = bad === 0 ? 0 : 1

function seconds(): string {
  return ((performance.now() - started) / 1000).toFixed(1)
}
