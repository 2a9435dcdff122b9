// The frame of every page, its style and its script. Nothing is loaded from elsewhere, and the
// browser is told to load nothing else. Spec: protocol/http.md, H32.

import { sha256, toHex, utf8 } from '../../base/bytes.ts'
import { NO_CACHE, type RouteResponse } from '../response.ts'
import { type Html, html } from './html.ts'

const POLICY =
  "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
}

/** Returns a page. `name` is that of the hub. */
export function pageResponse(page: { title: string; name: string; body: Html }): RouteResponse {
  const { title, name, body } = page
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css">
<script src="/page.js" defer></script>
</head>
<body>
<header><a href="/">${name}</a></header>
<main>
${body}
</main>
<footer>Read only. Programs use <a href="/entries">/entries</a>, <a href="/metrics">/metrics</a> and the sync protocol.</footer>
</body>
</html>
`
  return fileResponse(text, 'text/html; charset=utf-8')
}

export function styleSheet(): RouteResponse {
  return fileResponse(STYLE, 'text/css; charset=utf-8')
}

export function script(): RouteResponse {
  return fileResponse(SCRIPT, 'text/javascript; charset=utf-8')
}

function fileResponse(text: string, type: string): RouteResponse {
  const tag = toHex(sha256(utf8(text))).slice(0, 32)
  const headers = { 'content-type': type, 'cache-control': NO_CACHE, etag: `"${tag}"`, ...HEADERS }
  return { status: 200, headers, body: text }
}

const STYLE = `:root {
  color-scheme: light dark;
  --back: #fcfcfb; --text: #1c1e21; --quiet: #5d646c; --line: #d9dcdf; --link: #0b5cad; --mark: #a3410b; --box: #f2f3f3;
}
@media (prefers-color-scheme: dark) {
  :root { --back: #15171a; --text: #e4e6e8; --quiet: #9aa2aa; --line: #353a40; --link: #7db5f2; --mark: #f0a06c; --box: #1e2125; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 0 1rem 2rem; background: var(--back); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header { padding: 1rem 0; border-bottom: 1px solid var(--line); font-weight: 600; }
header a { color: inherit; text-decoration: none; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: .875rem; }
a { color: var(--link); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 1.5rem 0 .5rem; }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem; }
code, pre, .id { font-family: ui-monospace, monospace; font-size: .8125rem; }
pre { background: var(--box); padding: .75rem; overflow-x: auto; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .5rem 0; }
dt, .quiet { color: var(--quiet); }
dd { margin: 0; }
.mark { color: var(--mark); font-weight: 600; }
ul.rows { list-style: none; margin: 0; padding: 0; }
ul.rows > li { padding: .625rem 0; border-bottom: 1px solid var(--line); }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; margin-top: .5rem; }
.sides > div { background: var(--box); padding: .75rem; }
.graph { display: flex; gap: .5rem; }
.graph svg { flex: none; }
.graph ol { list-style: none; margin: 0; padding: 0; min-width: 0; flex: 1; }
.graph li { height: 28px; line-height: 28px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; font-size: .875rem; }
.graph line { stroke: var(--quiet); stroke-width: 1.5; }
.graph circle { fill: var(--link); }
.graph circle.merge { fill: var(--back); stroke: var(--link); stroke-width: 2; }
@media (max-width: 40rem) { .sides, dl { grid-template-columns: 1fr; } dl dt { margin-top: .5rem; } }
`

const SCRIPT = `// Keeps the counts of the frontiers on this page current.
const shown = [...document.querySelectorAll('[data-frontier]')].slice(0, 20)
async function refresh() {
  if (document.hidden) return
  for (const element of shown) {
    try {
      const response = await fetch('/frontiers/' + element.dataset.frontier + '/heads')
      if (!response.ok) continue
      const now = await response.json()
      for (const name of ['events', 'nodes', 'head_count']) {
        const place = element.querySelector('[data-count="' + name + '"]')
        if (place !== null) place.textContent = now[name].toLocaleString('en-US')
      }
    } catch {}
  }
}
if (shown.length > 0) setInterval(refresh, 5000)
`
