import Type, { type Static } from 'typebox'
import { httpClientKeys } from '../http/client/config.ts'
import { responseSizeKey, urlKeys } from '../http/config.ts'

/** The keys of `http_sd:` in a source of the configuration file. */
export const httpSdSchema = Type.Object(
  {
    ...urlKeys(
      'URL of an endpoint for http_sd_configs, which returns a JSON list of target groups. A user and password in it are sent as basic authentication.',
      'http://discovery:8080/targets',
    ),
    ...responseSizeKey,
    ...httpClientKeys,
  },
  {
    additionalProperties: false,
    expects: 'a set of keys, such as { url: "http://discovery:8080/targets" }',
    description:
      'Another HTTP service discovery endpoint. Its targets stay when it fails or loses its state.',
  },
)

/** Those keys as they stand in a configuration file. */
export type HttpSdConfig = Static<typeof httpSdSchema>
