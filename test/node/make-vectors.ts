// `node dist/test/node/make-vectors.js [--write]`: makes the vectors of nodes, strict DAG-CBOR,
// CIDs and documents. With `--write` it writes them; without, it lists the files that differ (exit
// code 1).

import * as fs from 'node:fs'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import { cborVectors, cidVectors } from '../cbor/vectors-cbor.ts'
import { repository } from '../shared-data.ts'
import { documentVectors } from './vectors-document.ts'
import { nodeVectors } from './vectors-node.ts'

/** Each file with the text that it must have: a vector a line. */
export function vectorFiles(): { file: string; text: string }[] {
  const lists = {
    'node.json': nodeVectors(),
    'cbor.json': cborVectors(),
    'cid.json': cidVectors(),
    'document.json': documentVectors(),
  }
  return Object.entries(lists).map(([name, vectors]) => ({
    file: path.join(repository, 'protocol', 'vectors', name),
    text: `[\n${vectors.map(vector => `  ${JSON.stringify(vector)}`).join(',\n')}\n]\n`,
  }))
}

function main(write: boolean): void {
  for (const { file, text } of vectorFiles()) {
    if (write) fs.writeFileSync(file, text)
    else if (fs.readFileSync(file, 'utf8') !== text) {
      console.log(`${file} differs`)
      process.exitCode = 1
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.argv.includes('--write'))
