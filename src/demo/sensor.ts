import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Counter, Gauge, Registry } from 'prom-client'

/** One sensor of the demo: a server of its own with metrics to scrape. */
export interface DemoSensor {
  readonly hostname: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Starts a sensor on loopback: at the preferred port, or at any free one when that is taken, so that a
 * restarted demo mostly has the same addresses.
 * @param random 0 to 1
 */
export async function startSensor(
  hostname: string,
  preferredPort: number,
  random: () => number,
): Promise<DemoSensor> {
  const registry = sensorMetrics(random)
  const server = createServer(async (request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end('the metrics are at /metrics\n')
      return
    }
    const body = await registry.metrics()
    response.writeHead(200, { 'content-type': registry.contentType }).end(body)
  })
  const port = await listen(server, preferredPort).catch(() => listen(server, 0))
  return {
    hostname,
    port,
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    },
  }
}

function sensorMetrics(random: () => number): Registry {
  const registry = new Registry()
  const registers = [registry]
  const base = 18 + 6 * random()
  const readings = new Counter({
    name: 'sensor_readings_total',
    help: 'Readings that the sensor has taken.',
    registers,
  })
  new Gauge({
    name: 'sensor_temperature_celsius',
    help: 'Temperature at the sensor.',
    registers,
    collect() {
      readings.inc()
      this.set(Math.round((base + random()) * 100) / 100)
    },
  })
  return registry
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}
