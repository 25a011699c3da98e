import type { StatusAnswer } from '../http/api/answers.ts'
import { Ago, type Frame, Table, Text } from './layout.tsx'

/** The version and configuration of this server. */
export function StatusPage({ data, frame }: { data: StatusAnswer; frame: Frame }) {
  const { version, node, started, ready, configuration, settings, cluster } = data
  return (
    <>
      <h1>Status</h1>
      <Table caption="This server" head={['What', 'Value']}>
        <Row name="Version" value={version} />
        <Row name="Node.js" value={node} />
        <tr>
          <th scope="row">Started</th>
          <td>
            <Ago iso={started} nowMs={frame.nowMs} />
          </td>
        </tr>
        <Row name="Ready" value={ready ?? 'yes'} />
      </Table>
      {cluster !== null && (
        <>
          <h2>Replicas</h2>
          <p>
            Store: <Text>{cluster.store}</Text>
          </p>
          <Table caption="Replicas" head={['Replica', 'Version', 'Sources that it reads']}>
            {cluster.replicas.map(({ name, version: its, leases }) => (
              <tr key={name}>
                <th scope="row">
                  <Text>{name === cluster.replica ? `${name} (this one)` : name}</Text>
                </th>
                <td>
                  <Text>{its}</Text>
                </td>
                <td class="number">{leases}</td>
              </tr>
            ))}
          </Table>
        </>
      )}
      <h2>Configuration</h2>
      {configuration === null ? (
        <p>There is no configuration file; only flags and environment variables are in use.</p>
      ) : (
        <>
          <p>
            <Text>{configuration.file}</Text>, as it is in force, with secrets masked.
          </p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre tabIndex={0}>
            {configuration.yaml.split('\n').map((line, index) => (
              <span key={index}>
                <Text>{line}</Text>
                {'\n'}
              </span>
            ))}
          </pre>
        </>
      )}
      <h2>Flags and environment variables</h2>
      {settings.length === 0 && <p>None is set.</p>}
      <Table caption="Flags and environment variables" head={['Setting', 'Value', 'From']}>
        {settings.map(({ name, value, from }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>
              <Text>{value}</Text>
            </td>
            <td>{from}</td>
          </tr>
        ))}
      </Table>
    </>
  )
}

function Row({ name, value }: { name: string; value: string }) {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        <Text>{value}</Text>
      </td>
    </tr>
  )
}
