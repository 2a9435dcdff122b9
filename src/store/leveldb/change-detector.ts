// Detects that another process may have written to a store, from its files and without opening it:
// LevelDB gives a database to one process at a time, and a program that waits for changes must not
// block the others.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'

/**
 * Returns a text that changes when a process opens the LevelDB store in `folder` or writes to its
 * log.
 */
export async function changeToken(folder: string): Promise<string> {
  const log = path.join(folder, 'log')
  const names = await fs.readdir(log).catch(unlessMissing<string[]>([]))
  // Each write appends to the write-ahead log of LevelDB; each open starts a new one.
  const journals = names.filter(name => name.endsWith('.log')).sort()
  const states = journals.map(async name => {
    const size = await fs.stat(path.join(log, name)).then(found => found.size, unlessMissing(0))
    return `${name} ${size}`
  })
  return (await Promise.all(states)).join('\n')
}

/** A folder or file that disappears meanwhile is a change too, not an error. */
function unlessMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return instead
    throw error
  }
}
