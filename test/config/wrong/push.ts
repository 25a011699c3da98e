import type { WrongFile } from './row.ts'

const push = (keys: string, more = '') => `sources:\n  - name: a\n    push: ${keys}\n${more}`

/** Wrong push sources. */
export const rows: readonly WrongFile[] = [
  [
    'push without anything',
    push(''),
    /^rollcall.yml:3:\d+: sources\[0\].push: is empty; expected a set of keys$/,
  ],
  [
    'nobody who may register',
    push('{}'),
    /^rollcall.yml:3:11: sources\[0\].push: does not set who can register; add token_file: … or device_tokens_file: …, or, to let everybody register, insecure_skip_authentication: true$/,
  ],
  [
    'authentication that is not skipped',
    push('{ insecure_skip_authentication: false }'),
    /does not set who can register/,
  ],
  [
    'a token and none',
    push('{ token_file: a, insecure_skip_authentication: true }'),
    /^rollcall.yml:3:28: sources\[0\].push.insecure_skip_authentication: token_file already sets who can register; leave one of them out$/,
  ],
  ['an empty path', push('{ token_file: "" }'), /push.token_file: "" is not a path$/],
  [
    'a token in the file itself',
    push('{ token: hunter2 }'),
    /^rollcall.yml:3:13: sources\[0\].push.token: there is no such key; write token_file: …, with the token in that file$/,
  ],
  [
    'the key of Prometheus for it',
    push('{ bearer_token_file: a }'),
    /push.bearer_token_file: there is no such key; write token_file: …$/,
  ],
  [
    'a misspelt key',
    push('{ token_file: a, max_instance: 5 }'),
    /push.max_instance: there is no such key; did you mean max_instances\?$/,
  ],
  [
    'a switch that is a text',
    push('{ insecure_skip_authentication: "yes" }'),
    /insecure_skip_authentication: "yes" is not true or false$/,
  ],
  [
    'a time without a unit',
    push('{ token_file: a, ttl: "90" }'),
    /push.ttl: "90" is out of range; write a duration from 1s to 1d$/,
  ],
  [
    'a time that is a number',
    push('{ token_file: a, ttl: 90 }'),
    /push.ttl: 90 is not a duration such as 90s, 5m or 1h$/,
  ],
  [
    'a time that is too short',
    push('{ token_file: a, ttl: 999ms }'),
    /push.ttl: "999ms" is out of range; write a duration from 1s to 1d$/,
  ],
  [
    'a time that is longer than the longest',
    push('{ token_file: a, ttl: 2h, max_ttl: 1h }'),
    /^rollcall.yml:3:33: sources\[0\].push.ttl: "2h" is out of range; write a duration from 1s to 1h$/,
  ],
  [
    'a longest time that no timer can wait',
    push('{ token_file: a, max_ttl: 30d }'),
    /push.max_ttl: "30d" is out of range; write a duration from 1s to 24d/,
  ],
  [
    'a longest time that is none',
    push('{ token_file: a, max_ttl: soon }'),
    /push.max_ttl: "soon" is out of range/,
  ],
  [
    'no instance at all',
    push('{ token_file: a, max_instances: 0 }'),
    /push.max_instances: 0 is not a whole number from 1 to 1000000$/,
  ],
  [
    'too many instances',
    push('{ token_file: a, max_instances: 1000001 }'),
    /max_instances: 1000001 is not a whole number/,
  ],
  [
    'half an instance',
    push('{ token_file: a, max_instances: 1.5 }'),
    /max_instances: 1.5 is not a whole number/,
  ],
  [
    'tokens of devices and none',
    push('{ device_tokens_file: a, insecure_skip_authentication: true }'),
    /insecure_skip_authentication: device_tokens_file already sets who can register; leave one of them out$/,
  ],
  [
    'a share of a token without tokens that have one',
    push('{ device_tokens_file: a, max_instances_per_token: 5 }'),
    /^rollcall.yml:3:36: sources\[0\].push.max_instances_per_token: has no effect without token_file; remove it$/,
  ],
  [
    'bytes that are no size',
    push('{ token_file: a, max_bytes: lots }'),
    /push.max_bytes: "lots" is not a size up to 500MB; write one such as 512KB or 64MB$/,
  ],
  [
    'a label that is no expression',
    push('{ token_file: a, allowed_labels: [site, "rack_("] }'),
    /^rollcall.yml:3:51: sources\[0\].push.allowed_labels\[1\]: "rack_\(" is not an expression: .*missing closing \)/,
  ],
  [
    'a network that is none',
    push('{ token_file: a, allowed_networks: [10.0.0.0/33] }'),
    /push.allowed_networks\[0\]: "10.0.0.0\/33" is not a network; write one such as 10.0.0.0\/8 or fd00::\/8$/,
  ],
  [
    'an address of another kind',
    push('{ token_file: a, address: own }'),
    /push.address: "own" is not any or peer$/,
  ],
  [
    'fail_if of push',
    push('{ token_file: a }', '    fail_if: errors\n'),
    /^rollcall.yml:4:5: sources\[0\].fail_if: has no effect with push, which reads no inventory; remove it$/,
  ],
  [
    'complete of push',
    push('{ token_file: a }', '    complete: true\n'),
    /^rollcall.yml:4:5: sources\[0\].complete: has no effect with push/,
  ],
  [
    'push beside file',
    push('{ token_file: a }', '    file: { files: [a.json] }\n'),
    /sources\[0\].push: file already sets where the records come from; leave one of them out$/,
  ],
]
