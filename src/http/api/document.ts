import Type, { type TSchema } from 'typebox'
import { HTTP_ERRORS, type HttpErrorCode } from '../../base/errors.ts'
import { MAX_QUERY_LENGTH } from '../../model/explanation.ts'
import { MAX_ID_LENGTH } from '../../model/registration.ts'
import * as changes from '../routes/changes.ts'
import { DIGEST } from '../routes/lifecycle.ts'
import * as search from '../routes/search.ts'
import { SOURCE_NAME } from '../source-parameter.ts'
import { MAX_VALUE_LENGTH, SHARD } from '../view-parameters.ts'
import {
  acceptedSchema,
  changesSchema,
  errorSchema,
  eventsSchema,
  explainSchema,
  healthSchema,
  pollersSchema,
  prometheusSchema,
  refreshSchema,
  registeredSchema,
  registrationSchema,
  reloadSchema,
  sourcesSchema,
  statusSchema,
  targetGroupsSchema,
  targetsSchema,
} from './answers.ts'

/** A parameter of a request, as OpenAPI describes it. */
interface Parameter {
  readonly name: string
  readonly in: 'query' | 'path'
  readonly schema: TSchema
  readonly [key: string]: unknown
}

/** A response without an error. */
interface Response {
  readonly status: number
  readonly description: string
  readonly type?: string
  readonly schema?: TSchema
}

/** One method of one path. */
interface Operation {
  readonly id: string
  readonly summary: string
  /** The scope that a client needs; undefined: none. */
  readonly scope?: 'read' | 'explain' | 'operate' | 'device'
  readonly parameters?: readonly Parameter[]
  readonly body?: TSchema
  readonly responses: readonly Response[]
  /** Errors in addition to those of its scope. */
  readonly errors?: readonly HttpErrorCode[]
}

type Method = 'get' | 'post' | 'put' | 'delete'

function inQuery(name: string, schema: TSchema, description: string): Parameter {
  return { name, in: 'query', description, schema }
}

const name = Type.String({ pattern: SOURCE_NAME.source })
const source = inQuery('source', name, 'Only this source.')
const sourceInPath: Parameter = { name: 'source', in: 'path', required: true, schema: name }
const id: Parameter = {
  name: 'id',
  in: 'path',
  required: true,
  description: 'The id of the device, without slashes, backslashes and control characters.',
  schema: Type.String({ minLength: 1, maxLength: MAX_ID_LENGTH }),
}
const label: Parameter = {
  name: 'labels',
  in: 'query',
  description:
    'Only targets with these labels: each property is a parameter label.NAME=VALUE of its own, such as label.site=s1.',
  style: 'form',
  explode: true,
  schema: Type.Unsafe({
    type: 'object',
    patternProperties: { '^label\\..': { type: 'string', minLength: 1, maxLength: MAX_VALUE_LENGTH } },
    additionalProperties: false,
  }),
}
const shard = inQuery(
  'shard',
  Type.String({ pattern: SHARD.source, examples: ['0/2'] }),
  'Only the i-th of n shards, as i/n with i from 0: the hashmod of __address__.',
)
const limit = (most: number, fallback: number) =>
  inQuery(
    'limit',
    Type.Integer({ minimum: 1, maximum: most, default: fallback }),
    'The largest number of entries in the response.',
  )

const json = (schema: TSchema, description: string, status = 200): Response => ({
  status,
  description,
  schema,
})

const GUARDED = ['unauthorized', 'forbidden', 'rate_limited'] as const
const CHANGING = ['cross_site', 'wrong_host'] as const

/**
 * The errors that any route with a scope can return; any route at all can return bad_request and internal.
 */
const SCOPE_ERRORS: Readonly<Record<NonNullable<Operation['scope']>, readonly HttpErrorCode[]>> = {
  read: GUARDED,
  explain: GUARDED,
  operate: [...GUARDED, ...CHANGING, 'lifecycle_disabled'],
  device: [
    'unauthorized',
    ...CHANGING,
    'source_not_found',
    'no_push_source',
    'token_unreadable',
    'overloaded',
  ],
}

const lists = (description: string): readonly Response[] => [
  json(targetGroupsSchema, description),
  { status: 304, description: 'The client already has this list, according to If-None-Match.' },
]

const listErrors = ['not_loaded', 'stale', 'label_not_found', 'view_emptied', 'overloaded'] as const

