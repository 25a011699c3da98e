import { createRequire } from 'node:module'
import { RefreshError } from '../base/errors.ts'
import type { Json } from '../model/record.ts'
import type { FormatRules } from './format.ts'

// The parser is loaded on first use; a dynamic import would make decoding asynchronous.
const load = createRequire(import.meta.url)

/** XML 1.0. */
export const xml: FormatRules = {
  extensions: ['xml'],
  accept: 'application/xml, text/xml, */*;q=0.9',
  failsWhenCut: true,
  inlineBytes: 64 * 1024,
  decode: decodeXml,
}

/**
 * Decodes one XML document: an element is an object, with its attributes as fields (`@name`), its children by
 * their names without prefix, and its text as `#text`; an element with nothing but text is that text. The
 * children of the root are lists, one for each name; deeper children are lists if several share a name. All
 * values are texts.
 * @throws RefreshError `parse` with line and column
 */
function decodeXml(text: string, name: string): Json {
  const { XMLParser, XMLValidator } = load('fast-xml-parser') as typeof import('fast-xml-parser')
  if (/<!DOCTYPE/i.test(text))
    throw new RefreshError('parse', `${name} has a DOCTYPE, which is not allowed: it could define entities`)
  const valid = XMLValidator.validate(text)
  if (valid !== true) {
    // The validator's own message quotes the text.
    const { line, col, code } = valid.err
    throw new RefreshError('parse', `${name} is not valid XML at line ${line}, column ${col}: ${code}`)
  }
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    ignoreDeclaration: true,
    ignorePiTags: true,
    removeNSPrefix: true,
    isArray: (_name, path, _isLeaf, isAttribute) => !isAttribute && String(path).split('.').length === 2,
  })
  const [root, another] = rootsOf(() => parser.parse(text) as Record<string, Json>, name)
  if (another !== undefined) throw new RefreshError('parse', `${name} is not valid XML: it has two roots`)
  return root as Json
}

function rootsOf(parse: () => Record<string, Json>, name: string): Json[] {
  try {
    return Object.values(parse())
  } catch (cause) {
    const why = 'it is nested too deeply, or an element has a name that is not allowed'
    throw new RefreshError('parse', `${name} cannot be read: ${why}`, { cause })
  }
}
