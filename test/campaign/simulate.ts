// `node dist/test/campaign/simulate.js [--seeds N] [--from SEED] [--wide HEADS] [--growth NODES]`: many simulations of replicas
// that meet over bad links and then over good ones; prints each seed that fails, and exits with 1 when one did.
// Short form: test/sync/convergence.test.ts

import { parseArgs } from 'node:util'
import { simulate } from '../sync/simulation.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    wide: { type: 'string', default: '0' },
    growth: { type: 'string', default: '12' },
  },
})
const [count, from, wide, growth] = [values.seeds, values.from, values.wide, values.growth].map(Number)
const sums = { nodes: 0, sessions: 0, failed: 0, cleanSessions: 0 }
const started = performance.now()
let bad = 0
for (let seed = from!; seed < from! + count!; seed += 1) {
  try {
    const outcome = await simulate(seed, { wide: wide!, growth: growth! })
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += outcome[name]
  } catch (error) {
    bad += 1
    console.log((error as Error).message)
  }
  if ((seed - from! + 1) % 500 === 0) console.log(`… ${seed - from! + 1} seeds, ${bad} failed`)
}
const seconds = ((performance.now() - started) / 1000).toFixed(1)
console.log(
  `${count} seeds from ${from}: ${bad} failed; ${sums.nodes} nodes, ${sums.sessions} sessions over bad links of which ` +
    `${sums.failed} broke, ${sums.cleanSessions} over good ones, ${seconds} s`,
)
process.exitCode = bad === 0 ? 0 : 1