const PATHS: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>> = {
  '/targets': {
    get: {
      id: 'getTargetGroups',
      summary: 'The target groups of all sources, for http_sd_configs of Prometheus.',
      scope: 'read',
      parameters: [shard, label],
      responses: lists('All target groups.'),
      errors: listErrors,
    },
  },
  '/targets/{source}': {
    get: {
      id: 'getTargetGroupsOfSource',
      summary: 'The target groups of one source, for http_sd_configs of Prometheus.',
      scope: 'read',
      parameters: [sourceInPath, shard, label],
      responses: lists('The target groups of the source.'),
      errors: [...listErrors, 'source_not_found'],
    },
  },
  '/health': {
    get: {
      id: 'getHealth',
      summary: 'The state of the process, and the last refresh of each source.',
      scope: 'read',
      responses: [json(healthSchema, 'The process works.')],
    },
  },
  '/api/v1/sources': {
    get: {
      id: 'listSources',
      summary: 'The last refresh of each source.',
      scope: 'read',
      parameters: [source],
      responses: [json(sourcesSchema, 'The sources.')],
      errors: ['source_not_found'],
    },
  },
  '/api/v1/targets': {
    get: {
      id: 'findTargets',
      summary: 'The served targets, one by one.',
      scope: 'read',
      parameters: [
        inQuery(
          'q',
          Type.String({ maxLength: search.MAX_TEXT }),
          'Only targets with this text in the address or in the value of a label; case does not matter.',
        ),
        source,
        label,
        inQuery(
          'offset',
          Type.Integer({ minimum: 0, default: 0 }),
          'How many targets to skip: the value of next in the previous page.',
        ),
        limit(search.MAX_LIMIT, search.DEFAULT_LIMIT),
      ],
      responses: [json(targetsSchema, 'One page of targets.')],
      errors: ['source_not_found', 'overloaded'],
    },
  },
  '/api/v1/explain': {
    get: {
      id: 'explain',
      summary: 'Why a record is, or is not, a target.',
      scope: 'explain',
      parameters: [
        {
          ...inQuery(
            'q',
            Type.String({ minLength: 1, maxLength: MAX_QUERY_LENGTH }),
            'A host, an address, any value of a record, or field=value.',
          ),
          required: true,
        },
        source,
      ],
      responses: [json(explainSchema, 'The explanation.')],
      errors: ['explain_disabled', 'source_not_found', 'overloaded'],
    },
  },
  '/api/v1/changes': {
    get: {
      id: 'listChanges',
      summary:
        'The last changes of the served lists; with target or since the events of single targets, from the history.',
      scope: 'read',
      parameters: [
        source,
        inQuery(
          'target',
          Type.String({ minLength: 1, maxLength: changes.MAX_TARGET_LENGTH }),
          'Only events of targets with this text in their address.',
        ),
        inQuery(
          'since',
          Type.String({ examples: ['3d', '2026-01-02T15:04:05Z'] }),
          'Only events from this time on: a time in RFC 3339, or a duration before now.',
        ),
        inQuery(
          'before',
          Type.Integer({ minimum: 1 }),
          'Only changes or events with a smaller id: the value of next in the previous page.',
        ),
        limit(changes.MAX_LIMIT, changes.DEFAULT_LIMIT),
      ],
      responses: [json(Type.Union([changesSchema, eventsSchema]), 'One page of changes, or of events.')],
      errors: ['source_not_found', 'history_unavailable', 'overloaded'],
    },
  },
  '/api/v1/pollers': {
    get: {
      id: 'listPollers',
      summary: 'The clients that fetch targets, and the list that each has.',
      scope: 'read',
      parameters: [
        { ...source, description: 'Only clients that have fetched the list of this source, or of all.' },
      ],
      responses: [json(pollersSchema, 'The pollers, the most recent first.')],
      errors: ['source_not_found'],
    },
  },
  '/api/v1/prometheus': {
    get: {
      id: 'listPrometheusServers',
      summary: 'The Prometheus servers that are queried for their targets.',
      scope: 'read',
      responses: [json(prometheusSchema, 'The servers.')],
    },
  },
  '/api/v1/status': {
    get: {
      id: 'getStatus',
      summary: 'The version and state of this server, and its configuration with secrets masked.',
      scope: 'read',
      responses: [json(statusSchema, 'The status.')],
    },
  },
  '/api/v1/backup': {
    get: {
      id: 'getBackup',
      summary: 'A backup of the whole state, for rollcall restore.',
      scope: 'operate',
      responses: [
        {
          status: 200,
          description: 'The backup.',
          type: 'application/gzip',
          schema: Type.Unsafe({ type: 'string', contentMediaType: 'application/gzip' }),
        },
      ],
      errors: ['backup_unavailable', 'overloaded'],
    },
  },
  '/api/v1/openapi.json': {
    get: {
      id: 'getOpenApi',
      summary: 'This description.',
      responses: [json(Type.Unsafe({ type: 'object' }), 'An OpenAPI 3.1 document.')],
    },
  },
  '/api/v1/sources/{source}/instances/{id}': {
    put: {
      id: 'register',
      summary: 'Registers a device with a push source, or renews its registration.',
      scope: 'device',
      parameters: [sourceInPath, id],
      body: registrationSchema,
      responses: [
        json(registeredSchema, 'The registration is renewed.'),
        json(registeredSchema, 'The device is registered.', 201),
      ],
      errors: [
        'wrong_device',
        'payload_too_large',
        'too_many_instances',
        'too_many_bytes',
        'storage_unavailable',
      ],
    },
    delete: {
      id: 'deregister',
      summary: 'Removes a device from a push source.',
      scope: 'device',
      parameters: [sourceInPath, id],
      responses: [{ status: 204, description: 'The device is no longer registered, or was not.' }],
      errors: ['wrong_device', 'payload_too_large', 'storage_unavailable'],
    },
  },
  '/-/refresh': {
    post: {
      id: 'refresh',
      summary: 'Refreshes one source, or all of them: a webhook for inventories.',
      scope: 'operate',
      parameters: [
        source,
        inQuery(
          'wait',
          Type.Boolean({ default: true }),
          'false: the response comes at once, and requests within a second are one refresh.',
        ),
      ],
      responses: [
        json(refreshSchema, 'The sources are refreshed.'),
        json(acceptedSchema, 'The sources will be refreshed within about a second (wait=false).', 202),
      ],
      errors: ['source_not_found', 'payload_too_large', 'refresh_failed'],
    },
  },
  '/-/accept': {
    post: {
      id: 'accept',
      summary: 'Lets held targets leave.',
      scope: 'operate',
      parameters: [
        {
          ...inQuery('digest', Type.String({ pattern: DIGEST.source }), 'The digest of the held targets.'),
          required: true,
        },
        source,
      ],
      responses: [json(refreshSchema, 'The targets have left.')],
      errors: ['source_not_found', 'not_held', 'payload_too_large', 'refresh_failed'],
    },
  },
  '/-/reload': {
    post: {
      id: 'reload',
      summary: 'Loads the configuration file again.',
      scope: 'operate',
      responses: [json(reloadSchema, 'The configuration is in force.')],
      errors: ['nothing_to_reload', 'payload_too_large', 'reload_failed'],
    },
  },
}

