// The inventory that refreshes are measured with.

/** Which of two inventories: they differ in one record of 500. */
export type Variant = 'a' | 'b'

/** So many sensors are in one store. */
export const SENSORS_PER_STORE = 100

const MODELS = ['TX-100', 'TX-200', 'HX-9']
const CITIES = ['Berlin', 'Lyon', 'Porto', 'Utrecht', 'Gdansk']

/**
 * The body of an inventory of so many records of about 130 bytes each, as JSON:
 * {"hostname":"sensor-0000001","port":9100,"status":"active","model":"TX-200","store":{"id":"store-00000","city":"Berlin"}}
 * In variant b, one record of 1,000 has another name (a sensor was replaced), and one is in another store.
 */
export function inventoryBody(count: number, variant: Variant): Buffer {
  const parts: Buffer[] = []
  for (let from = 0; from < count; from += 10_000) {
    const size = Math.min(10_000, count - from)
    const records = Array.from({ length: size }, (_, index) => recordText(from + index, variant))
    parts.push(Buffer.from((from === 0 ? '[' : ',') + records.join(',')))
  }
  parts.push(Buffer.from(count === 0 ? '[]' : ']'))
  return Buffer.concat(parts)
}

function recordText(index: number, variant: Variant): string {
  const isReplaced = variant === 'b' && index % 1_000 === 1
  const isMoved = variant === 'b' && index % 1_000 === 2
  const store = Math.floor(index / SENSORS_PER_STORE) + (isMoved ? 1 : 0)
  const hostname = `${isReplaced ? 'spare' : 'sensor'}-${String(index).padStart(7, '0')}`
  const model = MODELS[index % MODELS.length]
  const city = CITIES[store % CITIES.length]
  return `{"hostname":"${hostname}","port":9100,"status":"active","model":"${model}","store":{"id":"store-${String(store).padStart(5, '0')}","city":"${city}"}}`
}
