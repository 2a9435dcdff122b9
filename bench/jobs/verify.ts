// Verification of a whole store: hashes, commit chain, index, heads and the form of every node;
// with signatures, these too.

import { Replica } from '../../src/replica/replica.ts'
import { type Job, type Timed, timed } from '../job.ts'

interface Verified extends Timed {
  readonly checked: number
}

export const verify: Job = {
  name: 'verify',
  sizes: [1_000, 10_000, 100_000],
  shapes: ['mesh'],
  async *rows(bench, place) {
    const folder = await bench.store(place)
    for (const signatures of [false, true]) {
      const what = signatures ? 'with signatures' : 'without signatures'
      yield await bench.row({ job: 'verify', what, ...place }, async () => {
        const { ms, cpuMs, checked, rssBytes } = await bench.run<Verified>('verify', { folder, signatures })
        return { ms, cpuMs, events: checked, counts: { nodes: checked }, rssBytes }
      })
    }
  },
  tasks: {
    async verify({ folder, signatures }: { folder: string; signatures: boolean }): Promise<Verified> {
      await using replica = await Replica.open({ location: folder })
      const { result, ms, cpuMs } = await timed(() => replica.verify({ signatures }))
      if (!result.ok) throw new Error(`a sound store has faults: ${JSON.stringify(result.faults.slice(0, 3))}`)
      return { ms, cpuMs, checked: result.checked }
    },
  },
}
