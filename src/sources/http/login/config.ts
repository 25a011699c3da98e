import Type, { type Static } from 'typebox'
import { basicAuthSchema } from '../authorization/config.ts'
import { httpHeadersKey } from '../client/config.ts'
import { bodySchema, FROM_ENV, filePath, READ_EACH_TIME } from '../secret-keys.ts'

/** `login`, in an `http:` source of the configuration file. */
export const loginSchema = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      expects: 'a URL, or a path that begins with "/"',
      description: `URL of the login request, or a path at the origin of the URL of the source. ${FROM_ENV}`,
      examples: ['/api/session'],
    }),
    method: Type.Optional(
      Type.Union([Type.Literal('GET'), Type.Literal('POST')], {
        expects: 'GET or POST',
        default: 'POST',
        description: 'Method of the request that logs in.',
      }),
    ),
    body: Type.Optional(
      bodySchema(
        'Body of the request: keys or a list, sent as JSON, or a text, sent unchanged. A text such as user=a&password=b is sent as a form. It can contain environment variables.',
        { username: 'rollcall', password: `\${INVENTORY_PASSWORD}` },
      ),
    ),
    body_file: filePath(`File with the text that is sent, instead of body. ${READ_EACH_TIME}`, 'login.json'),
    basic_auth: Type.Optional(basicAuthSchema),
    http_headers: httpHeadersKey('Headers to send with the request that logs in, by name.'),
    token: Type.Optional(
      Type.String({
        title: 'jmespath',
        minLength: 1,
        description:
          'JMESPath expression that selects the token in the JSON response; "@" if the response is only the token.',
        examples: ['data.token'],
      }),
    ),
    token_header: Type.Optional(
      Type.String({
        minLength: 1,
        expects: 'the name of a header',
        description: 'Header for the token. By default the token is sent as Authorization: Bearer.',
        examples: ['vmware-api-session-id'],
      }),
    ),
    cookie: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Whether the cookies that the server sets are sent back to it.',
      }),
    ),
    renew_on: Type.Optional(
      Type.Array(
        Type.Integer({
          minimum: 300,
          maximum: 599,
          expects: 'an HTTP status from 300 to 599, such as 401',
        }),
        {
          minItems: 1,
          expects: 'a list of statuses such as [401, 403]',
          default: [401],
          description:
            'Statuses that mean that the session has ended. A redirect among them is not followed.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    expects: 'a set of keys, such as { url: /api/login, body: { … }, token: data.token }',
    description:
      'Login for inventories that need a session, by token, cookies or both. The session is kept between refreshes. When it has ended, or the response is not an inventory, Rollcall logs in again, once a refresh, and reads everything from the beginning. The session is never sent to another origin. TLS, proxy and redirects are those of the source.',
  },
)

/** Those keys as they stand in a configuration file. */
export type LoginConfig = Static<typeof loginSchema>
