import type { Manifest } from './helm.ts'

const VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
]
const SECCOMP = ['RuntimeDefault', 'Localhost']
const SYSCTLS = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
]
const SELINUX = [undefined, '', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']

/**
 * What a pod does that the restricted Pod Security Standard forbids.
 * @see https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function restrictedViolations(spec: Manifest): string[] {
  const pod = spec.securityContext ?? {}
  const found: string[] = []
  for (const key of ['hostNetwork', 'hostPID', 'hostIPC']) if (spec[key] === true) found.push(key)
  for (const volume of spec.volumes ?? []) {
    const kinds = Object.keys(volume).filter((key) => key !== 'name')
    for (const kind of kinds) if (!VOLUMES.includes(kind)) found.push(`volume ${volume.name}: ${kind}`)
  }
  for (const { name } of pod.sysctls ?? []) if (!SYSCTLS.includes(name)) found.push(`sysctl ${name}`)
  if (pod.runAsUser === 0) found.push('runAsUser: 0')
  found.push(...common('pod', pod))
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
  return [...found, ...containers.flatMap((container) => ofContainer(container, pod))]
}

function ofContainer({ name, ports = [], securityContext: own = {} }: Manifest, pod: Manifest): string[] {
  const found = common(name, own)
  const { add = [], drop = [] } = own.capabilities ?? {}
  if (own.privileged === true) found.push(`${name}: privileged`)
  if (own.allowPrivilegeEscalation !== false) found.push(`${name}: allowPrivilegeEscalation`)
  if (!drop.includes('ALL')) found.push(`${name}: capabilities are not dropped`)
  for (const one of add) if (one !== 'NET_BIND_SERVICE') found.push(`${name}: capability ${one}`)
  if (own.runAsUser === 0) found.push(`${name}: runAsUser: 0`)
  if ((own.runAsNonRoot ?? pod.runAsNonRoot) !== true) found.push(`${name}: runAsNonRoot`)
  if (!SECCOMP.includes((own.seccompProfile ?? pod.seccompProfile)?.type))
    found.push(`${name}: seccompProfile`)
  if (!['Default', undefined].includes(own.procMount)) found.push(`${name}: procMount`)
  for (const { hostPort } of ports) if (hostPort > 0) found.push(`${name}: hostPort ${hostPort}`)
  return found
}

/** What is forbidden for a pod and for a container alike. */
function common(name: string, context: Manifest): string[] {
  const found: string[] = []
  const { type, user, role } = context.seLinuxOptions ?? {}
  if (!SELINUX.includes(type) || user || role) found.push(`${name}: seLinuxOptions`)
  if (context.windowsOptions?.hostProcess === true) found.push(`${name}: hostProcess`)
  if (context.appArmorProfile?.type === 'Unconfined') found.push(`${name}: appArmorProfile`)
  return found
}
