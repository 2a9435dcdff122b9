// Runs the vectors of replay through the production functions.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../../src/base/bytes.ts'
import * as vela from '../../../src/vela/index.ts'
import { repository } from '../../shared-data.ts'
import { verify } from '../signers.ts'

const test = suite('vela/state/vectors')

interface Vector {
  name: string
  rule: string
  in: {
    genesis: string[]
    proposals: string[]
    events: { text: string; parents?: number[] }[]
    /** A JSON text. */
    actors?: string
  }
  ok?: Expected
  error?: string
}

interface Expected {
  rows?: Record<string, unknown>
  problems?: { event: string; code: string }[]
  conflicts?: Record<string, unknown>[]
  contested?: Record<string, unknown>[]
}

const file = path.join(repository, 'protocol', 'vectors', 'replay.json')
const text = fs.readFileSync(file, 'utf8')
const vectors: Vector[] = JSON.parse(text)
/** The same without loss, for members of findings. */
const lossless = vela.parseJson(text, { numbers: 'exact' }) as Map<string, vela.Json>[]

for (const [index, vector] of vectors.entries()) {
  test(`${vector.rule}: ${vector.name}`, () => {
    const { view, last } = replayed(vector.in)
    if (vector.error !== undefined) {
      assert.equal(
        last.problems.map(({ code }) => code),
        [vector.error],
      )
      return
    }
    const { rows = {}, problems, conflicts, contested } = vector.ok!
    const own = vela.viewRows(view)
    for (const [table, expected] of Object.entries(rows))
      assert.equal(own[table as keyof vela.ViewRows], expected, table)
    const found = vela.viewProblems(view).map(({ event, code }) => ({ event, code }))
    if (problems !== undefined) assert.equal(found, problems)
    if (conflicts !== undefined) assert.equal(only([...vela.viewConflicts(view)], conflicts), conflicts)
    if (contested !== undefined) assert.equal(only([...vela.viewContested(view)], contested), contested)
    const members = (lossless[index]!.get('ok') as Map<string, vela.Json>).get('members')
    for (const [name, expected] of (members ?? new Map()) as Map<string, vela.Json>)
      assert.is(vela.printJson(vela.viewObjects(view, 'findings')[0]!.body.get(name)!), vela.printJson(expected))
  })
}

function replayed(input: Vector['in']): { view: vela.View; last: vela.Applied } {
  const parse = (json: string) => vela.parseJson(json, { numbers: 'exact' }) as Map<string, vela.Json>
  const ancestry = new vela.Ancestry()
  const causal = input.events.some(({ parents }) => parents !== undefined)
  const view = vela.emptyView({
    genesis: input.genesis.map(parse),
    proposals: input.proposals.map(parse).map(one => ({ id: one.get('id') as string, payload: one.get('payload')! })),
    precedes: (a, b) => ancestry.precedes(a, b),
    authorities: { actors: vela.readActors(input.actors ?? '[]'), verify },
  })
  let last: vela.Applied = { problems: [], findings: [] }
  for (const { text: event, parents } of input.events) {
    assert.is(vela.checkEvent(utf8(event)).id, vela.readEvent(event).computedId)
    last = vela.applyEvent(view, { text: utf8(event), ...(causal ? { nodes: [ancestry.add(parents!)] } : {}) })
  }
  return { view, last }
}

/** Reduces each found item to the members that the expected item at the same index names. */
function only(found: readonly object[], expected: readonly Record<string, unknown>[]): unknown[] {
  return found.map((one, at) => {
    const names = Object.keys(expected[at] ?? one)
    return Object.fromEntries(Object.entries(one).filter(([name]) => names.includes(name)))
  })
}

test.run()
