import type { Labels } from '../model/labels.ts'
import { createMasker } from '../model/mask.ts'
import { CUT } from '../model/nested.ts'

/** Some of the targets that joined and left, for people: each with its address, and its place if it has one. */
export interface ChangeSamples {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

/** How much of a sample is shown, in UTF-16 units: the value of a parameter may be long. */
const MAX_LENGTH = 500

/** Samples as they may be shown: secrets masked by the rule of explanations, and what is long cut. */
export function shownSamples({ added, removed }: ChangeSamples): ChangeSamples {
  return { added: added.map(shown), removed: removed.map(shown) }
}

function shown(sample: string): string {
  const masked = maskPlace(sample)
  return masked.length <= MAX_LENGTH ? masked : `${masked.slice(0, MAX_LENGTH).toWellFormed()}${CUT}`
}

/** Masks what follows the address (see placeOf), and whatever is a secret there in the address too. */
function maskPlace(sample: string): string {
  const end = sample.indexOf(' ')
  if (end === -1) return sample
  const place = JSON.parse(sample.slice(end)) as Labels
  const masker = createMasker(null, [place])
  const labels = place.map(([name, value]) => [name, masker.label(name, value)])
  return `${masker.text(sample.slice(0, end))} ${JSON.stringify(labels)}`
}
