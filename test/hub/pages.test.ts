// The pages of a hub: counts, findings, conflicts and hostile text, as bytes and in a browser.

import * as fs from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { PAGE_LIMITS } from '../../src/base/page-limits.ts'
import { dagPicture } from '../../src/hub/page/dag-picture.ts'
import { html } from '../../src/hub/page/html.ts'
import { FINDING, Hubs } from '../projection/resolution-hubs.ts'
import { NOW } from '../replica/drafts.ts'
import { skip } from '../shared-data.ts'
import { type Served, serve } from './site.ts'

const test = suite('hub/pages')
const HOSTILE = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>&'"`

test('every value of a template is escaped, and controls are replaced', () => {
  assert.is(html`<b title="${`"'`}">${HOSTILE}</b>`.text.match(/<(?!\/?b[ >])/), null)
  assert.is(html`${['a', html`<i>${'<'}</i>`, undefined, 3]}`.text, 'a<i>&lt;</i>3')
  assert.is(html`${'\u202egnp.exe\u0007'}`.text, '\ufffdgnp.exe\ufffd')
  assert.is(html`${'x'.repeat(PAGE_LIMITS.pageTextMax + 1)}`.text.length, PAGE_LIMITS.pageTextMax + 1)
})

test('a picture puts a chain into one lane, and the sides of a fork into two', () => {
  const lanes = (nodes: [seq: number, ...parents: number[]][]): number[] =>
    [...dagPicture(nodes.map(([seq, ...parents]) => ({ seq, parents }))).text.matchAll(/<circle cx="(\d+)"/g)].map(
      ([, x]) => (Number(x) - 9) / 14,
    )
  assert.equal(lanes([[2, 1], [1, 0], [0]]), [0, 0, 0])
  assert.equal(lanes([[3, 1, 2], [2, 0], [1, 0], [0]]), [0, 1, 0, 1])
  assert.is(Math.max(...lanes(Array.from({ length: 40 }, (_, at) => [39 - at]))), 0)
  assert.ok(Math.max(...lanes(Array.from({ length: 30 }, (_, at) => [100 - at, at]))) <= 7)
})

/** A hub with one finding, whose statement is markup. */
async function scene(): Promise<Served> {
  const site = await serve()
  const about = {
    target: { type: 'finding', id: FINDING },
    actor: { id: 'reviewer:one', type: 'human' },
    timestamp: NOW.toISOString(),
  }
  const finding = {
    id: FINDING,
    assertion: { text: HOSTILE, type: 'mechanism' },
    confidence: { score: 0.5 },
    flags: {},
  }
  await site.hub.replica.append(site.frontier, {
    ...about,
    kind: 'finding.asserted',
    reason: HOSTILE,
    payload: { finding },
  })
  await site.hub.replica.append(site.frontier, {
    ...about,
    kind: 'finding.confidence_revised',
    reason: 'seen again',
    payload: { previous_score: 0.5, new_score: 0.75 },
  })
  return site
}

test('the pages show the hub, its frontiers, a finding and its history', async () => {
  await using site = await scene()
  const home = await (await site.get('/')).text()
  assert.match(home, 'Notes on cells')
  assert.match(home, `replica clone ${site.hub.url} --key ${site.hub.replica.key.publicKey}`)
  const frontier = await (await site.get(`/view/${site.frontier}`)).text()
  assert.match(frontier, 'Findings (1)')
  assert.match(frontier, 'confidence 0.75')
  assert.match(frontier, 'No open conflict')
  const finding = await (await site.get(`/view/${site.frontier}/${FINDING}`)).text()
  assert.match(finding, 'finding.confidence_revised')
  assert.match(finding, 'finding.asserted')
  for (const page of [home, frontier, finding]) assert.not.match(page, /<img|<script>/)
  for (const [path, status] of [
    ['/view/vfr_0123456789abcdef', 404],
    ['/view/x', 400],
    [`/view/${site.frontier}/vf_0000000000000000`, 404],
  ] as const)
    assert.is((await site.get(path)).status, status, path)
})

test('conflicts are shown with both sides', async () => {
  await using hubs = await Hubs.open({ apart: true })
  const base = hubs.left.url.replace('ws', 'http')
  for (const path of [`/view/${hubs.frontier}`, `/view/${hubs.frontier}/${FINDING}`]) {
    const page = await (await fetch(base + path)).text()
    assert.match(page, 'Open conflicts (1)')
    for (const score of ['<strong>0.1</strong>', '<strong>0.9</strong>']) assert.match(page, score)
  }
})

test('a page lets a browser load nothing from elsewhere, and has a tag', async () => {
  await using site = await scene()
  for (const path of ['/', '/page.css', '/page.js', `/view/${site.frontier}`]) {
    const answer = await site.get(path)
    assert.match(answer.headers.get('content-security-policy') ?? '', "default-src 'none'")
    assert.is(answer.headers.get('x-content-type-options'), 'nosniff')
    const again = await site.get(path, { 'if-none-match': answer.headers.get('etag')! })
    assert.is(again.status, 304, path)
    assert.not.match(await answer.text(), /(?:src|href)="(?:https?:)?\/\//)
  }
})

test('a hub that lets registered keys read only shows no page', async () => {
  await using site = await serve({ read: 'registered' })
  for (const path of ['/', `/view/${site.frontier}`, '/page.js']) assert.is((await site.get(path)).status, 403, path)
})

const program = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find(file => fs.existsSync(file))
if (program === undefined) skip('pages in a browser', 'there is no /usr/bin/chromium')
else {
  const open = (): Promise<Browser> =>
    chromium.launch({ executablePath: program, args: ['--no-sandbox', '--disable-dev-shm-usage'] })

  const visit = async (browser: Browser, url: string, options: { width?: number; dark?: boolean } = {}) => {
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1200, height: 900 },
      colorScheme: options.dark ? 'dark' : 'light',
    })
    const problems: string[] = []
    page.on('pageerror', error => problems.push(error.message))
    page.on('console', message => message.type() === 'error' && problems.push(message.text()))
    await page.goto(url)
    assert.equal(problems, [])
    return page
  }

  test('in a browser hostile text is text, and links lead from the hub to a finding', async () => {
    await using site = await scene()
    const browser = await open()
    const page = await visit(browser, site.base)
    await page.click('main ul.rows a')
    await page.click('main ul.rows a')
    assert.is(await page.textContent('h1'), HOSTILE)
    assert.is(await page.title(), HOSTILE)
    assert.is(await page.locator('main img, main script').count(), 0)
    await browser.close()
  })

  test('in a browser the counts follow the log, and a phone needs no sideways scrolling', async () => {
    await using site = await scene()
    const browser = await open()
    for (const dark of [false, true]) {
      const page = await visit(browser, `${site.base}/view/${site.frontier}`, { width: 390, dark })
      assert.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'))
      if (!dark) {
        const { events } = await site.json(`/frontiers/${site.frontier}/heads`)
        await site.append('one more')
        await page.locator('[data-count=events]', { hasText: `${events + 1}` }).waitFor()
      }
    }
    await browser.close()
  })
}

test.run()
