// The allowed imports between the folders of src/, and the figure of them in ARCHITECTURE.md. test/layers.test.ts checks both.

/** The folders that are built without Vela's rules and without the faces. */
export const core = [
  'base',
  'json',
  'cbor',
  'graph',
  'event',
  'node',
  'store',
  'crypto',
  'admission',
  'sync',
  'transport',
]

/** Which folder may import which. Every other import between folders is an offence, type imports included. */
export const mayImport: Record<string, readonly string[]> = {
  base: [],
  graph: ['base'],
  json: ['base'],
  cbor: ['base'],
  event: ['base', 'json'],
  node: ['base', 'cbor'],
  store: ['base', 'node'],
  crypto: ['base', 'node'],
  admission: ['base', 'cbor', 'graph', 'event', 'node', 'store', 'crypto'],
  sync: ['base', 'cbor', 'node', 'graph', 'store', 'crypto'],
  transport: ['base', 'sync'],
  replica: core,
  vela: ['base', 'json', 'graph', 'event'],
  projection: [
    ...['base', 'json', 'cbor', 'graph', 'event', 'node', 'store', 'crypto', 'admission', 'replica', 'vela'],
  ],
  hub: [
    ...['base', 'json', 'cbor', 'event', 'node', 'store', 'crypto', 'admission', 'sync', 'transport', 'replica'],
    ...['vela', 'projection'],
  ],
  cli: ['*'],
  index: [...core, 'replica'],
}

export type Matrix = Readonly<Record<string, readonly string[]>>

const begin = '<!-- layers: made by test/make-diagram.ts -->'
const end = '<!-- end of layers -->'

/** The groups of the diagram, and what is in none of the first ones. */
const groups: readonly (readonly [title: string, folders: readonly string[]])[] = [
  ['core', [...core, 'replica']],
  ['Vela', ['vela', 'projection']],
  ['faces', ['hub', 'cli']],
]

/** Returns the page with the figure of this matrix between its marks. @throws TypeError for a page without them */
export function figureOf(page: string, matrix: Matrix): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new TypeError('the page has no marks for the layers')
  return `${page.slice(0, from)}${begin}\n${diagram(matrix)}\n\n${table(matrix)}\n${page.slice(to)}`
}

function diagram(matrix: Matrix): string {
  const boxes = groups.flatMap(([title, folders]) => [
    `  subgraph ${title}`,
    ...folders.map(folder => `    ${folder}`),
    '  end',
  ])
  const arrows = Object.keys(matrix).flatMap(from =>
    folderList(matrix, from)
      .filter(to => from !== 'index' && !hasDetour(matrix, from, to))
      .map(to => `  ${from} --> ${to}`),
  )
  return ['```mermaid', 'flowchart BT', ...boxes, ...arrows, '```'].join('\n')
}

function table(matrix: Matrix): string {
  const rows = Object.keys(matrix).map(from => `| ${from} | ${folderList(matrix, from).join(', ') || 'nothing'} |`)
  return ['| folder | may import |', '|---|---|', ...rows].join('\n')
}

/** The folders that a folder may import; `*` stands for all. */
function folderList(matrix: Matrix, from: string): string[] {
  const allowed = matrix[from] ?? []
  const all = Object.keys(matrix).filter(name => name !== from && name !== 'index')
  return all.filter(name => allowed.includes(name) || allowed.includes('*'))
}

/** Whether `to` can be reached from `from` by way of another folder. */
function hasDetour(matrix: Matrix, from: string, to: string): boolean {
  const queue = folderList(matrix, from).filter(folder => folder !== to)
  const seen = new Set(queue)
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (next === to) return true
    for (const folder of folderList(matrix, next)) {
      if (seen.has(folder)) continue
      seen.add(folder)
      queue.push(folder)
    }
  }
  return false
}
