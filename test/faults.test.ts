import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

/**
 * The faults that Rollcall survives, by number. The name of a test begins with the numbers of those it shows, as in
 * `'38, 39: a reload …'`, so that a fault without a test is seen here.
 */
const FAULTS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  wire: {
    1: 'no snapshot yet: 503, never an empty list',
    2: 'groups that every Prometheus takes',
    3: 'labels that collide: the same way every time, and counted',
    4: 'the same set in any order: identical bytes',
    5: 'conditional requests, HEAD, other methods',
    6: 'identity or gzip, as accepted',
    7: '100,000 targets, read by a real Prometheus',
  },
  'the inventory misbehaves': {
    8: 'connection refused',
    9: 'name does not resolve',
    10: 'TLS: expired, unknown CA',
    11: 'accepts, then says nothing',
    12: 'a byte a second',
    13: 'reset in mid-body',
    14: 'JSON cut short',
    15: 'HTML with status 200',
    16: 'larger than the limit, gzip bomb',
    17: '401 and 403',
    18: '429 and Retry-After',
    19: '5xx: backoff with jitter',
    20: 'one page of many fails',
    21: 'a cursor that repeats, pages without end',
    22: 'a next page at another origin',
    23: 'fewer items than declared',
    24: 'one source of many fails',
    25: 'a drop beyond the threshold',
    26: 'a drop to nothing',
    27: 'overlapping refreshes',
    28: 'the wall clock jumps',
    29: 'a flapping inventory',
    30: 'hostile records',
  },
  'the process': {
    31: 'SIGKILL while a snapshot is written',
    32: 'a snapshot file that cannot be used',
    33: 'disk full or read-only',
    34: 'restart with the inventory down',
    35: 'SIGTERM',
    36: 'a second SIGTERM, a handler that hangs',
    37: 'reload with a bad file',
    38: 'a reload that removes a source',
    39: 'a reload that adds one',
    40: 'a worker that dies',
    41: 'an hour of refreshes',
    42: 'an unhandled rejection',
  },
  'overload and abuse': {
    43: 'slow headers or body',
    44: 'thousands of idle sockets',
    45: 'headers or body too large, __proto__ in a body',
    46: 'hostile paths and source names',
    47: 'a hostile relabel pattern',
    48: 'a saturated event loop',
    49: 'a flood of unknown paths',
    50: 'a flood of different filters',
  },
  'secrets and trust': {
    51: 'a canary secret in every place',
    52: 'a redirect to another host',
    53: 'line breaks and ANSI codes in data',
    54: '<script> in data',
    55: 'state-changing endpoints are off',
  },
  proof: {
    56: 'missing from one reading',
    57: 'a random quarter is missing in every reading',
    58: 'halving, reading by reading',
    59: 'unreadable records and a real removal',
    60: 'a fleet that is replaced',
    61: 'a label whose field turns into an object',
    62: 'a field that a filter uses changes its spelling',
    63: 'reloads that would empty the list',
    64: 'a source that is renamed or split',
    65: 'an empty list, again and again',
    66: 'a first list that is far too short',
    67: 'files that are rewritten or away',
    68: 'pages that shift while they are read',
    69: 'a view that turns empty',
    70: 'killed during a hold',
    71: 'a list that was kept of another query',
    72: 'file_sd of a removed source, and through a link',
  },
  'as it is, and whole': {
    73: 'headers that say that there is more',
    74: 'a body that says that there is more',
    75: 'an expression that selects nothing from records',
  },
  'load and local trouble': {
    76: 'thousands of clients that read nothing',
    77: 'fewer descriptors than connections',
    78: 'a file system that hangs',
    79: 'what is asked for is long, or asked for often',
    80: 'no descriptors, no memory, no permission',
    81: 'eighty sources, or two thousand',
    82: 'SIGHUP at any moment of the start',
  },
  'who may ask': {
    83: 'a POST from another site, or by a Host that is not ours',
    84: "every row of exporter-toolkit's tests of its web configuration",
    85: 'a certificate that is replaced while connections are open',
    86: 'a wrong password a hundred thousand times',
  },
  'devices that register': {
    87: 'a device that says what it may not: labels, addresses, the id of another',
    88: 'a token that fills its share, in number and in bytes',
    89: 'a secret of a record, whatever its field is called',
    90: 'killed in the moment of an acknowledgement',
    91: 'a full disk: no acknowledgement',
    92: 'registrations that cannot be read at the start',
  },
  'several replicas': {
    93: 'the reader dies, hangs, or is stopped for a minute',
    94: 'a store that dies, hangs, is flushed, fails over, is full, refuses, or answers garbage',
    95: 'replicas, store and inventory are cut from each other, one way and both',
    96: 'clocks that are an hour apart',
    97: 'a rolling replacement',
    98: 'a replica of another version',
  },
}

/** The name of a test: in a call, in a row of a table, or as the `name` of an object in one. */
const NAMED = /(?:\btest\(|\bname:|\[)\s*(?<quote>['"`])(?<numbers>\d+(?:, \d+)*): /g

/** The numbers that the tests of a file begin with. */
function numbersIn(path: string): number[] {
  const names = readFileSync(path, 'utf8').matchAll(NAMED)
  return [...names].flatMap(({ groups }) => String(groups?.numbers).split(', ').map(Number))
}

const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)
const tested = new Map<number, Set<string>>()
for (const file of files) {
  for (const number of numbersIn(join('test', file))) {
    tested.set(number, (tested.get(number) ?? new Set()).add(file))
  }
}
const known = Object.values(FAULTS).flatMap((faults) => Object.keys(faults).map(Number))

t.test('each fault has a number of its own', async (t) => {
  t.same(
    known,
    [...new Set(known)].sort((a, b) => a - b),
  )
})

for (const [heading, faults] of Object.entries(FAULTS)) {
  t.test(heading, async (t) => {
    for (const [number, title] of Object.entries(faults)) {
      const where = [...(tested.get(Number(number)) ?? [])].sort().join(' ')
      t.ok(where, `${number}: ${title}: ${where || 'no test begins with this number'}`)
    }
  })
}

t.test('a number that begins the name of a test is that of a fault', async (t) => {
  const strange = [...tested].filter(([number]) => !known.includes(number))
  t.same(strange, [])
})
