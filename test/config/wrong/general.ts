import type { WrongFile } from './row.ts'

/** A file with one good source, and something added to it or put in place of something. */
const SOURCE = 'sources:\n  - name: sensors\n    http: { url: http://a/ }\n'

/** What is wrong with the file itself, its sources, mapping, rules and guard. */
export const rows: readonly WrongFile[] = [
  ['empty', '', /^rollcall.yml:1:1: is empty; expected a set of keys$/],
  ['a list', '- a\n', /^rollcall.yml:1:1: \["a"\] is not a set of keys$/],
  [
    'no sources',
    'global: {}\n',
    /^rollcall.yml:1:1: sources: is missing; add it: a list with at least one source/,
  ],
  [
    'empty sources',
    'sources: []\n',
    /^rollcall.yml:1:10: sources: \[\] is not a list with at least one source$/,
  ],
  [
    'sources that are no list',
    'sources: { name: a, http: { url: "http://a:hunter2@b" } }\n',
    /^rollcall.yml:1:10: sources: a set of keys is not a list with at least one source; begin each item of the list with "- "$/,
  ],
  [
    'sources at the top',
    '- name: a\n  http: { url: "http://a:hunter2@b" }\n',
    /^rollcall.yml:1:1: a list is not a set of keys$/,
  ],
  [
    'a name that is true or false to YAML',
    'sources:\n  - name: true\n    http: { url: http://a }\n',
    /^rollcall.yml:2:11: sources\[0\].name: true is not a text; put it in quotes$/,
  ],
  [
    'a name that would be none in quotes either',
    'sources:\n  - name: -0.5e+30\n    http: { url: http://a }\n',
    /^rollcall.yml:2:11: sources\[0\].name: -5e\+29 is not a source name/,
  ],
  [
    'null sources',
    'sources:\n',
    /^rollcall.yml:1:\d+: sources: is empty; expected a list with at least one source/,
  ],
  [
    'a list that is not closed',
    'sources: [a\n',
    /^rollcall.yml:2:1: not valid YAML: a "\[" or "{" above is not closed before this; close it, and indent/,
  ],
  [
    'keys that are not closed',
    'sources:\n  - name: {a\n    http: b\n',
    /^rollcall.yml:3:5: .* not closed before/,
  ],
  [
    'a bracket that closes nothing',
    'sources: {a: b}}\n',
    /^rollcall.yml:1:16: not valid YAML: this bracket closes nothing; remove it, or put the text in quotes$/,
  ],
  [
    'a tab',
    'sources:\n\t- name: a\n',
    /^rollcall.yml:2:1: not valid YAML: a tab indents this line \(key name\); indent with spaces$/,
  ],
  [
    'a key twice',
    `${SOURCE}    name: b\n`,
    /^rollcall.yml:4:5: not valid YAML: the key name is in line 2 already; leave one out$/,
  ],
  [
    'a quote that is not closed',
    'sources:\n  - name: "a"\n    http: { url: \'http://a }\n    timeout: 5s\n',
    /^rollcall.yml:3:18: not valid YAML: the quote that opens here is never closed; close it$/,
  ],
  [
    'a quote inside quotes',
    "sources:\n  - name: 'it's'\n",
    /^rollcall.yml:2:15: not valid YAML: there is text after the end of a value; put all of it in quotes/,
  ],
  [
    'a colon in a text',
    'sources:\n  - name: a: b\n',
    /^rollcall.yml:2:11: not valid YAML: a key is inside a value; put a text that contains ": " in quotes/,
  ],
  [
    'a key that is indented too little',
    'sources:\n  - name: a\n   http: { url: http://a }\n',
    /^rollcall.yml:3:1: not valid YAML: this line \(key http\) is indented as an item of the list above, but does not begin/,
  ],
  [
    'a key that is indented between two others',
    'sources:\n  - name: a\n    http:\n      url: http://a\n     method: GET\n',
    /^rollcall.yml:5:1: not valid YAML: the indentation of this line \(key method\) differs from the lines above; indent/,
  ],
  [
    'no space after the colon',
    'sources:\n  - name:a\n    http: { url: http://a }\n',
    /^rollcall.yml:2:5: not valid YAML: this is neither a key with its value nor an item; write "key: value"/,
  ],
  ['no colon', 'global: {}\nsources\n', /^rollcall.yml:2:1: not valid YAML: this is neither a key with/],
  [
    'a sign that needs quotes',
    'sources:\n  - name: @a\n',
    /^rollcall.yml:2:11: not valid YAML: a value that begins with this character needs quotes; put it in quotes$/,
  ],
  [
    'two documents',
    `${SOURCE}---\n${SOURCE}`,
    /^rollcall.yml:4:1: not valid YAML: a second document begins here/,
  ],
  [
    'a tag of another program',
    'sources:\n  - name: a\n    http: { url: http://a, basic_auth: { password: !env PASSWORD } }\n',
    /^rollcall.yml:3:52: not valid YAML: a text that begins with "!" needs quotes, and tags are not supported: \$\{NAME\} stands for/,
  ],
  [
    'lists in lists in lists',
    `sources: ${'['.repeat(3_000)}`,
    /^rollcall.yml:1:2\d\d: not valid YAML: the value that begins here is more than 200 levels deep, which is the limit$/,
  ],
  [
    'an unknown key at the top',
    `${SOURCE}source: 1\n`,
    /^rollcall.yml:4:1: source: there is no such key; did you mean sources\?$/,
  ],
  [
    'an unknown key far from any',
    `${SOURCE}password: 1\n`,
    /^rollcall.yml:4:1: password: there is no such key; the keys here are global, cluster, prometheus, sources$/,
  ],
  [
    'an unknown key of global',
    `${SOURCE}global:\n  refresh_intervall: 5s\n`,
    /^rollcall.yml:5:3: global.refresh_intervall: there is no such key; did you mean refresh_interval\?$/,
  ],
  [
    'an unknown key of a source',
    `${SOURCE}    label: {}\n`,
    /^rollcall.yml:4:5: sources\[0\].label: there is no such key; did you mean labels\?$/,
  ],
  [
    'an unknown key of http',
    'sources:\n  - name: a\n    http:\n      url: http://a\n      verb: POST\n',
    /^rollcall.yml:5:7: sources\[0\].http.verb: there is no such key; the keys here are url, /,
  ],
  [
    'an unknown key of guard',
    `${SOURCE}    guard: { max_drops: 5% }\n`,
    /^rollcall.yml:4:14: sources\[0\].guard.max_drops: .*did you mean max_drop\?$/,
  ],
  ['a long value', `${SOURCE}    required: ${'x'.repeat(200)}\n`, /required: "x{118}… is not true or false$/],
  [
    'no name',
    'sources:\n  - http: { url: http://a }\n',
    /^rollcall.yml:2:5: sources\[0\].name: is missing; add it: a source name; use letters/,
  ],
  [
    'no http',
    'sources:\n  - name: a\n',
    /^rollcall.yml:2:5: sources\[0\]: does not set where its records come from; add one of http/,
  ],
  [
    'a target with an unknown key',
    `${SOURCE}    targets: ["{a}:1", { addres: "{b}:2" }]\n`,
    /^rollcall.yml:4:26: sources\[0\].targets\[1\].addres: there is no such key; did you mean address\?$/,
  ],
  [
    'a label of a target that is a list',
    `${SOURCE}    targets: [{ address: "{b}:2", labels: { a: [] } }]\n`,
    /^rollcall.yml:4:48: sources\[0\].targets\[0\].labels.a: \[\] is not a text, a number, true or false$/,
  ],
  [
    'a template in a target that is open',
    `${SOURCE}    targets: [{ address: "{b" }]\n`,
    /^rollcall.yml:4:26: sources\[0\].targets\[0\].address: "\{" without/,
  ],
  [
    'no URL',
    'sources:\n  - name: a\n    http: {}\n',
    /^rollcall.yml:3:11: sources\[0\].http: has no URL of the inventory; add url$/,
  ],
  [
    'a URL and several',
    'sources:\n  - name: a\n    http: { url: http://a, urls: [http://b] }\n',
    /^rollcall.yml:3:28: sources\[0\].http.urls: cannot be combined with url; leave one of them out$/,
  ],
  [
    'URLs of which one is there twice',
    'sources:\n  - name: a\n    http: { urls: [http://a, http://b, http://a] }\n',
    /^rollcall.yml:3:40: sources\[0\].http.urls\[2\]: is a duplicate; leave one out$/,
  ],
  [
    'several URLs of which one is none',
    'sources:\n  - name: a\n    http_sd: { urls: [http://a, "http://user:p%@b"] }\n',
    /^rollcall.yml:3:33: sources\[0\].http_sd.urls\[1\]: .* is not an http or https URL/,
  ],
  [
    'a user in one of several URLs, and basic_auth',
    'sources:\n  - name: a\n    http: { urls: [http://a, http://u:p@b], basic_auth: { username: u } }\n',
    /^rollcall.yml:3:45: sources\[0\].http.basic_auth: the url already has a user or password/,
  ],
  [
    'a join without a list',
    `${SOURCE}    with: { device: { by: id, from: device.id } }\n`,
    /^rollcall.yml:4:21: sources\[0\].with.device: does not set where its records come from; add one of http, file, command$/,
  ],
  [
    'a join with a kind that has no records',
    `${SOURCE}    with: { device: { push: {}, by: id, from: device.id } }\n`,
    /^rollcall.yml:4:23: sources\[0\].with.device.push: there is no such key/,
  ],
  [
    'a join that would replace what tells records apart',
    `${SOURCE}    with: { id: { http: { url: http://a }, by: id, from: b } }\n`,
    /^rollcall.yml:4:13: sources\[0\].with.id: would replace a field that identifies records/,
  ],
  [
    'a join whose name is none of a field',
    `${SOURCE}    with: { a-b: { http: { url: http://a }, by: id, from: b } }\n`,
    /^rollcall.yml:4:13: sources\[0\].with.a-b: is not the name of a field/,
  ],
  [
    'a join by what is no field',
    `${SOURCE}    with: { a: { http: { url: http://a }, by: "a[", from: b } }\n`,
    /^rollcall.yml:4:47: sources\[0\].with.a.by: "a\[" is not a field/,
  ],
  [
    'a join whose URL is wrong',
    `${SOURCE}    with: { a: { http: { url: "http://user:p%@a" }, by: a, from: b } }\n`,
    /^rollcall.yml:4:31: sources\[0\].with.a.http.url: .* is not an http or https URL/,
  ],
  [
    'a join of an expression that is none',
    `${SOURCE}    with: { a: { http: { url: http://a }, records: "a[", by: a, from: b } }\n`,
    /^rollcall.yml:4:52: sources\[0\].with.a.records: "a\[" is not a JMESPath expression/,
  ],
  [
    'a join of devices that register themselves',
    'sources:\n  - name: a\n    push: { token_file: a }\n    with: { a: { http: { url: http://a }, by: a, from: b } }\n',
    /^rollcall.yml:4:5: sources\[0\].with: is for http, file, command only; leave it out$/,
  ],
  [
    'a source that is a text',
    'sources:\n  - sensors\n',
    /^rollcall.yml:2:5: sources\[0\]: "sensors" is not a set of keys$/,
  ],
  [
    'a name with a slash',
    'sources:\n  - name: a/b\n    http: { url: http://a }\n',
    /^rollcall.yml:2:11: sources\[0\].name: "a\/b" is not a source name; use letters, digits/,
  ],
  [
    'a name that is a number',
    'sources:\n  - name: 5\n    http: { url: http://a }\n',
    /^rollcall.yml:2:11: sources\[0\].name: 5 is not a text; put it in quotes$/,
  ],
  [
    'a name twice',
    `${SOURCE}  - name: sensors\n    http: { url: http://b }\n`,
    /^rollcall.yml:4:11: sources\[1\].name: "sensors" is already used by sources\[0\]; each source needs its own$/,
  ],
  [
    'a URL without a scheme',
    'sources:\n  - name: a\n    http: { url: inventory/x }\n',
    /^rollcall.yml:3:18: sources\[0\].http.url: "inventory\/x" is not an http or https URL; write one such as/,
  ],
  [
    'a URL that is a number',
    'sources:\n  - name: a\n    http: { url: 5 }\n',
    /^rollcall.yml:3:18: sources\[0\].http.url: 5 is not a text$/,
  ],
  [
    'a size without a unit',
    'sources:\n  - name: a\n    http: { url: http://a, max_response_size: "5" }\n',
    /max_response_size: "5" is not a size up to 4GB; write one such as 512KB/,
  ],
  [
    'a size of nothing',
    'sources:\n  - name: a\n    http: { url: http://a, max_response_size: 0MB }\n',
    /max_response_size: "0MB" is not a size/,
  ],
  [
    'a scheme of label names that is none',
    `global: { label_names: UTF8 }\n${SOURCE}`,
    /^rollcall.yml:1:24: global.label_names: "UTF8" is not legacy or utf8/,
  ],
  [
    'an empty label name, with UTF-8 names',
    `global: { label_names: utf8 }\n${SOURCE}    labels: { "": a }\n`,
    /^rollcall.yml:5:15: sources\[0\].labels.*: "" is not a label name/,
  ],
  [
    'a global interval without a unit',
    `global: { refresh_interval: 30 }\n${SOURCE}`,
    /^rollcall.yml:1:29: global.refresh_interval: 30 is not a duration such as 30s, 5m or 1h30m$/,
  ],
  [
    'a global interval of nothing',
    `global: { refresh_interval: 0s }\n${SOURCE}`,
    /^rollcall.yml:1:29: global.refresh_interval: "0s" is out of range; write a duration from 100ms to 20d$/,
  ],
  [
    'an interval that is a text',
    `${SOURCE}    refresh_interval: soon\n`,
    /^rollcall.yml:4:23: sources\[0\].refresh_interval: "soon" is not a duration/,
  ],
  [
    'an interval that is empty',
    `${SOURCE}    refresh_interval: ""\n`,
    /refresh_interval: "" is not a duration/,
  ],
  [
    'an interval that is too long',
    `${SOURCE}    refresh_interval: 1y\n`,
    /^rollcall.yml:4:23: sources\[0\].refresh_interval: "1y" is out of range/,
  ],
  [
    'a timeout of nothing',
    `${SOURCE}    timeout: "0"\n`,
    /^rollcall.yml:4:14: sources\[0\].timeout: "0" is out of range; write a duration from 1ms to 24d$/,
  ],
  [
    'a JMESPath expression that ends early',
    `${SOURCE}    records: "items[?"\n`,
    /^rollcall.yml:4:14: sources\[0\].records: "items\[\?" is not a JMESPath expression: .*invalid token/,
  ],
  [
    'a fail_if that is no expression',
    `${SOURCE}    fail_if: "errors["\n`,
    /^rollcall.yml:4:14: sources\[0\].fail_if: "errors\[" is not a JMESPath expression/,
  ],
  [
    'records that are a list',
    `${SOURCE}    records: [items]\n`,
    /^rollcall.yml:4:14: sources\[0\].records: \["items"\] is not a text$/,
  ],
  [
    'targets that are a text',
    `${SOURCE}    targets: "{host}:1"\n`,
    /^rollcall.yml:4:14: sources\[0\].targets: .* is not a list of templates such as/,
  ],
  [
    'no target',
    `${SOURCE}    targets: []\n`,
    /^rollcall.yml:4:14: sources\[0\].targets: \[\] is not a list of templates/,
  ],
  [
    'a target that is a number',
    `${SOURCE}    targets: [5]\n`,
    /^rollcall.yml:4:15: sources\[0\].targets\[0\]: 5 is not a template such as .* or a set of keys/,
  ],
  [
    'a target template that is open',
    `${SOURCE}    targets:\n      - "{host"\n`,
    /^rollcall.yml:5:9: sources\[0\].targets\[0\]: "\{" without "\}" in "\{host"/,
  ],
  [
    'a label name with a hyphen',
    `${SOURCE}    labels: { a-b: c }\n`,
    /^rollcall.yml:4:15: sources\[0\].labels.a-b: "a-b" is not a label name; use letters/,
  ],
  [
    'a label that Rollcall sets',
    `${SOURCE}    labels: { __meta_rollcall_source: c }\n`,
    /^rollcall.yml:4:15: .*is set by Rollcall itself/,
  ],
  [
    'a target with neither address nor url',
    `${SOURCE}    targets: [{ labels: { a: b } }]\n`,
    /^rollcall.yml:4:15: sources\[0\].targets\[0\]: has no address; add address: "\{hostname\}:9100", or url$/,
  ],
  [
    'a target with address and url',
    `${SOURCE}    targets: [{ address: "{a}:1", url: "{b}" }]\n`,
    /^rollcall.yml:4:35: sources\[0\].targets\[0\].url: cannot be combined with address; leave one of them out$/,
  ],
  [
    'a url that is no template',
    `${SOURCE}    targets: [{ url: "{b" }]\n`,
    /^rollcall.yml:4:22: sources\[0\].targets\[0\].url: "\{" without "\}"/,
  ],
  [
    'optional that is a text',
    `${SOURCE}    targets: [{ address: "{a}:1", optional: maybe }]\n`,
    /^rollcall.yml:4:45: sources\[0\].targets\[0\].optional: "maybe" is not true or false$/,
  ],
  [
    'a filter that is no expression',
    `${SOURCE}    filter: "status ="\n`,
    /^rollcall.yml:4:13: sources\[0\].filter: "status =" is not a JMESPath expression/,
  ],
  [
    'for_each that is no path',
    `${SOURCE}    for_each: "ports[?open]"\n    targets: ["{item}"]\n`,
    /^rollcall.yml:4:15: sources\[0\].for_each: "ports\[\?open\]" is not a field; write field, nested.field/,
  ],
  [
    'for_each without targets',
    `${SOURCE}    for_each: ports\n`,
    /^rollcall.yml:4:5: sources\[0\].for_each: needs targets with templates for the items, such as targets: \["\{hostname\}:\{item\}"\]$/,
  ],
  [
    'a label that is a list',
    `${SOURCE}    labels: { a: [b] }\n`,
    /^rollcall.yml:4:18: sources\[0\].labels.a: \["b"\] is not a text, a number, true or false$/,
  ],
  [
    'a label template that is no field',
    `${SOURCE}    labels: { a: "{}" }\n`,
    /^rollcall.yml:4:18: sources\[0\].labels.a: "\{\}" in "\{\}" is not a field/,
  ],
  [
    'labels that are a list',
    `${SOURCE}    labels: [a]\n`,
    /^rollcall.yml:4:13: sources\[0\].labels: \["a"\] is not a set of keys$/,
  ],
  [
    'meta_labels that are a text',
    `${SOURCE}    meta_labels: "yes"\n`,
    /^rollcall.yml:4:18: sources\[0\].meta_labels: "yes" is not true or false$/,
  ],
  [
    'required that is a number',
    `${SOURCE}    required: 1\n`,
    /^rollcall.yml:4:15: sources\[0\].required: 1 is not true or false$/,
  ],
  [
    'a drop without a percent sign',
    `${SOURCE}    guard: { max_drop: 0.5 }\n`,
    /^rollcall.yml:4:24: sources\[0\].guard.max_drop: 0.5 is not a share from 0% to 100%, such as 50%$/,
  ],
  ['a drop over everything', `${SOURCE}    guard: { max_drop: 150% }\n`, /max_drop: "150%" is not a share/],
  [
    'no confirmation',
    `${SOURCE}    guard: { confirmations: 0 }\n`,
    /^rollcall.yml:4:29: .*confirmations: 0 is not a whole number from 1 to 1000$/,
  ],
  [
    'half a confirmation',
    `${SOURCE}    guard: { confirmations: 1.5 }\n`,
    /confirmations: 1.5 is not a whole number/,
  ],
  [
    'less than no targets',
    `${SOURCE}    guard: { min_targets: -1 }\n`,
    /min_targets: -1 is not a whole number, 0 or more$/,
  ],
  [
    'a grace that is no duration',
    `${SOURCE}    guard: { grace: soon }\n`,
    /^rollcall.yml:4:21: sources\[0\].guard.grace: "soon" is not a duration such as 30s, 5m or 1h30m$/,
  ],
  [
    'a hold that is a number',
    `${SOURCE}    guard: { hold: 15 }\n`,
    /^rollcall.yml:4:20: sources\[0\].guard.hold: 15 is not a duration such as 30s, 5m or 1h30m/,
  ],
  [
    'a hold_empty that is longer than can be counted',
    `${SOURCE}    guard: { hold_empty: 101y }\n`,
    /^rollcall.yml:4:26: sources\[0\].guard.hold_empty: "101y" is out of range; write a duration from 0s to 100y$/,
  ],
  [
    'a hold_empty that is shorter than hold',
    `${SOURCE}    guard: { hold: 1h, hold_empty: 30m }\n`,
    /^rollcall.yml:4:36: sources\[0\].guard.hold_empty: hold_empty \(30m\) is shorter than hold \(1h\)/,
  ],
  [
    'a hold that is longer than the default of hold_empty',
    `${SOURCE}    guard: { hold: 2d }\n`,
    /^rollcall.yml:4:20: sources\[0\].guard.hold: hold_empty \(1d\) is shorter than hold \(2d\)/,
  ],
  [
    'fewer than no expected targets',
    `${SOURCE}    guard: { min_expected: -1 }\n`,
    /^rollcall.yml:4:28: .*min_expected: -1 is not a whole number, 0 or more$/,
  ],
  [
    'what is accepted without its digest',
    `${SOURCE}    guard: { accept: all }\n`,
    /^rollcall.yml:4:22: .*accept: "all" is not a digest of 64 hex digits, as \/health shows it for held targets/,
  ],
  [
    'the guard of all sources',
    `global: { guard: { max_drop: half } }\n${SOURCE}`,
    /^rollcall.yml:1:30: global.guard.max_drop: "half" is not a share from 0% to 100%, such as 50%$/,
  ],
  [
    'a hold of all sources that is longer than can be counted, told once',
    `global: { guard: { hold: 101y } }\n${SOURCE}`,
    /^rollcall.yml:1:26: global.guard.hold: "101y" is out of range; write a duration from 0s to 100y$/,
  ],
  ['an empty key', `${SOURCE}    key: ""\n`, /^rollcall.yml:4:10: sources\[0\].key: /],
  [
    'a key that is no template',
    `${SOURCE}    key: "{id"\n`,
    /^rollcall.yml:4:10: sources\[0\].key: "\{" without "\}" in "\{id"/,
  ],
  [
    'an alias of nothing',
    'sources: *nothing\n',
    /^rollcall.yml:1:10: not valid YAML: Unresolved alias .*quotes$/,
  ],
  [
    'an alias inside what it stands for',
    'sources:\n  - &a { name: *a }\n',
    /^rollcall.yml:1:1: not valid YAML: an alias is inside the value that it refers to$/,
  ],
  ['a merge of a number', 'sources:\n  - <<: 5\n', /^rollcall.yml:1:1: not valid YAML: Merge/],
  [
    'a size that no text can have',
    'sources:\n  - name: a\n    http: { url: http://a, max_response_size: 100GB }\n',
    /"100GB" is not a size up to 4GB/,
  ],
  [
    'an unknown JMESPath function',
    `${SOURCE}    records: "[nosuch(items)]"\n`,
    /is not a JMESPath expression: there is no function nosuch\(\)$/,
  ],
  [
    '51: a URL with a secret',
    'sources:\n  - name: a\n    http: { url: "http://user:hunter2%@a/?token=hunter2" }\n',
    /http.url: "http:\/\/…@a\/\?…" is not an http or https URL/,
  ],
  [
    'rules that are no list',
    `${SOURCE}    relabel_configs: keep\n`,
    /^rollcall.yml:4:22: sources\[0\].relabel_configs: "keep" is not a list of relabel rules$/,
  ],
  [
    'an unknown key of a rule',
    `${SOURCE}    relabel_configs: [{ sourcelabels: [a] }]\n`,
    /^rollcall.yml:4:25: sources\[0\].relabel_configs\[0\].sourcelabels: there is no such key; did you mean source_labels\?$/,
  ],
  [
    'a modulus of nothing',
    `${SOURCE}    relabel_configs: [{ action: hashmod, target_label: a }]\n`,
    /^rollcall.yml:4:\d+: sources\[0\].relabel_configs\[0\].modulus: /,
  ],
  [
    'an unknown action',
    `${SOURCE}    relabel_configs: [{ action: kep }]\n`,
    /^rollcall.yml:4:33: sources\[0\].relabel_configs\[0\].action: "kep" is not a relabel action; did you mean keep\?$/,
  ],
  [
    '47: look-around in a pattern',
    `${SOURCE}    relabel_configs: [{ action: keep, regex: "(?=a)" }]\n`,
    /^rollcall.yml:4:\d+: sources\[0\].relabel_configs\[0\].regex: "\(\?=a\)" .* RE2 has no look-around/,
  ],
  [
    '47: a back-reference in a pattern',
    `${SOURCE}    relabel_configs: [{ action: keep, regex: "(a)\\\\1" }]\n`,
    /^rollcall.yml:4:\d+: sources\[0\].relabel_configs\[0\].regex: .* RE2 has no back-references/,
  ],
  [
    'a file_sd file with the wrong ending',
    `${SOURCE}    file_sd: targets.txt\n`,
    /^rollcall.yml:4:14: sources\[0\].file_sd: "targets.txt" is not a path that ends in .json/,
  ],
  [
    'a max_staleness of nothing',
    `${SOURCE}    max_staleness: 0s\n`,
    /^rollcall.yml:4:20: sources\[0\].max_staleness: "0s" is out of range; write a duration longer than 0/,
  ],
  [
    'a max_staleness shorter than the time between two refreshes',
    `${SOURCE}    refresh_interval: 5m\n    max_staleness: 5m\n`,
    /^rollcall.yml:5:20: sources\[0\].max_staleness: "5m" is too short: a refresh can begin 1.1 × refresh_interval \(5m\) after the last one and take its timeout \(10s\), so \/targets would answer 503 even if nothing fails; write at least 5m40s$/,
  ],
  [
    'a max_staleness too short for the global interval and timeout',
    `global: { refresh_interval: 1m, timeout: 20s }\n${SOURCE}    max_staleness: 85s999ms\n`,
    /^rollcall.yml:5:20: sources\[0\].max_staleness: "85s999ms" is too short: .*; write at least 1m26s$/,
  ],
  [
    'a file_sd file twice',
    `${SOURCE}    file_sd: a.json\n  - name: b\n    http: { url: http://b }\n    file_sd: ./a.json\n`,
    /^rollcall.yml:7:14: sources\[1\].file_sd: .* is already used by sources\[0\]/,
  ],
]
