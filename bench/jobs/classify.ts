// Deciding whether 1,000 incoming nodes can be merged: each names the one before it and one stored node anywhere in the log.
// The cost has to follow the 1,000 and not the log. No signature matters here, so the store has none that are valid.

import { createHash } from 'node:crypto'
import type { Digest } from '../../src/base/bytes.ts'
import { classifyIncoming } from '../../src/replica/closure.ts'
import { openLevelDb } from '../../src/store/index.ts'
import type { FrontierStore } from '../../src/store/store.ts'
import { type Job, type Timed, timed } from '../job.ts'
import { Random } from '../random.ts'
import { median } from '../samples.ts'
import { frontier } from '../stores.ts'

const incomingNodes = 1_000
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
      return { ms, cpuMs, events: incomingNodes, counts: { nodes: incomingNodes }, rssBytes }
    })
  },
  tasks: {
    /** The median over sets of nodes, each with other parents. */
    async classify({ folder, seed }: { folder: string; seed: number }): Promise<Timed> {
      await using store = await openLevelDb(folder)
      const log = store.frontier(frontier)
      const random = new Random(seed)
      const runs: Timed[] = []
      for (let round = 0; round < rounds; round++) {
        const nodes = await incoming(log, random)
        const { result, ms, cpuMs } = await timed(() => classifyIncoming(log, nodes))
        if (result.kind !== 'proceed') throw new Error('stored parents were not found')
        runs.push({ ms, cpuMs })
      }
      return { ms: median(runs.map(run => run.ms)), cpuMs: median(runs.map(run => run.cpuMs)) }
    },
  },
}

async function incoming(log: FrontierStore, random: Random): Promise<{ digest: Digest; parents: Digest[] }[]> {
  const seqs = Array.from({ length: incomingNodes }, () => random.below(log.nodes))
  const rows = await log.read(seqs)
  let before: Digest | undefined
  return rows.map(({ digest: stored }) => {
    const parents = before === undefined ? [stored] : [before, stored]
    before = new Uint8Array(createHash('sha256').update(Buffer.concat(parents)).digest())
    return { digest: before, parents }
  })
}
