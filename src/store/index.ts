// Public entry point `frontier-replica/store`: the contract of a store engine, and the engines.

export type { DocumentBlock } from '../node/document-chunks.ts'
export { type CopyOptions, type CopyReport, copyStore } from './copy-store.ts'
export { createLevelDb, type LevelDbOptions, openLevelDb } from './leveldb/open-store.ts'
export { LogSnapshot } from './log-snapshot.ts'
export { MemoryStore } from './memory-store.ts'
export { createPostgres, openPostgres } from './postgres/open-postgres.ts'
export type { PgStore, PgStoreOptions } from './postgres/pg-store.ts'
export type { HeldLimits } from './quota.ts'
export type * from './store.ts'
export { StoreHealth, type WriteRefusal } from './store-health.ts'
