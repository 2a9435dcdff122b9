// Import of a file of events, one per line, into a new store, read as the CLI reads it.

import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { openEvents } from '../../src/cli/files/event-files.ts'
import { makeEvent } from '../../src/event/event.ts'
import { Replica } from '../../src/replica/replica.ts'
import { events } from '../data.ts'
import { type Job, type Timed, timed } from '../job.ts'
import { folderBytes, frontier, seed } from '../stores.ts'

interface Imported extends Timed {
  readonly added: number
  readonly diskBytes: number
}

export const importing: Job = {
  name: 'import',
  sizes: [1_000, 10_000, 100_000, 1_000_000],
  shapes: ['chain'],
  async *rows(bench, place) {
    const file = await bench.eventsFile(place.size)
    yield await bench.row({ job: 'import', what: '', ...place }, () =>
      bench.scratch(async folder => {
        const { ms, cpuMs, added, diskBytes, rssBytes } = await bench.run<Imported>('import', { folder, file })
        return { ms, cpuMs, events: added, counts: { nodes: added }, rssBytes, diskBytes }
      }),
    )
  },
  tasks: {
    async import({ folder, file }: { folder: string; file: string }): Promise<Imported> {
      const replica = await Replica.open({ location: folder, create: true })
      const { result, ms, cpuMs } = await timed(async () => {
        const { log } = await openEvents(file, { cwd: '/', stdin: noStdin })
        return replica.import(frontier, log)
      })
      await replica.close()
      if (result.refusedCount > 0) throw new Error(`${result.refusedCount} made-up events were refused`)
      return { ms, cpuMs, added: result.added, diskBytes: await folderBytes(folder) }
    },
    async writeEvents({ file, count }: { file: string; count: number }): Promise<void> {
      const lines = function* (): Generator<Buffer> {
        for (const draft of events(seed, count)) yield Buffer.concat([makeEvent(draft).text, Buffer.from('\n')])
      }
      await pipeline(lines, createWriteStream(file))
    },
  },
}

const noStdin = {
  terminal: true,
  chunks: () => {
    throw new TypeError('the events are in a file')
  },
}
