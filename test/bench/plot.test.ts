// The plot as its reader gets it: well-formed, complete, true to the numbers.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plotSvg } from '../../bench/plot.ts'

const test = suite('bench/plot')

const sample = {
  title: 'Clone & pull <cost>',
  x: 'events',
  y: 'milliseconds',
  series: [
    { name: 'clone', points: [[1000, 120] as const, [100_000, 9_500] as const, [10_000, 1_000] as const] },
    { name: 'pull of "10"', points: [[1000, 12] as const, [100_000, 13] as const] },
    { name: 'one size only', points: [[10_000, 0.5] as const] },
  ],
}

/** Tags opened and closed in order; the little of XML that the writer uses. */
function wellFormed(svg: string): boolean {
  const open = []
  for (const [, close, name, self] of svg.matchAll(/<(\/?)([a-z]+)(?:\s+[\w-]+="[^"<]*")*(\/?)>/g)) {
    if (self === '/') continue
    if (close === '') open.push(name)
    else if (open.pop() !== name) return false
  }
  const rest = svg.replaceAll(/<\/?[a-z]+(?:\s+[\w-]+="[^"<]*")*\/?>/g, '')
  return open.length === 0 && !/[<>]/.test(rest) && !/&(?!amp;|lt;|gt;|quot;)/.test(rest)
}

test('a plot is well-formed, with its texts escaped', () => {
  const svg = plotSvg(sample)
  assert.ok(wellFormed(svg))
  assert.match(svg, 'Clone &amp; pull &lt;cost&gt;')
  assert.match(svg, 'pull of &quot;10&quot;')
  assert.not.match(svg, 'NaN')
})

test('every series is in the legend, every point has its mark, lines run from small to large', () => {
  const svg = plotSvg(sample)
  for (const name of ['clone', 'one size only', 'events', 'milliseconds']) assert.match(svg, `>${name}</text>`)
  assert.is([...svg.matchAll(/<circle /g)].length, 3 + 1)
  assert.is([...svg.matchAll(/h6v6h-6z/g)].length, 2 + 1)
  assert.is([...svg.matchAll(/l4\.4 4\.4/g)].length, 1 + 1)
  const line = /<path d="M([\d. L]+)" fill="none" stroke-width/.exec(svg)![1]!
  const across = line.split('L').map(place => Number(place.split(' ')[0]))
  assert.equal(
    across,
    [...across].sort((a, b) => a - b),
  )
  assert.is(across.length, 3)
})

test('equal factors are equal distances on both axes', () => {
  const svg = plotSvg({ ...sample, series: [{ name: 'a', points: [[1, 1], [10, 10], [100, 100]] }] }) // biome-ignore format: one line
  const places = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)]
    .slice(0, 3)
    .map(match => [Number(match[1]), Number(match[2])])
  for (const axis of [0, 1]) {
    const [a, b, c] = places.map(place => place[axis]!)
    assert.ok(Math.abs(b! - a! - (c! - b!)) < 0.2)
  }
})

test('a single point and equal values can be drawn', () => {
  const one = (x: number, y: number) => plotSvg({ ...sample, series: [{ name: 'a', points: [[x, y]] }] })
  for (const svg of [one(1, 1), one(1000, 0.02), one(999, 1e7)]) assert.ok(wellFormed(svg) && !/NaN|Infinity/.test(svg))
})

test('equal numbers give equal pictures', () => {
  assert.is(plotSvg(sample), plotSvg(structuredClone(sample)))
})

test('what has no place on a logarithmic axis is refused', () => {
  for (const point of [
    [0, 1],
    [1, 0],
    [-1, 1],
    [1, Number.NaN],
    [Number.POSITIVE_INFINITY, 1],
  ] as const) {
    assert.throws(
      () => plotSvg({ ...sample, series: [{ name: 'a', points: [point] }] }),
      (error: Error) => error instanceof TypeError,
    )
  }
  assert.throws(
    () => plotSvg({ ...sample, series: [] }),
    (error: Error) => error instanceof TypeError,
  )
})

test.run()
