/**
 * The venue simulator behind two doors, in a process of its own. Prints the two addresses as JSON. After a line `hang`
 * the second door takes connections and bytes, and gives nothing back; after `go` it goes on where it was.
 */
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { createVenueSimulator } from '../../../devnet/venues/simulator.ts'
import { systemClock } from '../../../runtime/clock.ts'

const simulator = createVenueSimulator({ host: '127.0.0.1', port: 0, seed: 'latency', clock: systemClock })
await simulator.start(new AbortController().signal)

/** Bytes from the venue to the node pass while the door is open. */
const answers = new Set<Socket>()
let isHanging = false

const door = createServer(client => {
  const venue = connect(simulator.port, '127.0.0.1')
  client.pipe(venue)
  venue.on('data', bytes => {
    client.write(bytes)
  })
  if (isHanging) venue.pause()
  answers.add(venue)
  const end = (): void => {
    answers.delete(venue)
    client.destroy()
    venue.destroy()
  }
  for (const socket of [client, venue]) socket.on('error', end).on('close', end)
})
door.listen(0, '127.0.0.1', () => {
  const address = door.address()
  const port = typeof address === 'object' ? address?.port : undefined
  process.stdout.write(
    `${JSON.stringify({ steady: `http://127.0.0.1:${simulator.port}`, hanging: `http://127.0.0.1:${port}` })}\n`,
  )
})

for await (const line of createInterface({ input: process.stdin })) {
  isHanging = line === 'hang'
  for (const venue of answers) isHanging ? venue.pause() : venue.resume()
}
door.close()
for (const venue of answers) venue.destroy()
await simulator.stop()
