import { type Family, single } from '../exposition.ts'
import { linesOf, toNumber, wordsOf } from './collector.ts'

/** /proc/meminfo: every field, in bytes where the kernel gives a unit. */
export function meminfoFamilies(meminfo: string): Family[] {
  return linesOf(meminfo).map((line) => {
    const [field = '', amount, unit] = wordsOf(line)
    // "Active(anon):" → "Active_anon"
    const key = field.replace(/:$/, '').replace(/\(([^()]*)\)/, '_$1')
    const value = toNumber(amount, key)
    const [name, inUnit] = unit === undefined ? [key, value] : [`${key}_bytes`, value * 1024]
    return single('gauge', `node_memory_${name}`, `Memory information field ${name}.`, inUnit)
  })
}
