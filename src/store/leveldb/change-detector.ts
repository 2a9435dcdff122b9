// Whether somebody may have written to a store since it was last open here, told by its files and without opening it: LevelDB
// gives a store to one process only, and whoever waits for news must not keep it from the others.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'

/** Another text once anybody has opened, or added to, the log of the LevelDB store in this folder. */
export async function changeToken(folder: string): Promise<string> {
  const log = path.join(folder, 'log')
  const names = await fs.readdir(log).catch(unlessMissing<string[]>([]))
  // Each write lands at the end of the write-ahead log; each open begins another one.
  const journals = names.filter(name => name.endsWith('.log')).sort()
  const traces = journals.map(async name => {
    const size = await fs.stat(path.join(log, name)).then(found => found.size, unlessMissing(0))
    return `${name} ${size}`
  })
  return (await Promise.all(traces)).join('\n')
}

/** A folder or file that is gone meanwhile is a change like any other. */
function unlessMissing<T>(instead: T): (error: NodeJS.ErrnoException) => T {
  return error => {
    if (error.code === 'ENOENT') return instead
    throw error
  }
}
