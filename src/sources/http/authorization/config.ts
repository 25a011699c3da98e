import Type, { type Static } from 'typebox'
import { variable } from '../../../base/variable.ts'
import { proxyKeys } from '../client/proxy-config.ts'
import { tlsConfigSchema } from '../client/tls-config.ts'
import { FROM_ENV, filePath, READ_EACH_TIME, requiredSecretText, secretText } from '../secret-keys.ts'

const closed = { additionalProperties: false } as const

/** `basic_auth`, as in Prometheus. */
export const basicAuthSchema = Type.Object(
  {
    username: secretText(`User name. ${FROM_ENV}`, { examples: ['rollcall'] }),
    username_file: filePath(`File with the user name. ${READ_EACH_TIME}`, 'inventory-user'),
    password: secretText(`Password. ${FROM_ENV}`, { examples: [variable('INVENTORY_PASSWORD')] }),
    password_file: filePath(`File with the password. ${READ_EACH_TIME}`, 'inventory-password'),
  },
  { ...closed, description: 'User and password, sent as HTTP basic authentication.' },
)

/** `authorization`, as in Prometheus. */
const authorizationSchema = Type.Object(
  {
    type: Type.Optional(
      Type.String({
        default: 'Bearer',
        description: 'Type in the Authorization header. For Basic use basic_auth.',
        examples: ['Token'],
      }),
    ),
    credentials: secretText(`The token, or other credentials. ${FROM_ENV}`, {
      examples: [variable('INVENTORY_TOKEN')],
    }),
    credentials_file: filePath(`File with the credentials. ${READ_EACH_TIME}`, 'inventory-token'),
  },
  {
    ...closed,
    insteadOf: {
      bearer_token: 'authorization: { credentials: … }',
      bearer_token_file: 'authorization: { credentials_file: … }',
    },
    description: 'A token, sent in the Authorization header.',
  },
)

/** `oauth2`, as in Prometheus. */
const oauth2Schema = Type.Object(
  {
    client_id: requiredSecretText(`Id of the client. ${FROM_ENV}`, { examples: ['rollcall'] }),
    client_secret: secretText(`Secret of the client. ${FROM_ENV}`, { examples: [variable('CLIENT_SECRET')] }),
    client_secret_file: filePath(`File with that secret. ${READ_EACH_TIME}`, 'client-secret'),
    scopes: Type.Optional(
      Type.Array(Type.String({ pattern: '^[!#-\\[\\]-~]+$', expects: 'a scope: a text without spaces' }), {
        default: [],
        description: 'Scopes to request.',
        examples: [['inventory.read']],
      }),
    ),
    token_url: requiredSecretText(`URL of the token endpoint. ${FROM_ENV}`, {
      examples: ['https://login.example.com/oauth2/token'],
    }),
    endpoint_params: Type.Optional(
      Type.Record(Type.String(), requiredSecretText('A parameter.'), {
        secret: true,
        description: `Further parameters of the token request. ${FROM_ENV}`,
        examples: [{ audience: 'inventory' }],
      }),
    ),
    tls_config: Type.Optional(tlsConfigSchema),
    ...proxyKeys,
  },
  {
    ...closed,
    description: 'A token from an OAuth 2 server (client credentials), renewed before it expires.',
  },
)

/** The keys for authentication to an inventory. */
export const authorizationKeys = {
  basic_auth: Type.Optional(basicAuthSchema),
  authorization: Type.Optional(authorizationSchema),
  oauth2: Type.Optional(oauth2Schema),
}

export type BasicAuthConfig = Static<typeof basicAuthSchema>
export type AuthorizationConfig = Static<typeof authorizationSchema>
export type OAuth2Config = Static<typeof oauth2Schema>
