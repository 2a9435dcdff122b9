// A hub in its own process: opens a store, listens on the loopback, and reports its peak memory.

import { Hub } from '../src/hub/hub.ts'
import { answerRequests } from './child.ts'
import { peakRssBytes, resetPeakRss } from './memory.ts'
import { frontier } from './stores.ts'

let hub: Hub | undefined
let cpu = process.cpuUsage()

answerRequests(
  {
    /** Port 0 means any free port; `writer` is a public key that may push. */
    async listen({ folder, port, writer }: { folder: string; port: number; writer?: string }) {
      hub = await Hub.listen({ location: folder, port })
      if (writer !== undefined) {
        await hub.replica.registry(frontier).add({ id: 'hub:client', url: 'wss://client.example', publicKey: writer })
      }
      return { url: hub.url, key: hub.replica.key.publicKey }
    },
    async startMeasuring() {
      resetPeakRss()
      cpu = process.cpuUsage()
    },
    async measure() {
      const { user, system } = process.cpuUsage(cpu)
      return { hubRssBytes: peakRssBytes(), hubCpuMs: (user + system) / 1000 }
    },
  },
  async () => hub?.close(),
)
