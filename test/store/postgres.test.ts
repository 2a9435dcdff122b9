// The PostgreSQL engine: the conformance suite, two handles on one store, and servers that fail.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createPostgres, openPostgres, type PgStoreOptions } from '../../src/store/index.ts'
import type { Store } from '../../src/store/store.ts'
import { skip } from '../shared-data.ts'
import { storeSuite } from './conformance.ts'
import { PostgresServer, postgresMissing } from './postgres-server.ts'
import { sharingSuite } from './sharing-conformance.ts'

const test = suite('store/postgres')
let server: Promise<PostgresServer> | undefined
let stores = 0

/** Returns the address of a store that does not exist yet. */
async function freshUrl(): Promise<string> {
  server ??= PostgresServer.start({ settings: ['fsync=off'] })
  stores += 1
  return `${(await server).url}?schema=store_${stores}`
}

async function open(options: PgStoreOptions = {}) {
  const url = await freshUrl()
  const all = { ...options, allowAsync: true }
  let store: Store = await createPostgres(url, all)
  const others: Store[] = []
  return {
    get store() {
      return store
    },
    async reopen() {
      await store.close()
      store = await openPostgres(url, all)
      return store
    },
    async second() {
      const other = await openPostgres(url, all)
      others.push(other)
      return other
    },
    async [Symbol.asyncDispose]() {
      for (const one of [store, ...others]) await one.close()
    },
  }
}

const missing = postgresMissing()
if (missing !== undefined) skip('the PostgreSQL engine', missing)
else {
  storeSuite({ test, open })
  sharingSuite({ test, open })

  test('the server of these tests ends in good order', async () => {
    const started = await server!
    await started.end()
    assert.not(started.isRunning)
    await started[Symbol.asyncDispose]()
  })
}

test.run()
