// A LevelDB store whose databases fail on request, for tests of failed writes.

import { ReplicaError } from '../../src/base/errors.ts'
import { type Database, openDatabase } from '../../src/store/leveldb/database.ts'
import { openLevelDbWith } from '../../src/store/leveldb/open-store.ts'
import type { Store } from '../../src/store/store.ts'

export type DatabaseName = 'log' | 'index' | 'held' | 'documents'

/** Makes the next write to one database fail, before or after it is executed. */
export interface Fault {
  database: DatabaseName | undefined
  after: boolean
  /** Text of the error as LevelDB reports it. */
  message?: string
}

export function openFailing(folder: string, fault: Fault): Promise<Store> {
  const opener: typeof openDatabase = async (location, options) => {
    const database = await openDatabase(location, options)
    return failing(database, location.split('/').at(-1) as DatabaseName, fault)
  }
  return openLevelDbWith(opener, folder, {})
}

function failing(database: Database, name: DatabaseName, fault: Fault): Database {
  const write: Database['write'] = async (batch, options) => {
    if (fault.database !== name) return database.write(batch, options)
    fault.database = undefined
    if (fault.after) await database.write(batch, options)
    throw new ReplicaError('ERR_STORE_IO', fault.message ?? 'the disk is on fire')
  }
  return new Proxy(database, {
    get(target, property) {
      if (property === 'write') return write
      const value: unknown = Reflect.get(target, property)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
