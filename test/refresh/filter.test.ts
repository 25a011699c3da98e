import t from 'tap'
import { refreshing } from '../helpers/refreshing.ts'

const COUNT = 20
const tagged = (tagsOf: (index: number) => unknown) =>
  Array.from({ length: COUNT }, (_, index) => ({ host: `h${index}`, tags: tagsOf(index) }))

t.test('62: targets whose records the filter leaves out all at once are held until accepted', async (t) => {
  const { inventory, refresh, addresses, held } = await refreshing(t, { filter: "contains(tags, 'prom')" })
  inventory.json(tagged(() => ['prom']))
  await refresh()
  t.equal(addresses().length, COUNT)
  inventory.json(tagged((index) => (index === 0 ? ['prom'] : ['Prom'])))
  for (let reading = 0; reading < 5; reading++) await refresh()
  t.equal(addresses().length, COUNT)
  t.match(held(), [{ reason: 'idle_records', targets: COUNT - 1, until: undefined }])
})

t.test(
  '61: a record for which the filter fails keeps its target; one that it leaves out does not',
  async (t) => {
    const { inventory, refresh, addresses, status } = await refreshing(t, {
      filter: "contains(tags, 'prom')",
    })
    inventory.json(tagged(() => ['prom']))
    await refresh()
    inventory.json(tagged((index) => (index === 0 ? null : index === 1 ? [] : ['prom'])))
    for (let reading = 0; reading < 5; reading++) await refresh()
    t.ok(addresses().includes('h0:9100'))
    t.notOk(addresses().includes('h1:9100'))
    t.match(status(), { rejected: { filter_failed: 1 }, records: COUNT - 1 })
  },
)
