import type { Target, TargetGroup } from '../../src/model/target-group.ts'
import { createPacker } from '../../src/pipeline/pack.ts'
import { groupsFrom } from './pipeline.ts'

/** The groups that targets are packed into. */
export function packed(targets: Iterable<Target>): TargetGroup[] {
  const packer = createPacker()
  for (const target of targets) packer.add(target)
  return groupsFrom(packer.pack().lines)
}
