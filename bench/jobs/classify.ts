// Classifies 1,000 incoming events as `Replica.classify` does: each names the previous one and a
// random stored event. The cost must depend on the 1,000 events, not on the log. The signatures in
// the store are not valid, and none is checked here.

import { checkEvent } from '../../src/event/event.ts'
import type { IdPair } from '../../src/graph/causal-closure.ts'
import { decodeNode } from '../../src/node/node.ts'
import { classifyStored } from '../../src/replica/log-reader.ts'
import { openLevelDb } from '../../src/store/index.ts'
import type { FrontierStore } from '../../src/store/store.ts'
import { type Job, type Timed, timed } from '../job.ts'
import { Random } from '../random.ts'
import { median } from '../samples.ts'
import { frontier } from '../stores.ts'

const incomingEvents = 1_000
const rounds = 21

export const classify: Job = {
  name: 'classify',
  sizes: [10_000, 100_000, 1_000_000],
  shapes: ['mesh'],
  async *rows(bench, place) {
    const folder = await bench.plainStore(place)
    let run = 0
    yield await bench.row({ job: 'classify', what: '1,000 incoming', ...place }, async () => {
      const { ms, cpuMs, rssBytes } = await bench.run<Timed>('classify', { folder, seed: run++ })
      return { ms, cpuMs, events: incomingEvents, counts: { nodes: incomingEvents }, rssBytes }
    })
  },
  tasks: {
    /** The median over sets of events with different parents. */
    async classify({ folder, seed }: { folder: string; seed: number }): Promise<Timed> {
      await using store = await openLevelDb(folder)
      const log = store.frontier(frontier)
      const random = new Random(seed)
      const runs: Timed[] = []
      for (let round = 0; round < rounds; round++) {
        const events = await incoming(log, random)
        const { result, ms, cpuMs } = await timed(() => classifyStored(log, events))
        if (result.kind !== 'proceed') throw new Error('stored parents were not found')
        runs.push({ ms, cpuMs })
      }
      return { ms: median(runs.map(run => run.ms)), cpuMs: median(runs.map(run => run.cpuMs)) }
    },
  },
}

async function incoming(log: FrontierStore, random: Random): Promise<IdPair[]> {
  const seqs = Array.from({ length: incomingEvents }, () => random.below(log.nodes))
  const rows = await log.read(seqs)
  return rows.map(({ bytes }, i) => {
    const stored = checkEvent(decodeNode(bytes).text!).id
    return { id: newId(i), parents: i === 0 ? [stored] : [newId(i - 1), stored] }
  })
}

/** An event id that the log lacks. */
function newId(index: number): string {
  return `vev_${index.toString(16).padStart(16, '0')}`
}
