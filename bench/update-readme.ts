// `node dist/bench/update-readme.js`: puts the figures of bench/results/reference.json into README. To measure them anew:
// `npm run bench -- --million --json bench/results/reference.json`, on a machine with nothing else to do.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { figuresMarkdown, withFigures } from './figures-table.ts'
import { repository } from './repository.ts'
import type { Figures } from './samples.ts'

const figures = JSON.parse(
  fs.readFileSync(path.join(repository, 'bench', 'results', 'reference.json'), 'utf8'),
) as Figures
const readme = path.join(repository, 'README.md')
fs.writeFileSync(readme, withFigures(fs.readFileSync(readme, 'utf8'), figuresMarkdown(figures)))
