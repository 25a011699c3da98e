const command = (keys: string, rest = '') => `sources:\n  - name: a\n    command: ${keys}\n${rest}`

/** Mistakes with sources of the kind `command`: what it is, the file, and the one line that it gives. */
export const rows: readonly (readonly [what: string, yaml: string, line: RegExp])[] = [
  [
    'no argv',
    command('{}'),
    /^rollcall.yml:3:14: sources\[0\].command.argv: is missing; add it: such as argv: /,
  ],
  [
    'empty argv',
    command('{ argv: [] }'),
    /^rollcall.yml:3:22: sources\[0\].command.argv: a list is not a list/,
  ],
  [
    'argv that is a text',
    command('{ argv: psql --csv }'),
    /^rollcall.yml:3:22: sources\[0\].command.argv: <secret> is not a list of texts/,
  ],
  [
    'an empty program',
    command('{ argv: [""] }'),
    /^rollcall.yml:3:23: sources\[0\].command.argv\[0\]: is empty; write the name or the path of a program$/,
  ],
  [
    'a null character',
    command('{ argv: [a, "b\\0c"] }'),
    /^rollcall.yml:3:26: sources\[0\].command.argv\[1\]: contains a null character/,
  ],
  [
    'env with a value',
    command('{ argv: [a], env: [PGPASSWORD=hunter2] }'),
    /^rollcall.yml:3:33: sources\[0\].command.env\[0\]: has a value, but takes only the name: write PGPASSWORD,/,
  ],
  [
    'env that is no name',
    command('{ argv: [a], env: ["hunter2 x"] }'),
    /^rollcall.yml:3:33: sources\[0\].command.env\[0\]: is not the name of an environment variable/,
  ],
  [
    'env that is not set',
    command('{ argv: [a], env: [SECRET, NO_SUCH_VARIABLE] }'),
    /^rollcall.yml:3:41: sources\[0\].command.env\[1\]: the environment variable NO_SUCH_VARIABLE is not set/,
  ],
  [
    'columns of JSON',
    command('{ argv: [a], columns: [ip] }'),
    /^rollcall.yml:3:27: sources\[0\].command.columns: has no effect, because the format is not csv; remove it$/,
  ],
  [
    'a size that is none',
    command('{ argv: [a], max_size: 0 }'),
    /^rollcall.yml:3:37: sources\[0\].command.max_size: /,
  ],
]
