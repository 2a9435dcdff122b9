// A store engine of the caller that lacks a member of the contract is refused with its name, before anything is written.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Store } from '../../src/store/store.ts'
import { FRONTIER } from './drafts.ts'

const test = suite('replica/store-engine')

/** `target` without one member. */
function without<T extends object>(target: T, member: string): T {
  return new Proxy(target, {
    get(object, name) {
      if (name === member) return undefined
      const value = Reflect.get(object, name, object)
      return typeof value === 'function' ? value.bind(object) : value
    },
  })
}

async function refusal(store: Store): Promise<string> {
  try {
    await using replica = await Replica.open({ location: store })
    await replica.track(FRONTIER)
    return 'opened'
  } catch (error) {
    assert.instance(error, TypeError)
    return (error as TypeError).message
  }
}

test('a whole engine opens', async () => {
  assert.is(await refusal(new MemoryStore()), 'opened')
})

test('a missing member of the store, its records or its held nodes is named', async () => {
  for (const name of ['id', 'track', 'frontiers', 'verify', 'diskBytes', 'close'])
    assert.match(await refusal(without(new MemoryStore(), name)), `the store engine lacks ${name}: `)
  const { records, held } = new MemoryStore()
  const bare = (member: 'records' | 'held', value: object): Store =>
    new Proxy(new MemoryStore() as Store, {
      get(object, name) {
        const own = name === member ? value : Reflect.get(object, name, object)
        return typeof own === 'function' ? own.bind(object) : own
      },
    })
  assert.match(
    await refusal(bare('records', without(records, 'list'))),
    'the member records of the store engine lacks list',
  )
  assert.match(await refusal(bare('held', without(held, 'purge'))), 'the member held of the store engine lacks purge')
})

test('a missing member of a log or of its documents is named', async () => {
  for (const name of ['findByEvent', 'setTexts', 'nodes', 'snapshot']) {
    const store = new MemoryStore()
    const track = store.track.bind(store)
    store.track = async frontier => without(await track(frontier), name) as never
    assert.match(await refusal(store), `a frontier of the store engine lacks ${name}: `)
  }
})

test.run()
