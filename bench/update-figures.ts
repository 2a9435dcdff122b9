// `node dist/bench/update-figures.js`: writes the figures of bench/results/reference.json into
// README.md and docs/performance.md. To measure them again: `npm run bench -- --million --json
// bench/results/reference.json`, on an idle machine.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { figuresMarkdown, summaryMarkdown, withFigures } from './figures-table.ts'
import { repository } from './repository.ts'
import type { Figures } from './samples.ts'

const results = path.join(repository, 'bench', 'results', 'reference.json')
const figures = JSON.parse(fs.readFileSync(results, 'utf8')) as Figures
for (const [name, markdown] of [
  ['README.md', summaryMarkdown(figures)],
  ['docs/performance.md', figuresMarkdown(figures)],
] as const) {
  const page = path.join(repository, name)
  fs.writeFileSync(page, withFigures(fs.readFileSync(page, 'utf8'), markdown))
}
