import Type from 'typebox'

/** The keys of `http:` in a source of the configuration file. */
export const httpOptions = Type.Object(
  {
    url: Type.String({
      format: 'http-url',
      description:
        'URL to fetch the inventory from with GET; it answers JSON. A user and password in it are sent as basic authentication.',
      examples: ['http://inventory:1337/inventory'],
    }),
    max_response_size: Type.Optional(
      Type.String({
        format: 'size',
        default: '256MB',
        description:
          'The largest answer that is read, after decompression; a larger one fails the refresh. At most 500MB.',
      }),
    ),
  },
  { additionalProperties: false, description: 'An inventory behind HTTP.' },
)
