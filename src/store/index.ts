// Public names of the store: the contract and its engines.

export type { DocumentBlock } from '../codec/document.ts'
export { createLevel, type LevelOptions, openLevel } from './level.ts'
export { MemoryStore } from './memory.ts'
export type { HeldLimits } from './quota.ts'
export type * from './store.ts'
