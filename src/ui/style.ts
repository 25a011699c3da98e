/** The icon: a roll with a tick on each line. */
export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b5cad"/><g fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"><path d="M7 10.5l2.2 2.2L13 8.6M17.500 10.500H25M7 21.500l2.200 2.200L13 19.600M17.500 21.500H25"/></g></svg>
`

/** The style of all pages: light and dark, from a phone to a wide screen, without external resources. */
export const STYLE = `
:root {
  --page: #f6f8fa; --card: #fff; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --link: #0b5cad; --head: #0b2e4f;
  --ok: #116329; --ok-bg: #ddf4e4; --warn: #6f4700; --warn-bg: #fff1cc; --bad: #9b0f24; --bad-bg: #ffe4e4;
  --idle: #444c56; --idle-bg: #e7ebef; --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0d1117; --card: #161b22; --text: #e6edf3; --soft: #a3adb8; --line: #30363d; --link: #79b8ff; --head: #06213a;
    --ok: #8ae6ad; --ok-bg: #12301f; --warn: #f3cf83; --warn-bg: #332809; --bad: #ffa8a8; --bad-bg: #3b171b;
    --idle: #c3ccd5; --idle-bg: #262d36;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
a:focus-visible, button:focus-visible, input:focus-visible, select:focus-visible, summary:focus-visible, [tabindex="0"]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; padding: .6rem 1.25rem; background: var(--head); }
header a { color: #dbeafe; text-decoration: none; padding: .2rem 0; }
header a:hover { text-decoration: underline; }
header a:focus-visible, header button:focus-visible, header input:focus-visible { outline-color: #fff; }
header nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
header nav a[aria-current] { color: #fff; font-weight: 600; border-bottom: 2px solid #fff; }
.brand { font-size: 1.15rem; font-weight: 700; color: #fff; }
search { margin-left: auto; flex: 1 1 15rem; max-width: 32rem; }
.search { display: flex; gap: .4rem; }
.search label { flex: 1; }
input, select, button { font: inherit; color: inherit; padding: .35rem .6rem; border: 1px solid var(--soft); border-radius: 6px; background: var(--card); }
input[type="search"] { width: 100%; }
button { background: var(--link); border-color: var(--link); color: var(--page); font-weight: 600; cursor: pointer; }
.search button { background: #dbeafe; border-color: #dbeafe; color: #06213a; }
main { max-width: 90rem; margin: 0 auto; padding: 1rem 1.25rem 2rem; }
main:focus { outline: none; }
h1 { font-size: 1.5rem; margin: .5rem 0 1rem; }
h2 { font-size: 1.15rem; margin: 1.5rem 0 .5rem; }
h3, h4 { font-size: 1rem; margin: 1rem 0 .35rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .25rem 1rem 1rem; margin: 1.25rem 0; }
.card h2 { margin-top: .75rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem; margin: 0 0 1.25rem; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .6rem .9rem; }
.tiles dt { color: var(--soft); font-size: .87rem; }
.tiles dd { margin: 0; font-size: 1.25rem; font-weight: 600; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: .75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .75rem; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; min-width: 7rem; }
.address { min-width: 13rem; }
td { min-width: 5rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; min-width: 0; }
.badge { display: inline-block; padding: 0 .55rem; border-radius: 1rem; font-size: .87rem; font-weight: 600; white-space: nowrap; }
.ok { color: var(--ok); background: var(--ok-bg); }
.warn { color: var(--warn); background: var(--warn-bg); }
.bad { color: var(--bad); background: var(--bad-bg); }
.idle { color: var(--idle); background: var(--idle-bg); }
.note { padding: .6rem .9rem; border-radius: 8px; margin: .75rem 0; }
.note p:first-child { margin-top: 0; }
.note a { color: inherit; }
.verdict { font-size: 1.15rem; font-weight: 600; background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--link); border-radius: 8px; padding: .7rem 1rem; }
.filter { display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: end; margin-bottom: .75rem; }
.filter label { display: grid; gap: .15rem; font-size: .87rem; color: var(--soft); }
.filter input, .filter select { color: var(--text); font-size: .95rem; min-width: 12rem; }
.labels { list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: .2rem .4rem; }
.labels li { font: .82rem/1.5 var(--mono); background: var(--idle-bg); color: var(--text); border-radius: 4px; padding: 0 .4rem; }
.labels .internal { background: none; color: var(--soft); }
.samples { margin: .25rem 0; padding-left: 1.2rem; font: .85rem/1.5 var(--mono); }
.scrape { margin: 0 0 .25rem; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; overflow-x: auto; font: .85rem/1.5 var(--mono); white-space: pre-wrap; }
.target { border-top: 1px solid var(--line); margin-top: .75rem; padding-top: .25rem; }
.paging { display: flex; gap: 1.5rem; margin: 1rem 0; }
.chart { width: 100%; height: auto; display: block; }
.chart .line { fill: none; stroke: var(--link); stroke-width: 2; }
.chart .joined { fill: var(--ok); }
.chart .left { fill: var(--bad); }
.chart text { fill: var(--soft); font-size: 12px; }
.chart .axis { stroke: var(--line); }
footer { max-width: 90rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--soft); font-size: .87rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: .5rem; top: .5rem; background: var(--card); color: var(--link); padding: .4rem .8rem; z-index: 1; }
`
