import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'

/** The description of the HTTP API: for readers, and what the server answers with. */
export const OPENAPI_FILES = ['docs/openapi.json', 'src/http/api/openapi.json'] as const

/** A node of the document. */
export interface Node {
  readonly [key: string]: unknown
}

export interface Operation {
  readonly operationId: string
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Node }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Node }>> }
  readonly responses: Readonly<Record<string, Node>>
}

/** The document as the server sends it. */
export interface OpenApi {
  readonly openapi: string
  readonly info: Node
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: {
    readonly schemas: Readonly<Record<string, Node>>
    readonly responses: Readonly<Record<string, Node>>
  }
}

export function readOpenApi(): OpenApi {
  return JSON.parse(readFileSync(OPENAPI_FILES[0], 'utf8'))
}

const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/

/**
 * What is wrong with a response, by a document. What it checks with is made at once: it takes so long that a server of
 * this process would shed requests.
 */
export function responseChecker(document: OpenApi) {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { 'date-time': DATE_TIME } })
  ajv.addSchema(document, 'openapi')
  for (const [pointer] of schemasOf(document.paths, '/paths')) ajv.getSchema(`openapi#${pointer}`)
  for (const [pointer] of schemasOf(document.components.responses, '/components/responses'))
    ajv.getSchema(`openapi#${pointer}`)

  function faultsOf(pointer: string, value: unknown): string[] {
    const validate = ajv.getSchema(`openapi#${pointer}`)
    if (validate === undefined) return [`there is no ${pointer}`]
    void validate(value)
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }

  return {
    faultsOf,
    /** @param asked method and path, as in the document: `get /targets/{source}` */
    faultsOfResponse(
      asked: string,
      { status, type, body }: { status: number; type: string | undefined; body: string },
    ): string[] {
      const [method = '', path = ''] = asked.split(' ')
      const response = document.paths[path]?.[method]?.responses[status]
      if (response === undefined) return [`${asked}: ${status} is not in the document: ${body.slice(0, 200)}`]
      const { $ref } = response as { $ref?: string }
      const place = $ref?.slice(1) ?? `/paths/${escaped(path)}/${method}/responses/${status}`
      const { content } = ($ref === undefined ? response : at(document, $ref)) as { content?: object }
      if (content === undefined) return body === '' ? [] : [`${asked}: ${status} has a body`]
      const [known = ''] = Object.keys(content)
      if (type?.split(';')[0] !== known) return [`${asked}: ${status} is ${type}, not ${known}`]
      if (known !== 'application/json') return []
      return faultsOf(`${place}/content/${escaped(known)}/schema`, JSON.parse(body))
    },
  }
}

/** The schemas of bodies and parameters, with their places. */
function* schemasOf(value: unknown, pointer: string): Iterable<readonly [pointer: string, schema: unknown]> {
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) {
    const place = `${pointer}/${escaped(key)}`
    if (key === 'schema') yield [place, inner]
    else yield* schemasOf(inner, place)
  }
}

/** What a reference points to. */
export function at(document: OpenApi, reference: string): Node {
  const keys = reference.replace(/^#\//, '').split('/')
  return keys.reduce<Node>(
    (node, key) => node[key.replaceAll('~1', '/').replaceAll('~0', '~')] as Node,
    document as unknown as Node,
  )
}

function escaped(key: string): string {
  return encodeURI(key.replaceAll('~', '~0').replaceAll('/', '~1'))
}
