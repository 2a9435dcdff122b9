// `node dist/test/make-diagram.js`: writes the figure of the layers into ARCHITECTURE.md, from the matrix in layer-matrix.ts.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { figureOf, mayImport } from './layer-matrix.ts'
import { repository } from './shared-data.ts'

const page = path.join(repository, 'ARCHITECTURE.md')
fs.writeFileSync(page, figureOf(fs.readFileSync(page, 'utf8'), mayImport))
