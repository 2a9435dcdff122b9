// Folder of this repository, wherever the compiled programs are.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'

export const repository: string = folderAbove(path.dirname(fileURLToPath(import.meta.url)))

function folderAbove(from: string): string {
  for (let folder = from; path.dirname(folder) !== folder; folder = path.dirname(folder)) {
    if (fs.existsSync(path.join(folder, 'package.json'))) return folder
  }
  return from
}
