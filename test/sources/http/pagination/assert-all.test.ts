import t, { type Test } from 'tap'
import { httpSource, serveApi } from '../../../helpers/http-source.ts'
import { inventoryServer } from '../../../helpers/inventory-server.ts'

type Headers = Record<string, string | string[]>

async function reading(t: Test, headers: Headers, http: Record<string, unknown> = {}) {
  const server = await inventoryServer(t)
  serveApi(server, (_request, count) => ({
    json: Array.from({ length: 12 }, (_, index) => `sensor_${index}`),
    headers: count === 1 ? headers : {},
  }))
  const source = await httpSource(t, { url: String(server.url), ...http })
  return source.read(new AbortController().signal)
}

t.test(
  'one page of several is refused when its headers say so and no pagination is configured',
  async (t) => {
    const rows: [headers: Headers, message: RegExp][] = [
      [{ link: '<http://a/?page=2>; rel="next"' }, /header Link has a link to the next one/],
      [{ link: ['</>; rel="first"', '</?page=2>; REL=Next; title="more"'] }, /header Link/],
      [{ link: '</?page=2>; rel="last next"' }, /header Link/],
      [{ 'x-next-page': '2' }, /header X-Next-Page/],
      [{ 'x-total-pages': '2' }, /header X-Total-Pages/],
      [{ 'content-range': 'items 0-11/20' }, /header Content-Range says that there are 20/],
      [{ 'content-range': 'devices 8-19/20' }, /header Content-Range/],
    ]
    for (const [headers, message] of rows) {
      const read = reading(t, headers)
      await t.rejects(read, { reason: 'pagination', message }, JSON.stringify(headers))
      await t.rejects(read, {
        message: /^the answer seems to be one page of several.*pagination: \{link_header/,
      })
    }
    await t.rejects(reading(t, { link: '</?page=2; rel="next"' }), {
      reason: 'pagination',
      message: /the answer: its Link header is malformed/,
    })
  },
)

t.test('headers that do not speak of another page are no fault', async (t) => {
  const rows: Headers[] = [
    { link: '</style.css>; rel="preload", </?page=1>; rel="last"' },
    { link: '</next>; rel="self"' },
    { link: '</other>; rel="next"; anchor="/another"' },
    { link: 'what is malformed' },
    { 'x-next-page': '', 'x-total-pages': '1' },
    { 'content-range': 'items 0-11/12' },
    { 'content-range': 'items 0-11/*' },
  ]
  for (const headers of rows) {
    t.match(await reading(t, headers), { kind: 'documents' }, JSON.stringify(headers))
  }
})

t.test('with pagination configured, what the headers say is followed, or not looked at', async (t) => {
  const headers = { link: '</inventory?page=2>; rel="next"', 'x-total-pages': '2' }
  const followed = await reading(t, headers, { pagination: { link_header: true } })
  t.equal(followed.kind === 'documents' && followed.documents.length, 2)
  const pagination = { next_url: 'next' }
  t.match(await reading(t, headers, { pagination }), { documents: { length: 1 } })
})
