import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { CHART } from './chart-files.ts'

const run = promisify(execFile)

/** The name of the release that tests render. */
export const RELEASE = 'demo'

/** The namespace of the release that tests render. */
export const NAMESPACE = 'observability'

/** The chart's sets of values, by the names of their files. */
export const VALUES_FILES = readdirSync(`${CHART}/ci`).map((name) => `${CHART}/ci/${name}`)

/** A manifest that Helm rendered; its shape is what the schemas of Kubernetes say. */
// biome-ignore lint/suspicious/noExplicitAny: checked against the schemas
export type Manifest = any

/** What Helm printed. */
export interface HelmResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

/**
 * Runs Helm without anything of the machine's own.
 * @param home the home folder, in which Helm caches the API of a cluster
 */
export async function helm(
  command: string,
  args: readonly string[],
  home = '/nonexistent',
): Promise<HelmResult> {
  const env = { PATH: process.env.PATH, HOME: home, KUBECONFIG: '/nonexistent' }
  try {
    const { stdout, stderr } = await run(command, [...args], { env, maxBuffer: 2 ** 26 })
    return { code: 0, out: stdout, err: stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout, err: stderr }
  }
}

/** A cluster to render for: a Helm that was built with `go install` knows none by itself. */
export const FOR_KUBERNETES = '--kube-version=1.36.0'

/** Tries to render the chart. */
export function tryTemplate(command: string, args: readonly string[]): Promise<HelmResult> {
  return helm(command, ['template', RELEASE, CHART, FOR_KUBERNETES, `--namespace=${NAMESPACE}`, ...args])
}

/**
 * Renders the chart.
 * @throws Error with what Helm says when it does not render, or warns
 */
export async function template(command: string, args: readonly string[] = []): Promise<Manifest[]> {
  const { code, out, err } = await tryTemplate(command, args)
  if (code !== 0 || err !== '') throw new Error(`helm template ${args.join(' ')}: ${err}`)
  return parseAllDocuments(out).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`${document.errors}: ${document}`)
    const manifest = document.toJS()
    return manifest === null ? [] : [manifest]
  })
}

/** The one manifest of a kind. */
export function only(manifests: readonly Manifest[], kind: string): Manifest {
  const found = manifests.filter((manifest) => manifest.kind === kind)
  if (found.length !== 1) throw new Error(`${found.length} manifests of kind ${kind}`)
  return found[0]
}

/** The Deployment or StatefulSet of the server. */
export function workload(manifests: readonly Manifest[]): Manifest {
  const ofServer = manifests.filter(
    ({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'server',
  )
  const found = [...every(ofServer, 'Deployment'), ...every(ofServer, 'StatefulSet')]
  if (found.length !== 1) throw new Error(`${found.length} workloads`)
  return found[0]
}

/** The manifests of a kind. */
export function every(manifests: readonly Manifest[], kind: string): Manifest[] {
  return manifests.filter((manifest) => manifest.kind === kind)
}

/** The pods that manifests describe, with where they stand. */
export function pods(manifests: readonly Manifest[]): { name: string; metadata: Manifest; spec: Manifest }[] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    const name = `${kind} ${metadata.name}`
    if (kind === 'Pod') return [{ name, metadata, spec }]
    if (kind === 'CronJob') {
      const { template: pod } = spec.jobTemplate.spec
      return [{ name, metadata: pod.metadata, spec: pod.spec }]
    }
    return kind === 'Deployment' || kind === 'StatefulSet'
      ? [{ name, metadata: spec.template.metadata, spec: spec.template.spec }]
      : []
  })
}
