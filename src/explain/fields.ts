import { memo } from '../base/memo.ts'
import { hostIn } from '../model/address.ts'
import { isSecretField } from '../model/mask.ts'
import { MAX_DEPTH } from '../model/nested.ts'
import { isObject, type Json } from '../model/record.ts'
import { isSecretName } from '../model/secret-names.ts'
import { SOURCE_LABEL, type Target } from '../model/target-group.ts'
import { ADDRESS_LABEL } from '../relabel/relabel-target.ts'
import type { FieldVisitor } from './query.ts'

/** Lists the fields that can be searched; fields whose names mark them as secrets are left out. */
export interface FieldLister {
  /** Every text, number and boolean in a value, with the keys that lead to it. */
  visitValue(value: Json, visitor: FieldVisitor): void
  /** The address of a target, its host, and its labels. */
  visitTarget(target: Target, visitor: FieldVisitor): void
}

/** Creates a lister for one search: it remembers which names mark secrets. */
export function createFieldLister(): FieldLister {
  const isSecret = memo(isSecretName)

  function visitObject(
    parent: { readonly [key: string]: Json },
    path: string[],
    visitor: FieldVisitor,
    depth: number,
  ) {
    for (const key of Object.keys(parent)) {
      if (isSecretField(parent, key, isSecret)) continue
      path.push(key)
      visit(parent[key] as Json, path, visitor, depth)
      path.pop()
    }
  }

  function visit(value: Json, path: string[], visitor: FieldVisitor, depth: number): void {
    if (typeof value !== 'object') visitor.field(path, String(value))
    else if (depth >= MAX_DEPTH) return
    else if (isObject(value)) visitObject(value, path, visitor, depth + 1)
    else for (const item of value ?? []) visit(item, path, visitor, depth + 1)
  }

  return {
    visitValue: (value, visitor) => visit(value, [], visitor, 0),
    visitTarget({ address, labels }, visitor) {
      const path = [ADDRESS_LABEL]
      visitor.field(path, address)
      visitor.field(path, hostIn(address))
      for (const [name, text] of labels) {
        if (name !== SOURCE_LABEL && !isSecret(name)) visitor.label(name, text)
      }
    },
  }
}
