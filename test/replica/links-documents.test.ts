// Documents over links: documents that several nodes of several hubs link are found while the links
// stay open. Real hubs on real sockets; no timer fires, so no channel is reopened.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Hub } from '../../src/hub/hub.ts'
import { draft, FRONTIER, reasons } from './drafts.ts'
import { equal, eventually, isFollowing, know, linkOf, liveHub } from './link-scene.ts'

const test = suite('replica/links-documents')

/** Returns a little over 2 MB, more than the credit of a channel, with distinct chunks. */
function big(seed: number): Uint8Array {
  return Uint8Array.from({ length: 2_200_000 }, (_, i) => (i >> 18) * 16 + seed)
}

test('a document shared by events of two hubs blocks neither of them', async () => {
  const scenes = []
  for (let i = 0; i < 3; i += 1) scenes.push(await liveHub(`hub:${i}`))
  const hubs: Hub[] = scenes.map(({ hub }) => hub)
  for (const one of hubs) for (const other of hubs) if (one !== other) await know(one.replica, other, 'both')
  for (const hub of hubs) await eventually(() => isFollowing(hub.replica))
  for (let round = 0; round < 8; round += 1) {
    const shared = new Uint8Array(1000).fill(round)
    await Promise.all(
      [0, 1].map(async i => {
        const { documents, hub } = { documents: hubs[i]!.replica.documents(FRONTIER), hub: hubs[i]! }
        const large = big(2 * round + i)
        const links = [await documents.put(large), await documents.put(shared)]
        await hub.replica.append(FRONTIER, draft(`round ${round} of ${i}`), { links })
      }),
    )
    await eventually(
      async () =>
        equal(...hubs.map(hub => hub.replica)) && (await reasons(hubs[2]!.replica)).length === 2 * (round + 1),
    )
  }
  for (const hub of hubs) {
    for (const other of hubs)
      if (other !== hub) assert.is((await linkOf(hub.replica, other.replica.hubId)).state, 'in sync')
  }
  for (const scene of scenes) await scene.stop()
})

test.run()
