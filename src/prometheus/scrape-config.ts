import { createRequire } from 'node:module'
import type { Document } from 'yaml'
import { RefreshError } from '../base/errors.ts'
import { parseYamlDocument } from '../base/yaml-document.ts'
import type { RelabelConfig } from '../relabel/config.ts'

/** A job with HTTP service discovery in the configuration of a server. */
export interface ScrapeJob {
  readonly name: string
  /** The URLs of its `http_sd_configs`. */
  readonly urls: readonly string[]
  /** The default scheme, path and parameters of the job, for targets whose discovery gives none. */
  readonly place: Readonly<Record<string, string>>
  readonly relabelConfigs: readonly RelabelConfig[]
  /** Whether labels of the metrics replace those of the target. */
  readonly honorsLabels: boolean
}

/** The part of a server's configuration that is used. */
export interface ScrapeConfigs {
  readonly jobs: readonly ScrapeJob[]
  /** Whether it has further jobs, in separate files. */
  readonly hasMore: boolean
}

/** YAML as it is parsed here: every scalar is a text. */
type Node = string | null | readonly Node[] | { readonly [key: string]: Node }

// Loaded on first use, as for sources in YAML; here mostly in a thread.
const load = createRequire(import.meta.url)

/**
 * Parses the configuration of a server, as `/api/v1/status/config` returns it.
 * @throws RefreshError `parse`
 */
export function readScrapeConfigs(text: string): ScrapeConfigs {
  const yaml = load('yaml') as typeof import('yaml')
  const options = { schema: 'failsafe', uniqueKeys: false, prettyErrors: false } as const
  const document = parseYamlDocument(yaml, text, options)
  if (document.errors.length > 0) throw invalid()
  const root = contentOf(document)
  return {
    jobs: listOf(root, 'scrape_configs').flatMap(readJob),
    hasMore: listOf(root, 'scrape_config_files').length > 0,
  }
}

/** The value of a document. Servers write no aliases, which could turn a small text into a large value. */
function contentOf(document: Document.Parsed): Node {
  try {
    return document.toJS({ maxAliasCount: 0 }) as Node
  } catch (error) {
    throw invalid(error)
  }
}

function invalid(cause?: unknown): RefreshError {
  return new RefreshError('parse', 'the configuration of the server is not valid YAML', { cause })
}

function readJob(node: Node): ScrapeJob[] {
  const name = textOf(node, 'job_name')
  const urls = listOf(node, 'http_sd_configs').flatMap((one) => textOf(one, 'url') ?? [])
  if (name === undefined || urls.length === 0) return []
  const parameters = Object.keys(keysOf(valueAt(node, 'params'))).flatMap((key) => {
    const [first] = listOf(valueAt(node, 'params'), key)
    return typeof first === 'string' ? [[`__param_${key}`, first]] : []
  })
  return [
    {
      name,
      urls,
      place: {
        __scheme__: textOf(node, 'scheme') ?? 'http',
        __metrics_path__: textOf(node, 'metrics_path') ?? '/metrics',
        ...Object.fromEntries(parameters),
      },
      relabelConfigs: listOf(node, 'relabel_configs') as unknown as readonly RelabelConfig[],
      honorsLabels: textOf(node, 'honor_labels') === 'true',
    },
  ]
}

function keysOf(node: Node | undefined): { readonly [key: string]: Node } {
  return typeof node === 'object' && node !== null && !Array.isArray(node)
    ? (node as { [key: string]: Node })
    : {}
}

function valueAt(node: Node | undefined, key: string): Node | undefined {
  const keys = keysOf(node)
  return Object.hasOwn(keys, key) ? keys[key] : undefined
}

function textOf(node: Node, key: string): string | undefined {
  const value = valueAt(node, key)
  return typeof value === 'string' ? value : undefined
}

function listOf(node: Node | undefined, key: string): readonly Node[] {
  const value = valueAt(node, key)
  return Array.isArray(value) ? value : []
}
