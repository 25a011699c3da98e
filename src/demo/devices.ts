import { type DemoSensor, type DemoSensorDeps, startSensor } from './sensor.ts'
import { DEVICES, SITES } from './size.ts'

/** The first port that the devices try. */
const FIRST_PORT = 20_901

/**
 * Starts the sensors that are in no inventory: each registers itself.
 * @param source the push source, such as http://127.0.0.1:8080/api/v1/sources/devices
 */
export async function startDevices(source: URL, deps: DemoSensorDeps): Promise<DemoSensor[]> {
  const numbers = Array.from({ length: DEVICES }, (_, index) => index)
  return Promise.all(
    numbers.map((number) => {
      const labels = { site: SITES[number % SITES.length] as string }
      return startSensor(`device-0${number + 1}`, FIRST_PORT + number, deps, { url: source, labels })
    }),
  )
}
