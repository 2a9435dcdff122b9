// Checks that a store engine of the caller has the members of the contract, when a replica is
// opened with it. An engine that lacks one would otherwise fail later, in the middle of a commit.

import type { DocumentStore, FrontierStore, HeldStore, Records, Store } from './store.ts'

type Kind = 'function' | 'number' | 'string' | 'object'
/** The required members of a type, with the type of their values. */
type Members<T> = { readonly [K in keyof T & string as undefined extends T[K] ? never : K]: Kind }

const STORE: Members<Store> = {
  id: 'object',
  records: 'object',
  held: 'object',
  frontiers: 'function',
  track: 'function',
  frontier: 'function',
  verify: 'function',
  diskBytes: 'function',
  close: 'function',
}
const RECORDS: Members<Records> = { get: 'function', write: 'function', list: 'function' }
const HELD: Members<HeldStore> = {
  put: 'function',
  get: 'function',
  has: 'function',
  findByWait: 'function',
  delete: 'function',
  purge: 'function',
  listWaits: 'function',
  list: 'function',
  usage: 'function',
}
const DOCUMENTS: Members<DocumentStore> = { has: 'function', sizes: 'function', get: 'function', put: 'function' }
const LOG: Members<FrontierStore> = {
  name: 'string',
  nodes: 'number',
  events: 'number',
  headCount: 'number',
  documents: 'object',
  read: 'function',
  scan: 'function',
  heads: 'function',
  headsDigest: 'function',
  locate: 'function',
  snapshot: 'function',
  texts: 'function',
  absent: 'function',
  setTexts: 'function',
  findByLabel: 'function',
  findByEvent: 'function',
  sharedLabels: 'function',
  commit: 'function',
}

/** @throws TypeError that names the first member of a store which is missing or of another type */
export function checkStoreMembers(store: Store): void {
  check(store, STORE, 'the store engine')
  check(store.records, RECORDS, 'the member records of the store engine')
  check(store.held, HELD, 'the member held of the store engine')
}

/** @throws TypeError that names the first member of a log which is missing or of another type */
export function checkLogMembers(log: FrontierStore): void {
  check(log, LOG, 'a frontier of the store engine')
  check(log.documents, DOCUMENTS, 'the member documents of a frontier')
}

function check(object: object, members: Readonly<Record<string, Kind>>, owner: string): void {
  for (const [name, kind] of Object.entries(members)) {
    const found = typeof (object as Record<string, unknown>)[name]
    if (found === kind) continue
    throw new TypeError(`${owner} lacks ${name}: it must be a ${kind}, and is ${found}`)
  }
}