/** The components that the paths refer to, by name. */
interface Components {
  readonly schemas: Map<string, unknown>
  readonly responses: Map<string, unknown>
}

/** The description of the HTTP API: OpenAPI 3.1, as JSON. */
export function openApiDocument(): string {
  const components: Components = { schemas: new Map(), responses: new Map() }
  const paths = Object.fromEntries(
    Object.entries(PATHS).map(([path, methods]) => [
      path,
      Object.fromEntries(Object.entries(methods).map(([method, one]) => [method, describe(one, components)])),
    ]),
  )
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Rollcall',
      version: 'v1',
      description:
        'HTTP service discovery for Prometheus. HEAD works where GET does. Every error is an object with one code of a fixed list.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: lifted(paths, components.schemas),
    components: {
      responses: sorted(components.responses),
      schemas: sorted(components.schemas),
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'A user of --web.config.file.' },
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token of --web.config.file; a device sends the token of its push source.',
        },
      },
    },
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

function describe(
  { id, summary, scope, parameters = [], body, responses, errors = [] }: Operation,
  components: Components,
) {
  const codes = ['bad_request', ...(scope ? SCOPE_ERRORS[scope] : []), ...errors, 'internal'] as const
  return {
    operationId: id,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { 'application/json': { schema: body } } } }),
    responses: {
      ...Object.fromEntries(responses.map((one) => [one.status, describeResponse(one)])),
      ...describeErrors(codes, components),
    },
    security: securityOf(scope),
  }
}

function describeResponse({ description, type = 'application/json', schema }: Response) {
  return { description, ...(schema && { content: { [type]: { schema } } }) }
}

/** Credentials are optional, since a server may not require any. */
function securityOf(scope: Operation['scope']) {
  if (scope === undefined) return []
  return scope === 'device' ? [{ bearer: [] }, {}] : [{ basic: [scope] }, { bearer: [scope] }, {}]
}

/** References by status to a response with the possible codes. */
function describeErrors(codes: readonly HttpErrorCode[], { schemas, responses }: Components) {
  const byStatus = new Map<number, readonly HttpErrorCode[]>()
  for (const code of codes) {
    const { status } = HTTP_ERRORS[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  const references = [...byStatus].map(([status, those]) => {
    const key = those.join('.')
    responses.set(key, lifted(describeError(those), schemas))
    return [status, { $ref: `#/components/responses/${key}` }] as const
  })
  return Object.fromEntries(references)
}

function describeError(codes: readonly HttpErrorCode[]) {
  const properties = { error: { properties: { code: { enum: codes } } } }
  return {
    description: codes.map((code) => `${code}: ${HTTP_ERRORS[code].meaning}`).join(' '),
    content: { 'application/json': { schema: { allOf: [errorSchema, { properties }] } } },
  }
}

function sorted(components: ReadonlyMap<string, unknown>) {
  return Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** A copy in which every schema with a title is a reference to a component of that name. */
function lifted(value: unknown, components: Map<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => lifted(item, components))
  if (typeof value !== 'object' || value === null) return value
  const { title, ...others } = value as Record<string, unknown>
  const entries = Object.entries(typeof title === 'string' && 'type' in value ? others : value)
  const copy = Object.fromEntries(entries.map(([key, inner]) => [key, lifted(inner, components)]))
  if (typeof title !== 'string' || !('type' in value)) return copy
  components.set(title, copy)
  return { $ref: `#/components/schemas/${title}` }
}
