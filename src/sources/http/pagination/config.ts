import Type, { type Static } from 'typebox'
import { DEFAULT_MAX_PAGES } from './options.ts'

const closed = { additionalProperties: false } as const

function expression(description: string, example: string) {
  return Type.String({ title: 'jmespath', description, examples: [example] })
}

const headerOptions = Type.Object(
  {
    header: Type.String({
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
      expects: 'the name of a header, such as X-Total-Count',
      description:
        'Name of the header. For Content-Range the total is the number at its end, and there is another page if its range ends before that.',
      examples: ['X-Total-Count'],
    }),
  },
  { ...closed, title: 'header', description: 'A header of a page, instead of an expression over its body.' },
)

/** Where a value is found in a page. */
function found(description: string, example: string) {
  return Type.Union([Type.String({ title: 'jmespath' }), headerOptions], {
    expects: 'a JMESPath expression, or a header such as { header: X-Total-Count }',
    description,
    examples: [example],
  })
}

/** Where a value is sent; exactly one of the two is set. */
function placeKeys(what: string, parameter: string, field: string) {
  return {
    parameter: Type.Optional(
      Type.String({
        minLength: 1,
        expects: `the name of a query parameter, such as ${parameter}`,
        description: `Query parameter of the URL that takes ${what}.`,
        examples: [parameter],
      }),
    ),
    body_field: Type.Optional(
      Type.String({
        pattern: '^[^.]+(\\.[^.]+)*$',
        expects: `a key of body, or a path of keys such as ${field}`,
        description: `Key of body that takes ${what}, instead of a query parameter; a path of keys has "." between them.`,
        examples: [field],
      }),
    ),
  }
}

const cursorOptions = Type.Object(
  {
    value: found(
      'JMESPath expression that selects the cursor of the next page in a page, or a header of the page: a text or a number. Null, false, "" or no value means the last page.',
      'pageInfo.hasNextPage && pageInfo.endCursor',
    ),
    ...placeKeys('the cursor', 'cursor', 'variables.after'),
  },
  {
    ...closed,
    description:
      'Each page has a cursor, or the number of the next page, for the next request. The first request has none.',
    examples: [{ value: 'meta.pagination.next_page', parameter: 'page' }],
  },
)

const pageOptions = Type.Object(
  {
    ...placeKeys('the page number', 'page', 'page'),
    first: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        expects: 'a whole number, 0 or more',
        default: 1,
        description: 'Number of the first page.',
      }),
    ),
  },
  {
    ...closed,
    description:
      'Pages have numbers. The first page without items is the last, unless has_more ends the reading earlier. Neither a short page nor total ends the reading, because some servers limit both. An inventory that answers 404 after its last page needs has_more.',
    examples: [{ parameter: 'page' }],
  },
)

const offsetOptions = Type.Object(
  {
    ...placeKeys('the offset', 'offset', 'params.offset'),
    overlap: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Whether each page begins with the last item of the page before it, which proves that none was missed. Set false for an inventory that accepts only multiples of the page size.',
      }),
    ),
    range: Type.Optional(
      Type.Integer({
        minimum: 2,
        maximum: 1_000_000,
        expects: 'a whole number, 2 or more: how many items a page has',
        description:
          'Send a range of this many items, such as 0-49, instead of the offset. The numbers count from 0, and the last one is included.',
        examples: [50],
      }),
    ),
  },
  {
    ...closed,
    description:
      'Each request sends how many items to skip: those received so far, minus one if pages overlap. It ends as page does.',
    examples: [{ parameter: 'sysparm_offset' }],
  },
)

/** The keys of `pagination:` in an `http:` source of the configuration file. */
export const paginationSchema = Type.Object(
  {
    link_header: Type.Optional(
      Type.Literal(true, {
        expects: 'true; leave the key out when the pages are found in another way',
        description:
          'The Link header of each page holds the URL of the next one, with rel="next" (RFC 8288).',
      }),
    ),
    next_url: Type.Optional(
      found(
        'JMESPath expression that selects the URL of the next page in a page, or a header of the page. It can be relative. Null, "" or no value means the last page.',
        'next',
      ),
    ),
    cursor: Type.Optional(cursorOptions),
    page: Type.Optional(pageOptions),
    offset: Type.Optional(offsetOptions),
    items: Type.Optional(
      expression(
        'JMESPath expression that selects all items of a page, which page, offset and total count. With link_header, next_url or cursor it is refused unless total is set. To select the records for targets, use records. By default a list, or an object with exactly one list in it, is recognised.',
        'results',
      ),
    ),
    total: Type.Optional(
      found(
        'JMESPath expression that selects the total number of items, or a header of a page. If fewer items are read, the refresh fails. It never ends the reading.',
        'meta.total',
      ),
    ),
    has_more: Type.Optional(
      found(
        'JMESPath expression for whether there is another page, or a header of a page: true or false. For page, offset and cursor.',
        'meta.current_page < meta.last_page',
      ),
    ),
    max_pages: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        expects: 'a whole number from 1 to 100000',
        default: DEFAULT_MAX_PAGES,
        description: 'Limit of pages. More fail the refresh.',
      }),
    ),
  },
  {
    ...closed,
    description:
      'How to read an inventory page by page: exactly one of link_header, next_url, cursor, page and offset. Set the page size in url or body. If one page fails, the refresh fails. A list that changes while its pages are read (an item comes twice, the total differs, a page in the middle is short) is read again, up to three times. Pages are read only from the origin of url.',
    examples: [{ next_url: 'next', total: 'count', items: 'results' }],
  },
)

/** Those keys as they stand in a configuration file. */
export type PaginationConfig = Static<typeof paginationSchema>
/** Where a value is found in a page, as configured. */
export type FoundConfig = NonNullable<PaginationConfig['total']>
/** Where a cursor, a page number or an offset is sent, as configured. */
export type PlaceConfig = Pick<Static<typeof offsetOptions>, 'parameter' | 'body_field'>
