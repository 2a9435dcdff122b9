// A process that runs one task of a job, or makes a store for one, and reports its peak memory.

import { answerRequests, type Tasks } from './child.ts'
import type { Shape } from './data.ts'
import { jobs } from './jobs.ts'
import { peakRssBytes } from './memory.ts'
import { addNodes, forgetCursors, frontier, makePlainStore, makeStore, seed, visitors, writersOf } from './stores.ts'

interface Log {
  readonly folder: string
  readonly shape: Shape
  readonly count: number
}

const making: Tasks = {
  makeStore: ({ folder, ...log }: Log) => makeStore(folder, log),
  makePlainStore: ({ folder, ...log }: Log) => makePlainStore(folder, log),
  /** The two sides of a difference have different events by different writers. */
  addNodes({ folder, side, ...log }: Log & { side: 'hub' | 'visitor' }) {
    const own = side === 'hub' ? { seed: seed + 1, keys: writersOf(log.shape) } : { seed: seed + 2, keys: visitors }
    return addNodes(folder, { ...own, frontier, ...log })
  },
  forgetCursors: ({ folder }: { folder: string }) => forgetCursors(folder),
}

const all: Tasks = Object.assign({}, making, ...jobs.map(job => job.tasks))

answerRequests(
  Object.fromEntries(
    Object.entries(all).map(([name, task]) => [
      name,
      async (args: never) => {
        const value = await task(args)
        return { ...(value as object | undefined), rssBytes: peakRssBytes() }
      },
    ]),
  ),
)
